//! CIFAR in its binary version.

use crate::common::{contents, folder, open, open_error, write};
use divvy_data::{Channels, Layout, Part, Preprocess};

const NAMES: &str = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

/// A record: its label bytes, then a picture whose first pixel is (1, 2, 3) and whose others are (10, 20, 30).
fn record(labels: &[u8]) -> Vec<u8> {
    let plane = |first: u8, rest: u8| std::iter::once(first).chain(std::iter::repeat_n(rest, 1023));
    labels.iter().copied().chain(plane(1, 10)).chain(plane(2, 20)).chain(plane(3, 30)).collect()
}

#[test]
fn batches_labels_and_pixels_are_read() {
    let root = folder();
    write(root.path(), "data_batch_1.bin", &[record(&[3]), record(&[9])].concat());
    write(root.path(), "data_batch_2.bin", &record(&[0]));
    write(root.path(), "test_batch.bin", &record(&[3]));
    write(root.path(), "batches.meta.txt", NAMES.as_bytes());
    write(root.path(), "readme.html", b"<html>");
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!((dataset.layout(), dataset.array_shape()), (Layout::Cifar, Some((32, 32, Channels::Rgb))));
    assert_eq!(dataset.classes().len(), 10);
    let expected = [
        ("data_batch_1.bin#0", "cat", "train"),
        ("data_batch_1.bin#1", "truck", "train"),
        ("data_batch_2.bin#0", "airplane", "train"),
        ("test_batch.bin#0", "cat", "test"),
    ];
    assert_eq!(
        contents(&dataset),
        expected.map(|(name, label, part)| (name.into(), label.into(), part.into()))
    );
    assert_eq!(dataset.part(Some(Part::Train)).len(), 3);
    let recipe = Preprocess::new(32, 32, Channels::Rgb).expect("the size is allowed");
    let pixels = dataset.load(1, &recipe).expect("it is in memory");
    assert_eq!(pixels.as_bytes()[..6], [1, 2, 3, 10, 20, 30]);
    assert!(dataset.to_string().contains("formats: CIFAR, RGB, 32 x 32 pixels"), "{dataset}");
}

#[test]
fn the_hundred_are_told_by_their_fine_labels() {
    let root = folder();
    write(root.path(), "train.bin", &[record(&[19, 3]), record(&[19, 99])].concat());
    write(root.path(), "test.bin", &record(&[0, 3]));
    let names: Vec<String> = (0..100).map(|i| format!("thing {i}")).collect();
    write(root.path(), "fine_label_names.txt", names.join("\n").as_bytes());
    let dataset = open(root.path()).expect("it can be opened");
    let labels: Vec<String> = contents(&dataset).into_iter().map(|(_, label, _)| label).collect();
    assert_eq!(labels, ["thing 3", "thing 99", "thing 3"]);
}

#[test]
fn without_names_labels_are_numbers() {
    let root = folder();
    write(root.path(), "data_batch_1.bin", &record(&[7]));
    assert_eq!(contents(&open(root.path()).expect("it can be opened"))[0].1, "7");
}

#[test]
fn files_that_do_not_hold_what_they_should_are_refused() {
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("data_batch_1.bin", record(&[3])[..3000].to_vec(), "no whole number of records of 3073"),
        ("data_batch_1.bin", Vec::new(), "no whole number of records"),
        ("data_batch_1.bin", record(&[10]), "has the label 10, but there are 10"),
        ("batches.meta.txt", b"cat\ndog\n".to_vec(), "holds 2 names"),
        ("batches.meta.txt", NAMES.replace("dog", "cat").into(), "of which 9 differ"),
    ];
    for (name, bytes, expected) in cases {
        let root = folder();
        write(root.path(), "data_batch_1.bin", &record(&[3]));
        write(root.path(), "batches.meta.txt", NAMES.as_bytes());
        write(root.path(), name, &bytes);
        let message = open_error(root.path());
        assert!(message.contains(name) && message.contains(expected), "{message}");
    }
    let root = folder();
    write(root.path(), "data_batch_1", b"\x80\x02}q\x01");
    write(root.path(), "batches.meta", b"\x80\x02}q\x01");
    assert!(open_error(root.path()).contains("get the binary version"));
}
