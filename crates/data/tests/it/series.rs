//! Pictures that belong together, and splits that keep them so.

use crate::common::{folder, touch, write};
use divvy_data::{DataError, Dataset, Fold, OpenOptions, Part, Split, check};
use divvy_rules::Rule;
use std::path::Path;
use tempfile::TempDir;

fn open_by(path: &Path, group_by: &str) -> Result<Dataset, DataError> {
    let options = OpenOptions { group_by: Some(group_by.to_owned()), ..OpenOptions::default() };
    Dataset::open(path, &options)
}

/// Thirty patients with two to five pictures each, of which some are sick and some well, and one with both.
fn patients() -> TempDir {
    let root = folder();
    for patient in 0..30 {
        for shot in 0..2 + patient % 4 {
            let group = if patient == 7 { shot % 2 } else { patient % 2 };
            touch(root.path(), &[&format!("{}/p{patient:03}_{shot}.jpg", ["sick", "well"][group])]);
        }
    }
    root
}

/// The parts that the samples of each series are in.
fn parts_of(dataset: &Dataset, split: &Split) -> Vec<Vec<Part>> {
    let part = |sample: &usize| {
        let parts =
            [(Part::Train, &split.train), (Part::Validation, &split.validation), (Part::Test, &split.test)];
        parts.into_iter().find(|(_, samples)| samples.contains(sample)).expect("it is in a part").0
    };
    let series = dataset.series().expect("it was opened with what tells them");
    series
        .iter()
        .map(|(_, samples)| {
            let mut parts: Vec<Part> = samples.iter().map(part).collect();
            parts.sort_unstable();
            parts.dedup();
            parts
        })
        .collect()
}

#[test]
fn a_series_comes_to_one_side_whatever_the_seed() {
    let root = patients();
    let dataset = open_by(root.path(), r"([^/]+)_[^_/]*$").expect("it can be opened");
    let series = dataset.series().expect("it was opened with what tells them");
    assert_eq!(series.iter().count(), 30);
    assert!(dataset.to_string().contains("30 series by ([^/]+)_[^_/]*$, of 2 to 5 pictures"), "{dataset}");
    // Both of them are of patient 7, in two groups.
    let (_, seventh) = series.iter().find(|(key, _)| *key == "p007").expect("the patient is there");
    assert_eq!(dataset.class_counts(seventh), [3, 2]);
    for seed in 0..20 {
        let split = Split::new(&dataset, 0.2, seed).expect("the share is allowed");
        let parts = parts_of(&dataset, &split);
        assert!(parts.iter().all(|parts| parts.len() == 1), "seed {seed}");
        // A fifth of the patients, as near as one that counts in both groups allows.
        let validating = parts.iter().filter(|parts| parts[0] == Part::Validation).count();
        assert!((5..=7).contains(&validating), "seed {seed}: {validating}");
        let counts = dataset.class_counts(&split.validation);
        assert!(counts.iter().all(|&n| n > 0), "seed {seed}: {counts:?}");
        let split = split.with_test(&dataset, 0.25, seed, &[]).expect("the share is allowed");
        assert!(!split.test.is_empty());
        assert!(parts_of(&dataset, &split).iter().all(|parts| parts.len() == 1), "seed {seed}");
    }
    assert_eq!(check::names(&dataset).iter().filter(|finding| finding.rule == Rule::V03).count(), 0);
}

#[test]
fn a_series_is_in_one_fold() {
    let root = patients();
    let dataset = open_by(root.path(), r"([^/]+)_[^_/]*$").expect("it can be opened");
    for fold in Fold::all(5).expect("there can be five") {
        let split = Split::of_fold(&dataset, fold, 1, &[]).expect("there are enough");
        let parts = parts_of(&dataset, &split);
        assert!(parts.iter().all(|parts| parts.len() == 1), "{fold}");
        // Six of thirty patients, as near as one that counts in both groups allows.
        let validating = parts.iter().filter(|parts| parts[0] == Part::Validation).count();
        assert!((5..=7).contains(&validating), "{fold}: {validating}");
    }
}

#[test]
fn copies_join_what_series_keep_apart() {
    let root = patients();
    let dataset = open_by(root.path(), "p[0-9]+").expect("it can be opened");
    let series: Vec<Vec<usize>> = dataset
        .series()
        .into_iter()
        .flat_map(divvy_data::Series::iter)
        .map(|(_, samples)| samples.to_vec())
        .collect();
    // A copy of a picture of each patient is with the next patient of the ten.
    let copies: Vec<Vec<usize>> = (0..9).map(|i| vec![series[i][0], series[i + 1][1]]).collect();
    for seed in 0..20 {
        let split = Split::keeping_together(&dataset, 0.2, seed, &copies).expect("the share is allowed");
        let parts = parts_of(&dataset, &split);
        assert!(parts.iter().all(|parts| parts.len() == 1), "seed {seed}");
        assert!(parts[..10].iter().all(|of| *of == parts[0]), "seed {seed}");
    }
}

