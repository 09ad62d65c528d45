//! Which pictures a model gets wrong, why, and which are labelled wrongly.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use divvy_data::Limits;
use divvy_eval::SliceRange;
use divvy_model::{Classifier, Model};
use divvy_nn::Cpu;
use divvy_train::{Folds, Relabelled, Relabelling, ReportConfig, TrainConfig, train_folds};

use super::support::{asked, listed, mean, report, run_with_test, trained};
use crate::common::{no_stop, photos, setting};

#[test]
fn labels_that_the_model_contradicts_are_named() {
    let (folder, config) = setting(1);
    let run = run_with_test(folder.path(), &config, 5);
    let report = report(&ReportConfig::new(&run));
    let labels = report.labels.unwrap();
    let validation = listed(&run, &folder.path().join("parts"), "validation").len();
    assert_eq!(labels.n, 48 + validation);
    let mut named: Vec<&str> = labels.pictures.iter().map(|doubt| doubt.picture.name.as_str()).collect();
    named.sort_unstable();
    let mut swapped: Vec<String> = (0..5)
        .flat_map(|index| ["lower", "upper"].map(|group| format!("test/{group}/{index}.png")))
        .collect();
    swapped.sort();
    assert_eq!(named, swapped);
    assert!(labels.pictures.iter().all(|doubt| doubt.likely.as_ref() != Some(&doubt.label) && doubt.given));
}

#[test]
fn pictures_of_a_kind_that_is_got_wrong_are_found() {
    let (folder, config) = setting(1);
    let run = run_with_test(folder.path(), &config, 0);
    // Those in one folder are in the wrong group.
    let others = folder.path().join("others");
    photos(&others, 25);
    for group in ["lower", "upper"] {
        let good = others.join(group).join("good");
        fs::create_dir_all(&good).unwrap();
        for index in 0..25 {
            fs::rename(others.join(format!("{group}/{index}.png")), good.join(format!("{index}.png")))
                .unwrap();
        }
    }
    let wrong = folder.path().join("wrong");
    photos(&wrong, 15);
    for (group, other) in [("lower", "upper"), ("upper", "lower")] {
        fs::rename(wrong.join(group), others.join(other).join("bad")).unwrap();
    }
    let report = report(&ReportConfig { data: Some(others), ..ReportConfig::new(&run) });
    let first = &report.where_it_fails.slices[0];
    assert_eq!((first.attribute.as_str(), first.n, first.falls), ("folder", 30, true), "{first:?}");
    assert_eq!(first.range, SliceRange::Name("bad".to_owned()));
    assert!(first.accuracy.value < 0.2 && first.rest_accuracy.value > 0.8);
}

/// The variance of the Laplacian over the mean square of the slopes.
fn sharpness(grey: &image::GrayImage) -> f64 {
    let at = |x: u32, y: u32| f64::from(grey.get_pixel(x, y).0[0]);
    let inner: Vec<(u32, u32)> =
        (1..grey.height() - 1).flat_map(|y| (1..grey.width() - 1).map(move |x| (x, y))).collect();
    let laplacian =
        |&(x, y): &(u32, u32)| at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y);
    let slope = |&(x, y): &(u32, u32)| {
        ((at(x + 1, y) - at(x - 1, y)) / 2.0).powi(2) + ((at(x, y + 1) - at(x, y - 1)) / 2.0).powi(2)
    };
    let middle = mean(inner.iter().map(laplacian));
    mean(inner.iter().map(|place| (laplacian(place) - middle).powi(2))) / mean(inner.iter().map(slope))
}

#[test]
fn kinds_of_pictures_are_told_by_what_their_files_hold() {
    let (folder, config) = setting(1);
    let run = run_with_test(folder.path(), &config, 0);
    let others = folder.path().join("others");
    let mut files = Vec::new();
    for (group, upper) in [("upper", true), ("lower", false)] {
        fs::create_dir_all(others.join(group)).unwrap();
        for index in 0..48_u32 {
            let (width, height) = (66 + index * 5 % 31, 65 + index * 11 % 37);
            let noise = |x: u32, y: u32| {
                (((x * 31 + y * 17 + index * 101).wrapping_mul(2_654_435_761)) >> 24) % (3 + index)
            };
            let picture = image::GrayImage::from_fn(width, height, |x, y| {
                // Some have no bright half, and are got wrong.
                let light = if index % 6 != 0 && (y < height / 2) == upper { 150 } else { 60 };
                image::Luma([(light + x % (5 + index) + noise(x, y)) as u8])
            });
            let file = others.join(group).join(format!("{index}.png"));
            picture.save(&file).unwrap();
            files.push((file, group, picture));
        }
    }
    let report = report(&ReportConfig { data: Some(others), ..ReportConfig::new(&run) });
    let paths: Vec<_> = files.iter().map(|(file, ..)| file.clone()).collect();
    let right: Vec<bool> = asked(&run, &paths)
        .iter()
        .zip(&files)
        .map(|(answer, (_, group, _))| ["lower", "upper"][answer.chosen[0]] == *group)
        .collect();
    assert!(right.iter().any(|right| *right) && right.iter().any(|right| !*right));

    let mut seen = BTreeSet::new();
    for slice in &report.where_it_fails.slices {
        let SliceRange::Between(low, high) = slice.range else { continue };
        seen.insert(slice.attribute.as_str());
        let value = |(file, _, picture): &(PathBuf, &str, image::GrayImage)| match slice.attribute.as_str() {
            "shorter side" => f64::from(picture.width().min(picture.height())),
            "bytes" => fs::metadata(file).unwrap().len() as f64,
            "light" => mean(picture.as_raw().iter().map(|&light| f64::from(light))),
            "sharpness" => sharpness(picture),
            other => panic!("{other} is not told by a number"),
        };
        // What is told is rounded to a hundred-thousandth.
        let within = |value: f64| value >= low * (1.0 - 1e-5) && value <= high * (1.0 + 1e-5);
        let of_kind: Vec<bool> = files
            .iter()
            .zip(&right)
            .filter(|(file, _)| within(value(file)))
            .map(|(_, right)| *right)
            .collect();
        assert_eq!(of_kind.len(), slice.n, "{slice:?}");
        let share = of_kind.iter().filter(|right| **right).count() as f64 / of_kind.len() as f64;
        assert!((slice.accuracy.value - share).abs() < 1e-12, "{slice:?}, {share}");
    }
    assert_eq!(seen, BTreeSet::from(["shorter side", "bytes", "light", "sharpness"]));
}

