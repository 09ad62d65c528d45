//! Pictures that show little, or show it otherwise than the rest.

use crate::common::{encode, exif, folder, jpeg_with_exif, open, plain_png, survey, write};
use divvy_data::check::{self, Finding};
use divvy_data::{CacheOptions, CachePlace, Channels, ImageStore, Preprocess, StoreOptions};
use divvy_rules::{Rule, Severity};
use image::{ImageFormat, Rgb, RgbImage};
use std::path::Path;
use std::sync::Arc;

/// A picture of soft waves and hard squares in the light between `low` and `high`, different for each number.
fn scene(width: u32, height: u32, number: usize, (low, high): (f64, f64)) -> RgbImage {
    let n = number as f64;
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let wave = ((5.0 + n) * u + 3.0 * v).sin() * 0.2;
        let square = if ((u * (7.0 + n)) as u32 + (v * 6.0) as u32).is_multiple_of(2) { 0.3 } else { -0.3 };
        let light = low + (high - low) * (0.5 + wave + square);
        Rgb([light as u8, (light * 0.9) as u8, (light * 0.95) as u8])
    })
}

fn png(image: RgbImage) -> Vec<u8> {
    encode(&image.into(), ImageFormat::Png)
}

/// Forty usual pictures in two groups.
fn usual(root: &Path) {
    for i in 0..40 {
        write(root, &format!("{}/{i}.png", ["a", "b"][i % 2]), &png(scene(160, 120, i, (10.0, 240.0))));
    }
}

fn found(root: &Path) -> Vec<Finding> {
    check::quality(&survey(root))
}

/// The finding of a rule, with the names of its pictures and what is said of them.
fn of_rule(root: &Path, rule: Rule) -> Option<(Finding, Vec<String>)> {
    let dataset = open(root).expect("it can be opened");
    let finding = found(root).into_iter().find(|finding| finding.diagnostic.rule == rule)?;
    let name = |suspect: &check::Suspect| {
        format!("{}: {}", dataset.sample_name(suspect.sample).display(), suspect.measure)
    };
    let names = finding.suspects.iter().map(name).collect();
    Some((finding, names))
}

#[test]
fn usual_pictures_are_no_suspects() {
    let root = folder();
    usual(root.path());
    assert_eq!(found(root.path()), []);
}

#[test]
fn each_oddity_is_found_and_nothing_else() {
    let root = folder();
    usual(root.path());
    let odd = [
        ("blank", plain_png(160, 120, [200, 30, 40])),
        ("dark", png(scene(160, 120, 3, (0.0, 60.0)))),
        ("bright", png(scene(160, 120, 3, (225.0, 255.0)).clone())),
        ("blurred", png(image::imageops::blur(&scene(160, 120, 3, (10.0, 240.0)), 3.0))),
        ("tiny", png(scene(36, 27, 3, (10.0, 240.0)))),
        ("banner", png(scene(600, 120, 3, (10.0, 240.0)))),
        ("strip", png(scene(120, 600, 3, (10.0, 240.0)))),
    ];
    for (name, bytes) in &odd {
        write(root.path(), &format!("a/{name}.png"), bytes);
    }
    for (rule, severity, names) in [
        (Rule::P09, Severity::Warning, &["a/blank.png: #c81e28 all over, deviation 0.0"][..]),
        (Rule::P10, Severity::Note, &["a/dark.png: dark: mean light ", "a/bright.png: bright: "]),
        (Rule::P11, Severity::Note, &["a/blurred.png: sharpness 0."]),
        (Rule::P12, Severity::Note, &["a/tiny.png: 36 x 27 pixels"]),
        (
            Rule::P13,
            Severity::Note,
            &[
                "a/strip.png: 120 x 600 pixels, 5.0 times as high as wide",
                "a/banner.png: 600 x 120 pixels, 5.0 times",
            ],
        ),
    ] {
        let (finding, said) = of_rule(root.path(), rule).unwrap_or_else(|| panic!("{rule} is not found"));
        assert_eq!(finding.diagnostic.severity, severity, "{rule}");
        assert_eq!(said.len(), names.len(), "{rule}: {said:?}");
        assert!(said.iter().zip(names).all(|(said, name)| said.starts_with(name)), "{rule}: {said:?}");
        assert_eq!(finding.diagnostic.evidence, said, "{rule}");
        assert!(finding.suspects.iter().all(|suspect| suspect.is_spare && suspect.set.is_none()), "{rule}");
        assert!(finding.diagnostic.what.contains(&format!("{} of 47 pictures", names.len())), "{finding:?}");
    }
    assert_eq!(found(root.path()).len(), 5);
}

