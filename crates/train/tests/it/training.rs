//! Training as a caller of the library sees it, on small pictures made here.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use divvy_data::{Augment, DataError, Dataset, OpenOptions, Split, StoreOptions};
use divvy_eval::Report;
use divvy_model::{Calibration, Classifier, Model};
use divvy_nn::{Activation, Cpu, Layer, Optimizer, Task, Wiring};
use divvy_train::{Contents, Ending, Event, Length, RunFolder, TrainConfig, TrainError, evaluate, train};

use crate::common::{no_stop, setting};

#[test]
fn it_learns_and_the_run_folder_tells_how() {
    let (folder, config) = setting(30);
    let run = folder.path().join("runs/first");
    let mut events = Vec::new();
    let outcome =
        train(&config, &run, Cpu::new(2), &mut |event: &Event| events.push(event.clone()), &no_stop())
            .unwrap();
    assert_eq!((outcome.ending, outcome.epochs), (Ending::Completed, 4));
    assert!(outcome.validation.value >= 0.9, "{outcome:?}");

    let logged = fs::read_to_string(outcome.run.events()).unwrap();
    let logged: Vec<serde_json::Value> =
        logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(logged.first().unwrap()["event"], "started");
    assert_eq!(logged.last().unwrap()["event"], "finished");
    assert_eq!(logged.iter().filter(|line| line["event"] == "epoch").count(), 4);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Step { .. })).count(), 4 * 6);
    // All settings of the random changes are written down.
    let dataset = Dataset::open(&config.data, &OpenOptions::default()).unwrap();
    let resolved = TrainConfig { augment: config.augment.resolved(&dataset), ..config.clone() };
    assert_eq!(outcome.run.read_config().unwrap(), resolved);
    let split = fs::read_to_string(outcome.run.split()).unwrap();
    assert_eq!(split.lines().count(), 1 + 60);

    let mut classifier = Classifier::new(Model::open(&run).unwrap(), Cpu::new(1)).unwrap();
    let evaluation = evaluate(
        &mut classifier,
        &config.data,
        &OpenOptions::default(),
        None,
        &StoreOptions::default(),
        &|_, _| {},
    )
    .unwrap();
    let Report::Exclusive(report) = evaluation.report else { panic!("two groups exclude each other") };
    assert_eq!(report.n, 60);
    assert!(report.accuracy >= 0.9, "{report}");
}

#[test]
fn the_same_seed_gives_the_same_file_on_any_number_of_threads() {
    let (folder, mut config) = setting(13);
    config.augment = Augment::light().into();
    let files: Vec<_> = [1, 2, 3]
        .map(|threads| {
            let run = folder.path().join(threads.to_string());
            train(&config, &run, Cpu::new(threads), &mut |_: &Event| {}, &no_stop()).unwrap();
            fs::read(run.join("model.divvy")).unwrap()
        })
        .into();
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0], files[2]);
    config.seed = 1;
    let other = folder.path().join("other");
    train(&config, &other, Cpu::new(2), &mut |_: &Event| {}, &no_stop()).unwrap();
    assert_ne!(files[0], fs::read(other.join("model.divvy")).unwrap());
}

#[test]
fn averaged_weights_are_judged_and_saved_while_the_training_goes_its_way() {
    let (folder, config) = setting(20);
    let outcome = |name: &str, optimizer: Optimizer| {
        let (config, run) = (TrainConfig { optimizer, ..config.clone() }, folder.path().join(name));
        let mut losses = Vec::new();
        let mut listener = |event: &Event| {
            if let Event::Step { loss, .. } = event {
                losses.push(loss.to_bits());
            }
        };
        let outcome = train(&config, &run, Cpu::new(2), &mut listener, &no_stop()).unwrap();
        (losses, outcome.validation, Model::open(&run).unwrap())
    };
    let (plain_losses, plain_score, plain) = outcome("plain", config.optimizer);
    let (losses, score, averaged) = outcome("averaged", config.optimizer.average(0.9));
    assert_eq!(losses, plain_losses);
    assert_ne!(score.loss.to_bits(), plain_score.loss.to_bits());
    assert_eq!(averaged.record().optimizer.average, Some(0.9));
    let values = |model: &Model| -> Vec<f32> {
        model.parameters().unwrap().tensors().flat_map(|tensor| tensor.values).collect()
    };
    assert_ne!(values(&averaged), values(&plain));

    // What was judged is what was saved, but for the calibration.
    let Some(Calibration::Temperature { temperature, biases }) = averaged.record().calibration.clone() else {
        panic!("a softmax is calibrated")
    };
    let options = OpenOptions::default();
    let dataset = Dataset::open(&config.data, &options).unwrap();
    let split = Split::read_csv(&folder.path().join("averaged/split.csv"), &dataset).unwrap();
    let mut classifier = Classifier::new(averaged, Cpu::new(1)).unwrap();
    let paths: Vec<_> = split.validation.iter().map(|&sample| dataset.sample_path(sample)).collect();
    let labels: Vec<usize> =
        split.validation.iter().map(|&sample| dataset.samples()[sample].label.indices()[0]).collect();
    let (mut sum, mut at) = (0.0, 0);
    classifier
        .classify_files(paths, |_, prediction| -> Result<(), divvy_data::ImageError> {
            // A bias is a factor of the probabilities, a temperature a power of them: they are brought back to what they were.
            let probabilities = prediction?.probabilities.unwrap();
            let unbiased = probabilities.iter().zip(&biases).map(|(&p, bias)| f64::from(p) / bias.exp());
            let powers: Vec<f64> = unbiased.map(|p| p.powf(temperature)).collect();
            sum -= (powers[labels[at]] / powers.iter().sum::<f64>()).ln();
            at += 1;
            Ok(())
        })
        .unwrap();
    assert!((sum / at as f64 - score.loss).abs() < 1e-4, "{} for {}", sum / at as f64, score.loss);
}