#[test]
fn maps_lie_over_the_pictures_that_they_are_of() {
    let (folder, config) = setting(1);
    let run = run_with_test(folder.path(), &config, 5);
    let report = report(&ReportConfig::new(&run));
    let mut classifier = Classifier::new(Model::open(&run).unwrap(), Cpu::new(1)).unwrap();
    let mut agreements = Vec::new();
    let pictures: Vec<_> = report.where_it_fails.gallery.pictures().collect();
    for picture in &pictures {
        let file = folder.path().join("parts").join(&picture.name);
        let pixels = classifier.preprocess().load_file(&file, &Limits::default()).unwrap();
        let image = classifier.preprocess().scale(&pixels);
        let map = classifier.explain(&image, None).unwrap().remove(0);
        let shown = picture.heatmap.as_ref().unwrap();
        let off = map.weights().iter().zip(shown.weights()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= 1e-4 * map.peak().max(1e-3), "{}: {off} of {}", picture.name, map.peak());
        // The group of two that was answered is the likelier.
        let answered = usize::from(picture.answer == ["upper"]);
        let grid = [map.height().min(4), map.width().min(4)];
        let agreement = map.agreement(&classifier.occlude(&image, answered, grid));
        assert_eq!(picture.heatmap_agreement.is_some(), agreement.is_some(), "{}", picture.name);
        let off = picture.heatmap_agreement.unwrap_or_default() - agreement.unwrap_or_default();
        assert!(off.abs() < 1e-6, "{}: {off}", picture.name);
        agreements.extend(agreement);
    }
    assert_eq!((report.why.checked, report.why.fault), (pictures.len(), None));
    let (found, expected) = (report.why.agreement.unwrap(), mean(agreements));
    assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
}

#[test]
fn labels_are_not_doubted_by_a_model_that_has_learnt_them() {
    let (folder, config) = setting(30);
    let run = folder.path().join("run");
    trained(&config, &run);
    // The same files, by another way.
    let all = folder.path().join("photos/../photos");
    let validation = listed(&run, &config.data, "validation").len();
    let labels = report(&ReportConfig { data: Some(all), ..ReportConfig::new(&run) }).labels.unwrap();
    assert_eq!(labels.n, validation);
    let mut list = "file,label\n".to_owned();
    for (group, file) in listed(&run, &config.data, "train") {
        writeln!(list, "{},{group}", file.display()).unwrap();
    }
    let learnt = folder.path().join("learnt.csv");
    fs::write(&learnt, list).unwrap();
    assert!(report(&ReportConfig { data: Some(learnt), ..ReportConfig::new(&run) }).labels.is_none());
}

#[test]
fn a_report_doubts_the_labels_that_relabelling_does() {
    let (folder, config) = setting(24);
    for index in 0..3 {
        let file = |group: &str| config.data.join(format!("{group}/{index}.png"));
        fs::rename(file("upper"), folder.path().join("kept.png")).unwrap();
        fs::rename(file("lower"), file("upper")).unwrap();
        fs::rename(folder.path().join("kept.png"), file("lower")).unwrap();
    }
    let run = folder.path().join("run");
    let config = TrainConfig { folds: Some(Folds::Each(3)), ..config };
    train_folds(&config, &run, Cpu::new(2), &mut |_, _| {}, &no_stop()).unwrap();
    let labels = report(&ReportConfig::new(&run)).labels.unwrap();
    let relabelling = Relabelling::of_run(&run).unwrap();
    assert_eq!((labels.n, labels.suspected), (relabelling.ranking.len(), relabelling.suspected));
    assert!(labels.suspected >= 4, "six are turned");
    let suspected = relabelling.chosen(Relabelled::Suspected);
    for (doubt, ranked) in labels.pictures.iter().zip(&suspected) {
        assert_eq!(doubt.picture.name, ranked.name());
        assert_eq!((&doubt.label, doubt.likely.as_ref()), (&ranked.label[0], Some(&ranked.suggested[0])));
        assert!((doubt.probability - f64::from(ranked.p_label)).abs() < 1e-6);
        assert!((doubt.likely_probability.unwrap() - f64::from(ranked.p_suggested)).abs() < 1e-6);
    }
    assert_eq!(labels.pictures.len(), suspected.len());
}
