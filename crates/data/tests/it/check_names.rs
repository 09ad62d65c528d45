//! Rules that are decided on names: of classes and of files.

use crate::common::{encode, folder, open, touch, write};
use divvy_data::{Augment, Dataset, Split, check};
use divvy_rules::{Diagnostic, Rule, Severity};
use image::{ImageFormat, Luma};
use proptest::prelude::*;

/// A dataset of files without content.
fn named(files: &[String]) -> Dataset {
    let root = folder();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    touch(root.path(), &files);
    open(root.path()).expect("it can be opened")
}

/// Two files of each group.
fn groups(groups: &[&str]) -> Dataset {
    named(
        &groups
            .iter()
            .flat_map(|group| ["a", "b"].map(|file| format!("{group}/{file}.jpg")))
            .collect::<Vec<_>>(),
    )
}

fn finding(dataset: &Dataset, rule: Rule) -> Option<Diagnostic> {
    check::names(dataset).into_iter().find(|finding| finding.rule == rule)
}

#[test]
fn class_names_that_others_order_differently_are_noted_with_both_orders() {
    let found = finding(&groups(&["1", "2", "10"]), Rule::Y04).expect("1, 10, 2 for others");
    assert_eq!(found.severity, Severity::Note);
    assert!(found.why.contains("1, 2, 10") && found.why.contains("1, 10, 2"), "{found}");
    let found = finding(&groups(&["ape", "Zebra"]), Rule::Y04).expect("capitals come first for others");
    assert!(found.why.contains("Zebra, ape"), "{found}");
    for same in [&["1", "2", "9"][..], &["cats", "dogs"], &["01", "02", "10"], &["Ape", "Zebra"]] {
        assert_eq!(finding(&groups(same), Rule::Y04), None, "{same:?}");
    }
}

#[test]
fn a_positive_group_that_says_absence_is_noted_with_the_other() {
    for (groups_here, positive, other) in [
        (&["cancer", "normal"][..], "`normal`", "--positive cancer"),
        (&["fire", "no_fire"], "`no_fire`", "--positive fire"),
        (&["hot dog", "not hot dog"], "`not hot dog`", "--positive \"hot dog\""),
        (&["Disease", "Healthy"], "`Healthy`", "--positive Disease"),
    ] {
        let found = finding(&groups(groups_here), Rule::Y06).expect("the second says absence");
        assert_eq!((found.severity, found.fix.as_str()), (Severity::Note, other));
        assert!(found.what.contains(positive) && found.why.contains("recall"), "{found}");
    }
    for fine in [
        &["cats", "dogs"][..],
        &["healthy", "sick"],
        &["0", "1"],
        &["false", "true"],
        &["negative", "normal"],
        &["cancer", "no_cancer", "normal"],
        &["abnormal", "notable"],
    ] {
        assert_eq!(finding(&groups(fine), Rule::Y06), None, "{fine:?}");
    }
    let root = folder();
    touch(root.path(), &["1.jpg", "2.jpg"]);
    write(root.path(), "labels.csv", b"file,cat\n1.jpg,1\n2.jpg,0\n");
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!(finding(&dataset, Rule::Y06), None, "cat is the positive one");
}

#[test]
fn mirroring_is_noted_as_left_out_and_warned_of_where_it_is_chosen() {
    for sided in [&["turn_left", "turn_right"][..], &["0", "1", "2"]] {
        let dataset = groups(sided);
        let note = finding(&dataset, Rule::P05).expect("mirroring changes them");
        assert_eq!(note.severity, Severity::Note);
        let warning = check::augment(&dataset, &Augment::light()).expect("light mirrors");
        assert_eq!((warning.rule, warning.severity), (Rule::P05, Severity::Warning));
        assert!(warning.why.contains(&note.why), "{warning}");
        assert_eq!(check::augment(&dataset, &Augment { flip: 0.0, ..Augment::light() }), None);
    }
    let dataset = groups(&["bright", "leftovers"]);
    assert_eq!(finding(&dataset, Rule::P05), None);
    assert_eq!(check::augment(&dataset, &Augment::light()), None);
}

/// Pictures of groups that are called 0, 1 and so on: of each the shape that holds the points for which `is_in` is true, from -1 to 1 across and down,
/// moved a little from one picture to the next.
fn shapes(is_in: &[fn(f32, f32) -> bool], side: u32) -> Dataset {
    let root = folder();
    for (group, is_in) in is_in.iter().enumerate() {
        for number in 0..12_u8 {
            let moved = [f32::from(number % 4) * 0.06, f32::from(number / 4) * 0.06];
            let at = |place: u32, moved: f32| (2 * place + 1) as f32 / side as f32 - 1.0 - moved + 0.09;
            let light = |x, y| if is_in(at(x, moved[0]), at(y, moved[1])) { 230 } else { 20 };
            let picture = image::GrayImage::from_fn(side, side, |x, y| Luma([light(x, y)]));
            write(root.path(), &format!("{group}/{number}.png"), &encode(&picture.into(), ImageFormat::Png));
        }
    }
    let dataset = open(root.path()).expect("it can be opened");
    // Asked while the files are there.
    check::names(&dataset);
    dataset
}

