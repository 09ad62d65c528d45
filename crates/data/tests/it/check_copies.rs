//! Rules about pictures that are there more than once.

use crate::common::{encode, folder, open, plain_png, write};
use divvy_data::check::{Copies, CopyGroup};
use divvy_data::{CacheOptions, Channels, Dataset, ImageStore, Part, Preprocess, Split, StoreOptions, check};
use divvy_rules::{Diagnostic, Rule, Severity};
use image::{ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;

const SIDE: usize = 8;

/// What is told of copies.
fn told(dataset: &Dataset, copies: &Copies, split: &Split) -> Vec<Diagnostic> {
    check::copies(dataset, copies, split).into_iter().map(|finding| finding.diagnostic).collect()
}

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

/// A dataset of noise, and the folder it lies in: of each file its name and the seed of what it shows.
fn of(files: &[(String, usize)]) -> (TempDir, Arc<Dataset>) {
    let root = folder();
    for (name, seed) in files {
        write(root.path(), name, &noise(*seed));
    }
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    (root, dataset)
}

fn store(dataset: &Arc<Dataset>, options: &StoreOptions<'_>) -> ImageStore {
    let all: Vec<usize> = (0..dataset.samples().len()).collect();
    let recipe = Preprocess::new(SIDE, SIDE, Channels::Rgb).expect("the size is allowed");
    ImageStore::load(dataset, &recipe, &all, options).expect("all are readable")
}

fn copies(dataset: &Arc<Dataset>, options: &StoreOptions<'_>) -> Copies {
    Copies::find(store(dataset, options).survey(), options).expect("nobody cancels")
}

fn findings(files: &[(String, usize)]) -> Vec<Diagnostic> {
    let (_root, dataset) = of(files);
    let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    told(&dataset, &copies(&dataset, &StoreOptions::default()), &split)
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
    assert_eq!(told(&dataset, &copies(&dataset, &StoreOptions::default()), &split), []);
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
    assert_eq!(told(&dataset, &copies(&dataset, &StoreOptions::default()), &split), []);
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

    let (_root, dataset) = of(&files);
    let copies = copies(&dataset, &StoreOptions::default());
    let groups = copies.together();
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [10]);
    let together = Split::keeping_together(&dataset, 0.2, 0, &groups).expect("the share is allowed");
    let found = told(&dataset, &copies, &together);
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
fn what_memory_does_not_hold_is_compared_too() {
    let (_root, dataset) = of(&[part("train", 5, 0), part("val", 5, 0)].concat());
    let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    let found = |memory| {
        let cache = CacheOptions { memory, ..CacheOptions::default() };
        let options = StoreOptions { cache, ..StoreOptions::default() };
        told(&dataset, &copies(&dataset, &options), &split)
    };
    let all = found(1 << 20);
    assert!(all[0].what.starts_with("10 of 10"), "{}", all[0]);
    assert_eq!(found(7 * SIDE * SIDE * 3), all);
    assert_eq!(found(0), all);
}

/// A scene with large and small forms, seen between `left` and `right` and between `top` and `bottom` of it.
fn scene(seed: usize, (width, height): (u32, u32), [left, right, top, bottom]: [f32; 4]) -> RgbImage {
    let s = seed as f32;
    RgbImage::from_fn(width, height, |x, y| {
        let x = left + (right - left) * (x as f32 + 0.5) / width as f32;
        let y = top + (bottom - top) * (y as f32 + 0.5) / height as f32;
        let wave = |k: f32| {
            ((s * k * 1.7).sin() * 9.0 * k * x + (s * k * 2.3).cos() * 9.0 * k * y + s * k).sin() / k
        };
        let light = 128.0 + 45.0 * (1..5).map(|k| wave(k as f32)).sum::<f32>();
        let blob = (-60.0 * ((x - 0.3 - 0.1 * s.sin()).powi(2) + (y - 0.6).powi(2))).exp();
        Rgb([light as u8, (light * (1.0 - blob)) as u8, (255.0 - light * 0.7) as u8])
    })
}

const WHOLE: [f32; 4] = [0.0, 1.0, 0.0, 1.0];

fn jpeg(image: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
    image.write_with_encoder(encoder).expect("it can be encoded");
    bytes
}

fn png(image: RgbImage) -> Vec<u8> {
    encode(&image.into(), ImageFormat::Png)
}

/// What becomes of a scene of 200 x 150 pixels when it is copied, and whether it is mirrored.
fn copies_of(seed: usize) -> Vec<(&'static str, Vec<u8>, bool)> {
    let whole = scene(seed, (200, 150), WHOLE);
    let mirrored = image::imageops::flip_horizontal(&whole);
    let crop = scene(seed, (190, 143), [0.04, 0.99, 0.0, 0.95]);
    vec![
        ("saved at 50", jpeg(&whole, 50), false),
        ("saved at 95", jpeg(&whole, 95), false),
        ("half", png(scene(seed, (100, 75), WHOLE)), false),
        ("twice", png(scene(seed, (400, 300), WHOLE)), false),
        ("cropped", png(crop), false),
        ("mirrored", png(mirrored), true),
    ]
}

/// A dataset of 40 different scenes and what `more` there is.
fn scenes(more: &[(String, Vec<u8>)]) -> (TempDir, Arc<Dataset>) {
    let root = folder();
    for seed in 0..40 {
        let group = ["a", "b"][seed % 2];
        write(root.path(), &format!("{group}/{seed:02}.png"), &png(scene(seed, (200, 150), WHOLE)));
    }
    for (name, bytes) in more {
        write(root.path(), name, bytes);
    }
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    (root, dataset)
}

fn name(dataset: &Dataset, sample: usize) -> String {
    dataset.sample_name(sample).to_string_lossy().into_owned()
}

#[test]
fn near_copies_are_found_however_they_were_made_and_no_others() {
    let more: Vec<(String, Vec<u8>)> = (0..40)
        .map(|seed| {
            let (how, bytes, _) = copies_of(seed).swap_remove(seed % 6);
            (format!("{}/{seed:02} {how}.png", ["a", "b"][seed % 2]), bytes)
        })
        .collect();
    let (_root, dataset) = scenes(&more);
    let copies = copies(&dataset, &StoreOptions::default());
    let name = |sample: usize| name(&dataset, sample);
    assert_eq!(copies.groups.len(), 40);
    assert_eq!(copies.crowded, 0);
    for group in &copies.groups {
        let [original, copy] = [name(group.pictures[0][0]), name(group.pictures[1][0])];
        assert_eq!((group.pictures.len(), group.near.len()), (2, 1), "{original}");
        assert_eq!(original[..4], copy[..4]);
        assert!(group.near[0].distance < 0.1, "{copy}: {:?}", group.near);
        assert_eq!(group.near[0].mirrored, copy.contains("mirrored") != original.contains("mirrored"));
    }

    let split = Split::keeping_together(&dataset, 0.2, 0, &copies.together()).expect("the share is allowed");
    let found = told(&dataset, &copies, &split);
    assert_eq!(rules(&found), [(Rule::V07, Severity::Note)], "no copy stands on both sides");
    assert!(found[0].what.starts_with("80 of 80 pictures look the same"), "{}", found[0]);
    assert_eq!(found[0].evidence.len(), 40);
    let plain = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    assert_eq!(rules(&told(&dataset, &copies, &plain)), [(Rule::V07, Severity::Warning)]);
}

/// A scene with a square near a corner, `side` pixels wide, as a page puts its sign on pictures.
fn stamped(seed: usize, side: u32) -> Vec<u8> {
    let mut image = scene(seed, (200, 150), WHOLE);
    for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (x, y))) {
        image.put_pixel(24 + x, 24 + y, Rgb([250, 240, 230]));
    }
    png(image)
}

