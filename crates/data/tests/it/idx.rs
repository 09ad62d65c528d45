//! MNIST-style idx files.

use crate::common::{contents, folder, open, open_error, write};
use divvy_data::{Channels, DataError, Dataset, Layout, Limits, OpenOptions, Part, Preprocess};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::path::Path;

/// An idx file of unsigned bytes.
fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    for dimension in dimensions {
        bytes.extend(dimension.to_be_bytes());
    }
    bytes.extend(values);
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// Four training images of 3 x 2 pixels, whose first pixel is their number, and two test images.
fn write_set(root: &Path) {
    let pixels: Vec<u8> = (0..4).flat_map(|i| [i, 10, 20, 30, 40, 50]).collect();
    write(root, "train-images-idx3-ubyte", &idx(&[4, 2, 3], &pixels));
    write(root, "train-labels-idx1-ubyte", &idx(&[4], &[10, 9, 9, 10]));
    write(root, "t10k-images-idx3-ubyte.gz", &gz(&idx(&[2, 2, 3], &pixels[..12])));
    write(root, "t10k-labels-idx1-ubyte.gz", &gz(&idx(&[2], &[9, 3])));
}

#[test]
fn images_labels_and_parts_are_read_packed_or_not() {
    let root = folder();
    write_set(root.path());
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!((dataset.layout(), dataset.array_shape()), (Layout::Idx, Some((2, 3, Channels::Grey))));
    assert_eq!(dataset.classes(), ["3", "9", "10"]);
    let contents = contents(&dataset);
    assert_eq!(contents[1], ("train-images-idx3-ubyte#1".into(), "9".into(), "train".into()));
    assert_eq!(contents[5], ("t10k-images-idx3-ubyte.gz#1".into(), "3".into(), "test".into()));
    let recipe = Preprocess::new(2, 3, Channels::Grey).expect("the size is allowed");
    for (sample, first) in [(0, 0), (3, 3), (4, 0), (5, 1)] {
        let pixels = dataset.load(sample, &recipe).expect("it is in memory");
        assert_eq!(pixels.as_bytes(), [first, 10, 20, 30, 40, 50]);
    }
    assert_eq!(dataset.evaluation_samples(), dataset.part(Some(Part::Test)));
    assert!(dataset.to_string().contains("idx, grey, 3 x 2 pixels"));
}

#[test]
fn the_unpacked_of_two_copies_is_read() {
    let root = folder();
    write_set(root.path());
    write(root.path(), "train-images-idx3-ubyte.gz", b"not even gzip");
    open(root.path()).expect("the unpacked file is read");
}

#[test]
fn files_that_do_not_hold_what_they_should_are_refused() {
    let images = "train-images-idx3-ubyte";
    let labels = "train-labels-idx1-ubyte";
    let good = idx(&[4, 2, 3], &[0; 24]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (images, good[..20].to_vec(), "cut short"),
        (images, good[..3].to_vec(), "cut short"),
        (images, [good.as_slice(), &[0]].concat(), "goes on after its last value"),
        (images, idx(&[4, 6], &[0; 24]), "begins with the bytes"),
        (images, b"<!DOCTYPE html>".to_vec(), "begins with the bytes"),
        (images, idx(&[4, 0, 3], &[]), "claims 4 images of 3 x 0"),
        (images, idx(&[0, 2, 3], &[]), "claims 0 images"),
        (images, idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 9]), "more than the limit"),
        (images, idx(&[1 << 20, 1 << 5, 1 << 5], &[0; 9]), "cut short"),
        (labels, idx(&[3], &[0, 1, 0]), "it has 3 labels, but train-images-idx3-ubyte has 4 images"),
    ];
    for (name, bytes, expected) in cases {
        let root = folder();
        write_set(root.path());
        write(root.path(), name, &bytes);
        let message = open_error(root.path());
        assert!(message.contains(name) && message.contains(expected), "{message}");
    }
    let root = folder();
    write_set(root.path());
    write(root.path(), "t10k-images-idx3-ubyte.gz", &gz(&good)[..15]);
    assert!(open_error(root.path()).contains("t10k-images-idx3-ubyte.gz"));
    std::fs::remove_file(root.path().join("train-labels-idx1-ubyte")).expect("it can be removed");
    assert!(open_error(root.path()).contains("the label file that belongs to it is missing"));
}

#[test]
fn a_damaged_checksum_is_noticed() {
    let root = folder();
    write_set(root.path());
    let mut packed = gz(&idx(&[4, 2, 3], &[7; 24]));
    let at = packed.len() - 6;
    packed[at] ^= 1;
    std::fs::remove_file(root.path().join("train-images-idx3-ubyte")).expect("it can be removed");
    write(root.path(), "train-images-idx3-ubyte.gz", &packed);
    assert!(open_error(root.path()).contains("cannot be unpacked"));
}

#[test]
fn arrays_beyond_the_limit_are_refused_before_they_are_read() {
    let root = folder();
    write_set(root.path());
    let limits = Limits { max_array_bytes: 23, ..Limits::default() };
    let error = Dataset::open(root.path(), &OpenOptions { limits, ..OpenOptions::default() })
        .expect_err("24 bytes are too many");
    assert!(
        matches!(error, DataError::Idx { .. }) && error.to_string().contains("limit of 23 bytes"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_set_is_read_back(values in prop::collection::vec((any::<u8>(), any::<[u8; 6]>()), 1..20), packed in any::<bool>()) {
        let root = folder();
        let pixels: Vec<u8> = values.iter().flat_map(|(_, pixels)| *pixels).collect();
        let labels: Vec<u8> = values.iter().map(|(label, _)| *label).collect();
        let n = values.len() as u32;
        for (name, bytes) in [("train-images.idx3-ubyte", idx(&[n, 3, 2], &pixels)), ("train-labels.idx1-ubyte", idx(&[n], &labels))] {
            if packed {
                write(root.path(), &format!("{name}.gz"), &gz(&bytes));
            } else {
                write(root.path(), name, &bytes);
            }
        }
        let dataset = open(root.path()).expect("it can be opened");
        let recipe = Preprocess::new(3, 2, Channels::Grey).expect("the size is allowed");
        for (i, (label, pixels)) in values.iter().enumerate() {
            let class = dataset.samples()[i].label.indices()[0];
            prop_assert_eq!(&dataset.classes()[class], &label.to_string());
            let loaded = dataset.load(i, &recipe).expect("it is in memory");
            prop_assert_eq!(loaded.as_bytes(), pixels);
        }
    }

    #[test]
    fn damaged_files_never_panic(
        name in prop::sample::select(vec!["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte.gz"]),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let root = folder();
        write_set(root.path());
        let path = root.path().join(name);
        let mut bytes = std::fs::read(&path).expect("it was written");
        let at = at.index(bytes.len());
        bytes[at] = value;
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        write(root.path(), name, &bytes);
        // A changed pixel or label is as good as any; a changed length is not.
        let limits = Limits { max_array_bytes: 1 << 20, ..Limits::default() };
        let result = Dataset::open(root.path(), &OpenOptions { limits, ..OpenOptions::default() });
        prop_assert!(!cut || result.is_err());
    }
}
