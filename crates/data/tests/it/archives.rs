//! Zip and tar archives, read where they lie.

use crate::common::{contents, encode, folder, open, open_error, picture, plain_png, write};
use divvy_data::{Channels, Dataset, LabelKind, Layout, Limits, OpenOptions, Preprocess};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use image::ImageFormat;
use proptest::prelude::*;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file in an archive: its name and content.
type Member = (&'static str, Vec<u8>);

/// A zip whose members are deflated, but for every third.
fn zip(members: &[Member]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for (i, (name, content)) in members.iter().enumerate() {
        let method = if i % 3 == 2 { CompressionMethod::STORE } else { CompressionMethod::DEFLATE };
        let (mut entry, config) =
            archive.new_file(name).compression_method(method).start().expect("it can be begun");
        if method == CompressionMethod::STORE {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(content).expect("memory can be written");
            let (_, descriptor) = writer.finish().expect("it can be ended");
            entry.finish(descriptor).expect("it can be ended");
        } else {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::fast()));
            writer.write_all(content).expect("memory can be written");
            let (encoder, descriptor) = writer.finish().expect("it can be ended");
            encoder.finish().expect("it can be ended");
            entry.finish(descriptor).expect("it can be ended");
        }
    }
    archive.finish().expect("it can be ended")
}

fn tar(members: &[Member]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_slice()).expect("memory can be written");
    }
    archive.into_inner().expect("memory can be written")
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// The three kinds of archive of the same members.
fn kinds(members: &[Member]) -> [(&'static str, Vec<u8>); 3] {
    [("photos.zip", zip(members)), ("photos.tar", tar(members)), ("photos.tar.gz", gz(&tar(members)))]
}

/// Two groups in parts, with what systems leave beside them. A name longer than the 100 bytes of a tar header is among them.
fn photos() -> Vec<Member> {
    const LONG: &str = "photos/train/dogs/a folder with a long name, longer than the hundred bytes that the first tar had for names of files/10.png";
    vec![
        ("photos/train/cats/2.png", plain_png(5, 4, [20, 0, 0])),
        ("photos/train/cats/10.png", plain_png(5, 4, [100, 0, 0])),
        ("photos/train/cats/1.png", plain_png(5, 4, [10, 0, 0])),
        (LONG, plain_png(5, 4, [0, 100, 0])),
        ("photos/train/dogs/notes.txt", b"not a picture".to_vec()),
        ("photos/train/dogs/.hidden.png", plain_png(1, 1, [0; 3])),
        ("photos/test/dogs/1.png", plain_png(5, 4, [0, 10, 0])),
        ("__MACOSX/photos/train/cats/._1.png", b"resource fork".to_vec()),
    ]
}

/// The red and green of a sample, decoded.
fn colour(dataset: &Dataset, sample: usize) -> [u8; 2] {
    let recipe = Preprocess::new(1, 1, Channels::Rgb).expect("the size is allowed");
    let pixels = dataset.load(sample, &recipe).expect("it is whole");
    [pixels.as_bytes()[0], pixels.as_bytes()[1]]
}

#[test]
fn an_archive_holds_what_the_folder_in_it_would() {
    let root = folder();
    let unpacked = root.path().join("unpacked");
    for (name, content) in photos() {
        write(&unpacked, name, &content);
    }
    let plain = open(&unpacked.join("photos")).expect("the folder can be opened");
    for (name, bytes) in kinds(&photos()) {
        let path = write(root.path(), name, &bytes);
        let dataset = open(&path).expect("it can be opened");
        assert_eq!(dataset.layout(), Layout::PartFolders, "{name}");
        assert_eq!(contents(&dataset), contents(&plain), "{name}");
        assert_eq!(dataset.root(), path.join("photos"), "{name}");
        let table = |dataset: &Dataset| dataset.to_string().lines().skip(1).collect::<Vec<_>>().join("\n");
        assert_eq!(table(&dataset), table(&plain), "{name}");
        for (sample, expected) in [[10, 0], [20, 0], [100, 0], [0, 100], [0, 10]].into_iter().enumerate() {
            assert_eq!(colour(&dataset, sample), expected, "{name}");
        }
    }
}

#[test]
fn a_folder_in_an_archive_may_be_given() {
    let root = folder();
    for (name, bytes) in kinds(&photos()) {
        let path = write(root.path(), name, &bytes);
        let dataset = open(&path.join("photos/train")).expect("it can be opened");
        assert_eq!((dataset.layout(), dataset.samples().len()), (Layout::ClassFolders, 4), "{name}");
        let message = open_error(&path.join("photos/val"));
        assert!(message.contains("photos/val"), "{message}");
    }
}

#[test]
fn lists_and_arrays_in_archives_are_read() {
    let root = folder();
    let mut cifar = vec![1];
    cifar.extend([9; 1024].into_iter().chain([8; 1024]).chain([7; 1024]));
    let idx_images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1][..], &[5, 6]].concat();
    let idx_labels = [&[0, 0, 8, 1, 0, 0, 0, 2][..], &[1, 0]].concat();
    let sets: [(Layout, Vec<Member>); 3] = [
        (
            Layout::Table,
            vec![
                ("labels.csv", b"file,label\nimages/a.png,x\n./images/../images/b.png,y\n".to_vec()),
                ("images/a.png", plain_png(2, 2, [9, 8, 7])),
                ("images/b.png", plain_png(2, 2, [9, 8, 7])),
            ],
        ),
        (
            Layout::Idx,
            vec![("train-images-idx3-ubyte.gz", gz(&idx_images)), ("train-labels-idx1-ubyte", idx_labels)],
        ),
        (Layout::Cifar, vec![("cifar-10-batches-bin/data_batch_1.bin", cifar)]),
    ];
    for (layout, members) in sets {
        for (name, bytes) in kinds(&members) {
            let dataset = open(&write(root.path(), name, &bytes)).expect("it can be opened");
            assert_eq!(dataset.layout(), layout, "{name}");
            let expected = if layout == Layout::Idx { [5, 5] } else { [9, 8] };
            assert_eq!(colour(&dataset, 0), expected, "{name}");
        }
    }
}

