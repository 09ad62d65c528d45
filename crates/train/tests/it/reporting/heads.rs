//! Whatever the last layer is, a report says of it what can be said.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use divvy_eval::{Level, Report};
use divvy_model::Calibration;
use divvy_nn::{Activation, LogitLine, Wiring};
use divvy_train::{Length, Measured, ReportConfig, ShownPicture, TrainConfig};

use super::support::{answered, area, asked, listed, mean, report, run_with_test, surprise, trained};
use crate::common::setting;

/// The probability before the logit was moved along a line.
fn before(p: f32, line: LogitLine) -> f64 {
    let logit = (f64::from(p) / (1.0 - f64::from(p))).ln();
    let before = (logit - f64::from(line.intercept)) / f64::from(line.slope);
    1.0 / (1.0 + (-before).exp())
}

fn near(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-4 * (1.0 + wanted.abs()), "{found}, {wanted}");
}

#[test]
fn one_sigmoid_speaks_for_the_second_group() {
    let (folder, config) = setting(1);
    let wiring = Wiring { activation: Some(Activation::Sigmoid), units: Some(1), ..Wiring::default() };
    let run = run_with_test(folder.path(), &TrainConfig { wiring, ..config }, 5);
    let report = report(&ReportConfig::new(&run));
    let test = answered(&run, &folder.path().join("parts"), "test");
    let of_truth = |p: f64, group: &str| if group == "upper" { p } else { 1.0 - p };
    let stated: Vec<(f32, &str)> =
        test.probabilities(1).into_iter().zip(test.labels.iter().map(String::as_str)).collect();
    let how_sure = report.how_sure.unwrap();
    let now = stated.iter().map(|&(p, group)| of_truth(f64::from(p), group));
    near(how_sure.reliability.log_loss, mean(now.clone().map(surprise)));
    near(how_sure.reliability.brier, mean(now.map(|p| 2.0 * (1.0 - p).powi(2))));
    let calibrated = how_sure.calibrated.unwrap();
    let Calibration::Platt { lines } = calibrated.by else { panic!("{:?}", calibrated.by) };
    let [line] = lines[..] else { panic!("one unit has one line: {lines:?}") };
    let then = stated.iter().map(|&(p, group)| of_truth(before(p, line), group));
    near(calibrated.before.log_loss, mean(then.map(surprise)));
    assert!(
        (calibrated.before.log_loss - how_sure.reliability.log_loss).abs() > 1e-3,
        "it changes something"
    );
}

#[test]
fn a_number_that_is_no_probability_orders_pictures_and_no_more() {
    let (folder, config) = setting(1);
    let wiring = Wiring { activation: Some(Activation::Linear), ..Wiring::default() };
    let run = run_with_test(folder.path(), &TrainConfig { wiring, ..config }, 5);
    let test = answered(&run, &folder.path().join("parts"), "test");
    let scores: Vec<f32> = test.predictions.iter().map(|p| p.score.unwrap()).collect();
    let right: Vec<bool> =
        scores.iter().zip(&test.labels).map(|(&score, group)| (score >= 0.5) == (group == "upper")).collect();
    for positive in ["upper", "lower"] {
        let report = report(&ReportConfig { positive: Some(positive.to_owned()), ..ReportConfig::new(&run) });
        assert!(report.how_sure.is_none() && report.labels.is_none());
        let cut = report.where_to_cut.unwrap();
        assert!(cut.abstaining.is_none() && cut.sets.is_none() && cut.costs.is_none());
        // What speaks for the first group is what speaks against the second.
        let for_it: Vec<f32> = scores.iter().map(|&s| if positive == "upper" { s } else { -s }).collect();
        let belongs: Vec<bool> = test.labels.iter().map(|group| group == positive).collect();
        let [curve] = report.how_good.curves.as_slice() else { panic!("one of two groups") };
        assert_eq!(curve.group, positive);
        near(curve.roc_auc.unwrap(), area(&belongs, &for_it));
        let threshold = &cut.thresholds[0];
        let found = belongs.iter().zip(&for_it).filter(|(b, s)| **b && **s >= threshold.choice.threshold);
        assert_eq!(threshold.measured.scores.true_positives, found.count(), "{threshold:?}");

        // The farther from where it decides, the surer.
        let sureness = |wanted: bool| {
            let of = scores.iter().zip(&right).filter(|(_, right)| **right == wanted);
            let mut sure: Vec<f32> = of.map(|(score, _)| (score - 0.5).abs()).collect();
            sure.sort_by(f32::total_cmp);
            sure
        };
        let shown = |pictures: &[ShownPicture]| -> Vec<f32> {
            pictures.iter().map(|picture| (picture.score.unwrap() - 0.5).abs()).collect()
        };
        let gallery = &report.where_it_fails.gallery;
        assert_eq!(shown(&gallery.worst), sureness(false).into_iter().rev().collect::<Vec<_>>());
        let least = sureness(true).into_iter().take(36);
        assert_eq!(shown(&gallery.unsure), least.collect::<Vec<_>>());
        assert!(gallery.pictures().all(|picture| picture.confidence.is_none()));
    }
}

