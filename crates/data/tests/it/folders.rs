//! Folders whose subfolders are the groups.

use crate::common::{contents, folder, open, open_error, plain_png, touch, write};
use divvy_data::{Channels, DataError, ImageStore, LabelKind, Layout, Part, Preprocess, StoreOptions};
use std::fs;
use std::path::Path;

#[test]
fn subfolders_are_the_groups_in_natural_order() {
    let root = folder();
    touch(
        root.path(),
        &["10/a.jpg", "10/b.PNG", "2/a.webp", "2/nested/deeper/c.gif", "1/x2.tif", "1/x10.bmp", "1/x1.JPEG"],
    );
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!((dataset.layout(), dataset.label_kind()), (Layout::ClassFolders, LabelKind::Classes));
    assert_eq!(dataset.classes(), ["1", "2", "10"]);
    let names: Vec<String> =
        contents(&dataset).into_iter().map(|(name, class, _)| format!("{class}:{name}")).collect();
    assert_eq!(
        names,
        [
            "1:1/x1.JPEG",
            "1:1/x2.tif",
            "1:1/x10.bmp",
            "2:2/a.webp",
            "2:2/nested/deeper/c.gif",
            "10:10/a.jpg",
            "10:10/b.PNG"
        ]
    );
}

#[test]
fn what_no_one_put_there_on_purpose_is_passed_over() {
    let root = folder();
    touch(
        root.path(),
        &[
            "a/1.jpg",
            "a/.hidden.jpg",
            "a/Thumbs.db",
            "a/.DS_Store",
            "a/notes.txt",
            "a/.ipynb_checkpoints/1.jpg",
        ],
    );
    touch(
        root.path(),
        &["b/1.jpg", "b/desktop.ini", "b/readme", "__MACOSX/a/1.jpg", ".git/x.png", "loose.jpg", "list.csv"],
    );
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!(dataset.classes(), ["a", "b"]);
    assert_eq!(dataset.samples().len(), 2);
    let [loose] = dataset.skipped() else { panic!("one file is left out: {:?}", dataset.skipped()) };
    assert!(loose.path.ends_with("loose.jpg"));
    let table = dataset.to_string();
    assert!(table.contains("not images, left out: 1 without extension, 1 csv, 1 txt"), "{table}");
    assert!(table.contains("loose.jpg lies in no group's folder"), "{table}");
}

#[test]
fn parts_are_known_by_name_and_classes_bound_by_name() {
    let root = folder();
    touch(root.path(), &["Training_Set/dog/1.jpg", "Training_Set/cat/1.jpg", "Training_Set/cat/2.jpg"]);
    touch(root.path(), &["valid/cat/3.jpg", "valid/dog/3.jpg", "TEST/dog/9.jpg"]);
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!(dataset.layout(), Layout::PartFolders);
    assert_eq!(dataset.classes(), ["cat", "dog"]);
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Train))), [2, 1]);
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Validation))), [1, 1]);
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Test))), [0, 1]);
    assert_eq!(dataset.evaluation_samples(), dataset.part(Some(Part::Test)));
    let table = dataset.to_string();
    assert!(table.contains("no images in the test part of: cat"), "{table}");
}

#[test]
fn a_group_may_be_called_train() {
    let root = folder();
    touch(root.path(), &["train/1.jpg", "train/2.jpg", "bus/1.jpg", "bus/2.jpg"]);
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!(dataset.classes(), ["bus", "train"]);
    dataset.require_trainable().expect("there are two groups of two");
}

#[test]
fn a_group_called_train_may_have_subfolders_and_a_test_part_may_name_it() {
    let root = folder();
    touch(root.path(), &["train/1.jpg", "train/2.jpg", "train/old/3.jpg", "bus/1.jpg", "bus/2.jpg"]);
    let classes = |root: &Path| open(root).expect("it can be opened").classes().to_vec();
    assert_eq!(classes(root.path()), ["bus", "train"]);
    touch(root.path(), &["test/bus/8.jpg", "test/train/9.jpg"]);
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!(dataset.classes(), ["bus", "train"]);
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Train))), [2, 3]);
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Test))), [1, 1]);
}