#[test]
fn groups_that_are_numbers_are_mirrored_where_their_pictures_stay_what_they_are() {
    let shirt = |x: f32, y: f32| y < -0.3 || x.abs() < 0.4;
    let trousers = |x: f32, _: f32| x.abs() > 0.2 && x.abs() < 0.6;
    let bag = |x: f32, y: f32| x.abs() < 0.8 && y > 0.0;
    let shoe = |x: f32, y: f32| (y > 0.4 && x < 0.6) || (x > 0.2 && x < 0.6 && y > -0.6);
    let [two, five]: [fn(f32, f32) -> bool; 2] = [
        |x, y| y.abs() < 0.15 || y.abs() > 0.7 || (y < 0.0 && x > 0.6) || (y > 0.0 && x < -0.6),
        |x, y| y.abs() < 0.15 || y.abs() > 0.7 || (y < 0.0 && x < -0.6) || (y > 0.0 && x > 0.6),
    ];
    let clothes = shapes(&[shirt, trousers, bag, shoe], 28);
    assert_eq!(finding(&clothes, Rule::P05), None, "three of four stay");
    assert_eq!(check::augment(&clothes, &Augment::light()), None);
    assert!(finding(&shapes(&[two, five, trousers], 28), Rule::P05).is_some(), "2 and 5 are exchanged");
    assert!(
        finding(&shapes(&[shirt, trousers, bag, shoe], 96), Rule::P05).is_some(),
        "large ones are not compared"
    );
}

/// Three pictures of each of `patients`, the last of which lies in the validation part.
fn patients(n: usize, name: impl Fn(usize, usize) -> String) -> Vec<String> {
    let mut files = Vec::new();
    for patient in 0..n {
        let class = if patient % 2 == 0 { "sick" } else { "well" };
        for shot in 0..3 {
            let part = if shot == 2 { "val" } else { "train" };
            files.push(format!("{part}/{class}/{}.jpg", name(patient, shot)));
        }
    }
    files
}

#[test]
fn series_that_stand_in_two_parts_are_found_by_their_names() {
    for name in [
        (|patient, shot| format!("patient{patient}_{shot:02}")) as fn(usize, usize) -> String,
        |patient, shot| format!("IMG-burst{patient}-{shot}"),
        |patient, shot| format!("p{patient}f{shot}"),
        |patient, shot| format!("p{patient}_visit{shot}_0"),
        |patient, shot| format!("photo_{patient:03}_jpg.rf.{:x}", 0xabc * (patient + 1) + shot),
    ] {
        let found = finding(&named(&patients(20, name)), Rule::V03).expect("siblings stand in both parts");
        assert_eq!(found.severity, Severity::Warning);
        assert!(found.what.starts_with("20 series"), "{found}");
        assert!(found.why.contains("20 of 20 pictures"), "{found}");
        assert!(found.evidence[0].contains("2 in train, 1 in validation"), "{found}");
    }
}

#[test]
fn names_that_mean_something_else_are_no_series() {
    let divided = |name: fn(usize, usize) -> String| named(&patients(20, name));
    for (why, dataset) in [
        ("a counter behind the class", divided(|patient, shot| format!("cat.{}", 3 * patient + shot))),
        (
            "a counter behind a word with a number",
            divided(|patient, shot| format!("IMG2024_{}", 3 * patient + shot)),
        ),
        ("a counter", divided(|patient, shot| format!("{:04}", 3 * patient + shot))),
        (
            "words",
            divided(|patient, shot| {
                format!("{}-cat-{shot}", ["old", "grey", "big", "tame", "wild", "red"][patient % 6])
            }),
        ),
        ("each picture is its own series", divided(|patient, shot| format!("p{}_0", 3 * patient + shot))),
    ] {
        assert_eq!(finding(&dataset, Rule::V03), None, "{why}");
    }
    // The number of the class: ImageNet's names.
    for parts in [["train", "val"], [".", "."]] {
        let classes: Vec<String> = (0..160)
            .map(|i| format!("{}/class{}/n0144{}_{i}.jpg", parts[usize::from(i % 5 == 0)], i % 8, i % 8))
            .collect();
        assert_eq!(finding(&named(&classes), Rule::V03), None, "{parts:?}");
    }
    // Whole series in one part are as it should be.
    let whole: Vec<String> = (0..60)
        .map(|i| {
            format!(
                "{}/{}/p{}_{}.jpg",
                if i < 45 { "train" } else { "val" },
                ["a", "b"][i / 3 % 2],
                i / 3,
                i % 3
            )
        })
        .collect();
    assert_eq!(finding(&named(&whole), Rule::V03), None);
    // Each part numbers its pictures from 0.
    let restarted: Vec<String> = [("train", 60), ("val", 30)]
        .iter()
        .flat_map(|(part, n)| {
            (0..*n).map(move |i| format!("{part}/{}/row{}_{}.jpg", ["a", "b"][i % 2], i / 6, i % 6))
        })
        .collect();
    assert_eq!(finding(&named(&restarted), Rule::V03), None);
}

