//! Runs that are interrupted after a step, and how they are compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use divvy_nn::Cpu;
use divvy_train::{Ending, Event, Outcome, Resources, RunFolder, TrainConfig, TrainError, resume, train};
use serde_json::Value;

use crate::common::no_stop;

/// What hangs on the time that something takes or on what else a process holds, or is the run's own folder.
const OF_TIME: [&str; 9] = [
    "at",
    "seconds",
    "epoch_seconds",
    "images_per_second",
    "waited",
    "seconds_left",
    "peak_memory",
    "memory",
    "run",
];

/// So many threads, and a checkpoint after each step or only when a training is stopped.
pub(crate) fn resources(threads: usize, each_step: bool) -> Resources {
    let checkpoint_every = if each_step { Duration::ZERO } else { Duration::from_hours(1) };
    Resources { checkpoint_every, ..Resources::from(Cpu::new(threads)) }
}

/// The events of a training, stopped after so many steps of it if at all.
pub(crate) struct Heard {
    pub(crate) events: Vec<Event>,
    pub(crate) outcome: Result<Outcome, TrainError>,
}

impl Heard {
    pub(crate) fn steps(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Step { .. })).count()
    }

    pub(crate) fn notes(&self) -> Vec<&str> {
        let mut notes = Vec::new();
        for event in &self.events {
            if let Event::Note { text } = event {
                notes.push(text.as_str());
            }
        }
        notes
    }

    pub(crate) fn ending(&self) -> Ending {
        self.outcome.as_ref().unwrap().ending
    }
}

/// A listener that hears so many steps, then asks to stop, and what it hears is acted upon.
pub(crate) fn hear(
    stop_after: Option<usize>,
    mut act: impl FnMut(&Event) + Send,
    run: impl FnOnce(
        &mut (dyn FnMut(&Event) + Send),
        &std::sync::atomic::AtomicBool,
    ) -> Result<Outcome, TrainError>,
) -> Heard {
    let (stop, mut events, mut steps) = (no_stop(), Vec::new(), 0);
    let outcome = run(
        &mut |event| {
            if let Event::Step { .. } = event {
                steps += 1;
                stop.store(stop_after == Some(steps), Ordering::Relaxed);
            }
            events.push(event.clone());
            act(event);
        },
        &stop,
    );
    Heard { events, outcome }
}

pub(crate) fn begin(
    config: &TrainConfig,
    run: &Path,
    resources: Resources,
    stop_after: Option<usize>,
) -> Heard {
    hear(stop_after, |_| {}, |mut listener, stop| train(config, run, resources, &mut listener, stop))
}

pub(crate) fn go_on(run: &Path, resources: Resources, stop_after: Option<usize>) -> Heard {
    hear(stop_after, |_| {}, |mut listener, stop| resume(run, resources, &mut listener, stop))
}

/// An event without what hangs on time.
fn timeless(mut event: Value) -> Value {
    let fields = event.as_object_mut().unwrap();
    fields.retain(|key, _| !OF_TIME.contains(&key.as_str()));
    event
}

/// The steps that were heard, without what hangs on time.
pub(crate) fn steps_of(events: &[Event]) -> Vec<Value> {
    let steps = events.iter().filter(|event| matches!(event, Event::Step { .. }));
    steps.map(|step| timeless(serde_json::to_value(step).unwrap())).collect()
}

/// The lines of a run's events, without what hangs on time: those that are written at each occasion, and the steps, of which some are
/// written. How far the look at the training pictures was is in neither: which lines tell of that hangs on time, and it begins again when it was interrupted.
pub(crate) fn lines_of(run: &Path) -> (Vec<Value>, Vec<Value>) {
    let text = fs::read_to_string(RunFolder::at(run).events()).unwrap();
    assert!(text.ends_with('\n'), "the last line is whole");
    let lines = text.lines().map(|line| timeless(serde_json::from_str(line).unwrap()));
    let lines = lines.filter(|line| line["event"] != "familiarizing");
    let (steps, others): (Vec<_>, Vec<_>) = lines.partition(|line| line["event"] == "step");
    (others, steps)
}

/// A training that nothing interrupted.
pub(crate) struct Whole {
    pub(crate) run: PathBuf,
    pub(crate) model: Vec<u8>,
    pub(crate) steps: Vec<Value>,
    lines: Vec<Value>,
}

impl Whole {
    pub(crate) fn train(config: &TrainConfig, run: &Path) -> Self {
        let heard = begin(config, run, resources(2, false), None);
        heard.outcome.as_ref().unwrap();
        let (lines, _) = lines_of(run);
        let model = fs::read(run.join("model.divvy")).unwrap();
        Self { run: run.to_owned(), model, steps: steps_of(&heard.events), lines }
    }

    /// Whether this rule was found broken.
    pub(crate) fn is_told(&self, rule: &str) -> bool {
        self.lines.iter().any(|line| line["event"] == "finding" && line["id"] == rule)
    }

    /// Asserts that a run came to the same: model, events, and nothing in its folder but what a finished run has.
    #[track_caller]
    pub(crate) fn assert_same(&self, run: &Path, place: &str) {
        assert!(fs::read(run.join("model.divvy")).unwrap() == self.model, "the model, {place}");
        let (lines, steps) = lines_of(run);
        assert_eq!(lines, self.lines, "{place}");
        // Those that are written follow each other, and are what the whole training's were.
        let known: BTreeMap<_, _> =
            self.steps.iter().map(|step| ((step["epoch"].as_u64(), step["step"].as_u64()), step)).collect();
        let places: Vec<_> =
            steps.iter().map(|step| (step["epoch"].as_u64(), step["step"].as_u64())).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{place}: {places:?}");
        for (step, place_of_step) in steps.iter().zip(&places) {
            assert_eq!(Some(&step), known.get(place_of_step), "{place}");
        }
        assert_eq!(names(run), names(&self.run), "{place}");
    }
}

/// The files in a folder, by name.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All of a folder's files with their content.
pub(crate) fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

/// A copy of a run's folder.
pub(crate) fn copied(run: &Path, to: &Path) -> PathBuf {
    fs::create_dir_all(to).unwrap();
    for (name, content) in contents(run) {
        fs::write(to.join(name), content).unwrap();
    }
    to.to_owned()
}
