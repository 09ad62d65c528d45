//! Where a training is interrupted makes no difference, nor how often, nor on how many threads it goes on.

use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use divvy_data::{Augment, CacheOptions, CachePlace, Mix};
use divvy_model::Model;
use divvy_nn::{Cpu, Optimizer, Plateau, Schedule, Warmup};
use divvy_train::{
    Balance, Ending, Event, Length, Resources, RunFolder, TrainConfig, TrainError, resume, train,
};

use crate::common::{no_stop, setting};
use crate::support::{Heard, Whole, begin, contents, go_on, hear, names, resources, steps_of};

/// Everything that a training keeps from one step to the next: moments, an average, a warm-up, a plateau, a patience, groups that are used
/// up in turn, mixed pictures that grow, steps in parts.
fn with_everything(config: &TrainConfig, folder: &Path) -> TrainConfig {
    let layers = folder.join("any-size.toml");
    let convolution = "type = \"conv2d\"\nfilters = 4\nkernel = 3\nuse_bias = false\nactivation = \"relu\"";
    let parts = [
        convolution,
        "type = \"batch_norm\"",
        "type = \"global_avg_pool2d\"",
        "type = \"dropout\"\nrate = 0.2",
    ];
    fs::write(&layers, parts.map(|part| format!("[[layer]]\n{part}\n")).concat()).unwrap();
    let mix = Some(Mix { probability: 0.7, mixup: 0.4, cutmix: 1.0 });
    TrainConfig {
        architecture: layers.display().to_string(),
        start_size: Some(config.size / 2),
        end_size: Some(config.size * 3 / 4),
        accumulate: NonZeroUsize::new(2).unwrap(),
        augment: Augment { mix, ..Augment::standard() }.into(),
        balance: Balance::Oversample,
        optimizer: Optimizer::adam_w(0.01).average(0.9).clip_norm(1.0),
        warmup: Some(Warmup { steps: 9, start: 0.1 }),
        plateau: Some(Plateau { factor: 0.5, patience: 0, threshold: 0.3 }),
        patience: NonZeroU32::new(3),
        ..config.clone()
    }
}

/// A training that learns nothing, on the mean colour, which both groups have alike: findings are told of it, the rate falls at each plateau,
/// and the same epoch stays the best.
fn without_success(config: &TrainConfig, folder: &Path) -> TrainConfig {
    let layers = folder.join("mean.toml");
    fs::write(&layers, "[[layer]]\ntype = \"global_avg_pool2d\"\n").unwrap();
    TrainConfig {
        architecture: layers.display().to_string(),
        learning_rate: 1e-30,
        schedule: Schedule::Constant,
        optimizer: Optimizer::nesterov(0.9),
        plateau: Some(Plateau { factor: 0.5, patience: 1, threshold: 0.01 }),
        length: Length::Epochs(12),
        batch: 2,
        ..config.clone()
    }
}

/// Where pictures are kept, one way after the other.
fn cache(number: usize, folder: &Path) -> CacheOptions {
    let place = [CachePlace::Memory, CachePlace::None, CachePlace::Disk, CachePlace::Auto][number % 4];
    CacheOptions { place, folder: Some(folder.join("cache")), ..CacheOptions::default() }
}

#[test]
fn a_training_that_is_stopped_after_any_step_goes_on_to_the_same_bits() {
    let (folder, config) = setting(14);
    for (name, config, every) in [
        ("plain", config.clone(), 1),
        ("everything", with_everything(&config, folder.path()), 1),
        ("without success", without_success(&config, folder.path()), 13),
    ] {
        let whole = Whole::train(&config, &folder.path().join(format!("{name}-whole")));
        assert_eq!(whole.is_told("L11"), name == "without success");
        for stop_after in (1..whole.steps.len()).step_by(every) {
            let run = folder.path().join(format!("{name}-{stop_after}"));
            let place = format!("{name}, stopped after step {stop_after}");
            let first =
                begin(&config, &run, resources(1 + stop_after % 3, stop_after % 2 == 0), Some(stop_after));
            assert_eq!(first.ending(), Ending::Interrupted, "{place}");
            assert!(RunFolder::at(&run).is_resumable(), "{place}");
            let cache = cache(stop_after, folder.path());
            let second = go_on(&run, Resources { cache, ..resources(1 + (stop_after + 1) % 3, false) }, None);
            let outcome = second.outcome.as_ref().unwrap();
            assert_ne!(outcome.ending, Ending::Interrupted, "{place}");
            let heard = [steps_of(&first.events), steps_of(&second.events)].concat();
            assert_eq!(heard, whole.steps, "{place}");
            whole.assert_same(&run, &place);
            assert_eq!(RunFolder::at(&run).outcome().unwrap().as_ref(), Some(outcome));
        }
    }
}

