//! Labels as people have them in a CSV: words for no and yes, numbers, columns of 0 and 1.

use crate::common::{contents, folder, open, touch, write};
use divvy_data::{DataError, Dataset, LabelKind};
use divvy_rules::{Diagnostic, Rule};
use proptest::prelude::*;
use tempfile::TempDir;

/// A folder with a `labels.csv`: the header, then a row of `N.jpg` and the cells for each of `rows`.
fn with_rows(header: &str, rows: &[&str]) -> TempDir {
    let root = folder();
    let mut list = vec![header.to_owned()];
    for (i, row) in rows.iter().enumerate() {
        touch(root.path(), &[&format!("{i}.jpg")]);
        list.push(format!("{i}.jpg,{row}"));
    }
    write(root.path(), "labels.csv", list.join("\n").as_bytes());
    root
}

fn opened(header: &str, rows: &[&str]) -> Dataset {
    open(with_rows(header, rows).path()).expect("it can be opened")
}

fn refused(header: &str, rows: &[&str]) -> Diagnostic {
    match open(with_rows(header, rows).path()) {
        Err(DataError::Label(finding)) => *finding,
        other => panic!("{header} {rows:?}: {other:?}"),
    }
}

fn labels(dataset: &Dataset) -> Vec<String> {
    contents(dataset).into_iter().map(|(_, labels, _)| labels).collect()
}

#[test]
fn words_for_no_and_yes_are_known_in_any_spelling() {
    for (rows, names, expected) in [
        (&["yes", "No", "YES", "n"][..], ["no", "yes"], ["yes", "no", "yes", "no"]),
        (&["y", "N", "n", "Y"], ["no", "yes"], ["yes", "no", "no", "yes"]),
        (&["True", "FALSE", "t", "f"], ["false", "true"], ["true", "false", "true", "false"]),
        (&["1", "0", "0", "1"], ["0", "1"], ["1", "0", "0", "1"]),
        (&["1.0", "0", "0.0", "1."], ["0", "1"], ["1", "0", "0", "1"]),
    ] {
        let dataset = opened("file,label", rows);
        assert_eq!(dataset.classes(), names, "{rows:?}");
        assert_eq!(labels(&dataset), expected, "{rows:?}");
        assert_eq!(dataset.label_kind(), LabelKind::Classes);
        let [sentence] = dataset.conversions() else { panic!("{:?}", dataset.conversions()) };
        assert!(names.iter().all(|name| sentence.contains(&format!("`{name}`"))), "{sentence}");
        assert!(dataset.to_string().contains(sentence));
    }
    let dataset = opened("file,label", &["Yes", "no"]);
    assert_eq!(dataset.conversions(), ["labels no and yes were read in any case as `no` and `yes`"]);
    // A list of one group alone, say to evaluate on, gets the name that the model knows.
    assert_eq!(opened("file,label", &["True", "True"]).classes(), ["true"]);
}

#[test]
fn two_numbers_are_two_names() {
    for (rows, names) in [
        (&["2", "1", "1", "2"][..], ["1", "2"]),
        (&["2.0", "1.0", "1", "2"], ["1", "2"]),
        (&["1", "-1", "-1", "+1"], ["-1", "1"]),
        (&["1.0", "-1.0", "-1.0", "1.0"], ["-1", "1"]),
    ] {
        let dataset = opened("file,label", rows);
        assert_eq!(dataset.classes(), names, "{rows:?}");
        let [sentence] = dataset.conversions() else { panic!("{:?}", dataset.conversions()) };
        assert!(sentence.contains(&format!("the positive one `{}`", names[1])), "{sentence}");
    }
    let dataset = opened("file,label", &["3.0", "1.0", "10.0", "2.0"]);
    assert_eq!(dataset.classes(), ["1", "2", "3", "10"]);
    assert_eq!(
        dataset.conversions(),
        ["labels that are whole numbers were read without a point or plus: 1.0 as `1`"]
    );
}

#[test]
fn names_stay_what_they_are() {
    for rows in [
        &["cat", "dog", "cat", "dog"][..],
        &["class1", "class0", "1a", "0x"],
        &["7", "king", "10", "ace"],
        &["no", "maybe", "yes", "no"],
        &["y", "n", "m", "x"],
        &["1", "2", "3", "0"],
        &["007", "7", "07", "1"],
        &["1.2.3", "v0.5", "3d", "0x1"],
        &["nancy", "info", "1e5", "infinity"],
        &["T", "T"],
        &["no dog", "dog", "not a dog", "dog"],
        &["yes|no", "no", "yes", "yes"],
    ] {
        let dataset = opened("file,label", rows);
        assert_eq!(dataset.conversions(), [""; 0], "{rows:?}");
        for (row, label) in rows.iter().zip(labels(&dataset)) {
            let mut wanted: Vec<&str> = row.split('|').collect();
            wanted.sort_unstable();
            assert_eq!(wanted.join("|"), label, "{rows:?}");
        }
    }
}

