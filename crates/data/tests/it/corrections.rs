//! Labels that somebody has put right, in a CSV beside the data.

use crate::common::{folder, touch, write};
use divvy_data::{Correction, Corrections, Dataset, OpenOptions, Split};
use std::path::Path;
use tempfile::TempDir;

/// Two groups of three, and a list of corrections beside them.
fn corrected(list: &[u8]) -> (TempDir, Result<Dataset, String>) {
    let root = folder();
    for group in ["cat", "dog"] {
        touch(
            root.path(),
            &["1", "2", "3"].map(|name| format!("photos/{group}/{name}.png")).each_ref().map(String::as_str),
        );
    }
    write(root.path(), "corrections.csv", list);
    let dataset = open(root.path(), "photos").map_err(|error| error.to_string());
    (root, dataset)
}

fn open(root: &Path, data: &str) -> Result<Dataset, divvy_data::DataError> {
    let options = OpenOptions { corrections: Some(root.join("corrections.csv")), ..OpenOptions::default() };
    Dataset::open(&root.join(data), &options)
}

/// The names of a sample's classes.
fn labels(dataset: &Dataset) -> Vec<(String, String)> {
    let of = |sample: usize| {
        let label: Vec<_> = dataset.samples()[sample]
            .label
            .indices()
            .iter()
            .map(|&class| dataset.classes()[class].clone())
            .collect();
        (dataset.sample_name(sample).to_string_lossy().into_owned(), label.join("+"))
    };
    (0..dataset.samples().len()).map(of).collect()
}

fn changed(dataset: &Dataset) -> Vec<(String, String)> {
    labels(dataset).into_iter().filter(|(name, label)| !name.starts_with(&format!("{label}/"))).collect()
}

#[test]
fn only_what_is_corrected_is_labelled_otherwise() {
    let dog = [("cat/2.png".to_owned(), "dog".to_owned())];
    for list in [
        "path,given,corrected\ncat/2.png,cat,dog\n",
        // As divvy writes it, with a line that keeps its label.
        "path,given,corrected,suggested,p\ncat/2.png,cat,dog,dog,0.9\ndog/1.png,dog,dog,cat,0.6\n",
        // As spreadsheets save it.
        "\u{feff}p;corrected;path;given\r\n0,9;dog;cat/2.png;cat\r\n",
    ] {
        let (_root, dataset) = corrected(list.as_bytes());
        let dataset = dataset.unwrap();
        assert_eq!(changed(&dataset), dog, "{list}");
        let [told] = dataset.conversions() else { panic!("{:?}", dataset.conversions()) };
        assert!(told.contains("the label of 1 picture") && told.contains("corrections.csv"), "{told}");
    }
    let (_root, dataset) = corrected(b"path,given,corrected\n");
    assert_eq!(changed(&dataset.unwrap()), []);
}

#[test]
fn a_split_speaks_of_the_corrected_labels() {
    let (root, dataset) = corrected(b"path,given,corrected\ncat/2.png,cat,dog\n");
    let dataset = dataset.unwrap();
    let split = Split { train: (0..6).collect(), ..Split::default() };
    let list = root.path().join("split.csv");
    split.write_csv(&list, &dataset).unwrap();
    assert!(std::fs::read_to_string(&list).unwrap().contains("train,dog,cat/2.png"));
    assert_eq!(Split::read_csv(&list, &dataset).unwrap(), split);
    let as_given = Dataset::open(&root.path().join("photos"), &OpenOptions::default()).unwrap();
    let error = Split::read_csv(&list, &as_given).unwrap_err().to_string();
    assert!(error.contains("listed as dog but is now cat"), "{error}");
}

#[test]
fn any_number_of_labels_can_be_corrected() {
    let root = folder();
    touch(root.path(), &["1.png", "2.png", "3.png"]);
    write(root.path(), "labels.csv", b"file,labels\n1.png,red|round\n2.png,red\n3.png,round\n");
    write(
        root.path(),
        "corrections.csv",
        b"path,given,corrected\n1.png,round|red,round\n2.png,red,\n3.png,round,round|red|round\n",
    );
    let found = labels(&open(root.path(), "labels.csv").unwrap());
    let wanted = [("1.png", "round"), ("2.png", ""), ("3.png", "red+round")];
    assert_eq!(found, wanted.map(|(name, label)| (name.to_owned(), label.to_owned())));
}

#[test]
fn what_does_not_fit_is_refused_with_its_line() {
    for (list, wanted) in [
        (b"".as_slice(), "line 1: there is no column `path`"),
        (b"path,given,label\n", "line 1: there is no column `corrected`"),
        (
            b"path,given,corrected\ncat/1.png,cat,dog\ncat/9.png,cat,dog\n",
            "line 3: cat/9.png is not (or no longer) an image of",
        ),
        (
            b"path,given,corrected\ncat/1.png,dog,cat\n",
            "line 2: cat/1.png is given as dog but is cat; delete the line",
        ),
        (b"path,given,corrected\ncat/1.png,,cat\n", "line 2: cat/1.png is given as nothing but is cat"),
        (
            b"path,given,corrected\ncat/1.png,cat,dogs\n",
            "line 2: dogs is not one of cat, dog; did you mean dog?",
        ),
        (b"path,given,corrected\ncat/1.png,cat,\n", "line 2: no group is named"),
        (
            b"path,given,corrected\ncat/1.png,cat,dog\ncat/1.png,cat,dog\n",
            "line 3: cat/1.png is named in line 2 already",
        ),
        (b"path,given,corrected\ncat/1.png,cat\n", "line 2: it cannot be read as CSV"),
        (b"path,given,corrected\ncat/1.png,cat,\xff\n", "line 2: the label \u{fffd} is not valid UTF-8"),
    ] {
        let (_root, dataset) = corrected(list);
        let error = dataset.unwrap_err();
        assert!(error.contains("corrections.csv: ") && error.contains(wanted), "{error}\n{wanted}");
    }
    let (root, _) = corrected(b"");
    std::fs::remove_file(root.path().join("corrections.csv")).unwrap();
    let error = open(root.path(), "photos").unwrap_err().to_string();
    assert!(error.contains("corrections.csv: cannot be read"), "{error}");
}

#[test]
fn corrections_are_read_as_they_were_written() {
    let root = folder();
    let path = root.path().join("corrections.csv");
    let line = |name: &[u8], given: &str, corrected: &str| {
        (
            Correction { name: name.to_vec(), given: given.to_owned(), corrected: corrected.to_owned() },
            vec!["0.5".to_owned()],
        )
    };
    let lines = [line(b"a, \"b\".png", "x;y", "z"), line(b"not \xff UTF-8.png", "", "p|q")];
    Corrections::write(&path, &["p"], &lines).unwrap();
    let read = Corrections::read(&path).unwrap();
    assert_eq!(read.iter().cloned().collect::<Vec<_>>(), lines.map(|(correction, _)| correction));
}