#[test]
fn a_copy_with_something_on_it_is_further_away_and_found_as_long_as_most_is_the_same() {
    let found = |side: u32| {
        let more: Vec<(String, Vec<u8>)> =
            (0..40).map(|seed| (format!("a/stamped {seed:02}.png"), stamped(seed, side))).collect();
        let (_root, dataset) = scenes(&more);
        let copies = copies(&dataset, &StoreOptions::default());
        copies.groups.iter().flat_map(|group| group.near.iter().map(|near| near.distance)).collect::<Vec<_>>()
    };
    let (small, large) = (found(9), found(120));
    assert_eq!(small.len(), 40, "{small:?}");
    assert!(small.iter().filter(|distance| **distance > 0.02).count() > 20, "{small:?}");
    // Nearly half of the picture is another one.
    assert!(large.len() <= 2, "{large:?}");
}

#[test]
fn many_pictures_of_one_place_are_no_copies_but_those_that_are_equal() {
    let mut more: Vec<(String, Vec<u8>)> =
        (1..=20).map(|side| (format!("a/place {side:02}.png"), stamped(50, side))).collect();
    more.push(("a/place again.png".to_owned(), stamped(50, 7)));
    let (_root, dataset) = scenes(&more);
    let copies = copies(&dataset, &StoreOptions::default());
    let names: Vec<String> =
        copies.groups.iter().flat_map(CopyGroup::samples).map(|sample| name(&dataset, sample)).collect();
    assert_eq!(names, ["a/place 07.png", "a/place again.png"]);
    assert_eq!(copies.crowded, 20, "each different picture counts once");
}