#[test]
fn labels_are_read_from_the_names_of_folders() {
    let root = folder();
    let members = vec![
        ("black_shoes/1.png", plain_png(1, 1, [0; 3])),
        ("blue_shoes/1.png", plain_png(1, 1, [0; 3])),
        ("black_dress/1.png", plain_png(1, 1, [0; 3])),
    ];
    let options = OpenOptions { labels_from_name: true, ..OpenOptions::default() };
    let path = write(root.path(), "clothes.zip", &zip(&members));
    let dataset = Dataset::open(&path, &options).expect("it can be opened");
    assert_eq!(dataset.label_kind(), LabelKind::MultiLabel);
    assert_eq!(dataset.classes(), ["black", "blue", "dress", "shoes"]);
    let labels: Vec<String> = contents(&dataset).into_iter().map(|(_, labels, _)| labels).collect();
    assert_eq!(labels, ["black|dress", "black|shoes", "blue|shoes"]);

    let path = write(root.path(), "photos.zip", &zip(&photos()));
    let message = Dataset::open(&path, &options).expect_err("no name has several labels").to_string();
    assert!(message.contains("no group's name holds several labels"), "{message}");
}

#[test]
fn names_that_lead_out_of_an_archive_are_left_out() {
    let root = folder();
    write(root.path(), "secret/cats/1.png", &plain_png(1, 1, [0; 3]));
    let mut members = photos();
    // What the tar crate refuses to write by name is put into the header as it is.
    members.push(("photos/train/cats/../../../../secret/cats/1.png", plain_png(1, 1, [0; 3])));
    members.push(("/secret/cats/1.png", plain_png(1, 1, [0; 3])));
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in &members {
        let mut header = tar::Header::new_gnu();
        let bytes = &mut header.as_old_mut().name;
        let length = name.len().min(bytes.len());
        bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content.as_slice()).expect("memory can be written");
    }
    let tar = archive.into_inner().expect("memory can be written");
    let path = write(root.path(), "photos.tar", &tar);
    let dataset = open(&path).expect("it can be opened");
    let skipped: Vec<String> = dataset.skipped().iter().map(ToString::to_string).collect();
    assert_eq!(
        skipped.iter().filter(|reason| reason.contains("leads out of the archive")).count(),
        2,
        "{skipped:?}"
    );
    assert!(contents(&dataset).iter().all(|(name, _, _)| !name.contains("secret")));
}