#[test]
fn loading_sees_the_same_in_passing_but_for_blur() {
    let root = folder();
    usual(root.path());
    write(root.path(), "a/blank.png", &plain_png(160, 120, [200, 30, 40]));
    write(root.path(), "a/dark.png", &png(scene(160, 120, 3, (0.0, 60.0))));
    write(root.path(), "b/tiny.png", &png(scene(36, 27, 3, (10.0, 240.0))));
    write(root.path(), "b/blurred.png", &png(image::imageops::blur(&scene(160, 120, 3, (10.0, 240.0)), 3.0)));
    // Stored on its side: six times as wide as high as it is seen.
    let tall = encode(&scene(60, 360, 3, (10.0, 240.0)).into(), ImageFormat::Jpeg);
    write(root.path(), "b/banner.jpg", &jpeg_with_exif(&tall, &exif(6)));
    let dataset = Arc::new(open(root.path()).expect("it can be opened"));
    let all: Vec<usize> = (0..dataset.samples().len()).collect();
    let is_banner = |&sample: &usize| dataset.sample_name(sample).to_string_lossy().ends_with("banner.jpg");
    let banner = all.iter().copied().find(is_banner).expect("it was written");
    let told = |findings: Vec<Finding>| -> Vec<(Rule, Vec<usize>)> {
        let samples = |of: &Finding| of.suspects.iter().map(|suspect| suspect.sample).collect();
        findings.iter().map(|of| (of.diagnostic.rule, samples(of))).collect()
    };
    let mut expected = told(found(root.path()));
    expected.retain(|(rule, _)| *rule != Rule::P11);
    assert_eq!(expected.len(), 4, "{expected:?}");

    let kept = folder();
    let folder = Some(kept.path().to_owned());
    let at = |place| CacheOptions { place, folder: folder.clone(), ..CacheOptions::default() };
    // The second time on disk, no picture is decoded.
    for place in [CachePlace::Memory, CachePlace::None, CachePlace::Disk, CachePlace::Disk] {
        for channels in [Channels::Rgb, Channels::Grey] {
            let recipe = Preprocess::new(48, 48, channels).expect("the size is allowed");
            let options = StoreOptions { cache: at(place), ..StoreOptions::default() };
            let store = ImageStore::load(&dataset, &recipe, &all, &options).expect("all are readable");
            assert_eq!(told(check::quality(store.survey())), expected, "{place:?} {channels:?}");
            assert_eq!(store.survey().size(banner), Some((60, 360)), "as it is seen");
        }
    }
}

#[test]
fn what_is_told_briefly_names_no_pictures_but_the_way_to_see_them() {
    let root = folder();
    usual(root.path());
    write(root.path(), "a/blank.png", &plain_png(160, 120, [200, 30, 40]));
    let [finding] = &found(root.path())[..] else { panic!("one is blank") };
    let brief = finding.clone().briefly();
    let whole = &finding.diagnostic;
    assert_eq!((&brief.rule, &brief.what, &brief.why), (&whole.rule, &whole.what, &whole.why));
    assert!(brief.evidence.is_empty() && brief.fix.contains("divvy check DATA --report FOLDER"), "{brief}");
}

#[test]
fn what_all_pictures_have_is_how_they_are() {
    // All dark but for noise, all narrow, all small, all blurred: none stands out.
    let root = folder();
    for i in 0..40 {
        let picture = image::imageops::blur(&scene(60, 200, i, (0.0, 60.0)), 2.0);
        write(root.path(), &format!("{}/{i}.png", ["a", "b"][i % 2]), &png(picture));
    }
    assert_eq!(found(root.path()), []);
}

#[test]
fn little_on_much_is_not_blank_and_a_light_in_the_dark_not_dark() {
    let root = folder();
    usual(root.path());
    // A dot of 1 / 1,000 of the picture, and a lamp of a fortieth.
    let dot = RgbImage::from_fn(200, 150, |x, y| Rgb([if x < 6 && y < 5 { 0 } else { 255 }; 3]));
    let lamp =
        RgbImage::from_fn(200, 150, |x, y| Rgb([if x < 30 && y < 25 { 250 } else { (x % 9) as u8 }; 3]));
    write(root.path(), "a/dot.png", &png(dot));
    write(root.path(), "b/lamp.png", &png(lamp));
    for rule in [Rule::P09, Rule::P10] {
        let names = of_rule(root.path(), rule).map(|(_, names)| names).unwrap_or_default();
        assert!(names.iter().all(|name| name.starts_with("a/dot.png: bright")), "{names:?}");
    }
}

#[test]
fn few_pictures_have_no_usual_shape_but_can_be_blank() {
    let root = folder();
    for i in 0..4 {
        write(
            root.path(),
            &format!("{}/{i}.png", ["a", "b"][i % 2]),
            &png(scene(20 + 90 * i as u32, 30, i, (9.0, 240.0))),
        );
    }
    write(root.path(), "b/blank.png", &plain_png(9, 9, [255; 3]));
    let rules: Vec<Rule> = found(root.path()).iter().map(|finding| finding.diagnostic.rule).collect();
    assert_eq!(rules, [Rule::P09]);
}