#[test]
fn a_training_that_is_stopped_after_each_step_comes_to_its_end() {
    let (folder, config) = setting(14);
    let config = with_everything(&config, folder.path());
    let (whole, run) = (Whole::train(&config, &folder.path().join("whole")), folder.path().join("run"));
    let mut heard = steps_of(&begin(&config, &run, resources(2, false), Some(1)).events);
    loop {
        let next = go_on(&run, resources(1, false), Some(1));
        heard.extend(steps_of(&next.events));
        if next.ending() != Ending::Interrupted {
            break;
        }
    }
    assert_eq!(heard, whole.steps);
    whole.assert_same(&run, "stopped after each step");
}

#[test]
fn a_training_that_is_stopped_while_it_looks_at_validation_pictures_goes_on_to_the_same_bits() {
    const EPOCHS: usize = 3;
    let (folder, config) = setting(400);
    let config = TrainConfig { validation_share: 0.95, length: Length::Epochs(EPOCHS as u32), ..config };
    let whole = Whole::train(&config, &folder.path().join("whole"));
    let second_epoch = 2 * whole.steps.len() / EPOCHS;
    let stopped_while_looking = |attempt: usize| {
        let run = folder.path().join(format!("run-{attempt}"));
        let (stop, mut events) = (Arc::new(no_stop()), Vec::new());
        let mut listener = |event: &Event| {
            if matches!(event, Event::Step { epoch: 2, step, steps, .. } if step == steps) {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(3));
                    stop.store(true, Ordering::Relaxed);
                });
            }
            events.push(event.clone());
        };
        let outcome = train(&config, &run, resources(2, false), &mut listener, &stop);
        let heard = Heard { events, outcome };
        (heard.ending() == Ending::Interrupted && heard.steps() == second_epoch).then_some((run, heard))
    };
    // The look takes as long as it takes: of many times the one or other is asked meanwhile.
    let (run, first) = (0..50).find_map(stopped_while_looking).expect("who asks is not heard while it looks");
    assert!(RunFolder::at(&run).is_resumable());
    let second = go_on(&run, resources(1, false), None);
    assert_eq!(second.ending(), Ending::Completed);
    assert_eq!([steps_of(&first.events), steps_of(&second.events)].concat(), whole.steps);
    whole.assert_same(&run, "stopped while it looked at validation pictures");
}