#[test]
fn a_model_knows_what_its_training_pictures_look_like() {
    let (folder, config) = setting(30);
    let run = folder.path().join("run");
    train(&config, &run, Cpu::new(2), &mut |_: &Event| {}, &no_stop()).unwrap();
    let dataset = Dataset::open(&config.data, &OpenOptions::default()).unwrap();
    let split = Split::read_csv(&run.join("split.csv"), &dataset).unwrap();
    let mut paths: Vec<_> = split.validation.iter().map(|&sample| dataset.sample_path(sample)).collect();
    let noise = folder.path().join("noise.png");
    let light = |x: u32, y: u32| ((x * 31 + y * 17).wrapping_mul(2_654_435_761) >> 13) as u8;
    image::GrayImage::from_fn(16, 16, |x, y| image::Luma([light(x, y)])).save(&noise).unwrap();
    paths.push(noise);
    let mut familiar = Vec::new();
    Classifier::new(Model::open(&run).unwrap(), Cpu::new(1))
        .unwrap()
        .classify_files(paths, |_, prediction| -> Result<(), divvy_data::ImageError> {
            familiar.push(prediction?.familiarity.expect("the model knows"));
            Ok(())
        })
        .unwrap();
    // Each of n validation pictures is as unlike as itself and as those beyond it: 2, 3 ... n + 1 of n + 1.
    let n = split.validation.len();
    let of_noise = familiar.pop().unwrap();
    familiar.sort_by(f64::total_cmp);
    let ranks: Vec<f64> = (2..n + 2).map(|rank| rank as f64 / (n + 1) as f64).collect();
    // What is kept of scores is rounded, so that a picture may lie beyond itself.
    let off = familiar.iter().zip(&ranks).map(|(found, rank)| (found - rank).abs() * (n + 1) as f64);
    assert!(off.clone().all(|off| off < 1.001), "{familiar:?}");
    assert!(off.sum::<f64>() < n as f64 / 2.0, "{familiar:?}");
    assert_eq!(of_noise, 1.0 / (n + 1) as f64);
}

/// Steps end so early that what follows them lies within the minutes, for the most part at the least, and in one of several trainings: the machine may be
/// busy with other things.
#[test]
fn minutes_hold_what_comes_after_the_last_epoch() {
    const MINUTES: f64 = 0.05;
    let (folder, config) = setting(300);
    let config = TrainConfig { size: 64, length: Length::Minutes(MINUTES), ..config };
    let holds = |attempt: u32| {
        let (after, took) = until_and_after_the_last_epoch(&config, &folder.path().join(attempt.to_string()));
        println!("{after:.3} s until the last epoch was over, {took:.3} s after it, of {MINUTES} minutes");
        60.0 * MINUTES - after > 0.5 * took
    };
    assert!((0..4).any(holds));
}

/// Seconds that a training takes until its last epoch is over, and after that.
fn until_and_after_the_last_epoch(config: &TrainConfig, run: &Path) -> (f64, f64) {
    let (begun, mut after) = (Instant::now(), None);
    let mut listener = |event: &Event| {
        if let Event::Familiarizing { done: 0, .. } = event {
            after = Some(begun.elapsed().as_secs_f64());
        }
    };
    train(config, run, Cpu::new(2), &mut listener, &no_stop()).unwrap();
    let (end, after) = (begun.elapsed().as_secs_f64(), after.expect("it is told"));
    (after, end - after)
}

