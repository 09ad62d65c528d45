//! Listing and decoding images outside a dataset.

use crate::common::{folder, plain_png, touch, write};
use divvy_data::{Channels, DataError, Limits, Preprocess, find_images, stream_images, write_atomically};
use std::fs;
use std::io::{self, Write};

#[test]
fn images_are_listed_in_a_fixed_order() {
    let root = folder();
    touch(
        root.path(),
        &["b/2.jpg", "b/10.jpg", "a.png", "c/d/e.webp", "c/notes.txt", ".hidden/x.jpg", "c/.y.jpg"],
    );
    let listing = find_images(root.path()).expect("there are images");
    let names: Vec<_> =
        listing.images.iter().map(|path| path.strip_prefix(root.path()).expect("below the root")).collect();
    assert_eq!(names, ["a.png", "b/2.jpg", "b/10.jpg", "c/d/e.webp"].map(std::path::Path::new));
    assert_eq!(listing.others.get("txt"), Some(&1));
    let one = find_images(&root.path().join("c/notes.txt")).expect("a file given by name is taken as it is");
    assert_eq!(one.images.len(), 1);
}

#[test]
fn nothing_to_list_is_an_error() {
    let root = folder();
    assert!(matches!(find_images(root.path()), Err(DataError::NoImages { .. })));
    assert!(matches!(find_images(&root.path().join("gone")), Err(DataError::NoSuchPath { .. })));
}

#[test]
fn files_are_decoded_in_order_and_bad_ones_come_as_errors_in_their_place() {
    let root = folder();
    let paths: Vec<_> = (0..30u8)
        .map(|i| match i {
            7 => write(root.path(), "7.png", b"text"),
            _ => write(root.path(), &format!("{i}.png"), &plain_png(5, 5, [i, 0, 0])),
        })
        .collect();
    let recipe = Preprocess::new(3, 3, Channels::Rgb).expect("the size is allowed");
    for threads in [1, 4] {
        let stream = stream_images(paths.clone(), &recipe, &Limits::default(), threads);
        assert_eq!(stream.len(), 30);
        for (i, (path, pixels)) in stream.enumerate() {
            assert_eq!(path, paths[i]);
            match pixels {
                Ok(pixels) => assert_eq!(usize::from(pixels.as_bytes()[0]), i),
                Err(error) => assert_eq!((i, error.path), (7, path)),
            }
        }
    }
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let root = folder();
    let path = write(root.path(), "list.csv", b"before");
    let failing = |file: &mut dyn Write| {
        file.write_all(b"half")?;
        Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"))
    };
    let message = write_atomically(&path, failing).expect_err("the disk is full").to_string();
    assert!(message.contains("list.csv") && message.contains("no space left; free some space"), "{message}");
    assert_eq!(fs::read(&path).expect("it is still there"), b"before");
    write_atomically(&path, |file| file.write_all(b"after")).expect("it can be written");
    assert_eq!(fs::read(&path).expect("it is there"), b"after");
    assert_eq!(fs::read_dir(root.path()).expect("it can be read").count(), 1, "no temporary file is left");
}
