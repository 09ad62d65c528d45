//! Rules that are decided on files before their pixels are looked at.

use crate::common::{exif, folder, jpeg_with_exif, open, shot, survey, write};
use divvy_data::{DataError, StoreOptions, Survey, check};
use divvy_rules::{Diagnostic, Rule, Severity};
use image::ImageFormat::{self, Jpeg, Png};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What files tell, but for those that are no pictures.
fn findings(root: &Path) -> Vec<Diagnostic> {
    let found = check::files(&survey(root)).into_iter().map(|finding| finding.diagnostic);
    found.filter(|finding| finding.rule != Rule::P08).collect()
}

#[test]
fn files_that_exif_turns_are_counted() {
    let root = folder();
    let jpeg = shot(16, 8, Jpeg);
    for (i, orientation) in [1, 6, 3, 1, 8].into_iter().enumerate() {
        write(root.path(), &format!("a/{i}.jpg"), &jpeg_with_exif(&jpeg, &exif(orientation)));
        write(root.path(), &format!("b/{i}.jpg"), &jpeg);
    }
    let found = findings(root.path());
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.rule, finding.severity), (Rule::P04, Severity::Note));
    assert!(finding.what.starts_with("3 of 10 pictures"), "{finding}");
    assert_eq!(
        finding.evidence,
        ["a/1.jpg: orientation 6", "a/2.jpg: orientation 3", "a/4.jpg: orientation 8"]
    );
}

#[test]
fn files_that_are_not_what_their_names_say_are_counted_once() {
    let root = folder();
    for (name, bytes) in [
        ("a/1.jpg", shot(9, 9, Jpeg)),
        ("a/2.JPEG", shot(9, 9, Png)),
        ("a/3.png", shot(9, 9, Jpeg)),
        ("b/1.jpg", shot(9, 9, ImageFormat::WebP)),
        ("b/2.tiff", shot(9, 9, ImageFormat::Tiff)),
        ("b/3.gif", b"no picture".to_vec()),
        ("b/4.jfif", shot(9, 9, Jpeg)),
    ] {
        write(root.path(), name, &bytes);
    }
    let finding = check::types(&survey(root.path())).expect("three are called otherwise");
    assert_eq!(finding.suspects.len(), 3);
    let finding = finding.diagnostic;
    assert_eq!((finding.rule, finding.severity), (Rule::P06, Severity::Note));
    assert!(finding.what.starts_with("3 of 6 pictures"), "{finding}");
    assert_eq!(finding.evidence, ["a/2.JPEG: PNG", "a/3.png: JPEG", "b/1.jpg: WebP"]);
}

#[test]
fn colour_profiles_beyond_srgb_are_counted() {
    let root = folder();
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let formats = |name: &str| std::fs::read(formats.join(name)).expect("it is there");
    write(root.path(), "a/1.jpg", &formats("other_profile.jpg"));
    write(root.path(), "b/1.jpg", &formats("baseline.jpg"));
    write(root.path(), "b/2.png", &formats("srgb_profile.png"));
    let found = findings(root.path());
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.rule, finding.severity), (Rule::P07, Severity::Note));
    assert_eq!(
        finding.what,
        "1 of 3 pictures have a colour profile other than sRGB (1 Lab identity built-in)"
    );
    assert_eq!(finding.evidence, ["a/1.jpg: Lab identity built-in"]);
}

#[test]
fn upright_files_and_files_that_are_none_give_no_finding() {
    let root = folder();
    for i in 0..4 {
        write(root.path(), &format!("a/{i}.jpg"), &shot(9, 9, Jpeg));
        write(root.path(), &format!("b/{i}.jpg"), &jpeg_with_exif(&shot(9, 9, Jpeg), &exif(1)));
    }
    write(root.path(), "b/text.jpg", b"no picture");
    write(root.path(), "b/empty.jpg", b"");
    assert_eq!(findings(root.path()), []);
}

#[test]
fn files_that_are_no_picture_are_suspects() {
    let root = folder();
    for i in 0..4 {
        write(root.path(), &format!("a/{i}.png"), &shot(9, 9, Png));
        write(root.path(), &format!("b/{i}.png"), &shot(9, 9, Png));
    }
    write(root.path(), "b/cut.png", &shot(90, 90, Png)[..200]);
    write(root.path(), "a/empty.jpg", b"");
    let survey = survey(root.path());
    let dataset = survey.dataset();
    let found = check::files(&survey);
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.diagnostic.rule, finding.diagnostic.severity), (Rule::P08, Severity::Error));
    assert!(finding.diagnostic.what.starts_with("2 of 10 pictures"), "{finding:?}");
    let names: Vec<_> =
        finding.suspects.iter().map(|suspect| dataset.sample_name(suspect.sample).into_owned()).collect();
    assert_eq!(names, ["a/empty.jpg", "b/cut.png"]);
    assert!(finding.suspects[0].measure.contains("0 bytes"), "{finding:?}");
    assert_eq!(survey.readable().len(), 8);
    assert_eq!(
        (survey.size(finding.suspects[0].sample), survey.size(survey.readable()[0])),
        (None, Some((9, 9)))
    );
}

#[test]
fn reading_tells_how_far_it_is_and_can_be_stopped() {
    let root = folder();
    for i in 0..12 {
        write(root.path(), &format!("{}/{i}.png", ["a", "b"][i % 2]), &shot(8, 8, Png));
    }
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    let (calls, cancel) = (AtomicUsize::new(0), AtomicBool::new(false));
    let count = |done: usize, of: usize| {
        assert!((1..=12).contains(&done) && of == 12);
        calls.fetch_add(1, Ordering::Relaxed);
    };
    let options = StoreOptions { progress: Some(&count), cancel: Some(&cancel), ..StoreOptions::default() };
    Survey::of(&dataset, &options).expect("nobody cancels");
    assert_eq!(calls.load(Ordering::Relaxed), 12);
    cancel.store(true, Ordering::Relaxed);
    assert!(matches!(Survey::of(&dataset, &options), Err(DataError::Interrupted)));
}