#[test]
fn a_few_names_alike_are_chance() {
    let alike = |n: usize| {
        let mut files: Vec<String> = (0..120)
            .map(|i| format!("{}/{}/{i:03}.jpg", if i < 60 { "train" } else { "test" }, ["a", "b"][i % 2]))
            .collect();
        files.extend(
            (0..n).flat_map(|i| ["train/a", "test/b"].map(|part| format!("{part}/s{i}_{}.jpg", part.len()))),
        );
        finding(&named(&files), Rule::V03)
    };
    assert_eq!(alike(1), None);
    assert_eq!(alike(6), None, "6 of 66 are less than a tenth");
    assert!(alike(7).expect("7 of 67 are more").why.contains("7 of 67"));
}

#[test]
fn series_are_found_before_a_split_is_drawn_where_most_pictures_are_in_one() {
    let undivided = |series: usize, each: usize, others: usize| {
        let mut files: Vec<String> = (0..series * each)
            .map(|i| format!("{}/cam{}_{:02}.jpg", ["day", "night"][i / each % 2], i / each, i % each))
            .collect();
        files.extend((0..others).map(|i| format!("{}/{i}.jpg", ["day", "night"][i % 2])));
        finding(&named(&files), Rule::V03)
    };
    let found = undivided(10, 4, 0).expect("all pictures are in series");
    assert!(found.what.contains("40 pictures are of 10 series"), "{found}");
    // 1 - 0.2^3
    assert!(found.why.contains("99.2 %"), "{found}");
    assert!(undivided(10, 4, 9).is_some(), "40 of 49 are");
    assert_eq!(undivided(10, 4, 11), None, "40 of 51 are less than 80 %");
    assert_eq!(undivided(4, 10, 0), None, "each holds a quarter");
    assert_eq!(undivided(40, 1, 0), None, "each is alone");

    let of_sizes = |sizes: &[usize]| {
        let files = sizes.iter().enumerate().flat_map(|(cam, &n)| {
            (0..n).map(move |i| format!("{}/cam{cam}_{i:02}.jpg", ["day", "night"][i % 2]))
        });
        finding(&named(&files.collect::<Vec<_>>()), Rule::V03).is_some()
    };
    assert!(of_sizes(&[8, 8, 8, 8, 8]));
    assert!(!of_sizes(&[9, 8, 8, 8, 8]), "one holds more than a fifth");
}

proptest! {
    /// However names are made, what is found is there: a series in two parts has pictures in two parts.
    #[test]
    fn series_are_as_their_evidence_says(keys in prop::collection::vec((0usize..8, 0usize..40, any::<bool>()), 1..60)) {
        let files: Vec<String> = keys
            .iter()
            .map(|(key, shot, held_out)| format!("{}/{}/s{key}_{shot}.jpg", if *held_out { "test" } else { "train" }, ["a", "b"][shot % 2]))
            .chain(["train/a/x.jpg".to_owned(), "test/b/y.jpg".to_owned()])
            .collect();
        let dataset = named(&files);
        if let Some(found) = finding(&dataset, Rule::V03).filter(|found| found.what.contains("two parts")) {
            for line in &found.evidence {
                let key = line.split(':').next().unwrap_or_default();
                for part in ["train/", "test/"] {
                    let is_there = files.iter().any(|file| file.starts_with(part) && file.contains(&format!("/{key}_")));
                    prop_assert!(is_there, "{} {}", part, line);
                }
            }
        }
    }
}

#[test]
fn a_split_by_series_is_none_of_the_danger_and_one_through_them_is() {
    let root = folder();
    let files: Vec<String> = (0..40)
        .map(|i| format!("{}/patient{:02}_{}.jpg", if i % 2 == 0 { "sick" } else { "well" }, i / 4, i % 4))
        .collect();
    touch(root.path(), &files.iter().map(String::as_str).collect::<Vec<_>>());
    let dataset = open(root.path()).expect("it can be opened");
    let patient = |sample: usize| {
        let name = dataset.sample_name(sample).to_string_lossy().into_owned();
        name.split("patient").nth(1).and_then(|rest| rest[..2].parse::<usize>().ok()).expect("a patient")
    };
    let divided = |validates: &dyn Fn(usize) -> bool| {
        let (validation, train) = (0..40).partition(|&sample| validates(sample));
        check::series_in(&dataset, &Split { train, validation, test: Vec::new() })
    };
    assert_eq!(divided(&|sample| patient(sample) < 2), None, "two patients are held out whole");
    let found = divided(&|sample| sample % 5 == 0).expect("nearly every patient is on both sides");
    assert_eq!(found.rule, Rule::V03);
}