#[test]
fn smoothed_labels_are_learnt_as_far_as_they_go() {
    let (folder, config) = setting(30);
    let config = TrainConfig { length: Length::Epochs(12), label_smoothing: 0.4, ..config };
    let run = folder.path().join("smoothed");
    let mut losses = Vec::new();
    let mut listener = |event: &Event| {
        if let Event::Epoch { training_loss, .. } = event {
            losses.push(*training_loss);
        }
    };
    let outcome = train(&config, &run, Cpu::new(2), &mut listener, &no_stop()).unwrap();
    assert_eq!(outcome.validation.value, 1.0, "the groups are told apart all the same");
    assert_eq!(Model::open(&run).unwrap().record().label_smoothing, Some(0.4));
    // No answers come nearer to targets of 0.8 and 0.2 than these themselves, whose cross-entropy is their entropy.
    let entropy = -(0.8 * 0.8_f64.ln() + 0.2 * 0.2_f64.ln());
    assert!(losses.iter().all(|&loss| loss >= entropy - 1e-6), "{losses:?} below {entropy}");
    assert!(losses.last().is_some_and(|&last| last < entropy + 0.1), "{losses:?} far above {entropy}");
}

#[test]
fn layers_are_skipped_where_there_are_shortcuts() {
    let (folder, config) = setting(12);
    let run = |name: &str| folder.path().join(name);
    let skipping = TrainConfig { stochastic_depth: 0.3, length: Length::Epochs(2), ..config };
    let refused = train(&skipping, &run("refused"), Cpu::new(1), &mut |_: &Event| {}, &no_stop());
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("stochastic depth has nothing to drop"), "{message}");
    let skipping = TrainConfig { architecture: "resnet8".to_owned(), ..skipping };
    let trained = |config: &TrainConfig, name: &str, threads| {
        train(config, &run(name), Cpu::new(threads), &mut |_: &Event| {}, &no_stop()).unwrap();
        Model::open(&run(name)).unwrap()
    };
    let model = trained(&skipping, "skipping", 1);
    assert_eq!(RunFolder::at(&run("skipping")).read_config().unwrap().stochastic_depth, 0.3);
    let rates = |model: &Model| -> Vec<f32> {
        let nodes = model.network().graph().nodes().iter();
        nodes
            .filter_map(|node| if let Layer::Dropout(it) = &node.layer { Some(it.rate) } else { None })
            .collect()
    };
    let found = rates(&model);
    assert!(
        found.iter().zip([0.1, 0.2, 0.3]).all(|(rate, wanted)| (rate - wanted).abs() < 1e-6),
        "{found:?}"
    );
    assert_eq!(found.len(), 3);
    trained(&skipping, "again", 3);
    let bytes = ["skipping", "again"].map(|name| fs::read(run(name).join("model.divvy")).unwrap());
    assert!(bytes[0] == bytes[1]);
    let whole = trained(&TrainConfig { stochastic_depth: 0.0, ..skipping }, "whole", 1);
    let filters = |model: &Model| {
        let mut tensors = model.parameters().expect("it is not quantised").tensors();
        tensors.find(|tensor| tensor.name == "res1/kernel").expect("the network has such a layer").values
    };
    assert!(rates(&whole).is_empty() && filters(&whole) != filters(&model));
}

#[test]
fn patience_ends_a_training_that_gets_no_better() {
    let (folder, config) = setting(12);
    let outcome = |patience: u32| {
        // Nothing is learned at this rate, so each epoch is as good as the first.
        let length = Length::Epochs(9);
        let config = TrainConfig {
            learning_rate: 1e-30,
            length,
            patience: NonZeroU32::new(patience),
            ..config.clone()
        };
        let run = folder.path().join(patience.to_string());
        let mut best = Vec::new();
        let mut listener = |event: &Event| {
            if let Event::Epoch { best: is_best, .. } = event {
                best.push(*is_best);
            }
        };
        let outcome = train(&config, &run, Cpu::new(1), &mut listener, &no_stop()).unwrap();
        (outcome.ending, outcome.epochs as usize, outcome.best_epoch as usize, best)
    };
    let (ending, epochs, _, best) = outcome(0);
    assert_eq!((ending, epochs), (Ending::Completed, 9));
    // Moving statistics settle at first, so the best is not always the first.
    for patience in [1, 2, 3] {
        let (ending, epochs, best_epoch, _) = outcome(patience as u32);
        let run_of_no_better = best.windows(patience).position(|window| !window.contains(&true));
        let expected = run_of_no_better.map_or(9, |start| start + patience);
        let expected_ending = if expected < 9 { Ending::Stalled } else { Ending::Completed };
        assert_eq!((ending, epochs), (expected_ending, expected), "{best:?}");
        assert!(epochs - best_epoch >= patience || ending == Ending::Completed);
    }
}