#[test]
fn archives_of_other_kinds_and_damaged_ones_are_refused_by_name() {
    let root = folder();
    let zip = zip(&photos());
    let tar = tar(&photos());
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("a.7z", b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), "packed with 7z"),
        ("a.rar", b"Rar!\x1a\x07\x01\0".to_vec(), "packed with rar"),
        ("a.tar.xz", b"\xfd7zXZ\0\0\x04".to_vec(), "packed with xz"),
        ("a.tar.bz2", b"BZh91AY&SY".to_vec(), "packed with bzip2"),
        ("cut.zip", zip[..zip.len() - 40].to_vec(), "damaged or incomplete zip"),
        ("cut.tar", tar[..700].to_vec(), "damaged or incomplete tar"),
        ("cut.tar.gz", gz(&tar)[..200].to_vec(), "cannot be unpacked"),
        ("page.tar.gz", gz(b"no tar"), "damaged or incomplete tar"),
    ];
    for (name, bytes, expected) in cases {
        let message = open_error(&write(root.path(), name, &bytes));
        assert!(message.contains(expected), "{message}");
    }
    let message = open_error(&write(root.path(), "notes.txt", b"no archive"));
    assert!(message.contains("this is a file"), "{message}");
}

#[test]
fn a_packed_tar_beyond_the_limit_and_a_bomb_in_a_zip_are_refused() {
    let root = folder();
    let limits = Limits { max_array_bytes: 1000, max_file_bytes: 1000, ..Limits::default() };
    let options = OpenOptions { limits, ..OpenOptions::default() };
    let zeros = vec![("a/0.png", vec![0; 1 << 20]), ("b/1.png", plain_png(1, 1, [0; 3]))];
    let path = write(root.path(), "bomb.tar.gz", &gz(&tar(&zeros)));
    let message = Dataset::open(&path, &options).expect_err("it is too large").to_string();
    assert!(message.contains("more than 1,000 bytes") && message.contains("plain tar or a zip"), "{message}");

    let path = write(root.path(), "bomb.zip", &zip(&zeros));
    let dataset = Dataset::open(&path, &options).expect("its index is small");
    let recipe = Preprocess::new(1, 1, Channels::Rgb).expect("the size is allowed");
    let error = dataset.load(0, &recipe).expect_err("it is too large").to_string();
    assert!(error.contains("a/0.png") && error.contains("the limit is 1,000"), "{error}");
    dataset.load(1, &recipe).expect("the other is whole");
}

#[test]
fn damage_in_a_zip_is_noticed_by_its_checksum() {
    let root = folder();
    let content = encode(&picture(20, 20).into(), ImageFormat::Bmp);
    let members =
        vec![("a/0.txt", vec![1]), ("a/1.txt", vec![1]), ("a/2.bmp", content.clone()), ("b/3.bmp", content)];
    let mut bytes = zip(&members);
    let at = bytes.windows(2).position(|pair| pair == b"BM").expect("the third is stored") + 300;
    bytes[at] ^= 1;
    let dataset = open(&write(root.path(), "photos.zip", &bytes)).expect("its index is whole");
    let recipe = Preprocess::new(20, 20, Channels::Rgb).expect("the size is allowed");
    dataset.load(0, &recipe).expect_err("a pixel is another");
    dataset.load(1, &recipe).expect("it is whole");
}

#[test]
fn an_archive_is_read_from_many_threads() {
    let root = folder();
    let dataset = open(&write(root.path(), "photos.zip", &zip(&photos()))).expect("it can be opened");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..50 {
                    assert_eq!(colour(&dataset, i % 2), [[10, 0], [20, 0]][i % 2]);
                }
            });
        }
    });
}

/// Opens what a damaged archive holds and reads all of it.
fn read_all(path: &Path) {
    let limits = Limits { max_file_bytes: 1 << 16, max_array_bytes: 1 << 20, ..Limits::default() };
    let options = OpenOptions { limits, ..OpenOptions::default() };
    if let Ok(dataset) = Dataset::open(path, &options) {
        for sample in 0..dataset.samples().len() {
            let _ = dataset.read(sample);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_archives_never_panic(
        (name, bytes) in prop::sample::select(kinds(&photos()).to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        near_end in any::<bool>(),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = bytes;
        let from = if near_end { bytes.len() * 2 / 3 } else { 0 };
        for (at, value) in changes {
            let at = from + at.index(bytes.len() - from);
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        let root = folder();
        let path: PathBuf = write(root.path(), name, &bytes);
        read_all(&path);
    }
}
