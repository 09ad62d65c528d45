//! Disks that do not take what is written, and folders that go away.

use std::fs;

use divvy_data::{CacheOptions, CachePlace};
use divvy_train::{Ending, Event, Resources, TrainConfig, TrainError, train};

use crate::common::setting;
use crate::support::{Whole, begin, go_on, hear, names, resources, steps_of};

/// Whether this event is the first step of that epoch.
fn begins(event: &Event, wanted: u32) -> bool {
    matches!(event, Event::Step { epoch, step: 1, .. } if *epoch == wanted)
}

#[test]
fn a_training_without_checkpoints_goes_on_and_says_so_once() {
    let (folder, config) = setting(14);
    let (run, whole) = (folder.path().join("run"), Whole::train(&config, &folder.path().join("whole")));
    // A folder where a file should go cannot be replaced by it.
    let in_the_way = |event: &Event| {
        if begins(event, 1) {
            fs::create_dir(run.join("checkpoint.1")).unwrap();
        }
        if begins(event, 3) {
            fs::remove_dir(run.join("checkpoint.1")).unwrap();
        }
        if begins(event, 4) {
            assert!(run.join("checkpoint.1").is_file(), "it was tried again");
        }
    };
    let heard = hear(None, in_the_way, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    assert_eq!(heard.ending(), Ending::Completed);
    let notes = heard.notes();
    let [note] = notes[..] else { panic!("{notes:?}") };
    assert!(note.contains("no checkpoint could be written") && note.contains("checkpoint.1"), "{note}");
    assert!(fs::read(run.join("model.divvy")).unwrap() == whole.model);
}

#[test]
fn a_model_that_cannot_be_saved_is_held_until_it_can_and_no_checkpoint_speaks_of_it() {
    let (folder, config) = setting(14);
    let (run, whole) = (folder.path().join("run"), Whole::train(&config, &folder.path().join("whole")));
    let (model, mut checkpoints) = (run.join("model.divvy"), Vec::new());
    let mut in_the_way = |event: &Event| {
        if begins(event, 1) {
            fs::create_dir(&model).unwrap();
        }
        if begins(event, 2) || begins(event, 3) {
            checkpoints.push(["checkpoint.0", "checkpoint.1"].map(|name| fs::read(run.join(name)).unwrap()));
        }
        if begins(event, 3) {
            fs::remove_dir(&model).unwrap();
        }
    };
    let heard = hear(None, &mut in_the_way, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    assert_eq!(heard.ending(), Ending::Completed);
    let held = heard.notes().iter().filter(|note| note.contains("held in memory")).count();
    assert_eq!(held, 1, "told once: {:?}", heard.notes());
    assert!(checkpoints[0] == checkpoints[1], "none was written while the model was not saved");
    assert!(fs::read(&model).unwrap() == whole.model);
}

#[test]
fn a_model_that_cannot_be_saved_in_the_end_is_an_error_and_the_training_can_go_on() {
    let (folder, config) = setting(14);
    let (run, whole) = (folder.path().join("run"), Whole::train(&config, &folder.path().join("whole")));
    let in_the_way = |event: &Event| {
        if begins(event, 1) {
            fs::create_dir(run.join("model.divvy")).unwrap();
        }
    };
    let heard = hear(None, in_the_way, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    let error = heard.outcome.unwrap_err();
    assert!(matches!(error, TrainError::Model(_)) && error.to_string().contains("model.divvy"), "{error}");
    fs::remove_dir(run.join("model.divvy")).unwrap();
    // What was told of the disk stands in the events, cut back to where there was a checkpoint.
    assert_eq!(go_on(&run, resources(1, false), None).ending(), Ending::Completed);
    assert!(fs::read(run.join("model.divvy")).unwrap() == whole.model);
}

/// What is open can be read even when it was deleted.
#[cfg(unix)]
#[test]
fn a_folder_that_was_deleted_is_made_again_with_all_that_was_in_it() {
    let (folder, config) = setting(14);
    let config = TrainConfig { keep_best: 2, ..config };
    let (run, whole) = (folder.path().join("runs/run"), Whole::train(&config, &folder.path().join("whole")));
    let is_familiarizing = |event: &Event| matches!(event, Event::Familiarizing { done: 0, .. });
    for (moment, name) in [
        (&(|event: &Event| begins(event, 1)) as &(dyn Fn(&Event) -> bool + Sync), "before there is a model"),
        (&|event: &Event| begins(event, 3), "after two epochs"),
        (&|event: &Event| begins(event, 1) || begins(event, 3), "twice"),
        (&is_familiarizing, "after the last epoch"),
    ] {
        let delete = |event: &Event| {
            if moment(event) {
                fs::remove_dir_all(folder.path().join("runs")).unwrap();
            }
        };
        let heard = hear(None, delete, |mut listener, stop| {
            train(&config, &run, resources(1, true), &mut listener, stop)
        });
        assert_eq!(heard.ending(), Ending::Completed, "{name}");
        if name == "after the last epoch" {
            // The model that was being read is as good as before.
            assert_eq!(names(&run), names(&whole.run));
            assert!(heard.notes().iter().any(|note| note.contains("will not tell")), "{:?}", heard.notes());
        } else {
            assert_eq!(heard.notes(), [""; 0], "{name}");
            whole.assert_same(&run, name);
        }
        fs::remove_dir_all(&run).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_training_whose_folder_was_deleted_can_be_gone_on_with() {
    let (folder, config) = setting(14);
    let (run, whole) = (folder.path().join("run"), Whole::train(&config, &folder.path().join("whole")));
    let delete = |event: &Event| {
        if begins(event, 2) {
            fs::remove_dir_all(&run).unwrap();
        }
    };
    let stop_after = whole.steps.len() / 2 + 1;
    let heard = hear(Some(stop_after), delete, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    assert_eq!(heard.ending(), Ending::Interrupted);
    assert_eq!(go_on(&run, resources(1, false), None).steps(), whole.steps.len() - stop_after);
    whole.assert_same(&run, "after the folder was deleted");
}

#[cfg(unix)]
#[test]
fn a_folder_in_which_another_training_took_the_place_of_the_one_deleted_is_left_alone() {
    let (folder, config) = setting(14);
    let run = folder.path().join("run");
    let other = TrainConfig { seed: 5, ..config.clone() };
    let whole = Whole::train(&other, &folder.path().join("whole"));
    let replace = |event: &Event| {
        if begins(event, 2) {
            fs::remove_dir_all(&run).unwrap();
            begin(&other, &run, resources(1, false), None).outcome.unwrap();
        }
    };
    let heard = hear(None, replace, |mut listener, stop| {
        train(&config, &run, resources(1, true), &mut listener, stop)
    });
    let error = heard.outcome.unwrap_err();
    assert!(matches!(&error, TrainError::RunExists { path, .. } if *path == run), "{error}");
    assert!(!heard.events.iter().any(|event| begins(event, 3)), "it ends with the next checkpoint");
    whole.assert_same(&run, "the other training's");
}

#[test]
fn a_model_that_was_deleted_between_two_processes_is_not_said_to_be_there() {
    let (folder, config) = setting(14);
    // Nothing is learnt at this rate: the second epoch is no better.
    let config = TrainConfig { learning_rate: 1e-30, length: divvy_train::Length::Epochs(2), ..config };
    let (run, mut best) = (folder.path().join("run"), 0);
    let steps = steps_of(&begin(&config, &folder.path().join("whole"), resources(1, false), None).events);
    begin(&config, &run, resources(1, true), Some(steps.len() - 1));
    fs::remove_file(run.join("model.divvy")).unwrap();
    let mut listen = |event: &Event| {
        if let Event::Epoch { epoch, best: true, .. } = event {
            best = *epoch;
        }
    };
    let heard = hear(None, &mut listen, |mut listener, stop| {
        divvy_train::resume(&run, resources(1, true), &mut listener, stop)
    });
    // Moving statistics may make the second a little better; then it is saved anew.
    match heard.outcome {
        Err(error) => {
            assert!(
                best == 0 && error.to_string().contains("deleted before the training went on"),
                "{error}"
            );
            assert!(run.join("last.divvy").is_file(), "the last one was at hand");
        }
        Ok(_) => assert!(best == 2 && run.join("model.divvy").is_file()),
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_before_anything_is_read() {
    let (folder, config) = setting(10);
    fs::write(folder.path().join("file"), "").unwrap();
    let heard = begin(&config, &folder.path().join("file/run"), resources(1, false), None);
    assert!(heard.events.is_empty());
    assert!(matches!(heard.outcome, Err(TrainError::Write { .. })));
}

#[test]
fn a_disk_that_gives_pictures_no_more_costs_no_step() {
    let (folder, config) = setting(14);
    let config = TrainConfig {
        augment: divvy_data::Augment::none().into(),
        optimizer: config.optimizer.average(0.9),
        batch: 4,
        ..config
    };
    let (run, whole) = (folder.path().join("run"), Whole::train(&config, &folder.path().join("whole")));
    let away = folder.path().join("away");
    for part in ["train", "validation"] {
        let take_away = |event: &Event| {
            let taken = match event {
                Event::Step { epoch: 2, step, steps, .. } => {
                    (part, *step) == ("train", 2) || (part == "validation" && step == steps)
                }
                _ => false,
            };
            if taken {
                fs::rename(&config.data, &away).unwrap();
            }
        };
        let cache = CacheOptions { place: CachePlace::None, ..CacheOptions::default() };
        let resources = || Resources { cache: cache.clone(), ..resources(1, false) };
        let first = hear(None, take_away, |mut listener, stop| {
            train(&config, &run, resources(), &mut listener, stop)
        });
        assert!(matches!(first.outcome, Err(TrainError::Data(_))), "{part}");
        let error = go_on(&run, resources(), None).outcome.unwrap_err();
        assert!(matches!(error, TrainError::Data(_)), "{error}");
        fs::rename(&away, &config.data).unwrap();
        let second = go_on(&run, resources(), None);
        assert_eq!([steps_of(&first.events), steps_of(&second.events)].concat(), whole.steps, "{part}");
        whole.assert_same(&run, part);
        fs::remove_dir_all(&run).unwrap();
    }
}