#[test]
fn a_stop_ends_after_the_step_and_leaves_a_model() {
    let (folder, config) = setting(20);
    let (run, stop) = (folder.path().join("run"), no_stop());
    let mut steps = 0;
    let mut listener = |event: &Event| {
        if let Event::Step { .. } = event {
            steps += 1;
            stop.store(steps == 3, Ordering::Relaxed);
        }
    };
    let outcome = train(&config, &run, Cpu::new(1), &mut listener, &stop).unwrap();
    assert_eq!((outcome.ending, outcome.epochs, steps), (Ending::Interrupted, 1, 3));
    assert!(Model::open(&run).is_ok());
}

#[test]
fn a_used_folder_is_left_as_it_is() {
    let (folder, config) = setting(10);
    let run = folder.path().join("run");
    train(&config, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap();
    let before = fs::read(run.join("model.divvy")).unwrap();
    let again = train(&TrainConfig { seed: 5, ..config }, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop());
    let message = again.unwrap_err().to_string();
    assert!(message.contains("lower, upper") && message.contains("accuracy"), "{message}");
    assert_eq!(fs::read(run.join("model.divvy")).unwrap(), before);

    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.txt"), "years").unwrap();
    assert_eq!(RunFolder::contents(&other).unwrap(), Contents::Other(1));
    assert!(matches!(RunFolder::create(&other), Err(TrainError::RunExists { .. })));
}

/// What a listener does while pictures are read.
fn while_reading(mut act: impl FnMut() + Send) -> impl FnMut(&Event) + Send {
    move |event: &Event| {
        if let Event::Loading { .. } = event {
            act();
        }
    }
}

#[test]
fn a_training_that_comes_to_no_model_leaves_nothing_of_its_own() {
    let (folder, config) = setting(10);
    let (runs, stop) = (folder.path().join("runs"), no_stop());
    let run = runs.join("new");
    let mut interrupt = while_reading(|| stop.store(true, Ordering::Relaxed));
    let stopped = train(&config, &run, Cpu::new(1), &mut interrupt, &stop);
    assert!(matches!(stopped, Err(TrainError::Interrupted)));
    assert!(!runs.exists(), "neither the run's folder nor the one made around it");

    stop.store(false, Ordering::Relaxed);
    fs::create_dir_all(&run).unwrap();
    let mut write = while_reading(|| {
        fs::write(run.join("notes.txt"), "mine").unwrap();
        stop.store(true, Ordering::Relaxed);
    });
    assert!(train(&config, &run, Cpu::new(1), &mut write, &stop).is_err());
    assert_eq!(fs::read_dir(&run).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(run.join("notes.txt")).unwrap(), "mine");
    fs::remove_file(run.join("notes.txt")).unwrap();

    for number in 0..6 {
        fs::write(config.data.join(format!("upper/bad{number}.png")), "no picture").unwrap();
    }
    let refused = train(&config, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop());
    assert!(matches!(refused, Err(TrainError::Data(DataError::TooManyUnreadable { .. }))));
    assert_eq!(RunFolder::contents(&run).unwrap(), Contents::Nothing);
    assert!(run.exists(), "a folder that was there before stays");
    for number in 0..6 {
        fs::remove_file(config.data.join(format!("upper/bad{number}.png"))).unwrap();
    }
    train(&config, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop()).unwrap();
}

#[test]
fn nothing_is_written_when_something_does_not_fit() {
    let (folder, config) = setting(10);
    let run = folder.path().join("run");
    for bad in [
        TrainConfig { batch: 0, ..config.clone() },
        TrainConfig { learning_rate: f64::NAN, ..config.clone() },
        TrainConfig { length: Length::Minutes(-1.0), ..config.clone() },
        TrainConfig { length: Length::Minutes(1e20), ..config.clone() },
        TrainConfig { length: Length::Minutes(f64::INFINITY), ..config.clone() },
        TrainConfig { length: Length::Epochs(0), ..config.clone() },
        TrainConfig { label_smoothing: -1e-50, ..config.clone() },
        TrainConfig { label_smoothing: 1.0 - 1e-12, ..config.clone() },
        TrainConfig { stochastic_depth: -1e-50, ..config.clone() },
        TrainConfig { stochastic_depth: f64::NAN, ..config.clone() },
        TrainConfig { size: 2, ..config.clone() },
        TrainConfig { size: 0, ..config.clone() },
        TrainConfig { architecture: "classics".to_owned(), ..config.clone() },
        TrainConfig {
            wiring: Wiring { activation: Some(Activation::Linear), ..Wiring::default() },
            task: Some(Task::MultiClass),
            ..config.clone()
        },
        TrainConfig { data: folder.path().join("nowhere"), ..config.clone() },
    ] {
        let error = train(&bad, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop());
        assert!(error.is_err(), "{bad:?}");
        assert!(!run.exists(), "{bad:?}");
    }
}