#[test]
fn near_copies_are_told_apart_from_exact_ones_and_say_how_near() {
    let named = |name: &str, n: usize| (name.to_owned(), copies_of(3).swap_remove(n).1);
    // Scene 3 is in group b: a mirrored copy in the other group, one beside it, and one that is equal.
    let exact = ("b/exact.png".to_owned(), png(scene(3, (200, 150), WHOLE)));
    let (_root, dataset) = scenes(&[named("a/flipped.png", 5), named("b/small.png", 2), exact]);
    let copies = copies(&dataset, &StoreOptions::default());
    assert_eq!(copies.groups.len(), 1);
    let group = &copies.groups[0];
    let mut sizes: Vec<usize> = group.pictures.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 2]);
    assert_eq!(group.samples().len(), 4);

    let split = Split::keeping_together(&dataset, 0.2, 0, &copies.together()).expect("the share is allowed");
    let found = told(&dataset, &copies, &split);
    let (y07, v07) = (Rule::Y07, Rule::V07);
    let note = Severity::Note;
    assert_eq!(rules(&found), [(y07, note), (v07, note), (v07, note)]);
    let near = &found[0].evidence;
    assert_eq!(near.len(), 2, "{near:?}");
    let flipped = near.iter().find(|line| line.contains("b/03.png")).expect("the original is one of them");
    assert!(flipped.contains("a/flipped.png") && flipped.ends_with(", mirrored"), "{flipped}");
    assert!(flipped.contains("at a distance of 0.0"), "{flipped}");
    assert!(found[1].evidence[0].contains("b/exact.png is the same as b/03.png"), "{}", found[1]);
    assert!(found[2].what.starts_with("3 of 43 pictures look the same"), "{}", found[2]);
}