#[test]
fn groups_beside_a_test_part_that_names_them_are_the_training_part() {
    let root = folder();
    touch(root.path(), &["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg", "dogs/2.jpg", "emus/1.jpg", "emus/2.jpg"]);
    touch(root.path(), &["Test/Cats/8.jpg", "Test/dogs/9.jpg"]);
    // A group that differs in its letters' case alone is no reason to train on the test part; it is refused by name.
    let refused = open(root.path()).expect("it can be opened").require_trainable();
    assert!(refused.expect_err("Cats is only in the test part").to_string().contains("did you mean cats?"));
    fs::rename(root.path().join("Test/Cats"), root.path().join("Test/cats")).expect("it can be renamed");
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!((dataset.layout(), dataset.classes().len()), (Layout::PartFolders, 3));
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Train))), [2, 2, 2]);
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Test))), [1, 1, 0]);
    assert_eq!(dataset.part(None), Vec::<usize>::new());
    dataset.require_trainable().expect("there are three groups of two");
    touch(root.path(), &["val/cats/5.jpg"]);
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Validation))), [1, 0, 0]);
    assert_eq!(dataset.class_counts(&dataset.part(Some(Part::Train))), [2, 2, 2]);
}

#[test]
fn folders_beside_the_parts_and_images_without_a_group_are_told() {
    let root = folder();
    touch(
        root.path(),
        &["train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "train/b/2.jpg", "train/loose.jpg"],
    );
    touch(root.path(), &["extra/c/1.jpg"]);
    assert_eq!(open(root.path()).expect("it can be opened").classes(), ["a", "b"], "train is a part");
    touch(root.path(), &["test/1.jpg", "test/2.jpg"]);
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!((dataset.classes().len(), dataset.samples().len()), (2, 4));
    let reasons: Vec<String> = dataset.skipped().iter().map(ToString::to_string).collect();
    for (place, reason) in [
        ("extra is neither", "1 images"),
        ("train holds 1 images", "no label"),
        ("test holds 2 images", "no label"),
    ] {
        assert!(reasons.iter().any(|r| r.contains(place) && r.contains(reason)), "{place}: {reasons:?}");
    }
}

#[test]
fn a_test_part_is_never_a_group_to_train_on() {
    let divided =
        ["train/a/1.jpg", "train/a/2.jpg", "train/b/1.jpg", "train/b/2.jpg", "test/a/9.jpg", "test/b/9.jpg"];
    for stray in ["train/stray.jpg", "test/stray.jpg", "extra/1.jpg", "raw/deep/1.jpg"] {
        let root = folder();
        touch(root.path(), &divided);
        touch(root.path(), &[stray, "more/1.jpg"]);
        let dataset = open(root.path()).expect("it can be opened");
        assert_eq!(dataset.classes(), ["a", "b"], "{stray}");
        assert_eq!(dataset.part(Some(Part::Test)).len(), 2, "{stray}");
    }
    for (names, expected) in [
        (
            &["train/1.jpg", "train/2.jpg", "test/1.jpg", "test/2.jpg"][..],
            "the images in test and train lie in no",
        ),
        (&["val/1.jpg", "notes/list.txt"], "the images in val lie in no"),
    ] {
        let root = folder();
        touch(root.path(), names);
        let message = open_error(root.path());
        assert!(
            message.contains(expected) && message.contains("make a subfolder for each group"),
            "{message}"
        );
    }
    // The training pictures have no groups here, so there is nothing to train on; the test part stays one all the same.
    let root = folder();
    touch(root.path(), &["train/1.jpg", "test/a/1.jpg", "test/b/1.jpg", "extra/1.jpg"]);
    let refused = open(root.path()).expect("it can be opened").require_trainable();
    assert!(refused.expect_err("train holds no groups").to_string().contains("no training part"));
}

#[test]
fn a_path_that_is_no_dataset_is_refused_with_what_to_do() {
    let root = folder();
    assert!(open_error(&root.path().join("gone")).contains("no such file or folder"));
    touch(root.path(), &["photo.jpg"]);
    assert!(open_error(&root.path().join("photo.jpg")).contains("this is a file"));
    let message = open_error(root.path());
    assert!(
        message.contains("1 images lie directly") && message.contains("subfolder for each group"),
        "{message}"
    );

    let empty = folder();
    assert!(open_error(empty.path()).contains("no images found;"));
    touch(empty.path(), &["a/notes.txt", "b/scan.pdf", "b/more.pdf"]);
    assert!(open_error(empty.path()).contains("no images found (2 pdf, 1 txt)"));
}

#[test]
fn too_little_to_train_on_is_refused_by_name() {
    let complaint = |names: &[&str]| {
        let root = folder();
        touch(root.path(), names);
        let dataset = open(root.path()).expect("it can be opened");
        dataset.require_trainable().expect_err("it cannot be trained on").to_string()
    };
    let one = complaint(&["cats/1.jpg", "cats/2.jpg"]);
    assert!(one.contains("only one group (cats)") && !one.contains("give"), "{one}");
    let wrapped = complaint(&["photos/cats/1.jpg", "photos/dogs/2.jpg"]);
    assert!(
        wrapped.contains("only one group (photos)") && wrapped.contains("photos; ")
            || wrapped.contains("give "),
        "{wrapped}"
    );
    let small = complaint(&["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"]);
    assert!(small.contains("the group dogs has 1 image to train on"), "{small}");
    let test_only = complaint(&["test/cats/1.jpg", "test/dogs/2.jpg"]);
    assert!(test_only.contains("test parts but no training part"), "{test_only}");
    let misspelt = complaint(&[
        "train/cats/1.jpg",
        "train/cats/2.jpg",
        "train/dogs/1.jpg",
        "train/dogs/2.jpg",
        "test/dog/1.jpg",
    ]);
    assert!(
        misspelt.contains("the group dog has 0 images") && misspelt.contains("did you mean dogs?"),
        "{misspelt}"
    );
}

#[test]
fn an_empty_group_is_told_and_cannot_be_trained_on() {
    let root = folder();
    touch(root.path(), &["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg", "dogs/2.jpg"]);
    fs::create_dir(root.path().join("birds")).expect("folders can be made");
    let dataset = open(root.path()).expect("it can be opened");
    assert!(dataset.to_string().contains("no images of: birds"));
    let message = dataset.require_trainable().expect_err("birds has nothing").to_string();
    assert!(message.contains("the group birds has 0 images"), "{message}");
}

#[test]
fn classes_are_renumbered_by_name() {
    let root = folder();
    touch(root.path(), &["dog/1.jpg", "emu/1.jpg", "notes/x.txt"]);
    let classes = ["emu".to_owned(), "cat".to_owned(), "dog".to_owned()];
    let dataset =
        open(root.path()).expect("it can be opened").with_classes(&classes).expect("both are known");
    assert_eq!(dataset.classes(), classes);
    let labels: Vec<&[usize]> = dataset.samples().iter().map(|sample| sample.label.indices()).collect();
    assert_eq!(labels, [[2], [0]]);
    let unknown =
        open(root.path()).expect("it can be opened").with_classes(&["dogs".to_owned(), "emu".to_owned()]);
    let message = unknown.expect_err("dog is unknown").to_string();
    assert!(message.contains("dog is not one of dogs, emu; did you mean dogs?"), "{message}");
}

#[cfg(unix)]
mod links_and_names {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    #[test]
    fn loops_of_links_end() {
        let root = folder();
        touch(root.path(), &["a/1.jpg", "b/1.jpg"]);
        symlink(root.path(), root.path().join("a/up")).expect("links can be made");
        symlink(root.path().join("b"), root.path().join("b/self")).expect("links can be made");
        // Each folder links twice to the next: a thousand million paths, thirty folders.
        for i in 0..30 {
            fs::create_dir_all(root.path().join(format!("c/{i}"))).expect("folders can be made");
            for twin in ["x", "y"] {
                symlink(root.path().join(format!("c/{}", i + 1)), root.path().join(format!("c/{i}/{twin}")))
                    .expect("links can be made");
            }
        }
        touch(root.path(), &["c/30/1.jpg"]);
        let dataset = open(root.path()).expect("it can be opened");
        let in_group =
            |name: &str| contents(&dataset).into_iter().filter(|(_, class, _)| class == name).count();
        assert_eq!(["a", "b", "c"].map(in_group), [1, 1, 1], "no picture comes into another group by a link");
    }

    #[test]
    fn a_group_elsewhere_that_links_back_holds_its_own_pictures_alone() {
        let (root, elsewhere) = (folder(), folder());
        touch(elsewhere.path(), &["dogs/1.jpg"]);
        touch(root.path(), &["cats/1.jpg"]);
        symlink(elsewhere.path().join("dogs"), root.path().join("dogs")).expect("links can be made");
        symlink(root.path(), elsewhere.path().join("dogs/back")).expect("links can be made");
        assert_eq!(contents(&open(root.path()).expect("it can be opened")).len(), 2);
    }

    #[test]
    fn links_to_images_and_groups_count() {
        let (root, elsewhere) = (folder(), folder());
        touch(elsewhere.path(), &["dogs/1.jpg", "cat.jpg"]);
        touch(root.path(), &["cats/1.jpg"]);
        symlink(elsewhere.path().join("dogs"), root.path().join("dogs")).expect("links can be made");
        symlink(elsewhere.path().join("cat.jpg"), root.path().join("cats/2.jpg")).expect("links can be made");
        symlink(elsewhere.path().join("gone.jpg"), root.path().join("cats/3.jpg"))
            .expect("links can be made");
        let dataset = open(root.path()).expect("it can be opened");
        assert_eq!(contents(&dataset).len(), 3);
        assert!(dataset.skipped().iter().any(|skipped| skipped.path.ends_with("cats/3.jpg")));
    }

    #[test]
    fn file_names_need_not_be_text_but_group_names_must() {
        let root = folder();
        touch(root.path(), &["a/1.jpg", "b/1.jpg"]);
        let odd = OsStr::from_bytes(b"\xff\xfe.jpg");
        fs::write(root.path().join("a").join(odd), b"").expect("files can be written");
        let dataset = open(root.path()).expect("it can be opened");
        assert_eq!(dataset.samples().len(), 3);
        fs::create_dir(root.path().join(OsStr::from_bytes(b"\xff"))).expect("folders can be made");
        let message = open(root.path()).expect_err("a group's name must be text").to_string();
        assert!(message.contains("not valid UTF-8"), "{message}");
    }
}

#[test]
fn the_positive_group_stands_second() {
    let root = folder();
    touch(root.path(), &["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"]);
    let open = || open(root.path()).expect("it can be opened");
    for (positive, order) in [("dogs", ["cats", "dogs"]), ("cats", ["dogs", "cats"])] {
        let dataset = open().with_positive(positive).expect("it is one of two");
        assert_eq!(dataset.classes(), order);
        let all: Vec<usize> = (0..3).collect();
        let cats = order.iter().position(|name| *name == "cats").unwrap();
        assert_eq!(dataset.class_counts(&all)[cats], 2, "pictures keep their group");
    }
    assert!(matches!(open().with_positive("cat"), Err(DataError::UnknownClass { .. })));
    touch(root.path(), &["cows/1.jpg"]);
    assert!(matches!(open().with_positive("cats"), Err(DataError::NoPositive { classes: 3, .. })));
}

#[test]
fn a_hundred_thousand_files_are_listed_in_natural_order() {
    let root = folder();
    let names = |group: &str| (0..50_000).map(|i| format!("{group}/{i}.jpg")).collect::<Vec<_>>();
    let all = [names("a"), names("b/deeper/still")].concat();
    touch(root.path(), &all.iter().map(String::as_str).collect::<Vec<_>>());
    let dataset = open(root.path()).expect("it can be opened");
    assert_eq!(dataset.class_counts(&dataset.part(None)), [50_000, 50_000]);
    assert!((0..all.len()).all(|sample| dataset.sample_name(sample).to_str() == Some(&all[sample])));
}

#[test]
fn pointers_of_git_lfs_are_told_by_name() {
    let root = folder();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    for i in 0..12 {
        write(root.path(), &format!("{}/{i}.png", ["a", "b"][i % 2]), &plain_png(2, 2, [9; 3]));
    }
    write(root.path(), "a/12.png", pointer);
    let dataset = std::sync::Arc::new(open(root.path()).expect("it can be opened"));
    let recipe = Preprocess::new(2, 2, Channels::Rgb).expect("the size is allowed");
    let all = dataset.part(None);
    let store =
        ImageStore::load(&dataset, &recipe, &all, &StoreOptions::default()).expect("most can be read");
    let [bad] = store.unreadable() else { panic!("{:?}", store.unreadable()) };
    assert!(
        bad.error.to_string().contains("a/12.png") && bad.error.to_string().contains("git lfs pull"),
        "{}",
        bad.error
    );
}