#[test]
fn a_column_of_a_csv_tells_the_series() {
    let rows = |header: &str, row: fn(usize) -> String| {
        let root = folder();
        let mut list = vec![header.to_owned()];
        for i in 0..40 {
            touch(root.path(), &[&format!("{i}.jpg")]);
            list.push(row(i));
        }
        write(root.path(), "labels.csv", list.join("\n").as_bytes());
        root
    };
    let named = rows("file,label,patient", |i| format!("{i}.jpg,{},p{}", ["a", "b"][i / 4 % 2], i / 4));
    // A number beside columns of 0 and 1 would else be a group of its own.
    let hot = rows("file,a,b,patient", |i| format!("{i}.jpg,{},{},{}", i / 4 % 2, 1 - i / 4 % 2, 10 + i / 4));
    for root in [named, hot] {
        let dataset = open_by(root.path(), "patient").expect("it can be opened");
        assert_eq!(dataset.classes(), ["a", "b"]);
        let series = dataset.series().expect("it was opened with what tells them");
        assert_eq!((series.by(), series.iter().count()), ("patient", 10));
        let split = Split::new(&dataset, 0.2, 1).expect("the share is allowed");
        assert!(parts_of(&dataset, &split).iter().all(|parts| parts.len() == 1));
        assert_eq!(split.validation.len(), 8);
    }
    // Without a word each cell of its own is alone.
    let partly = rows("file,label,patient", |i| {
        format!("{i}.jpg,{},{}", ["a", "b"][i % 2], if i < 4 { "x" } else { "" })
    });
    let dataset = open_by(partly.path(), "patient").expect("it can be opened");
    assert!(
        dataset.to_string().contains("1 series by patient, of 4 to 4 pictures; 36 pictures are in none"),
        "{dataset}"
    );
    // What is no column is an expression.
    let dataset = open_by(partly.path(), "^[0-9]").expect("it can be opened");
    assert_eq!(dataset.series().map(|series| series.iter().count()), Some(10));
}

#[test]
fn what_tells_nothing_is_refused_with_a_name_to_look_at() {
    let root = patients();
    for (by, fault) in [
        ("q[0-9]+", "tells the series of no picture; names are like sick/p000_0.jpg"),
        ("jpg", "puts all pictures into one series, `jpg`"),
        ("(p", "no regular expression"),
        ("(?<!a)p", "no regular expression"),
    ] {
        let message = open_by(root.path(), by).expect_err("it is refused").to_string();
        assert!(message.contains(fault) && message.contains(&root.path().display().to_string()), "{message}");
    }
}

#[test]
fn series_across_parts_are_told_by_what_was_stated() {
    let root = folder();
    for (part, patients) in [("train", 0..20), ("val", 18..24)] {
        for patient in patients {
            for shot in 0..2 {
                touch(root.path(), &[&format!("{part}/{}/{shot}-of-{patient}.jpg", ["a", "b"][patient % 2])]);
            }
        }
    }
    let dataset = open_by(root.path(), r"of-([0-9]+)").expect("it can be opened");
    let found = check::names(&dataset);
    let found =
        found.iter().find(|finding| finding.rule == Rule::V03).expect("two patients stand in two parts");
    assert_eq!(found.what, "2 series of pictures that stand in two parts");
    assert!(found.why.contains("4 of 12 pictures for validation and test"), "{found}");
    assert_eq!(found.evidence, ["18: 2 in train, 2 in validation", "19: 2 in train, 2 in validation"]);
}

#[test]
fn the_suggestion_groups_as_the_finding_says() {
    type Name = fn(usize, usize) -> String;
    let schemes: [(Name, &str); 6] = [
        (|series, shot| format!("p{series:03}_{shot}.jpg"), r"([^/]+)_[^_/]*$"),
        (|series, shot| format!("patient{series}-{shot}.jpg"), r"([^/]+)\-[^\-/]*$"),
        (|series, shot| format!("{series:04} ({shot}).jpg"), r"([^/]+) [^ /]*$"),
        (|series, shot| format!("IMG{series}.{shot}.jpg"), r"([^/]+)\.[^\./]*\.[^\./]*$"),
        (|series, shot| format!("p{series}f{shot}.jpg"), r"([^/]*[^/0-9])[0-9]+\.[^./]*$"),
        (|series, shot| format!("p{series}_day{shot}_{}.jpg", series + shot), r"([^/]+)_[^_/]*_[^_/]*$"),
    ];
    for (name, expected) in schemes {
        let root = folder();
        for series in 0..20 {
            for shot in 1..5 {
                touch(root.path(), &[&format!("{}/{}", ["sick", "well"][series % 2], name(series, shot))]);
            }
        }
        let dataset = Dataset::open(root.path(), &OpenOptions::default()).expect("it can be opened");
        let found = check::names(&dataset);
        let found = found.iter().find(|finding| finding.rule == Rule::V03).expect(expected);
        assert!(found.fix.starts_with(&format!("give --group-by '{expected}',")), "{found}");
        let grouped = open_by(root.path(), expected).expect("it can be opened");
        assert_eq!(grouped.series().map(|series| series.iter().count()), Some(20), "{expected}");
    }
}
