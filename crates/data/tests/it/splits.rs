//! Dividing samples into training and validation, and the list of it.

use crate::common::{folder, open, touch, write};
use divvy_data::{DataError, Dataset, Part, Split};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tempfile::TempDir;

/// A dataset of folders with as many images each.
pub(crate) fn with_groups(sizes: &[usize]) -> (TempDir, Dataset) {
    let root = folder();
    for (group, &size) in sizes.iter().enumerate() {
        for i in 0..size {
            touch(root.path(), &[&format!("group {group}/{i}.jpg")]);
        }
    }
    let dataset = open(root.path()).expect("it can be opened");
    (root, dataset)
}

/// A dataset of a CSV; each row has the labels whose bits are set.
pub(crate) fn with_labels(rows: &[u8]) -> (TempDir, Dataset) {
    let root = folder();
    let mut list = vec!["file,labels".to_owned()];
    for (i, bits) in rows.iter().enumerate() {
        touch(root.path(), &[&format!("{i}.jpg")]);
        let labels: Vec<String> =
            (0..8).filter(|bit| bits >> bit & 1 == 1).map(|bit| format!("label{bit}")).collect();
        list.push(format!("{i}.jpg,{}", labels.join("|")));
    }
    // Two labels in one row make the set multi-label whatever the others have.
    touch(root.path(), &["two.jpg"]);
    list.push("two.jpg,label0|label1".to_owned());
    write(root.path(), "labels.csv", list.join("\n").as_bytes());
    let dataset = open(root.path()).expect("it can be opened");
    (root, dataset)
}

pub(crate) fn all_of(split: &Split) -> Vec<usize> {
    let mut all = [split.train.as_slice(), &split.validation, &split.test].concat();
    all.sort_unstable();
    all
}

#[test]
fn the_seed_decides() {
    let (_root, dataset) = with_groups(&[40, 30]);
    let split = |seed| Split::new(&dataset, 0.2, seed).expect("the share is allowed");
    assert_eq!(split(1), split(1));
    assert_ne!(split(1), split(2));
    assert_eq!(dataset.class_counts(&split(1).validation), [8, 6]);
}