#[test]
fn labels_that_do_not_exclude_each_other_are_counted_one_by_one() {
    let (folder, config) = setting(20);
    // Which have the third one cannot be seen, so that there is something to be got wrong.
    let mut list = "file,labels\n".to_owned();
    for index in 0..20 {
        let third = if index % 3 == 0 { "|third" } else { "" };
        writeln!(list, "photos/upper/{index}.png,bright|up{third}").unwrap();
        writeln!(list, "photos/lower/{index}.png,{}", third.trim_start_matches('|')).unwrap();
    }
    let data = folder.path().join("list.csv");
    fs::write(&data, list).unwrap();
    let run = folder.path().join("run");
    trained(&TrainConfig { data, ..config }, &run);
    let coverage = Level::new(0.6).unwrap();
    let report = report(&ReportConfig { coverage, ..ReportConfig::new(&run) });
    let Report::MultiLabel(metrics) = &report.how_good.metrics else { panic!("{report:?}") };
    let names = ["bright", "third", "up"];
    let validation = answered(&run, folder.path(), "validation");
    let n = validation.labels.len();
    let has: Vec<Vec<bool>> = validation
        .labels
        .iter()
        .map(|own| names.map(|name| own.split('|').any(|one| one == name)).to_vec())
        .collect();
    let counted: BTreeMap<&str, usize> =
        report.how_good.groups.iter().map(|group| (group.group.as_str(), group.support)).collect();
    let of = |label: usize| has.iter().filter(|has| has[label]).count();
    assert_eq!(counted, BTreeMap::from([("bright", of(0)), ("third", of(1)), ("up", of(2))]));
    assert_eq!(metrics.n, n);
    assert!(report.summary[0].contains("exactly the right labels"), "{:?}", report.summary);
    assert!(report.where_it_fails.mistakes.is_empty());

    let p: Vec<Vec<f32>> = validation.predictions.iter().map(|p| p.probabilities.clone().unwrap()).collect();
    let each = |of: &dyn Fn(usize, usize) -> f64| -> f64 {
        mean(
            (0..n)
                .flat_map(|picture| (0..3).map(move |label| (picture, label)))
                .map(|(i, label)| of(i, label)),
        )
    };
    let of_truth = |p: f64, has: bool| if has { p } else { 1.0 - p };
    let how_sure = report.how_sure.unwrap();
    let now = each(&|i, label| surprise(of_truth(f64::from(p[i][label]), has[i][label])));
    near(how_sure.reliability.log_loss, now);
    let calibrated = how_sure.calibrated.unwrap();
    let Calibration::Platt { lines } = &calibrated.by else { panic!("{:?}", calibrated.by) };
    let then = each(&|i, label| surprise(of_truth(before(p[i][label], lines[label]), has[i][label])));
    near(calibrated.before.log_loss, then);

    // The worst are those of which the likeliest mistake was least expected.
    let wrong = (0..n).filter(|&i| (0..3).any(|label| (p[i][label] >= 0.5) != has[i][label]));
    let blame = |i: usize| {
        (0..3).map(|label| 1.0 - of_truth(f64::from(p[i][label]), has[i][label])).fold(0.0, f64::max)
    };
    let mut worst: Vec<usize> = wrong.collect();
    worst.sort_by(|&a, &b| blame(b).total_cmp(&blame(a)));
    let named = |&i: &usize| validation.files[i].strip_prefix(folder.path()).unwrap().display().to_string();
    let shown: Vec<&str> =
        report.where_it_fails.gallery.worst.iter().map(|picture| picture.name.as_str()).collect();
    assert!(!worst.is_empty() && shown == worst.iter().map(named).collect::<Vec<_>>(), "{shown:?}");

    // Each label has a threshold, and the same pictures chose it.
    let cut = report.where_to_cut.unwrap();
    assert!(cut.flatters && cut.chosen_on == Measured::Validation);
    for (label, threshold) in cut.thresholds.iter().enumerate() {
        let found = (0..n).filter(|&i| has[i][label] && p[i][label] >= threshold.choice.threshold).count();
        assert_eq!(
            (threshold.group.as_str(), threshold.measured.scores.true_positives),
            (names[label], found)
        );
        assert_eq!(threshold.choice.chosen_on.scores, threshold.measured.scores);
    }
    assert_eq!(cut.thresholds.len(), 3);

    // Of the labels of n pictures, the share that was asked for of n + 1 reaches the threshold; each picture counts as one.
    let sets = cut.sets.unwrap();
    let own = |i: usize| has[i].iter().filter(|has| **has).count() as f64;
    let held = |least: f32| -> f64 {
        let parts = (0..n).flat_map(|i| (0..3).map(move |label| (i, label)));
        parts.filter(|&(i, label)| has[i][label] && p[i][label] >= least).map(|(i, _)| 1.0 / own(i)).sum()
    };
    let labelled = (0..n).filter(|&i| own(i) > 0.0).count();
    let needed = 0.6 * (labelled as f64 + 1.0);
    assert!(held(sets.sets.threshold) >= needed && held(sets.sets.threshold.next_up()) < needed, "{sets:?}");
    near(sets.observed.unwrap().value, held(sets.sets.threshold) / labelled as f64);
}

