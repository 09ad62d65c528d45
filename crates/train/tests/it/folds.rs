//! A training for each fold, and the model that they make together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use divvy_data::Fold;
use divvy_model::{Classifier, Ensemble, Model, Trained};
use divvy_nn::Cpu;
use divvy_train::{
    CrossValidation, Event, Folds, FoldsOutcome, Length, Resources, RunFolder, TrainConfig, TrainError,
    resume_folds, train, train_folds,
};

use crate::common::{no_stop, photos, setting};

fn resources(threads: usize, each_step: bool) -> Resources {
    let checkpoint_every = if each_step { Duration::ZERO } else { Duration::from_hours(1) };
    Resources { checkpoint_every, ..Resources::from(Cpu::new(threads)) }
}

/// Twenty pictures of each group, of which some are copies, dealt into three folds of two epochs.
fn with_copies() -> (tempfile::TempDir, TrainConfig) {
    let (folder, config) = setting(20);
    for (picture, copy) in [("upper/3", "upper/a"), ("upper/3", "upper/b"), ("lower/7", "lower/c")] {
        let path = |name: &str| config.data.join(name).with_extension("png");
        fs::copy(path(picture), path(copy)).unwrap();
    }
    (folder, TrainConfig { folds: Some(Folds::Each(3)), length: Length::Epochs(2), ..config })
}

fn finished(outcome: FoldsOutcome) -> CrossValidation {
    match outcome {
        FoldsOutcome::Finished(figures) => figures,
        FoldsOutcome::Interrupted { done, of } => panic!("{done} of {of}"),
    }
}

fn whole(config: &TrainConfig, run: &Path, threads: usize) -> CrossValidation {
    finished(train_folds(config, run, resources(threads, false), &mut |_, _| {}, &no_stop()).unwrap())
}

/// The lines of a CSV without its header, by cells; no cell of these has a comma.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The pictures of a part of a run's split.
fn part(run: &Path, part: &str) -> BTreeSet<String> {
    let rows = rows(&run.join("split.csv")).into_iter().filter(|row| row[0] == part);
    rows.map(|row| row[2].clone()).collect()
}

/// What a model says of files: the probability of each class.
fn asked(model: impl Into<Trained>, data: &Path, names: &[String]) -> Vec<Vec<f32>> {
    let paths = names.iter().map(|name| data.join(name)).collect();
    let mut answers = Vec::new();
    let answered = Classifier::new(model, Cpu::new(1)).unwrap().classify_files(paths, |_, prediction| {
        answers.push(prediction.unwrap().probabilities.unwrap());
        Ok::<(), ()>(())
    });
    answered.unwrap();
    answers
}

