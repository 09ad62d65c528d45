//! How good a model is, by its own answers.

use std::fs;
use std::path::PathBuf;

use divvy_eval::{McNemar, Report};
use divvy_nn::Cpu;
use divvy_train::{Folds, FoldsOutcome, Measured, ReportConfig, ShownPicture, TrainConfig, train_folds};

use super::support::{asked, listed, report, trained};
use crate::common::{no_stop, photos, setting};

#[test]
fn the_figures_are_those_of_the_models_own_answers() {
    let (folder, config) = setting(60);
    let run = folder.path().join("run");
    // Some are in the wrong group, so that there is something to be got wrong.
    let photos = folder.path().join("photos");
    for index in 0..6 {
        let (a, b) = (photos.join(format!("upper/{index}.png")), photos.join(format!("lower/{index}.png")));
        let kept = fs::read(&a).unwrap();
        fs::copy(&b, &a).unwrap();
        fs::write(&b, kept).unwrap();
    }
    // And more in one than in the other, so that it is not given as many as belong to it.
    for index in 20..26 {
        let moved = photos.join(format!("lower/upper-{index}.png"));
        fs::rename(photos.join(format!("upper/{index}.png")), moved).unwrap();
    }
    trained(&config, &run);
    let report = report(&ReportConfig::new(&run));

    let (groups, files): (Vec<String>, Vec<PathBuf>) =
        listed(&run, &photos, "validation").into_iter().unzip();
    let names = ["lower", "upper"];
    let answers: Vec<(String, f32)> = asked(&run, &files)
        .iter()
        .map(|p| (names[p.chosen[0]].to_owned(), p.confidence().unwrap()))
        .collect();
    let right: Vec<bool> = groups.iter().zip(&answers).map(|(group, (answer, _))| group == answer).collect();
    let n = groups.len();

    assert_eq!((report.measured_on.part, report.measured_on.n), (Measured::Validation, n));
    assert!(report.how_familiar.is_none(), "it is these pictures that others are held against");
    assert_eq!(report.measured_on.trained_on, Some(0));
    let hits = right.iter().filter(|right| **right).count();
    assert!(hits > n / 2 && hits < n, "{hits} of {n}: something is to be right, and something wrong");
    let Report::Exclusive(metrics) = &report.how_good.metrics else { panic!("{report:?}") };
    assert!((metrics.accuracy - hits as f64 / n as f64).abs() < 1e-12);
    assert_eq!(report.where_it_fails.wrong, n - hits);
    for (group, figures) in names.iter().zip(&report.how_good.groups) {
        let of_group: Vec<usize> = (0..n).filter(|&i| groups[i] == *group).collect();
        let given = answers.iter().filter(|(answer, _)| answer == group).count();
        let found = of_group.iter().filter(|&&i| right[i]).count();
        assert_eq!(
            (figures.support, figures.given, figures.right),
            (of_group.len(), given, found),
            "{group}"
        );
        assert!((figures.recall.unwrap().value - found as f64 / of_group.len() as f64).abs() < 1e-12);
        assert!((figures.precision.unwrap().value - found as f64 / given as f64).abs() < 1e-12);
    }
    assert!(report.how_good.groups.iter().all(|figures| figures.given != figures.support));
    let mean = answers.iter().map(|(_, sure)| f64::from(*sure)).sum::<f64>() / n as f64;
    assert!((report.how_sure.as_ref().unwrap().mean_confidence - mean).abs() < 1e-6);
    let loss = |(i, (_, sure)): (usize, &(String, f32))| {
        let p = if right[i] { *sure } else { 1.0 - *sure };
        -f64::from(p).ln()
    };
    let losses = answers.iter().enumerate().map(loss).sum::<f64>() / n as f64;
    assert!((report.how_sure.as_ref().unwrap().reliability.log_loss - losses).abs() < 1e-4);

    // The same in words.
    let hundredths = |share: f64| format!("{:.0}", 100.0 * share);
    let interval = metrics.accuracy_ci95;
    let [value, low, high] = [metrics.accuracy, interval.low, interval.high].map(hundredths);
    let told = format!("Of 100 new pictures like these, about {value} ({low} to {high}) get the right group");
    assert!(report.summary[0].starts_with(&told), "{:?}", report.summary);
    let error = &report.how_sure.as_ref().unwrap().reliability;
    let interval = error.calibration_error_ci95;
    let [value, low, high] = [error.calibration_error, interval.low, interval.high].map(hundredths);
    let told = format!("it is off by {value} percentage points on average ({low} to {high})");
    let weakest = report.how_good.groups.iter().min_by(|a, b| {
        let recall = |group: &divvy_train::GroupFigures| group.right as f64 / group.support as f64;
        recall(a).total_cmp(&recall(b))
    });
    let weakest = format!("Its weakest group is `{}`", weakest.unwrap().group);
    for told in [told, weakest] {
        assert!(
            report.summary.iter().any(|sentence| sentence.contains(&told)),
            "{told}: {:?}",
            report.summary
        );
    }

    // The worst are all that are wrong, the surest first; the least sure are of the others.
    let surest = |wanted: bool| {
        let mut sure: Vec<f32> = (0..n).filter(|&i| right[i] == wanted).map(|i| answers[i].1).collect();
        sure.sort_by(f32::total_cmp);
        sure
    };
    let gallery = &report.where_it_fails.gallery;
    let confidences = |shown: &[ShownPicture]| -> Vec<f32> {
        shown.iter().map(|picture| picture.confidence.unwrap()).collect()
    };
    assert_eq!(confidences(&gallery.worst), surest(false).into_iter().rev().collect::<Vec<_>>());
    assert!(gallery.worst.iter().all(|picture| !picture.right && picture.truth != picture.answer));
    assert_eq!(confidences(&gallery.unsure), surest(true));
    for picture in gallery.pictures() {
        let (of_truth, sure) = (picture.probability_of_truth.unwrap(), picture.confidence.unwrap());
        assert!((of_truth - if picture.right { sure } else { 1.0 - sure }).abs() < 1e-6, "{picture:?}");
    }
    assert!(gallery.random.is_empty(), "all are shown already");
    let shown = &gallery.worst[0];
    assert_eq!((shown.width, shown.height, shown.format), (16, 16, Some("PNG")));
    assert_eq!(shown.bytes.unwrap() as u64, fs::metadata(photos.join(&shown.name)).unwrap().len());
}

