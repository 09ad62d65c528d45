//! What a report says is what its model says of its pictures.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use divvy_data::StoreOptions;
use divvy_eval::{McNemar, Report};
use divvy_model::{Calibration, Classifier, Model, Prediction};
use divvy_nn::{Cpu, Device};
use divvy_train::{
    Folds, FoldsOutcome, Measured, ReportConfig, RunReport, TrainConfig, report_run, train, train_folds,
};

use common::{no_stop, photos, setting};

fn report(config: &ReportConfig) -> RunReport {
    let options = StoreOptions { threads: 2, ..StoreOptions::default() };
    report_run(config, &Device::new(Cpu::new(2)), &options, &|_, _| {}).unwrap().report
}

fn trained(config: &TrainConfig, run: &Path) {
    train(config, run, Cpu::new(2), &mut |_: &divvy_train::Event| {}, &no_stop()).unwrap();
}

/// What a model says of files, asked one by one.
fn asked(run: &Path, files: &[PathBuf]) -> Vec<Prediction> {
    let mut classifier = Classifier::new(Model::open(run).unwrap(), Cpu::new(1)).unwrap();
    let mut answers = Vec::new();
    classifier
        .classify_files(files.to_vec(), |_, answer| -> Result<(), ()> {
            answers.push(answer.unwrap());
            Ok(())
        })
        .unwrap();
    answers
}

/// The pictures of a part of a run's split, with the name of their group.
fn listed(run: &Path, photos: &Path, part: &str) -> Vec<(String, PathBuf)> {
    let list = fs::read_to_string(run.join("split.csv")).unwrap();
    let rows = list.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let of_part = rows.filter(|row| row[0] == part);
    of_part.map(|row| (row[1].to_owned(), photos.join(row[2]))).collect()
}