/// Trains until the model has seen so many pictures after the last epoch, then asks to stop.
fn stopped_familiarizing(config: &TrainConfig, run: &Path, resources: Resources, seen: usize) {
    let stop = no_stop();
    let mut listener = |event: &Event| {
        if matches!(event, Event::Familiarizing { done, .. } if *done >= seen) {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let outcome = train(config, run, resources, &mut listener, &stop).unwrap();
    assert_eq!(outcome.ending, Ending::Interrupted);
    assert!(Model::open(run).unwrap().familiarity().is_none(), "it is whole, and has not learnt that yet");
    assert!(RunFolder::at(run).is_resumable());
}

#[test]
fn a_training_that_is_stopped_after_its_last_epoch_goes_on_to_the_same_bits() {
    let (folder, config) = setting(14);
    for (name, config) in [("plain", config.clone()), ("everything", with_everything(&config, folder.path()))]
    {
        let whole = Whole::train(&config, &folder.path().join(format!("{name}-whole")));
        assert!(Model::open(&whole.run).unwrap().familiarity().is_some());
        for (seen, each_step) in [(0, true), (1, true), (0, false), (1, false)] {
            let place = format!("{name}, stopped once it had seen {seen} pictures");
            let run = folder.path().join(format!("{name}-{seen}-{each_step}"));
            stopped_familiarizing(&config, &run, resources(2, each_step), seen);
            let second = go_on(&run, resources(1, false), None);
            assert_eq!(second.steps(), 0, "{place}");
            whole.assert_same(&run, &place);
        }
    }
}

#[test]
fn a_training_by_time_that_is_stopped_after_its_last_step_goes_on() {
    let (folder, config) = setting(14);
    let config = TrainConfig { length: Length::Minutes(0.02), ..config };
    let run = folder.path().join("run");
    stopped_familiarizing(&config, &run, resources(2, false), 1);
    let second = go_on(&run, resources(2, false), None);
    assert_eq!(second.ending(), Ending::Completed);
    assert!(second.steps() <= 1, "{} steps more", second.steps());
    assert!(Model::open(&run).unwrap().familiarity().is_some());
    assert!(!RunFolder::at(&run).is_resumable());
}

#[test]
fn listeners_hear_where_it_goes_on_and_files_do_not() {
    let (folder, config) = setting(14);
    let run = folder.path().join("run");
    let steps = begin(&config, &folder.path().join("whole"), resources(1, false), None).steps() / 4;
    begin(&config, &run, resources(1, false), Some(steps + 2));
    let heard = go_on(&run, resources(1, false), Some(1));
    let place = heard.events.iter().find_map(|event| match event {
        Event::Resumed { epoch, step, steps, seconds } => Some((*epoch, *step, *steps, *seconds > 0.0)),
        _ => None,
    });
    assert_eq!(place, Some((2, 2, steps, true)));
    assert!(matches!(heard.events[0], Event::Started { .. }), "listeners are told what is trained");
    let text = fs::read_to_string(run.join("events.jsonl")).unwrap();
    assert!(text.matches(r#""event":"started""#).count() == 1 && !text.contains("resumed"), "{text}");
}

#[test]
fn a_training_that_has_come_to_its_end_is_left_as_it_is() {
    let (folder, config) = setting(10);
    let run = folder.path().join("run");
    let trained = begin(&config, &run, resources(1, true), None).outcome.unwrap();
    let mut expected = vec!["config.toml", "events.jsonl", "model.divvy", "split.csv"];
    if trained.best_epoch < trained.epochs {
        expected.insert(2, "last.divvy");
    }
    assert_eq!(names(&run), expected);
    let before = contents(&run);
    for path in [run.clone(), run.join("model.divvy")] {
        let again = go_on(&path, resources(1, false), None);
        assert!(again.events.is_empty(), "{:?}", again.events);
        assert_eq!(again.outcome.unwrap(), trained);
        assert!(contents(&run) == before);
    }
}

#[test]
fn a_training_that_another_process_goes_on_with_is_left_to_it() {
    let (folder, config) = setting(10);
    let run = folder.path().join("run");
    let mut refusals = Vec::new();
    let mut try_both = |event: &Event| {
        if matches!(event, Event::Step { step: 1, .. } | Event::Loading { done: 1, .. }) {
            let resumed = resume(&run, Cpu::new(1), &mut |_: &Event| {}, &no_stop());
            let begun = train(&config, &run, Cpu::new(1), &mut |_: &Event| {}, &no_stop());
            refusals.push((resumed.unwrap_err(), begun.unwrap_err()));
        }
    };
    let heard = hear(None, &mut try_both, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    assert_eq!(heard.ending(), Ending::Completed);
    assert!(refusals.len() >= 4);
    for (resumed, begun) in refusals {
        assert!(matches!(&resumed, TrainError::RunBusy { path, .. } if *path == run), "{resumed}");
        assert!(matches!(begun, TrainError::RunExists { .. }), "{begun}");
    }
}

#[test]
fn the_time_that_was_taken_before_counts() {
    let (folder, config) = setting(10);
    let minutes = 0.04;
    let config = TrainConfig { length: Length::Minutes(minutes), ..config };
    let run = folder.path().join("run");
    let begun = Instant::now();
    let stop = no_stop();
    let mut stop_at_half = |event: &Event| {
        let half = begun.elapsed().as_secs_f64() > minutes * 30.0;
        if matches!(event, Event::Step { .. }) && half {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let first = train(&config, &run, resources(1, false), &mut stop_at_half, &stop).unwrap();
    assert_eq!(first.ending, Ending::Interrupted);
    let again = Instant::now();
    let heard = go_on(&run, resources(1, false), None);
    let taken = again.elapsed().as_secs_f64();
    assert_eq!(heard.ending(), Ending::Completed);
    assert!(taken < minutes * 45.0, "{taken} s more, of which half were over");
    let Some(Event::Finished { seconds, .. }) = heard.events.last() else { panic!("it is over") };
    assert!((minutes * 55.0..minutes * 90.0).contains(seconds), "{seconds} s in all");
    let first = heard.events.iter().find_map(|event| match event {
        Event::Step { progress, .. } => Some(*progress),
        _ => None,
    });
    assert!(first.is_some_and(|progress| progress > 0.4), "{first:?}");
}

#[test]
fn numbers_that_run_away_leave_nothing_to_go_on_with() {
    let (folder, config) = setting(10);
    let config = TrainConfig { learning_rate: 1e30, ..config };
    let run = folder.path().join("run");
    let heard = begin(&config, &run, resources(1, true), None);
    assert!(matches!(heard.outcome, Err(TrainError::NotFinite { .. })));
    assert!(!run.exists());
}