#[test]
fn it_says_how_many_pictures_the_model_was_trained_on() {
    let (folder, config) = setting(20);
    let run = folder.path().join("run");
    trained(&config, &run);
    let all = ReportConfig { data: Some(folder.path().join("photos/../photos")), ..ReportConfig::new(&run) };
    let of_all = report(&all);
    let training = listed(&run, &folder.path().join("photos"), "train").len();
    assert_eq!((of_all.measured_on.part, of_all.measured_on.n), (Measured::All, 40));
    assert_eq!(of_all.measured_on.trained_on, Some(training));
    assert!(of_all.summary.iter().any(|told| told.contains(&format!("trained on {training} of these 40"))));

    let others = folder.path().join("others");
    photos(&others, 5);
    let of_others = report(&ReportConfig { data: Some(others), ..ReportConfig::new(&run) });
    assert_eq!(of_others.measured_on.trained_on, Some(0), "they are other files, though of the same names");
    let made = of_others.how_made;
    let data = made.data.unwrap();
    assert_eq!((data.training, data.validation, data.test), (training, 40 - training, 0));
    assert_eq!(data.groups.iter().map(|group| group.training).sum::<usize>(), training);
    assert_eq!(made.trainings[0].epochs.len(), 4);
    assert!(made.to_the_bit, "its length was stated in epochs");
    assert!(made.command.unwrap().contains(&run.join("config.toml").display().to_string()));
}

#[test]
fn a_second_run_is_held_against_it_picture_by_picture() {
    let (folder, config) = setting(30);
    let (good, poor) = (folder.path().join("good"), folder.path().join("poor"));
    trained(&config, &good);
    // One has learnt it the wrong way round.
    let inverted = folder.path().join("inverted");
    photos(&inverted, 30);
    fs::rename(inverted.join("upper"), inverted.join("other")).unwrap();
    fs::rename(inverted.join("lower"), inverted.join("upper")).unwrap();
    fs::rename(inverted.join("other"), inverted.join("lower")).unwrap();
    trained(&TrainConfig { data: inverted, ..config.clone() }, &poor);
    let beside = report(&ReportConfig { against: Some(poor.clone()), ..ReportConfig::new(&good) });
    let against = beside.against.unwrap();

    let (groups, files): (Vec<String>, Vec<PathBuf>) =
        listed(&good, &config.data, "validation").into_iter().unzip();
    let rights = [&good, &poor].map(|run| -> Vec<bool> {
        let answers = asked(run, &files);
        answers.iter().zip(&groups).map(|(p, group)| ["lower", "upper"][p.chosen[0]] == group).collect()
    });
    let only = |a: usize, b: usize| (0..files.len()).filter(|&i| rights[a][i] && !rights[b][i]).count();
    assert_eq!((against.only_this_right, against.only_other_right), (only(0, 1), only(1, 0)));
    assert!(only(0, 1) > only(1, 0), "one is better");
    assert_eq!(against.p, McNemar::new(only(0, 1), only(1, 0)).mid_p());
    assert!(against.difference.value > 0.0 && against.trained_on == Some(0));
    let of_other = rights[1].iter().filter(|right| **right).count() as f64 / files.len() as f64;
    assert!((against.accuracy.value - of_other).abs() < 1e-12);
    assert!(beside.summary.iter().any(|told| told.contains("better than")), "{:?}", beside.summary);
    let turned = report(&ReportConfig {
        against: Some(good.clone()),
        data: Some(config.data.clone()),
        ..ReportConfig::new(&poor)
    });
    let turned_against = turned.against.unwrap();
    assert!(turned_against.difference.value < 0.0);
    assert_eq!(turned_against.trained_on, Some(listed(&good, &config.data, "train").len()));
    for wanted in ["worse than", "not fair"] {
        assert!(turned.summary.iter().any(|told| told.contains(wanted)), "{:?}", turned.summary);
    }

    let same = report(&ReportConfig { against: Some(good.clone()), ..ReportConfig::new(&good) });
    let against = same.against.unwrap();
    assert_eq!((against.difference.value, against.p), (0.0, 1.0));
}

#[test]
fn folds_are_measured_on_what_each_has_not_seen() {
    let (folder, config) = setting(12);
    let run = folder.path().join("run");
    let config = TrainConfig { folds: Some(Folds::Each(3)), ..config };
    let FoldsOutcome::Finished(figures) =
        train_folds(&config, &run, Cpu::new(2), &mut |_, _| {}, &no_stop()).unwrap()
    else {
        panic!("it was not interrupted")
    };
    let report = report(&ReportConfig::new(&run));
    assert_eq!((report.measured_on.part, report.measured_on.n), (Measured::Folds, 24));
    let (accuracy, _) = report.how_good.accuracy();
    assert!((accuracy.value - figures.value).abs() < 1e-12);
    assert_eq!(report.how_made.network.networks, 3);
    let folds: Vec<_> = report.how_made.trainings.iter().map(|training| training.fold).collect();
    assert_eq!(folds, [Some(1), Some(2), Some(3)]);
}