#[test]
fn something_is_left_to_validate_on() {
    let root = folder();
    touch(root.path(), &["train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "train/b/2.jpg"]);
    touch(root.path(), &["val/a/7.jpg", "val/b/8.jpg"]);
    let dataset = open(root.path()).expect("it can be opened");
    let split = Split::new(&dataset, 0.5, 0).expect("the share is allowed");
    let one_left = split.without(&split.validation[..1], &dataset).expect("one suffices");
    assert_eq!(one_left.validation, split.validation[1..]);
    let error = split.without(&split.validation, &dataset).expect_err("none does not");
    assert!(matches!(&error, DataError::NoValidation { images: 2, .. }), "{error}");
    assert!(error.to_string().contains("none of the 2 validation images"), "{error}");
}

#[test]
fn parts_that_are_there_stay_what_they_are() {
    let root = folder();
    touch(
        root.path(),
        &["train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "train/b/2.jpg", "test/a/9.jpg", "test/b/9.jpg"],
    );
    let dataset = open(root.path()).expect("it can be opened");
    let drawn = Split::new(&dataset, 0.5, 0).expect("the share is allowed");
    assert_eq!(drawn.test, dataset.part(Some(Part::Test)));
    assert_eq!((drawn.train.len(), drawn.validation.len()), (2, 2));
    touch(root.path(), &["val/a/5.jpg"]);
    let dataset = open(root.path()).expect("it can be opened");
    let kept = Split::new(&dataset, 0.5, 0).expect("the share is allowed");
    assert_eq!(kept.validation, dataset.part(Some(Part::Validation)));
    assert_eq!(kept.train, dataset.part(Some(Part::Train)));
}

#[test]
fn a_test_part_is_drawn_from_what_is_trained_on_and_keeps_copies_together() {
    let (_root, dataset) = with_groups(&[50, 50]);
    // Copies of one picture in threes, of which some are drawn to validate on: the pictures 0, 1, 2, then 3, 4, 5 and so on.
    let copies: Vec<Vec<usize>> = (0..48).step_by(3).map(|first| (first..first + 3).collect()).collect();
    for seed in 0..20 {
        let split = Split::keeping_together(&dataset, 0.2, seed, &copies).expect("the share is allowed");
        let validation = split.validation.clone();
        let drawn = split.with_test(&dataset, 0.25, seed, &copies).expect("the share is allowed");
        assert_eq!(drawn.validation, validation, "what validates stays");
        assert_eq!(all_of(&drawn), (0..100).collect::<Vec<_>>());
        let parts = [&drawn.train, &drawn.validation, &drawn.test];
        for group in &copies {
            let holding = parts.iter().filter(|part| group.iter().any(|sample| part.contains(sample)));
            assert_eq!(holding.count(), 1, "seed {seed}: {group:?}");
        }
        // Of the second class, which has no copies, 10 of 50 validate and a quarter of the other 40 is drawn.
        assert_eq!(dataset.class_counts(&drawn.test)[1], 10);
        let again = drawn.clone().with_test(&dataset, 0.5, 7, &[]).expect("the share is allowed");
        assert_eq!(again, drawn, "a test part that is there stays");
    }
    let split = Split::new(&dataset, 0.2, 0).expect("the share is allowed");
    assert!(matches!(split.with_test(&dataset, 1.0, 0, &[]), Err(DataError::Fraction { .. })));
}

#[test]
fn of_a_picture_and_its_copies_alone_none_is_drawn_to_test_on() {
    let (_root, dataset) = with_groups(&[6, 6]);
    let split = Split { train: (0..12).collect(), ..Split::default() };
    let copies = [(0..6).collect(), (6..12).collect()];
    let drawn = split.clone().with_test(&dataset, 0.5, 0, &copies).expect("the share is allowed");
    assert_eq!(drawn, split);
}

#[test]
fn a_share_that_leaves_a_side_empty_is_refused() {
    let (_root, dataset) = with_groups(&[4, 4]);
    for fraction in [0.0, 1.0, -0.1, 1.5, f64::NAN, f64::INFINITY] {
        assert!(matches!(Split::new(&dataset, fraction, 0), Err(DataError::Fraction { .. })), "{fraction}");
    }
}

/// A dataset of idx files with as many items of each class.
fn with_items(sizes: &[usize]) -> (TempDir, Dataset) {
    let root = folder();
    let labels: Vec<u8> =
        sizes.iter().zip(0..).flat_map(|(&n, class)| std::iter::repeat_n(class, n)).collect();
    let count = (labels.len() as u32).to_be_bytes();
    let side = 1_u32.to_be_bytes();
    let images = [b"\0\0\x08\x03", count.as_slice(), &side, &side, &vec![0; labels.len()]].concat();
    write(root.path(), "train-images-idx3-ubyte", &images);
    write(root.path(), "train-labels-idx1-ubyte", &[b"\0\0\x08\x01", count.as_slice(), &labels].concat());
    let dataset = open(root.path()).expect("it can be opened");
    (root, dataset)
}

#[test]
fn no_more_than_five_thousand_samples_are_drawn_and_each_class_keeps_its_share() {
    for (sizes, fraction, expected) in [
        (&[6000; 10][..], 0.2, &[500; 10][..]),
        (&[12_500, 12_500], 0.2, &[2500, 2500]),
        (&[12_000, 12_000], 0.2, &[2400, 2400]),
        (&[40_000, 9_997, 3], 0.5, &[4000, 999, 1]),
    ] {
        let (_root, dataset) = with_items(sizes);
        let split = Split::new(&dataset, fraction, 1).expect("the share is allowed");
        assert_eq!(dataset.class_counts(&split.validation), expected, "{fraction} of {sizes:?}");
        assert_eq!(all_of(&split), (0..dataset.samples().len()).collect::<Vec<_>>());
    }
}

#[test]
fn samples_can_be_left_out_as_long_as_every_class_keeps_one() {
    let (_root, dataset) = with_groups(&[3, 3]);
    let split = Split::new(&dataset, 0.3, 0).expect("the share is allowed");
    let of_first: Vec<usize> = split.train.iter().copied().filter(|&i| i < 3).collect();
    let kept = split.without(&of_first[..1], &dataset).expect("one is left");
    assert_eq!(kept.train.len(), split.train.len() - 1);
    let message = split.without(&of_first, &dataset).expect_err("none is left").to_string();
    assert!(message.contains("group 0 has 0 images"), "{message}");
}

#[test]
fn the_list_is_for_people_and_binds_by_name() {
    let (root, dataset) = with_groups(&[2, 2]);
    let split = Split::new(&dataset, 0.5, 3).expect("the share is allowed");
    let list = root.path().join("split.csv");
    split.write_csv(&list, &dataset).expect("it can be written");
    let text = std::fs::read_to_string(&list).expect("it was written");
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.remove(0), "part,labels,path");
    let first = dataset.sample_name(split.train[0]).to_string_lossy().into_owned();
    assert_eq!(lines[0], format!("train,group 0,{first}"));

    // More files do not disturb an old list; they are in no part of it.
    touch(root.path(), &["group 0/00.jpg"]);
    let grown = open(root.path()).expect("it can be opened");
    let read = Split::read_csv(&list, &grown).expect("all files are still there");
    let names = |split: &[usize], dataset: &Dataset| -> Vec<String> {
        split.iter().map(|&i| dataset.sample_name(i).to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names(&read.train, &grown), names(&split.train, &dataset));
    assert_eq!(names(&read.validation, &grown), names(&split.validation, &dataset));
}

#[test]
fn a_list_that_does_not_fit_is_refused_by_line() {
    let (root, dataset) = with_groups(&[2, 2]);
    for (list, expected) in [
        ("", "line 1: a split begins with the line part,labels,path"),
        ("a,b,c\n", "line 1: a split begins"),
        ("part,labels,path\ntrain,group 0\n", "line 2"),
        ("part,labels,path\nattic,group 0,group 0/1.jpg\n", "line 2: attic is no part"),
        (
            "part,labels,path\ntrain,group 0,group 0/7.jpg\n",
            "line 2: group 0/7.jpg is not (or no longer) an image",
        ),
        (
            "part,labels,path\ntrain,group 1,group 0/1.jpg\n",
            "line 2: group 0/1.jpg is listed as group 1 but is now group 0",
        ),
        (
            "part,labels,path\ntrain,group 0,group 0/1.jpg\ntest,group 0,group 0/1.jpg\n",
            "line 3: group 0/1.jpg is not",
        ),
    ] {
        let path = write(root.path(), "split.csv", list.as_bytes());
        let message = Split::read_csv(&path, &dataset).expect_err("it does not fit").to_string();
        assert!(message.contains("split.csv: ") && message.contains(expected), "{list:?}: {message}");
    }
    assert!(matches!(Split::read_csv(&root.path().join("gone.csv"), &dataset), Err(DataError::Read { .. })));
}

#[cfg(unix)]
#[test]
fn names_with_commas_quotes_newlines_and_no_text_survive_the_list() {
    use std::os::unix::ffi::OsStrExt;
    let root = folder();
    for name in [b"a, b.jpg".as_slice(), b"\"q\".jpg", b"new\nline.jpg", b"\xff\xfe.jpg"] {
        for group in ["x", "y"] {
            touch(root.path(), &[&format!("{group}/plain.jpg")]);
            std::fs::write(root.path().join(group).join(std::ffi::OsStr::from_bytes(name)), b"")
                .expect("it can be written");
        }
    }
    let dataset = open(root.path()).expect("it can be opened");
    let split = Split::new(&dataset, 0.4, 0).expect("the share is allowed");
    let list = root.path().join("split.csv");
    split.write_csv(&list, &dataset).expect("it can be written");
    assert_eq!(Split::read_csv(&list, &dataset).expect("it fits"), split);
}

#[test]
fn labels_that_dealing_one_by_one_leaves_far_from_their_share_are_levelled() {
    // Drawn at random once; dealt out alone, a label of 27 pictures had 10 that validate.
    let rows = [
        223, 93, 242, 25, 27, 56, 29, 204, 6, 93, 135, 27, 144, 212, 16, 125, 195, 30, 193, 88, 182, 138,
        157, 203, 94, 33, 100, 167, 106, 238, 64, 216, 53, 218, 70, 203, 168, 255, 74, 88, 189, 150, 28, 193,
        184,
    ];
    let (_root, dataset) = with_labels(&rows);
    let split = Split::new(&dataset, 0.25, 5_655_939_119_877_191_236).expect("the share is allowed");
    let all: Vec<usize> = (0..dataset.samples().len()).collect();
    let (whole, held_out) = (dataset.class_counts(&all), dataset.class_counts(&split.validation));
    for (&n, &held_out) in whole.iter().zip(&held_out) {
        let exact = n as f64 / 4.0;
        assert!((held_out as f64 - exact).abs() < 2.0, "{held_out} of {n}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_class_gets_its_share_on_both_sides(
        sizes in prop::collection::vec(1usize..30, 2..5),
        fraction in 0.01f64..0.99,
        seed in any::<u64>(),
    ) {
        let (root, dataset) = with_groups(&sizes);
        let split = Split::new(&dataset, fraction, seed).expect("the share is allowed");
        prop_assert_eq!(all_of(&split), (0..dataset.samples().len()).collect::<Vec<_>>());
        let held_out = dataset.class_counts(&split.validation);
        for (&size, held_out) in sizes.iter().zip(held_out) {
            let rounded = (size as f64 * fraction).round() as usize;
            let expected = if size == 1 { 0 } else { rounded.clamp(1, size - 1) };
            prop_assert_eq!(held_out, expected, "{} of {}", fraction, size);
        }
        let list = root.path().join("split.csv");
        split.write_csv(&list, &dataset).expect("it can be written");
        prop_assert_eq!(Split::read_csv(&list, &dataset).expect("it fits"), split);
    }

    #[test]
    fn labels_come_near_their_share(rows in prop::collection::vec(any::<u8>(), 40..120), seed in any::<u64>()) {
        let (root, dataset) = with_labels(&rows);
        let split = Split::new(&dataset, 0.25, seed).expect("the share is allowed");
        prop_assert_eq!(all_of(&split), (0..dataset.samples().len()).collect::<Vec<_>>());
        prop_assert!(split.train.iter().collect::<BTreeSet<_>>().is_disjoint(&split.validation.iter().collect()));
        let all: Vec<usize> = (0..dataset.samples().len()).collect();
        let (whole, held_out) = (dataset.class_counts(&all), dataset.class_counts(&split.validation));
        for (&n, &held_out) in whole.iter().zip(&held_out) {
            let share = held_out as f64 / n as f64;
            prop_assert!((share - 0.25).abs() < 0.1, "{} of {}", held_out, n);
        }
        let list = root.path().join("split.csv");
        split.write_csv(&list, &dataset).expect("it can be written");
        prop_assert_eq!(Split::read_csv(&list, &dataset).expect("it fits"), split);
    }
}