#[test]
fn near_copies_of_training_pictures_in_a_part_that_judges_are_a_leak() {
    let root = folder();
    for seed in 0..40 {
        let part = if seed < 20 { "train" } else { "val" };
        let group = ["a", "b"][seed % 2];
        write(root.path(), &format!("{part}/{group}/{seed:02}.png"), &png(scene(seed, (200, 150), WHOLE)));
    }
    write(root.path(), "val/a/crop.png", &copies_of(4).swap_remove(4).1);
    let found_in = |root: &TempDir| {
        let dataset = Arc::new(open(root.path()).expect("it can be opened"));
        let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
        told(&dataset, &copies(&dataset, &StoreOptions::default()), &split)
    };
    let found = found_in(&root);
    assert_eq!(rules(&found), [(Rule::V02, Severity::Note)]);
    assert!(found[0].what.starts_with("1 of 21 validation pictures look the same"), "{}", found[0]);
    assert!(found[0].evidence[0].starts_with("val/a/crop.png looks the same as train/a/04.png"));

    // A tenth of them is more than chance.
    write(root.path(), "val/b/flipped.png", &copies_of(5).swap_remove(5).1);
    assert_eq!(rules(&found_in(&root)), [(Rule::V02, Severity::Warning)]);
    // An exact copy is told as such, once.
    write(root.path(), "val/a/crop.png", &png(scene(4, (200, 150), WHOLE)));
    let found = found_in(&root);
    assert_eq!(rules(&found), [(Rule::V02, Severity::Warning), (Rule::V02, Severity::Note)]);
    assert!(found[1].what.starts_with("1 of 22 validation pictures look the same"), "{}", found[1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Groups are those of equal files, and a split that keeps them together has no copy on both sides.
    #[test]
    fn groups_are_those_of_equal_pictures(seeds in prop::collection::vec(0usize..12, 4..40), seed in any::<u64>()) {
        let files: Vec<_> =
            seeds.iter().enumerate().map(|(i, seed)| (format!("{}/{i:02}.png", ["a", "b"][i % 2]), *seed)).collect();
        let (_root, dataset) = of(&files);
        let store = store(&dataset, &StoreOptions::default());
        let mut expected: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for sample in 0..dataset.samples().len() {
            let name = dataset.sample_name(sample).to_string_lossy().into_owned();
            let shown = files.iter().find(|(file, _)| *file == name).expect("it was written").1;
            expected.entry(shown).or_default().push(sample);
        }
        let mut expected: Vec<Vec<usize>> = expected.into_values().filter(|group| group.len() > 1).collect();
        expected.sort();
        let groups = Copies::find(store.survey(), &StoreOptions::default()).expect("nobody cancels").together();
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

#[test]
fn copies_name_the_pictures_that_may_go_and_the_one_that_may_stay() {
    let names = ["a/0", "a/0-copy", "b/0", "b/1", "b/1-copy", "a/2", "a/3", "b/4", "b/5"];
    let seed = |name: &str| usize::from(name.as_bytes()[2] - b'0');
    let files: Vec<(String, usize)> = names.iter().map(|name| (format!("{name}.png"), seed(name))).collect();
    let (_root, dataset) = of(&files);
    let copies = copies(&dataset, &StoreOptions::default());
    let split = Split::keeping_together(&dataset, 0.2, 0, &copies.together()).expect("it can be drawn");
    let found = check::copies(&dataset, &copies, &split);
    let suspects = |rule: Rule| {
        let finding = found.iter().find(|finding| finding.diagnostic.rule == rule).expect("it is found");
        let said = finding.suspects.iter().map(|suspect| {
            let name = dataset.sample_name(suspect.sample).to_string_lossy().into_owned();
            (name, suspect.set, suspect.is_spare, suspect.measure.clone())
        });
        said.collect::<Vec<_>>()
    };
    let line =
        |name: &str, set, is_spare, measure: &str| (name.to_owned(), Some(set), is_spare, measure.to_owned());
    let stays: Vec<_> = suspects(Rule::V07).into_iter().filter(|(_, _, is_spare, _)| !is_spare).collect();
    assert_eq!(stays.len(), 2, "{stays:?}");
    assert!(stays.iter().all(|(.., measure)| measure == "there 2 times"), "{stays:?}");
    let goes: Vec<_> = suspects(Rule::V07).into_iter().filter(|(_, _, is_spare, _)| *is_spare).collect();
    let said = |name: &str| format!("the same as {name}");
    assert!(
        goes.iter().zip(&stays).all(|(goes, stays)| goes.1 == stays.1 && goes.3 == said(&stays.0)),
        "{goes:?}"
    );
    assert_eq!(
        suspects(Rule::Y07).into_iter().collect::<std::collections::BTreeSet<_>>(),
        [
            line("a/0-copy.png", 0, true, "in a"),
            line("a/0.png", 0, true, "in a"),
            line("b/0.png", 0, true, "in b"),
        ]
        .into()
    );
}
