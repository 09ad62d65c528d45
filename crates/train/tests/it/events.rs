//! events.jsonl: its documentation, which must tell of the same keys, and what is drawn of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use divvy_nn::Cpu;
use divvy_train::{Course, Event, Length, RunFolder, TrainConfig, train};
use serde_json::{Map, Value};

const SCHEMA: &str = include_str!("../../../../docs/events.md");

/// The keys that the documentation has of an event: those in the first column of its section's table.
fn documented(event: &str) -> BTreeSet<String> {
    let sections = SCHEMA.split("\n## ").skip(1);
    let section = sections.filter_map(|section| section.split_once('\n')).find(|(name, _)| *name == event);
    let (_, body) = section.unwrap_or_else(|| panic!("docs/events.md has no section {event}"));
    let rows = body.lines().filter_map(|line| line.strip_prefix("| `"));
    let first_columns = rows.map(|row| row.split('|').next().unwrap_or_default());
    let keys =
        first_columns.flat_map(|column| column.split(',')).map(|key| key.trim().trim_matches('`').to_owned());
    keys.collect()
}

/// A short run on pictures of two brightnesses, one of which cannot be read.
fn run(folder: &Path) -> RunFolder {
    for (group, light) in [("dark", 40), ("light", 200)] {
        fs::create_dir_all(folder.join("photos").join(group)).unwrap();
        for index in 0..10_u8 {
            let picture = image::RgbImage::from_fn(8, 8, |x, y| {
                image::Rgb([light + (x * 3 + y) as u8 % 16, light + index, light])
            });
            picture.save(folder.join("photos").join(group).join(format!("{index}.png"))).unwrap();
        }
    }
    fs::write(folder.join("photos/dark/broken.png"), "no picture").unwrap();
    fs::write(folder.join("net.toml"), "[[layer]]\ntype = \"global_avg_pool2d\"\n").unwrap();
    let config = TrainConfig {
        architecture: folder.join("net.toml").display().to_string(),
        size: 8,
        batch: 4,
        length: Length::Epochs(2),
        ..TrainConfig::new(folder.join("photos"))
    };
    let stop = AtomicBool::new(false);
    train(&config, &folder.join("run"), Cpu::new(1), &mut |_: &Event| {}, &stop).unwrap().run
}

#[test]
fn every_key_that_is_written_is_documented_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let text = fs::read_to_string(run.events()).unwrap();
    let mut seen: Map<String, Value> = Map::new();
    for line in text.lines() {
        let mut line: Map<String, Value> = serde_json::from_str(line).unwrap();
        assert!(line.remove("at").is_some_and(|at| at.is_f64()), "{line:?}");
        let Some(Value::String(event)) = line.remove("event") else { panic!("{line:?} is of no event") };
        if let Value::Object(keys) = seen.entry(event).or_insert_with(|| Value::Object(Map::new())) {
            keys.extend(line);
        }
    }
    let events: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(
        events,
        ["epoch", "familiarizing", "finding", "finished", "forecast", "note", "started", "step"]
    );
    for (event, keys) in &seen {
        let written: BTreeSet<String> = keys.as_object().unwrap().keys().cloned().collect();
        let mut documented = documented(event);
        // What is left out where there is none, or the system does not tell.
        for key in ["evidence", "memory", "peak_memory"] {
            if !written.contains(key) {
                documented.remove(key);
            }
        }
        assert_eq!(written, documented, "{event}");
    }
}

#[test]
fn what_is_written_down_draws_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let events = run.read_events().unwrap();
    let course = Course::of(events.iter().map(|(_, event)| event));
    assert_eq!(course.classes(), ["dark", "light"]);
    assert_eq!(course.epochs().iter().map(|record| record.epoch).collect::<Vec<_>>(), [1, 2]);
    assert!(course.best().is_some() && course.ending().is_some() && course.latest().is_some());
}