#[test]
fn every_picture_is_answered_once_by_a_network_that_has_seen_no_copy_of_it() {
    let (folder, config) = with_copies();
    let run = folder.path().join("run");
    let figures = whole(&config, &run, 2);
    let names: BTreeSet<String> =
        rows(&run.join("fold-1/split.csv")).into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(names.len(), 43);
    let predictions = rows(&run.join("predictions.csv"));
    let header = fs::read_to_string(run.join("predictions.csv")).unwrap();
    assert!(header.starts_with("path,fold,truth,label,probability,lower,upper\n"), "{header}");
    assert_eq!(predictions.len(), 43);
    assert_eq!(predictions.iter().map(|row| row[0].clone()).collect::<BTreeSet<_>>(), names);

    let mut times = BTreeMap::new();
    for number in 1..=3 {
        let fold = run.join(format!("fold-{number}"));
        let (validation, training) = (part(&fold, "validation"), part(&fold, "train"));
        assert!(validation.is_disjoint(&training) && validation.len() + training.len() == 43);
        for copies in
            [["upper/3.png", "upper/a.png"], ["upper/3.png", "upper/b.png"], ["lower/7.png", "lower/c.png"]]
        {
            assert_eq!(validation.contains(copies[0]), validation.contains(copies[1]), "{copies:?}");
        }
        for name in &validation {
            *times.entry(name.clone()).or_insert(0) += 1;
        }

        // Asked again, file by file, without what these very pictures' labels have told it.
        let of_fold: Vec<_> = predictions.iter().filter(|row| row[1] == number.to_string()).collect();
        assert_eq!(of_fold.iter().map(|row| row[0].clone()).collect::<BTreeSet<_>>(), validation);
        let asked_for: Vec<String> = of_fold.iter().map(|row| row[0].clone()).collect();
        let mut right = 0;
        let model = Model::open(&fold).unwrap().without_biases();
        for (row, answer) in of_fold.iter().zip(asked(model, &config.data, &asked_for)) {
            for (cell, probability) in row[5..].iter().zip(&answer) {
                assert!((cell.parse::<f32>().unwrap() - probability).abs() < 1e-6, "{row:?}");
            }
            assert_eq!(row[2], row[0].split('/').next().unwrap());
            assert_eq!(row[3], if answer[1] > answer[0] { "upper" } else { "lower" });
            right += usize::from(row[2] == row[3]);
        }
        let told = &figures.folds[number - 1];
        assert_eq!(
            (told.fold, told.images, told.training_images),
            (number, validation.len(), training.len())
        );
        assert!((told.value - right as f64 / validation.len() as f64).abs() < 1e-12);
        // The training said so, too.
        let outcome = RunFolder::at(&fold).outcome().unwrap().unwrap();
        assert!(
            (outcome.validation.value - told.value).abs() < 1e-12 && outcome.best_epoch == told.best_epoch
        );
        let of_fold = names_in(&fold).into_iter().filter(|name| name != "last.divvy");
        assert_eq!(of_fold.collect::<Vec<_>>(), ["config.toml", "events.jsonl", "model.divvy", "split.csv"]);
    }
    assert!(times.len() == 43 && times.values().all(|&times| times == 1), "{times:?}");

    let right = predictions.iter().filter(|row| row[2] == row[3]).count();
    assert_eq!((figures.images, figures.value), (43, right as f64 / 43.0));
    let [low, high] = figures.ci95.unwrap();
    assert!(low < figures.value && figures.value <= high && high - low < 0.3);
    let values: Vec<f64> = figures.folds.iter().map(|fold| fold.value).collect();
    assert!((figures.mean - values.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    assert!(figures.value > 0.8, "two halves of light are told apart: {figures:?}");
    assert_eq!(
        names_in(&run),
        ["config.toml", "fold-1", "fold-2", "fold-3", "folds.json", "model.divvy", "predictions.csv"]
    );
    assert_eq!(CrossValidation::read(&RunFolder::at(&run)).unwrap(), figures);
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_model_answers_with_the_mean_of_the_folds_and_takes_any_number_of_threads_to_the_same_bits() {
    let (folder, config) = with_copies();
    let runs = ["one", "two"].map(|name| folder.path().join(name));
    for (run, threads) in runs.iter().zip([1, 2]) {
        whole(&config, run, threads);
    }
    for file in
        ["model.divvy", "predictions.csv", "fold-1/model.divvy", "fold-3/model.divvy", "fold-2/split.csv"]
    {
        let [one, two] = [&runs[0], &runs[1]].map(|run| fs::read(run.join(file)).unwrap());
        assert!(one == two, "{file}");
    }
    let run = &runs[0];
    let names: Vec<String> =
        rows(&run.join("predictions.csv")).into_iter().map(|row| row[0].clone()).collect();
    let members = [1, 2, 3].map(|number| Model::open(&run.join(format!("fold-{number}"))).unwrap());
    // Each fold measures its scaling on its own pictures.
    assert_ne!(members[0].preprocess().scaling(), members[1].preprocess().scaling());
    let alone = members.map(|member| asked(member, &config.data, &names));
    let together = asked(Trained::open(run).unwrap(), &config.data, &names);
    for (picture, answer) in together.iter().enumerate() {
        for (class, probability) in answer.iter().enumerate() {
            let mean = alone.iter().map(|answers| f64::from(answers[picture][class])).sum::<f64>() / 3.0;
            assert!((f64::from(*probability) - mean).abs() < 1e-5, "{probability} for {mean}");
        }
    }
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let (folder, config) = with_copies();
    let whole_run = folder.path().join("whole");
    let expected = whole(&config, &whole_run, 2);
    let steps_of_fold = 2 * 28_usize.div_ceil(8);
    // In each fold, at the first step of the second, and again and again.
    for (number, stops) in [vec![3], vec![steps_of_fold + 1], vec![2 * steps_of_fold + 5], vec![5, 6, 1, 4]]
        .into_iter()
        .enumerate()
    {
        let run = folder.path().join(format!("run-{number}"));
        for (attempt, &stop_after) in stops.iter().enumerate() {
            let (stop, mut steps) = (no_stop(), 0);
            let mut told = |_: Fold, event: &Event| {
                if let Event::Step { .. } = event {
                    steps += 1;
                    stop.store(steps == stop_after, Ordering::Relaxed);
                }
            };
            let outcome = if attempt == 0 {
                train_folds(&config, &run, resources(1, false), &mut told, &stop)
            } else {
                resume_folds(&run, resources(1, true), &mut told, &stop)
            };
            assert!(matches!(outcome, Ok(FoldsOutcome::Interrupted { of: 3, .. })), "{number}: {outcome:?}");
            assert!(!run.join("model.divvy").exists() && RunFolder::at(&run).is_resumable());
            let again = train_folds(&config, &run, resources(1, false), &mut |_, _| {}, &no_stop());
            assert!(matches!(&again, Err(TrainError::RunExists { .. })), "{again:?}");
        }
        let mut heard = BTreeSet::new();
        let mut told = |fold: Fold, _: &Event| {
            heard.insert(fold.number());
        };
        let figures = finished(resume_folds(&run, resources(2, false), &mut told, &no_stop()).unwrap());
        // What has come to its end stays.
        assert_eq!(heard.first(), Some(&[1, 2, 3, 2][number]), "{number}");
        let timeless = |mut figures: CrossValidation| {
            figures.folds.iter_mut().for_each(|fold| fold.seconds = 0.0);
            figures
        };
        assert_eq!(timeless(figures.clone()), timeless(expected.clone()));
        for file in [
            "model.divvy",
            "predictions.csv",
            "fold-1/model.divvy",
            "fold-2/model.divvy",
            "fold-3/model.divvy",
        ] {
            assert!(
                fs::read(run.join(file)).unwrap() == fs::read(whole_run.join(file)).unwrap(),
                "{number}: {file}"
            );
        }
        assert_eq!(names_in(&run), names_in(&whole_run));
        // At its end it is left as it is, and nothing is trained.
        let mut events = 0;
        let again = resume_folds(&run, resources(1, false), &mut |_, _| events += 1, &no_stop()).unwrap();
        assert_eq!((finished(again), events), (figures, 0));
    }
}

/// The fold that is trained puts itself back, and the settings are; folds that were done are trained again.
#[cfg(unix)]
#[test]
fn a_run_that_was_deleted_while_a_fold_was_trained_can_be_gone_on_with() {
    let (folder, config) = with_copies();
    let whole_run = folder.path().join("whole");
    whole(&config, &whole_run, 2);
    for is_stopped in [false, true] {
        let (run, stop) = (folder.path().join("runs/run"), no_stop());
        let mut told = |fold: Fold, event: &Event| {
            if fold.number() == 2 && matches!(event, Event::Step { epoch: 2, step: 1, .. }) {
                fs::remove_dir_all(folder.path().join("runs")).unwrap();
                stop.store(is_stopped, Ordering::Relaxed);
            }
        };
        let outcome = train_folds(&config, &run, resources(1, false), &mut told, &stop);
        if is_stopped {
            assert!(matches!(outcome, Ok(FoldsOutcome::Interrupted { done: 1, of: 3 })), "{outcome:?}");
        } else {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("fold-1"), "{error}");
        }
        assert!(RunFolder::at(&run).is_resumable());
        let mut heard = BTreeSet::new();
        let mut told = |fold: Fold, _: &Event| {
            heard.insert(fold.number());
        };
        finished(resume_folds(&run, resources(1, false), &mut told, &no_stop()).unwrap());
        assert_eq!(heard, if is_stopped { [1, 2, 3].into() } else { [1].into() });
        for file in ["model.divvy", "predictions.csv", "fold-1/model.divvy", "fold-2/model.divvy"] {
            let [here, there] = [&run, &whole_run].map(|run| fs::read(run.join(file)).unwrap());
            assert!(here == there, "{is_stopped}: {file}");
        }
        assert_eq!(names_in(&run), names_in(&whole_run));
        fs::remove_dir_all(&run).unwrap();
    }
}

#[test]
fn what_a_process_left_that_was_killed_between_two_files_is_made_whole() {
    let (folder, config) = with_copies();
    let run = folder.path().join("run");
    whole(&config, &run, 2);
    let files =
        ["model.divvy", "predictions.csv", "folds.json"].map(|name| fs::read(run.join(name)).unwrap());
    for gone in 0..3 {
        for name in &["model.divvy", "folds.json", "predictions.csv"][..=gone] {
            fs::remove_file(run.join(name)).unwrap();
        }
        // Halves of files, and the lock of a fold that had no other file yet.
        fs::write(run.join("model.divvy.123.tmp"), "half").unwrap();
        fs::write(run.join("predictions.csv.7.tmp"), "half").unwrap();
        if gone == 2 {
            fs::remove_dir_all(run.join("fold-3")).unwrap();
            fs::create_dir(run.join("fold-3")).unwrap();
            fs::write(run.join("fold-3/lock"), "17").unwrap();
        }
        finished(resume_folds(&run, resources(1, false), &mut |_, _| {}, &no_stop()).unwrap());
        assert!(fs::read(run.join("model.divvy")).unwrap() == files[0], "{gone}");
        assert!(fs::read(run.join("predictions.csv")).unwrap() == files[1], "{gone}");
        assert_eq!(names_in(&run).len(), 7, "{gone}: {:?}", names_in(&run));
    }
    fs::write(run.join("folds.json"), "{}").unwrap();
    let error = resume_folds(&run, resources(1, false), &mut |_, _| {}, &no_stop()).unwrap_err().to_string();
    assert!(error.contains("folds.json") && error.contains("delete it"), "{error}");
}

#[test]
fn a_run_is_trained_in_by_one_process_at_a_time() {
    let (folder, config) = with_copies();
    let run = folder.path().join("run");
    let mut refused = Vec::new();
    let mut told = |_: Fold, event: &Event| {
        if let Event::Step { step: 1, epoch: 1, .. } = event {
            let second = resume_folds(&run, resources(1, false), &mut |_, _| {}, &no_stop());
            refused.push(matches!(second, Err(TrainError::RunBusy { .. })));
        }
    };
    train_folds(&config, &run, resources(1, false), &mut told, &no_stop()).unwrap();
    assert_eq!(refused, [true; 3]);
}

#[test]
fn folds_of_other_pictures_than_the_first_are_refused() {
    let (folder, config) = with_copies();
    let run = folder.path().join("run");
    let stop = no_stop();
    let mut stop_in_second = |fold: Fold, event: &Event| {
        if fold.number() == 2 && matches!(event, Event::Started { .. }) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let outcome = train_folds(&config, &run, resources(1, false), &mut stop_in_second, &stop);
    assert!(matches!(outcome, Ok(FoldsOutcome::Interrupted { done: 1, of: 3 })), "{outcome:?}");
    assert!(!run.join("fold-2").exists(), "it had not begun");
    photos(&config.data, 24);
    let error = resume_folds(&run, resources(1, false), &mut |_, _| {}, &no_stop()).unwrap_err();
    assert!(matches!(&error, TrainError::FoldsChanged { fold, .. } if fold.number() == 2), "{error}");
    assert!(!run.join("model.divvy").exists());
}

#[test]
fn what_cannot_be_dealt_or_trained_is_refused_before_anything_is_written() {
    let (folder, config) = with_copies();
    let run = folder.path().join("run");
    let each = |folds| TrainConfig { folds: Some(folds), ..config.clone() };
    for (config, wanted) in [
        (TrainConfig { folds: None, ..config.clone() }, "folds is left out"),
        (each(Folds::One(Fold::new(1, 3).unwrap())), "a single one"),
        (each(Folds::Each(0)), "give 2 to 20 folds"),
        (each(Folds::Each(1)), "give 2 to 20 folds"),
        (each(Folds::Each(usize::MAX)), "give 2 to 20 folds"),
        (
            TrainConfig { split: Some("split.csv".into()), ..config.clone() },
            "the split is given beside folds",
        ),
        (TrainConfig { data: folder.path().join("none"), ..config.clone() }, "none"),
    ] {
        let error =
            train_folds(&config, &run, Cpu::new(1), &mut |_, _| {}, &no_stop()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(!run.exists());
    }
    let error = train(&config, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap_err().to_string();
    assert!(error.contains("folds is 3") && !run.exists(), "{error}");
    let stopped = no_stop();
    stopped.store(true, Ordering::Relaxed);
    let error = train_folds(&config, &run, Cpu::new(1), &mut |_, _| {}, &stopped).unwrap_err();
    assert!(matches!(error, TrainError::Interrupted) && !run.exists(), "{error}");
}

#[test]
fn one_fold_can_be_trained_alone_and_is_the_same_as_among_the_others() {
    let (folder, config) = with_copies();
    let run = folder.path().join("run");
    whole(&config, &run, 2);
    let config = RunFolder::at(&run.join("fold-2")).read_config().unwrap();
    assert_eq!(config.folds, Some(Folds::One(Fold::new(2, 3).unwrap())));
    let alone = folder.path().join("alone");
    train(&config, &alone, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap();
    assert!(
        fs::read(alone.join("model.divvy")).unwrap() == fs::read(run.join("fold-2/model.divvy")).unwrap()
    );
}

#[test]
fn an_own_validation_part_and_unreadable_pictures_are_told_of() {
    let (folder, config) = setting(12);
    let data = folder.path().join("parts");
    for (part, names) in [("train", 0..6), ("val", 6..9), ("test", 9..12)] {
        for group in ["upper", "lower"] {
            fs::create_dir_all(data.join(part).join(group)).unwrap();
            for name in names.clone() {
                let name = format!("{group}/{name}.png");
                fs::copy(config.data.join(&name), data.join(part).join(&name)).unwrap();
            }
        }
    }
    fs::write(data.join("train/upper/bad.png"), "no picture").unwrap();
    let config = TrainConfig { data, folds: Some(Folds::Each(4)), length: Length::Epochs(1), ..config };
    let (run, mut notes) = (folder.path().join("run"), Vec::new());
    let mut told = |_: Fold, event: &Event| {
        if let Event::Note { text } = event {
            notes.push(text.clone());
        }
    };
    let figures = finished(train_folds(&config, &run, Cpu::new(1), &mut told, &no_stop()).unwrap());
    assert_eq!(
        notes.iter().filter(|note| note.contains("6 pictures of the data's own validation part")).count(),
        4
    );
    assert!(notes.iter().any(|note| note.contains("bad.png")));
    assert_eq!((figures.images, figures.left_out.len()), (18, 0));
    let answered: BTreeSet<_> =
        rows(&run.join("predictions.csv")).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(answered.len(), 18);
    assert!(answered.iter().all(|name| !name.contains("test/") && !name.contains("bad")), "{answered:?}");
    assert_eq!(part(&run.join("fold-1"), "test").len(), 6);
}

#[test]
fn of_several_labels_the_macro_f1_is_over_all_pictures_together() {
    let (folder, config) = setting(18);
    let mut list = "file,labels\n".to_owned();
    for group in ["upper", "lower"] {
        for number in 0..18 {
            let more = if number % 3 == 0 { "|third" } else { "" };
            writeln!(list, "photos/{group}/{number}.png,{group}{more}").unwrap();
        }
    }
    let data = folder.path().join("labels.csv");
    fs::write(&data, list).unwrap();
    let config = TrainConfig { data, folds: Some(Folds::Each(3)), ..config };
    let run = folder.path().join("run");
    let figures = whole(&config, &run, 2);
    let rows = rows(&run.join("predictions.csv"));
    let f1 = |rows: &[&Vec<String>]| {
        let classes = ["lower", "third", "upper"];
        let of = |(class, name): (usize, &&str)| {
            let (mut hits, mut all) = (0, 0);
            for row in rows {
                let (truth, given) = (
                    row[2].split('|').any(|label| label == *name),
                    row[3].split('|').any(|label| label == *name),
                );
                assert_eq!(
                    given,
                    row[5 + class].parse::<f32>().unwrap() >= 0.5,
                    "the threshold is a half: {row:?}"
                );
                hits += 2 * usize::from(truth && given);
                all += usize::from(truth) + usize::from(given);
            }
            if all == 0 { 0.0 } else { hits as f64 / all as f64 }
        };
        classes.iter().enumerate().map(of).sum::<f64>() / 3.0
    };
    assert!((figures.value - f1(&rows.iter().collect::<Vec<_>>())).abs() < 1e-12, "{figures:?}");
    let of_folds = [1, 2, 3]
        .map(|fold: usize| f1(&rows.iter().filter(|row| row[1] == fold.to_string()).collect::<Vec<_>>()));
    for (told, f1) in figures.folds.iter().zip(of_folds) {
        assert!((told.value - f1).abs() < 1e-12 && told.ci95.is_none(), "{told:?}, {f1}");
    }
    assert!((figures.mean - of_folds.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    let squares: f64 = of_folds.iter().map(|f1| (f1 - figures.mean).powi(2)).sum();
    assert!((figures.deviation - (squares / 2.0).sqrt()).abs() < 1e-12);
    assert!(figures.ci95.is_none());
}

#[test]
fn the_models_of_folds_make_an_ensemble_again() {
    let (folder, config) = with_copies();
    let run = folder.path().join("run");
    whole(&config, &run, 1);
    let members = [1, 2, 3].map(|number| Model::open(&run.join(format!("fold-{number}"))).unwrap());
    assert!(
        Ensemble::new(members.to_vec()).unwrap().to_bytes() == fs::read(run.join("model.divvy")).unwrap()
    );
}