#[test]
fn amounts_and_two_ways_at_once_are_refused_by_line() {
    for (rows, line, words) in [
        (&["0.37", "0.5", "0.1"][..], 2, "amounts such as 0.37"),
        (&["cat", "0.37", "dog"], 3, "names such as `cat` and amounts such as 0.37"),
        (&["1", "0.5", "0"], 3, "amounts such as 0.5"),
        (&["cat", "1.5e-07"], 3, "amounts such as 1.5e-07"),
        (&["cat|1e+16", "dog"], 2, "amounts such as 1e+16"),
        (&["cat", "dog", "nan"], 4, "`nan` is how programs write that there is none"),
        (&["NULL", "dog"], 2, "`NULL` is how programs"),
        (&["cat|<NA>", "dog"], 2, "`<NA>` is how programs"),
        (&["\"['cat', 'dog']\"", "\"['dog']\""], 2, "a list as Python prints it, `['cat', 'dog']`"),
        (&["cat", "('dog'"], 3, "a list as Python prints it"),
        (&["yes", "0", "no"], 3, "labels yes and 0"),
        (&["true", "no"], 3, "labels true and no"),
        (&["", "yes", "", "1"], 5, "labels yes and 1"),
        (&["0 0 1", "1 0 0", "0 1 0"], 2, "rows of 0 and 1 such as `0 0 1`"),
        (&["\"[1, 0]\"", "\"[0, 1]\""], 2, "rows of 0 and 1 such as `[1, 0]`"),
    ] {
        let finding = refused("file,labels", rows);
        assert_eq!(finding.rule, Rule::Y02, "{rows:?}");
        assert!(finding.what.contains(words), "{finding}");
        assert!(finding.place.file.as_ref().is_some_and(|file| file.ends_with("labels.csv")));
        assert_eq!(finding.place.line, Some(line), "{finding}");
        assert!(finding.is_error() && !finding.because_and_fix_are_missing(), "{finding}");
    }
}

trait Complete {
    fn because_and_fix_are_missing(&self) -> bool;
}

impl Complete for Diagnostic {
    fn because_and_fix_are_missing(&self) -> bool {
        self.why.is_empty() || self.fix.is_empty()
    }
}

#[test]
fn one_hot_columns_are_exclusive_classes() {
    let dataset = opened("file,dog,cat,Fox", &["1,0,0", "0,1,0", "0.0,0,1.0", "yes,no,no"]);
    assert_eq!(dataset.label_kind(), LabelKind::Classes);
    assert_eq!(dataset.classes(), ["cat", "dog", "Fox"]);
    assert_eq!(labels(&dataset), ["dog", "cat", "Fox", "dog"]);
    assert_eq!(
        dataset.conversions(),
        ["columns dog, cat, Fox are one-hot: each picture has the group whose column is 1"]
    );
}

#[test]
fn many_columns_and_long_cells_are_told_in_a_line() {
    let header: Vec<String> = (0..200).map(|i| format!("group{i}")).collect();
    let row = |hot: usize| (0..200).map(|i| u8::from(i == hot).to_string()).collect::<Vec<_>>().join(",");
    let dataset = opened(&format!("file,{}", header.join(",")), &[&row(3), &row(150)]);
    assert_eq!(labels(&dataset), ["group3", "group150"]);
    assert!(
        dataset.conversions()[0].contains("group9 and 190 more are one-hot"),
        "{:?}",
        dataset.conversions()
    );

    let long = "é".repeat(10_000);
    let finding = refused("file,cat,dog", &["1,0", &format!("{long},1")]);
    assert!(finding.what.len() < 200 && finding.what.contains("é..."), "{finding}");
}

#[test]
fn multi_hot_columns_are_labels_beside_each_other() {
    for row in ["1,1", "0,0"] {
        let dataset = opened("file,dog,cat", &["1,0", "0,1", row]);
        assert_eq!(dataset.label_kind(), LabelKind::MultiLabel, "{row}");
        let last = if row == "1,1" { "cat|dog" } else { "" };
        assert_eq!(labels(&dataset), ["dog", "cat", last]);
        assert!(dataset.conversions()[0].contains("multi-hot"), "{:?}", dataset.conversions());
    }
}