#[test]
fn the_figures_are_those_of_the_models_own_answers() {
    let (folder, config) = setting(30);
    let run = folder.path().join("run");
    // Some are in the wrong group, so that there is something to be got wrong.
    let photos = folder.path().join("photos");
    for index in 0..6 {
        let (a, b) = (photos.join(format!("upper/{index}.png")), photos.join(format!("lower/{index}.png")));
        let kept = fs::read(&a).unwrap();
        fs::copy(&b, &a).unwrap();
        fs::write(&b, kept).unwrap();
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
    let mean = answers.iter().map(|(_, sure)| f64::from(*sure)).sum::<f64>() / n as f64;
    assert!((report.how_sure.as_ref().unwrap().mean_confidence - mean).abs() < 1e-6);
    let loss = |(i, (_, sure)): (usize, &(String, f32))| {
        let p = if right[i] { *sure } else { 1.0 - *sure };
        -f64::from(p).ln()
    };
    let losses = answers.iter().enumerate().map(loss).sum::<f64>() / n as f64;
    assert!((report.how_sure.as_ref().unwrap().reliability.log_loss - losses).abs() < 1e-4);

    // The worst are all that are wrong, the surest first; the least sure are of the others.
    let surest = |wanted: bool| {
        let mut sure: Vec<f32> = (0..n).filter(|&i| right[i] == wanted).map(|i| answers[i].1).collect();
        sure.sort_by(f32::total_cmp);
        sure
    };
    let gallery = &report.where_it_fails.gallery;
    let confidences = |shown: &[divvy_train::ShownPicture]| -> Vec<f32> {
        shown.iter().map(|picture| picture.confidence.unwrap()).collect()
    };
    assert_eq!(confidences(&gallery.worst), surest(false).into_iter().rev().collect::<Vec<_>>());
    assert!(gallery.worst.iter().all(|picture| !picture.right && picture.truth != picture.answer));
    assert_eq!(confidences(&gallery.unsure), surest(true));
    assert!(gallery.random.is_empty(), "all are shown already");
    let shown = &gallery.worst[0];
    assert_eq!((shown.width, shown.height, shown.format.as_deref()), (Some(16), Some(16), Some("PNG")));
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

#[test]
fn labels_that_do_not_exclude_each_other_are_counted_one_by_one() {
    let (folder, config) = setting(20);
    let rows =
        (0..20).map(|index| format!("photos/upper/{index}.png,bright|up\nphotos/lower/{index}.png,bright\n"));
    let list = format!("file,labels\n{}", rows.collect::<String>());
    let data = folder.path().join("list.csv");
    fs::write(&data, list).unwrap();
    let run = folder.path().join("run");
    trained(&TrainConfig { data, ..config }, &run);
    let report = report(&ReportConfig::new(&run));
    let Report::MultiLabel(metrics) = &report.how_good.metrics else { panic!("{report:?}") };
    let counted: BTreeMap<&str, usize> =
        report.how_good.groups.iter().map(|group| (group.group.as_str(), group.support)).collect();
    let listed = listed(&run, folder.path(), "validation");
    let of =
        |label: &str| listed.iter().filter(|(labels, _)| labels.split('|').any(|one| one == label)).count();
    assert_eq!(counted, BTreeMap::from([("bright", of("bright")), ("up", of("up"))]));
    assert_eq!(metrics.n, listed.len());
    assert!(report.summary[0].contains("exactly the right labels"), "{:?}", report.summary);
    assert!(report.how_sure.is_some() && report.where_it_fails.mistakes.is_empty());
}

/// A run with a test part in which some pictures of each group are in the other.
fn run_with_test(folder: &Path, config: &TrainConfig, swapped: usize) -> PathBuf {
    let data = folder.join("parts");
    photos(&data.join("train"), 30);
    photos(&data.join("test"), 24);
    for index in 0..swapped {
        let file = |group: &str| data.join(format!("test/{group}/{index}.png"));
        fs::rename(file("upper"), data.join("kept.png")).unwrap();
        fs::rename(file("lower"), file("upper")).unwrap();
        fs::rename(data.join("kept.png"), file("lower")).unwrap();
    }
    let run = folder.join("run");
    trained(&TrainConfig { data, ..config.clone() }, &run);
    run
}

#[test]
fn what_is_chosen_on_validation_pictures_is_measured_on_test_pictures() {
    let (folder, config) = setting(1);
    let run = run_with_test(folder.path(), &config, 5);
    let data = folder.path().join("parts");
    let report =
        report(&ReportConfig { costs: vec!["upper->lower=4".to_owned()], ..ReportConfig::new(&run) });
    assert_eq!((report.measured_on.part, report.measured_on.n), (Measured::Test, 48));
    let cut = report.where_to_cut.unwrap();
    let validation = listed(&run, &data, "validation");
    assert_eq!((cut.chosen_on, cut.n, cut.flatters), (Measured::Validation, validation.len(), false));

    let (groups, files): (Vec<String>, Vec<PathBuf>) = listed(&run, &data, "test").into_iter().unzip();
    let upper: Vec<f32> = asked(&run, &files).iter().map(|p| p.probabilities.as_ref().unwrap()[1]).collect();
    let [threshold] = cut.thresholds.as_slice() else { panic!("{:?}", cut.thresholds) };
    assert_eq!(threshold.group, "upper");
    let taken = |wanted: &str| {
        (0..files.len()).filter(|&i| upper[i] >= threshold.choice.threshold && groups[i] == wanted).count()
    };
    let scores = threshold.measured.scores;
    assert_eq!((scores.true_positives, scores.false_positives), (taken("upper"), taken("lower")));

    // An upper one taken for lower costs 4: it is called upper from a probability of 1 in 5 on.
    let costs = cut.costs.unwrap();
    let cost = |(p, group): (&f32, &String)| match (group.as_str(), *p > 0.2) {
        ("upper", false) => 4.0,
        ("lower", true) => 1.0,
        _ => 0.0,
    };
    let mean = upper.iter().zip(&groups).map(cost).sum::<f64>() / files.len() as f64;
    assert!((costs.mean_cost.value - mean).abs() < 1e-9, "{costs:?}, {mean}");

    // Before, logits were as many times larger as the temperature says that they were divided by.
    let calibrated = report.how_sure.unwrap().calibrated.unwrap();
    let Calibration::Temperature { temperature } = calibrated.by else { panic!("{:?}", calibrated.by) };
    let loss = |(p, group): (&f32, &String)| {
        let logit = (f64::from(*p) / (1.0 - f64::from(*p))).ln() * temperature;
        let of_upper = 1.0 / (1.0 + (-logit).exp());
        // One that is certain and wrong costs 15.9 nats, not more.
        -if group == "upper" { of_upper } else { 1.0 - of_upper }.max(f64::from(f32::EPSILON)).ln()
    };
    let mean = upper.iter().zip(&groups).map(loss).sum::<f64>() / files.len() as f64;
    let before = calibrated.before.log_loss;
    assert!((before - mean).abs() < 1e-4 * (1.0 + mean), "{before}, {mean}");
    assert_eq!(calibrated.fitted_on, validation.len());

    // Counted by the pictures' own familiarity.
    let familiar = report.how_familiar.unwrap();
    let known: Vec<f64> = asked(&run, &files).iter().map(|p| p.familiarity.unwrap()).collect();
    assert_eq!(familiar.n, files.len());
    for alarms in familiar.alarms {
        assert_eq!(alarms.flagged, known.iter().filter(|&&p| p <= alarms.asked).count(), "{alarms:?}");
    }

    // The area is the share of pairs in the right order.
    let pairs = |wanted: &str| -> Vec<f32> {
        upper.iter().zip(&groups).filter(|(_, group)| *group == wanted).map(|(p, _)| *p).collect()
    };
    let (positive, negative) = (pairs("upper"), pairs("lower"));
    let won = |a: &f32, b: &f32| {
        if a > b {
            1.0
        } else if a == b {
            0.5
        } else {
            0.0
        }
    };
    let all: f64 = positive.iter().flat_map(|a| negative.iter().map(move |b| won(a, b))).sum();
    let [curve] = report.how_good.curves.as_slice() else { panic!("one of two groups") };
    let area = all / (positive.len() * negative.len()) as f64;
    assert!((curve.roc_auc.unwrap() - area).abs() < 1e-9 && curve.roc.is_some());

    let sets = cut.sets.unwrap();
    let holds = |(p, group): (&f32, &String)| {
        let of_truth = if group == "upper" { *p } else { 1.0 - *p };
        of_truth >= sets.sets.threshold
    };
    let held = upper.iter().zip(&groups).filter(|pair| holds(*pair)).count();
    assert!((sets.observed.unwrap().value - held as f64 / 48.0).abs() < 1e-9);
    let last = cut.abstaining.unwrap().curve.last().copied().unwrap();
    assert!(
        (last.coverage - 1.0).abs() < 1e-12
            && (last.accuracy - report.how_good.accuracy().0.value).abs() < 1e-12
    );
}

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
    assert_eq!(first.range, divvy_eval::SliceRange::Name("bad".to_owned()));
    assert!(first.accuracy.value < 0.2 && first.rest_accuracy.value > 0.8);
}
