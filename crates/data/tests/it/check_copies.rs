//! Rules about pictures that are there more than once.

use crate::common::{encode, folder, open, plain_png, write};
use divvy_data::{CacheOptions, Channels, Dataset, ImageStore, Part, Preprocess, Split, StoreOptions, check};
use divvy_rules::{Diagnostic, Rule, Severity};
use image::{ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const SIDE: usize = 8;

/// Noise that differs from seed to seed.
fn noise(seed: usize) -> Vec<u8> {
    let mut state = (seed as u32).wrapping_mul(2_654_435_761).wrapping_add(1);
    let image = RgbImage::from_fn(SIDE as u32, SIDE as u32, |_, _| {
        Rgb([(); 3].map(|()| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    });
    encode(&image.into(), ImageFormat::Png)
}

/// A dataset of noise: of each file its name and the seed of what it shows.
fn of(files: &[(String, usize)]) -> Arc<Dataset> {
    let root = folder();
    for (name, seed) in files {
        write(root.path(), name, &noise(*seed));
    }
    let dataset = open(root.path()).expect("it can be opened");
    // The files are read into a store below; until then they must stay.
    std::mem::forget(root);
    Arc::new(dataset)
}

fn store(dataset: &Arc<Dataset>, options: &StoreOptions<'_>) -> ImageStore {
    let all: Vec<usize> = (0..dataset.samples().len()).collect();
    let recipe = Preprocess::new(SIDE, SIDE, Channels::Rgb).expect("the size is allowed");
    ImageStore::load(dataset, &recipe, &all, options).expect("all are readable")
}

fn findings(files: &[(String, usize)]) -> Vec<Diagnostic> {
    let dataset = of(files);
    let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    check::copies(&store(&dataset, &StoreOptions::default()), &split)
}

fn rules(findings: &[Diagnostic]) -> Vec<(Rule, Severity)> {
    findings.iter().map(|finding| (finding.rule, finding.severity)).collect()
}

/// `n` pictures of each of two groups in a part, numbered on from `first`.
fn part(part: &str, n: usize, first: usize) -> Vec<(String, usize)> {
    (0..2 * n).map(|i| (format!("{part}/{}/{i}.png", ["a", "b"][i % 2]), first + i)).collect()
}

#[test]
fn different_pictures_are_no_copies() {
    assert_eq!(findings(&part("all", 10, 0)), []);
    assert_eq!(findings(&[part("train", 5, 0), part("val", 5, 100), part("test", 5, 200)].concat()), []);
}

#[test]
fn one_coloured_pictures_are_no_copies() {
    let root = folder();
    for i in 0..10u8 {
        write(
            root.path(),
            &format!("{}/{i}.png", ["a", "b"][usize::from(i % 2)]),
            &plain_png(8, 8, [7, 8, 9]),
        );
    }
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    assert_eq!(check::copies(&store(&dataset, &StoreOptions::default()), &split), []);
}

#[test]
fn the_same_picture_under_two_classes_is_shown_with_both() {
    let files = [part("all", 5, 0), vec![("all/b/again.png".to_owned(), 0)]].concat();
    let files: Vec<_> = files.into_iter().map(|(name, seed)| (name.replace("all/", ""), seed)).collect();
    let found = findings(&files);
    assert_eq!(rules(&found), [(Rule::Y07, Severity::Warning)]);
    assert_eq!(found[0].evidence, ["a/0.png (`a`) is the same as b/again.png (`b`)"]);
    // 10 of 11
    assert!(found[0].why.contains("90.9 %"), "{}", found[0]);
}

#[test]
fn labels_beside_each_other_do_not_contradict() {
    let root = folder();
    for (name, seed) in [("1.png", 1), ("2.png", 1), ("3.png", 3), ("4.png", 4)] {
        write(root.path(), name, &noise(seed));
    }
    write(root.path(), "labels.csv", b"file,labels\n1.png,a\n2.png,b\n3.png,a|b\n4.png,b\n");
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    let split = Split::new(&dataset, 0.5, 0).expect("the share is allowed");
    assert_eq!(check::copies(&store(&dataset, &StoreOptions::default()), &split), []);
}

#[test]
fn training_pictures_in_another_part_are_a_leak() {
    // 4 of 10 validation pictures show what training pictures show.
    let mut val = part("val", 5, 100);
    (0..4).for_each(|i| val[i].1 = i);
    let found = findings(&[part("train", 20, 0), val.clone()].concat());
    assert_eq!(rules(&found), [(Rule::V02, Severity::Warning)]);
    assert!(found[0].what.starts_with("4 of 10 validation pictures"), "{}", found[0]);
    // 0.4 + 0.6 * 0.7
    assert!(found[0].why.contains("= 0.820 would be reported"), "{}", found[0]);
    assert_eq!(found[0].evidence[0], "val/a/0.png is the same as train/a/0.png");
    assert_eq!(found[0].evidence.len(), 4);

    // Under the other label it is not answered right by heart, but contradicts.
    let mut val = part("val", 5, 100);
    val[0].1 = 1;
    assert_eq!(rules(&findings(&[part("train", 20, 0), val].concat())), [(Rule::Y07, Severity::Warning)]);

    let mut test = part("test", 5, 100);
    test[3].1 = 3;
    let found = findings(&[part("train", 20, 0), test].concat());
    assert_eq!(rules(&found), [(Rule::V02, Severity::Warning)]);
    assert!(found[0].what.starts_with("1 of 10 test pictures"), "{}", found[0]);
}

#[test]
fn one_copy_in_many_pictures_is_only_noted() {
    let mut val = part("val", 60, 1000);
    val[0].1 = 0;
    assert_eq!(rules(&findings(&[part("train", 5, 0), val].concat())), [(Rule::V02, Severity::Note)]);
}

#[test]
fn test_pictures_that_validate_are_used_to_choose() {
    let with_shared = |n: usize| {
        let mut test = part("test", 5, 200);
        (0..n).for_each(|i| test[i].1 = 100 + i);
        rules(&findings(&[part("train", 20, 0), part("val", 5, 100), test].concat()))
    };
    assert_eq!(with_shared(10), [(Rule::V05, Severity::Warning)]);
    assert_eq!(with_shared(6), [(Rule::V05, Severity::Warning)]);
    assert_eq!(with_shared(5), [], "half of them");
}

#[test]
fn copies_made_before_the_split_are_counted() {
    // Ten pictures, of which the first of `a` is there ten times.
    let mut files: Vec<_> = (0..20).map(|i| (format!("{}/{i}.png", ["a", "b"][i % 2]), i)).collect();
    files.extend((0..9).map(|i| (format!("a/copy{i}.png"), 0)));
    let found = findings(&files);
    assert_eq!(rules(&found), [(Rule::V07, Severity::Warning)]);
    assert!(found[0].what.starts_with("10 of 29 pictures"), "{}", found[0]);
    // 10 copies: 10 * 0.2 * (1 - 0.2^9) = 2.0
    assert!(found[0].why.contains("about 2.0 of them"), "{}", found[0]);

    let dataset = of(&files);
    let store = store(&dataset, &StoreOptions::default());
    let groups = check::groups_of_copies(&store);
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [10]);
    let together = Split::keeping_together(&dataset, 0.2, 0, &groups).expect("the share is allowed");
    let found = check::copies(&store, &together);
    assert_eq!(rules(&found), [(Rule::V07, Severity::Note)], "no copy stands on both sides");
    assert!(found[0].why.contains("in this split it holds 0"), "{}", found[0]);
}

#[test]
fn how_many_copies_a_random_split_parts_is_worked_out() {
    let mut files: Vec<_> = (0..20).map(|i| (format!("{}/{i}.png", ["a", "b"][i % 2]), i)).collect();
    files.extend((0..10).map(|i| (format!("{}/copy{i}.png", ["a", "b"][i % 2]), i)));
    let found = findings(&files);
    assert_eq!(rules(&found).iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), [Rule::V07]);
    assert!(found[0].what.starts_with("20 of 30 pictures"), "{}", found[0]);
    // Of each pair 2 * 0.2 * 0.8 = 0.32; of ten pairs 3.2 of the 6 pictures that a fifth of 30 is.
    assert!(found[0].why.contains("about 3.2 of them") && found[0].why.contains("53.3 %"), "{}", found[0]);
}

#[test]
fn what_memory_does_not_hold_is_said_not_to_be_compared() {
    let files = [part("train", 5, 0), part("val", 5, 0)].concat();
    let dataset = of(&files);
    let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    let image_len = SIDE * SIDE * 3;
    let found = |memory_limit| {
        let cache = CacheOptions { memory: memory_limit, ..CacheOptions::default() };
        let options = StoreOptions { cache, ..StoreOptions::default() };
        check::copies(&store(&dataset, &options), &split)
    };
    let all = found(20 * image_len);
    assert!(all[0].what.starts_with("10 of 10") && !all[0].why.contains("memory"), "{}", all[0]);
    let some = found(12 * image_len);
    assert!(some[0].what.starts_with("2 of 2"), "{}", some[0]);
    assert!(some[0].why.ends_with("8 pictures beyond the memory limit could not be compared"), "{}", some[0]);
    assert_eq!(found(10 * image_len), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Groups are those of equal files, and a split that keeps them together has no copy on both sides.
    #[test]
    fn groups_are_those_of_equal_pictures(seeds in prop::collection::vec(0usize..12, 4..40), seed in any::<u64>()) {
        let files: Vec<_> =
            seeds.iter().enumerate().map(|(i, seed)| (format!("{}/{i:02}.png", ["a", "b"][i % 2]), *seed)).collect();
        let dataset = of(&files);
        let store = store(&dataset, &StoreOptions::default());
        let mut expected: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for sample in 0..dataset.samples().len() {
            let name = dataset.sample_name(sample).to_string_lossy().into_owned();
            let shown = files.iter().find(|(file, _)| *file == name).expect("it was written").1;
            expected.entry(shown).or_default().push(sample);
        }
        let mut expected: Vec<Vec<usize>> = expected.into_values().filter(|group| group.len() > 1).collect();
        expected.sort();
        let groups = check::groups_of_copies(&store);
        prop_assert_eq!(&groups, &expected);

        let split = Split::keeping_together(&dataset, 0.3, seed, &groups).expect("the share is allowed");
        let part_of = |sample: &usize| if split.train.contains(sample) { Part::Train } else { Part::Validation };
        for group in &groups {
            prop_assert!(group.iter().all(|sample| part_of(sample) == part_of(&group[0])));
        }
        let mut all = split.used();
        all.dedup();
        prop_assert_eq!(all, (0..files.len()).collect::<Vec<_>>());
    }
}
