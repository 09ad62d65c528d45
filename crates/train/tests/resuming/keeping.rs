//! The models that a training keeps beside the best one: of the best epochs, and of the last.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use divvy_model::{Model, TrainingRecord};
use divvy_nn::{Schedule, Tensor};
use divvy_train::{Ending, Event, Length, RunFolder, Score, TrainConfig, train};

use crate::common::setting;
use crate::support::{Whole, begin, go_on, hear, names, resources};

/// A training of ten epochs that does not know how many there will be: a shorter one is its beginning. It is so slow that epochs differ.
fn slow(config: TrainConfig, keep_best: usize) -> TrainConfig {
    let (schedule, length) = (Schedule::Constant, Length::Epochs(10));
    TrainConfig { keep_best, schedule, length, learning_rate: 2e-4, batch: 4, ..config }
}

/// The score of each epoch, as a run's events have it.
fn scores(run: &Path) -> BTreeMap<u32, Score> {
    let events = RunFolder::at(run).read_events().unwrap();
    let scores = events.into_iter().filter_map(|(_, event)| match event {
        Event::Epoch { epoch, validation, .. } => Some((epoch, validation)),
        _ => None,
    });
    scores.collect()
}

/// Epochs, the best first: by the metric, then the loss, then which was earlier.
fn ranked(scores: &BTreeMap<u32, Score>) -> Vec<u32> {
    let mut epochs: Vec<u32> = scores.keys().copied().collect();
    epochs.sort_by(|a, b| {
        let (a, b) = (&scores[a], &scores[b]);
        b.value.total_cmp(&a.value).then(a.loss.total_cmp(&b.loss))
    });
    epochs
}

/// What a model has learnt and how, without what it knows of the training pictures, which only the best is told.
fn learnt(file: &Path) -> (TrainingRecord, Vec<Tensor>) {
    let model = Model::open(file).unwrap();
    (model.record().clone(), model.parameters().unwrap().tensors().collect())
}

/// The models in a folder, by file.
fn models(run: &Path) -> Vec<(String, Vec<u8>)> {
    let is_model = |name: &String| Path::new(name).extension().is_some_and(|found| found == "divvy");
    let models = names(run).into_iter().filter(is_model);
    models.map(|name| (name.clone(), fs::read(run.join(name)).unwrap())).collect()
}

#[test]
fn the_best_epochs_and_the_last_are_kept() {
    let (folder, config) = setting(14);
    let run = folder.path().join("run");
    begin(&slow(config.clone(), 3), &run, resources(2, true), None).outcome.unwrap();
    let scores = scores(&run);
    let best = ranked(&scores);
    let mut expected: Vec<String> = best[..3].iter().map(|epoch| format!("epoch-{epoch:03}.divvy")).collect();
    expected.sort();
    if best[0] != 10 {
        expected.push("last.divvy".to_owned());
    }
    expected.push("model.divvy".to_owned());
    assert_eq!(models(&run).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), expected, "{scores:?}");
    for epoch in &best[..3] {
        let model = Model::open(&RunFolder::at(&run).epoch(*epoch)).unwrap();
        let Score { loss, value, .. } = scores[epoch];
        let record = model.record();
        assert_eq!((record.epoch, record.validation.loss, record.validation.value), (*epoch, loss, value));
    }
    assert_eq!(learnt(&RunFolder::at(&run).epoch(best[0])), learnt(&run.join("model.divvy")));

    // Shorter trainings end where this one passed; what they keep last is what it kept of that epoch.
    let every = folder.path().join("every");
    begin(&slow(config.clone(), 10), &every, resources(1, false), None).outcome.unwrap();
    assert_eq!(RunFolder::at(&every).epochs().len(), 10);
    for epochs in [2, 5, 9, 10] {
        let shorter = TrainConfig { length: Length::Epochs(epochs), ..slow(config.clone(), 0) };
        let run = RunFolder::at(&folder.path().join(format!("to-{epochs}")));
        let outcome = begin(&shorter, run.path(), resources(2, false), None).outcome.unwrap();
        let is_best = outcome.best_epoch == epochs;
        assert_eq!(run.last().is_file(), !is_best, "to {epochs}");
        let last = if is_best { run.model() } else { run.last() };
        assert_eq!(learnt(&last), learnt(&RunFolder::at(&every).epoch(epochs)), "to {epochs}");
        assert!(run.epochs().is_empty());
    }
}

