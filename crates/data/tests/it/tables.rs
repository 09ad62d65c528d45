//! CSV files with a file and its labels in each row.

use crate::common::{contents, folder, open, open_error, touch, write};
use divvy_data::{Dataset, LabelKind, LabelSeparator, Layout, OpenOptions, TableOptions};
use tempfile::TempDir;

/// A folder with four images and a `labels.csv`.
fn with_list(list: &str) -> TempDir {
    let root = folder();
    touch(root.path(), &["images/1.jpg", "images/2.jpg", "images/3.jpg", "images/4.jpg"]);
    write(root.path(), "labels.csv", list.as_bytes());
    root
}

fn opened(list: &str) -> Dataset {
    open(with_list(list).path()).expect("it can be opened")
}

fn labels(dataset: &Dataset) -> Vec<String> {
    contents(dataset).into_iter().map(|(_, labels, _)| labels).collect()
}

#[test]
fn several_labels_a_row_are_separated_by_whatever_people_use() {
    for (separator, quote) in [(" ", ""), ("|", ""), (";", ""), (",", "\""), ("; ", "")] {
        let list = format!(
            "file,labels\nimages/1.jpg,{quote}red{separator}dress{quote}\nimages/2.jpg,blue\nimages/3.jpg,\nimages/4.jpg,{quote}dress{separator}blue{separator}dress{quote}\n"
        );
        let dataset = opened(&list);
        assert_eq!((dataset.layout(), dataset.label_kind()), (Layout::Table, LabelKind::MultiLabel));
        assert_eq!(dataset.classes(), ["blue", "dress", "red"], "{separator:?}");
        assert_eq!(labels(&dataset), ["dress|red", "blue", "", "blue|dress"], "{separator:?}");
    }
}

#[test]
fn one_label_a_row_makes_exclusive_classes() {
    let dataset =
        opened("file,labels\nimages/1.jpg,cat\nimages/2.jpg,dog\nimages/3.jpg,cat\nimages/4.jpg,dog\n");
    assert_eq!(dataset.label_kind(), LabelKind::Classes);
    assert_eq!(labels(&dataset), ["cat", "dog", "cat", "dog"]);
    dataset.require_trainable().expect("there are two classes of two");
}

#[test]
fn a_space_belongs_to_a_label_where_the_column_is_called_label() {
    let dataset = opened("image,label\nimages/1.jpg,hot dog\nimages/2.jpg,no hot dog\n");
    assert_eq!(dataset.classes(), ["hot dog", "no hot dog"]);
}

#[test]
fn headers_delimiters_and_byte_order_marks_vary() {
    for list in [
        "images/1.jpg,a\nimages/2.jpg,b\n",
        "\u{feff}File Name,Tags\nimages/1.jpg,a\nimages/2.jpg,b\n",
        "id;path;class\n7;images/1.jpg;a\n8;images/2.jpg;b\n",
        "name,kind\nimages/1.jpg,a\nimages/2.jpg,b\n",
        "a,images/1.jpg\nb,images/2.jpg\n",
        "label\tfilename\r\na\timages/1.jpg\r\nb\timages/2.jpg\r\n",
        "file,labels\n\n images/1.jpg , a \n\nimages/2.jpg,b",
    ] {
        let dataset = opened(list);
        assert_eq!(labels(&dataset), ["a", "b"], "{list}");
        assert_eq!(contents(&dataset)[1].0, "images/2.jpg", "{list}");
    }
}

#[test]
fn a_part_column_divides_the_rows() {
    let dataset = opened(
        "file,label,split\nimages/1.jpg,a,train\nimages/2.jpg,b,Test\nimages/3.jpg,b,val\nimages/4.jpg,b,\n",
    );
    let parts: Vec<String> = contents(&dataset).into_iter().map(|(_, _, part)| part).collect();
    assert_eq!(parts, ["train", "test", "validation", "-"]);
}

#[test]
fn the_csv_itself_may_be_given() {
    let root = with_list("file,labels\nimages/1.jpg,a\nimages/2.jpg,b\n");
    let dataset = open(&root.path().join("labels.csv")).expect("it can be opened");
    assert_eq!(contents(&dataset)[0].0, "images/1.jpg");
}

#[test]
fn a_few_missing_files_are_listed_and_many_refused() {
    let mut list = vec!["file,labels".to_owned()];
    let root = folder();
    for i in 0..20 {
        touch(root.path(), &[&format!("{i}.jpg")]);
        list.push(format!("{i}.jpg,{}", ["a", "b"][i % 2]));
    }
    let list = list.join("\n");
    write(root.path(), "labels.csv", format!("{list}\ngone.jpg,a\n3.jpg,b\n").as_bytes());
    let dataset = open(root.path()).expect("two of 22 are missing");
    let reasons: Vec<String> = dataset.skipped().iter().map(ToString::to_string).collect();
    assert!(reasons[0].ends_with("gone.jpg is not there (labels.csv, line 22)"), "{reasons:?}");
    assert!(reasons[1].ends_with("3.jpg is listed twice (lines 5 and 23)"), "{reasons:?}");

    write(root.path(), "labels.csv", format!("{list}\nx.jpg,a\ny.jpg,a\nz.jpg,b\n").as_bytes());
    let message = open_error(root.path());
    assert!(
        message.contains("3 of 23 images cannot be used") && message.contains("x.jpg is not there"),
        "{message}"
    );
}