#[test]
fn of_many_groups_the_commonest_mistakes_are_listed_and_the_worst_curves_drawn() {
    let (folder, config) = setting(1);
    let photos = folder.path().join("many");
    let names: Vec<String> = (0..12).map(|group| format!("g{group:02}")).collect();
    for (group, name) in names.iter().enumerate() {
        fs::create_dir_all(photos.join(name)).unwrap();
        // One group is larger.
        for index in 0..if group == 7 { 11 } else { 8 } {
            let light =
                |x: u32, y: u32| (20 * group as u32 + (x * 7 + y * 13 + index * 29) % 60).min(255) as u8;
            let picture = image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([light(x, y); 3]));
            picture.save(photos.join(name).join(format!("{index}.png"))).unwrap();
        }
    }
    let run = folder.path().join("run");
    trained(&TrainConfig { data: photos.clone(), length: Length::Epochs(2), ..config }, &run);
    let report = report(&ReportConfig { data: Some(photos.clone()), ..ReportConfig::new(&run) });
    assert_eq!((report.measured_on.part, report.measured_on.n), (Measured::All, 99));
    assert_eq!(report.how_good.majority_group.as_deref(), Some("g07"));

    let parts = ["train", "validation"].map(|part| listed(&run, &photos, part));
    let (truth, files): (Vec<String>, Vec<_>) = parts.concat().into_iter().unzip();
    let predictions = asked(&run, &files);
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (truth, prediction) in truth.iter().zip(&predictions) {
        let answer = &names[prediction.chosen[0]];
        if truth != answer {
            *counts.entry((truth.clone(), answer.clone())).or_default() += 1;
        }
    }
    let mistakes = report.where_it_fails.mistakes;
    for mistake in &mistakes {
        assert_eq!(counts[&(mistake.truth.clone(), mistake.answer.clone())], mistake.n, "{mistake:?}");
    }
    let mut commonest: Vec<usize> = counts.into_values().collect();
    commonest.sort_unstable_by(|a, b| b.cmp(a));
    assert!(commonest.len() > 3 && commonest[0] > 1, "{commonest:?}: there is something to be listed");
    let listed: Vec<usize> = mistakes.iter().map(|mistake| mistake.n).collect();
    assert_eq!(listed, commonest[..commonest.len().min(20)]);

    let areas: Vec<f64> = names
        .iter()
        .enumerate()
        .map(|(group, name)| {
            let scores: Vec<f32> =
                predictions.iter().map(|p| p.probabilities.as_ref().unwrap()[group]).collect();
            area(&truth.iter().map(|truth| truth == name).collect::<Vec<_>>(), &scores)
        })
        .collect();
    let mut drawn = Vec::new();
    for ((curve, name), &area) in report.how_good.curves.iter().zip(&names).zip(&areas) {
        assert_eq!(&curve.group, name);
        near(curve.roc_auc.unwrap(), area);
        assert_eq!(curve.roc.is_some(), curve.precision_recall.is_some());
        drawn.push(curve.roc.is_some());
    }
    let of = |wanted: bool| {
        areas.iter().zip(&drawn).filter(move |(_, drawn)| **drawn == wanted).map(|(area, _)| *area)
    };
    assert_eq!(of(true).count(), 10);
    assert!(of(true).fold(0.0, f64::max) <= of(false).fold(1.0, f64::min), "{areas:?}, {drawn:?}");
}