#[test]
fn one_column_is_a_group_and_what_is_not_in_it() {
    let dataset = opened("file,cat", &["1", "0", "True", "0"]);
    assert_eq!(dataset.classes(), ["not cat", "cat"]);
    assert_eq!(labels(&dataset), ["cat", "not cat", "cat", "not cat"]);
    assert_eq!(
        dataset.conversions(),
        ["the column cat of 0 and 1 makes two groups, `not cat` and the positive one `cat`"]
    );
    // A column with the labels stays that, whatever is in it.
    assert_eq!(opened("file,labels", &["1", "0"]).classes(), ["0", "1"]);
    assert_eq!(opened("file,class", &["1", "0"]).classes(), ["0", "1"]);
}

#[test]
fn minus_one_and_one_in_columns_are_no_and_yes() {
    let dataset = opened("image,smiling,hat", &["1,-1", "-1,1", "1,1", "-1,-1"]);
    assert_eq!(labels(&dataset), ["smiling", "hat", "hat|smiling", ""]);
    assert_eq!(dataset.conversions()[1], "in columns of -1 and 1, -1 was read as 0");
    // Beside 0, -1 says something else.
    let finding = refused("image,smiling,hat", &["1,0", "-1,1", "0,1"]);
    assert_eq!((finding.rule, finding.place.line), (Rule::Y01, Some(3)), "{finding}");
}

#[test]
fn a_part_column_and_row_numbers_are_no_groups() {
    let root = folder();
    touch(root.path(), &["a.jpg", "b.jpg", "c.jpg"]);
    let list = ",file,cat,split,dog\n0,a.jpg,1,train,0\n1,b.jpg,0,val,1\n2,c.jpg,0,test,1\n";
    write(root.path(), "labels.csv", list.as_bytes());
    let dataset = open(root.path()).expect("it can be opened");
    let expected = [("a.jpg", "cat", "train"), ("b.jpg", "dog", "validation"), ("c.jpg", "dog", "test")];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(contents(&dataset), expected);
}

#[test]
fn a_cell_that_is_neither_0_nor_1_is_refused_by_line_and_column() {
    for (rows, line, words) in [
        (&["1,0", "0,2"][..], 3, "`2` in the column dog"),
        (&["1,0", "0,1", "0.37,0"], 4, "`0.37` in the column cat"),
        (&["1,0", ",1"], 3, "an empty cell in the column cat"),
        (&["1,lots", "0,many"], 2, "`lots` in the column dog"),
    ] {
        let finding = refused("file,cat,dog", rows);
        assert_eq!((finding.rule, finding.place.line), (Rule::Y01, Some(line)), "{finding}");
        assert!(finding.what.contains(words) && !finding.because_and_fix_are_missing(), "{finding}");
    }
}

#[test]
fn columns_that_cannot_be_groups_are_refused_as_before() {
    for (header, rows, words) in [
        ("file,width,height", &["640,480", "800,600"][..], "name the columns file,labels"),
        ("file,cat,cat", &["1,0", "0,1"], "two columns are called cat"),
        ("file,cat|dog,fox", &["1,0", "0,1"], "cat|dog has a |"),
    ] {
        let message = open(with_rows(header, rows).path()).expect_err("it is refused").to_string();
        assert!(message.contains("line 1: ") && message.contains(words), "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Written as names or as columns, the same labels are the same dataset.
    #[test]
    fn hot_columns_say_what_names_say(rows in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 2..20)) {
        let groups = ["ant", "bee", "cow"];
        let hot: Vec<String> =
            rows.iter().map(|row| row.iter().map(|&bit| if bit { "1" } else { "0" }).collect::<Vec<_>>().join(",")).collect();
        let hot: Vec<&str> = hot.iter().map(String::as_str).collect();
        let dataset = opened("file,ant,bee,cow", &hot);
        let named: Vec<String> = rows
            .iter()
            .map(|row| groups.iter().zip(row).filter(|(_, bit)| **bit).map(|(name, _)| *name).collect::<Vec<_>>().join("|"))
            .collect();
        prop_assert_eq!(labels(&dataset), named);
        let exclusive = rows.iter().all(|row| row.iter().filter(|bit| **bit).count() == 1);
        prop_assert_eq!(dataset.label_kind() == LabelKind::Classes, exclusive);
    }
}