#[test]
fn what_looking_does_not_tell_can_be_stated() {
    let state = |file: &str, label: &str| TableOptions {
        file_column: Some(file.parse().unwrap()),
        label_column: Some(label.parse().unwrap()),
        ..TableOptions::default()
    };
    let two_files = "before.jpg,images/1.jpg,x,a\nbefore.jpg,images/2.jpg,y,b\n";
    let named = format!("old,new,kind,truth\n{two_files}");
    for (list, table) in [(two_files, state("2", "4")), (&named, state("new", "Truth"))] {
        let root = with_list(list);
        open_error(root.path());
        let dataset = Dataset::open(root.path(), &OpenOptions { table, ..OpenOptions::default() }).unwrap();
        assert_eq!(
            (contents(&dataset)[1].0.as_str(), labels(&dataset)),
            ("images/2.jpg", vec!["a".into(), "b".into()])
        );
    }
    let missing = OpenOptions { table: state("new", "kind of"), ..OpenOptions::default() };
    let message = Dataset::open(with_list(&named).path(), &missing).expect_err("no such column").to_string();
    assert!(message.contains("no column kind of; the columns are old,new,kind,truth"), "{message}");

    let separated = |label_separator| {
        let table = TableOptions { label_separator: Some(label_separator), ..TableOptions::default() };
        let root = with_list("file,label\nimages/1.jpg,a b;c\nimages/2.jpg,b\n");
        Dataset::open(root.path(), &OpenOptions { table, ..OpenOptions::default() })
            .unwrap()
            .classes()
            .to_vec()
    };
    assert_eq!(separated(LabelSeparator::Semicolon), ["a b", "b", "c"]);
    assert_eq!(separated(LabelSeparator::Space), ["a", "b", "b;c"]);
    assert_eq!(separated(LabelSeparator::None), ["a b;c", "b"]);

    // A first line that looks like a header can be a row.
    let table = TableOptions { no_header: true, ..state("1", "2") };
    let root = with_list("images/1.jpg,label\nimages/2.jpg,b\n");
    let dataset = Dataset::open(root.path(), &OpenOptions { table, ..OpenOptions::default() }).unwrap();
    assert_eq!(labels(&dataset), ["label", "b"]);
}

#[test]
fn what_is_for_a_csv_is_refused_elsewhere() {
    let root = folder();
    touch(root.path(), &["a/1.jpg", "b/1.jpg"]);
    let table = TableOptions { no_header: true, ..TableOptions::default() };
    let error = Dataset::open(root.path(), &OpenOptions { table, ..OpenOptions::default() });
    assert!(
        error
            .expect_err("there is no CSV")
            .to_string()
            .contains("is for a CSV, and this is a folder of groups")
    );
    let options = OpenOptions { labels_from_name: true, ..OpenOptions::default() };
    let error = Dataset::open(with_list("file,label\nimages/1.jpg,a\n").path(), &options);
    assert!(
        error
            .expect_err("there are no groups")
            .to_string()
            .contains("--labels-from-name is for folders of groups")
    );
}

#[test]
fn a_tsv_is_read_as_a_csv_is() {
    let root = with_list("");
    std::fs::remove_file(root.path().join("labels.csv")).expect("it can be removed");
    write(root.path(), "labels.tsv", b"file\tlabel\nimages/1.jpg\ta, or b\nimages/2.jpg\tc\n");
    for path in [root.path().to_owned(), root.path().join("labels.tsv")] {
        assert_eq!(open(&path).expect("it can be opened").layout(), Layout::Table);
    }
}

#[test]
fn a_csv_that_does_not_fit_is_refused_by_line() {
    for (list, expected) in [
        ("", "it has no rows"),
        ("file,labels\n", "it has no rows"),
        ("name,kind\nfirst,a\n", "the columns are name,kind"),
        ("file,width,height\nimages/1.jpg,20,30\n", "unclear which column holds the labels"),
        (
            "file,labels\nimages/1.jpg,a\nimages/2.jpg,a,b\n",
            "line 3: it has 3 cells where the first line has 2",
        ),
        ("file,labels\nimages/1.jpg,a\n,b\n", "line 3: the file's name is missing"),
        (
            "file,labels\nimages/1.jpg,a\nimages/1.jpg,b\n",
            "line 3: images/1.jpg is listed with other labels in line 2",
        ),
        ("file,labels,set\nimages/1.jpg,a,cellar\n", "line 2: cellar is no part"),
        (
            "file,Class,label\nimages/1.jpg,a,b\n",
            "line 1: the columns Class and label could both hold the labels",
        ),
    ] {
        let message = open_error(with_list(list).path());
        assert!(message.contains(expected), "{list:?}: {message}");
    }
    let root = folder();
    write(root.path(), "labels.csv", b"file,labels\n1.jpg,caf\xe9\n");
    assert!(open_error(root.path()).contains("line 2: it is not valid UTF-8"));
}