#[test]
fn a_last_model_is_as_it_is_used_averaged_and_corrected() {
    let (folder, config) = setting(14);
    let optimizer = config.optimizer.average(0.9);
    let balance = divvy_train::Balance::Oversample;
    let config = TrainConfig { optimizer, balance, ..slow(config, 10) };
    let run = RunFolder::at(&folder.path().join("run"));
    let config = TrainConfig { patience: std::num::NonZeroU32::new(2), learning_rate: 0.02, ..config };
    let outcome = begin(&config, run.path(), resources(1, false), None).outcome.unwrap();
    let last = if outcome.best_epoch == outcome.epochs { run.model() } else { run.last() };
    assert_eq!(learnt(&last), learnt(&run.epoch(outcome.epochs)));
}

#[test]
fn an_interrupted_training_keeps_the_same_models() {
    let (folder, config) = setting(14);
    let config = slow(config, 3);
    let whole = Whole::train(&config, &folder.path().join("whole"));
    let expected = models(&whole.run);
    for (number, each_step) in [(0, true), (1, false)] {
        for stop_after in [2, 7, 13, 24, 35, 46] {
            let run = folder.path().join(format!("run-{number}-{stop_after}"));
            let first = begin(&config, &run, resources(1, each_step), Some(stop_after));
            assert_eq!(first.ending(), Ending::Interrupted);
            assert!(!run.join("last.divvy").exists(), "the last epoch is still to come");
            // Halves, and a model of an epoch that is none of the best.
            fs::write(run.join("epoch-012.divvy.4711.tmp"), "half").unwrap();
            fs::write(run.join("last.divvy.4711.tmp"), "half").unwrap();
            fs::write(run.join("epoch-099.divvy"), "of a later epoch").unwrap();
            assert_eq!(go_on(&run, resources(2, each_step), None).ending(), Ending::Completed);
            whole.assert_same(&run, "with models kept");
            assert!(models(&run) == expected, "stopped after {stop_after}");
        }
    }
}

#[test]
fn a_training_that_is_to_go_on_has_no_last_model() {
    let (folder, config) = setting(14);
    // So fast that not every epoch is the best so far.
    let config = TrainConfig { learning_rate: 0.05, ..slow(config, 0) };
    let whole = begin(&config, &folder.path().join("whole"), resources(1, false), None);
    let is_worse = |event: &Event| matches!(event, Event::Epoch { epoch: ..10, best: false, .. });
    let worse = whole.events.iter().position(is_worse).expect("an epoch is no better than one before");
    let is_step = |event: &&Event| matches!(event, Event::Step { .. });
    let steps = whole.events[..worse].iter().filter(is_step).count();
    let run = folder.path().join("run");
    assert_eq!(begin(&config, &run, resources(1, false), Some(steps + 2)).ending(), Ending::Interrupted);
    assert!(run.join("model.divvy").exists() && !run.join("last.divvy").exists());
    assert_eq!(go_on(&run, resources(1, false), None).ending(), Ending::Completed);
    assert!(models(&run) == models(&folder.path().join("whole")));
}

#[test]
fn a_model_that_cannot_be_saved_is_held_until_it_can_or_it_is_none_of_the_best() {
    let (folder, config) = setting(14);
    let config = slow(config, 2);
    let whole = Whole::train(&config, &folder.path().join("whole"));
    let run = folder.path().join("run");
    let in_the_way = |event: &Event| {
        let begins = |wanted: u32| matches!(event, Event::Step { epoch, step: 1, .. } if *epoch == wanted);
        for epoch in 1..=10 {
            let path = run.join(format!("epoch-{epoch:03}.divvy"));
            if begins(1) {
                fs::create_dir(&path).unwrap();
            }
            if begins(9) {
                fs::remove_dir(&path).unwrap();
            }
        }
    };
    let heard = hear(None, in_the_way, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    assert_eq!(heard.ending(), Ending::Completed);
    let held = heard.notes().iter().filter(|note| note.contains("held in memory")).count();
    assert_eq!(held, 1, "told once: {:?}", heard.notes());
    assert!(models(&run) == models(&whole.run));
}

#[test]
fn files_that_a_training_did_not_write_stay() {
    let (folder, config) = setting(10);
    let (run, mut put) = (folder.path().join("run"), false);
    let mut copy = |event: &Event| {
        if let (Event::Step { epoch: 1, .. }, false) = (event, put) {
            put = true;
            for name in ["epoch-001.divvy", "epoch-1.divvy"] {
                fs::write(run.join(name), "someone's own").unwrap();
            }
        }
    };
    let heard = hear(None, &mut copy, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    assert_eq!(heard.ending(), Ending::Completed);
    for name in ["epoch-001.divvy", "epoch-1.divvy"] {
        assert_eq!(fs::read_to_string(run.join(name)).unwrap(), "someone's own");
    }
}
