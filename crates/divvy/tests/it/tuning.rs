//! Settings that are searched for, as a person would, and searches that are interrupted.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::common::{Desk, SMALL, program};

/// A network whose first convolution needs pictures of 28 pixels.
const DEMANDING: &str = r#"
[[layer]]
type = "conv2d"
filters = 4
kernel = 28
activation = "relu"

[[layer]]
type = "global_avg_pool2d"
"#;

/// The flags of a tune of a network that learns two colours in no time.
const TUNE: [&str; 8] = ["tune", "photos", "--arch", "small.toml", "--size", "16", "--batch", "16"];

fn desk() -> Desk {
    let desk = Desk::new();
    for group in ["blue", "red"] {
        for number in 0..30 {
            desk.picture(&format!("photos/train/{group}/{number}.png"), group, number);
        }
        for number in 30..40 {
            desk.picture(&format!("photos/test/{group}/{number}.png"), group, number);
        }
    }
    desk.write("small.toml", SMALL);
    desk
}

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(desk.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Exit code, standard output, standard error.
fn say(desk: &Desk, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = desk.divvy(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The trainings that are over, as trials.jsonl of a tune has them.
fn trials(desk: &Desk, out: &str) -> Vec<Value> {
    let text = fs::read_to_string(desk.path(out).join("trials.jsonl")).unwrap_or_default();
    text.lines().map(json).collect()
}

/// The folder of a training.
fn folder(trial: &Value) -> String {
    let name = match trial["candidate"].as_u64().unwrap() {
        0 => "first".to_owned(),
        number => format!("candidate-{number}"),
    };
    format!("rung-{}/{name}", trial["rung"])
}

/// The settings of a run.
fn config(desk: &Desk, run: &str) -> toml::Table {
    fs::read_to_string(desk.path(run).join("config.toml")).unwrap().parse().unwrap()
}

#[test]
fn a_short_tune_ends_with_a_model_that_evaluates() {
    let desk = desk();
    let command = [&TUNE[..], &["--minutes", "0.2", "--out", "tuned"]].concat();
    let (code, text, said) = say(&desk, &command);
    assert_eq!(code, Some(0), "{said}\n{text}");
    let result = json(&fs::read_to_string(desk.path("tuned/tune.json")).unwrap());
    let seconds = result["seconds"].as_f64().unwrap();
    assert!((10.8..=13.2).contains(&seconds), "{seconds} of 12 seconds");
    let names = ["first", "candidate-1", "best: ", "is an optimistic figure", "the recipe's own choice"];
    for told in names.into_iter().chain(["evaluate tuned/best photos", "train --config tuned/best.toml"]) {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }

    // What was stated is held, the rest is searched; all divide the pictures alike, and test pictures take no part.
    let done = trials(&desk, "tuned");
    assert!(done.len() >= 3, "{done:?}");
    assert_eq!(done[0]["candidate"], 0, "the recipe's own choice comes first");
    let split = fs::read_to_string(desk.path("tuned/split.csv")).unwrap();
    assert_eq!(split.lines().filter(|line| line.starts_with("test,")).count(), 20, "{split}");
    let mut rates = BTreeSet::new();
    for trial in &done {
        let run = format!("tuned/{}", folder(trial));
        let config = config(&desk, &run);
        assert_eq!(config["architecture"].as_str(), Some("small.toml"));
        assert_eq!((config["size"].as_integer(), config["batch"].as_integer()), (Some(16), Some(16)));
        assert_eq!(config["split"].as_str(), Some("tuned/split.csv"));
        rates.insert(config["learning_rate"].to_string());
        assert_eq!(fs::read_to_string(desk.path(&run).join("split.csv")).unwrap(), split, "{run}");
    }
    assert!(rates.len() >= 3, "{rates:?}");

    // The best model is that of the last rung; it evaluates, and its settings train.
    let (code, text, said) = say(&desk, &["evaluate", "tuned/best", "photos", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((&json(&text)["part"], &json(&text)["n"]), (&Value::from("test"), &Value::from(20)), "{text}");
    let best = fs::read(desk.path("tuned/best/model.divvy")).unwrap();
    let last = done.last().unwrap();
    assert!(best == fs::read(desk.path("tuned").join(folder(last)).join("model.divvy")).unwrap());
    let again = ["train", "--config", "tuned/best.toml", "--epochs", "2", "--out", "again"];
    let (code, _, said) = say(&desk, &again);
    assert_eq!(code, Some(0), "{said}");
    let rate = |run: &str| config(&desk, run)["learning_rate"].clone();
    assert_eq!(rate("again"), rate("tuned/best"));
    let settings: toml::Table = fs::read_to_string(desk.path("tuned/best.toml")).unwrap().parse().unwrap();
    assert_eq!(settings["length"].as_str(), Some("auto"));

    // It has come to its end: nothing is trained again.
    let (code, text, said) = say(&desk, &["tune", "--resume", "tuned", "--json"]);
    assert_eq!((code, json(&text)), (Some(0), result), "{said}");
    let (code, text, _) = say(&desk, &["tune", "--resume", "tuned"]);
    assert!(code == Some(0) && text.contains("has come to its end already"), "{text}");
    assert_eq!(trials(&desk, "tuned"), done);
    assert!(desk.refuses(&command).contains("a tune that has come to its end"));
}

#[test]
fn a_tune_that_is_killed_goes_on_and_trains_nothing_twice() {
    let desk = desk();
    let mut child = start(&desk, &[&TUNE[..], &["--minutes", "0.3", "--out", "tuned"]].concat());
    let mut kept: Vec<(Value, Vec<u8>)> = Vec::new();
    for kill in 1..=3 {
        // Killed while one is trained, after two more are over.
        let begun = Instant::now();
        let is_training = |desk: &Desk| {
            let over: Vec<String> = trials(desk, "tuned").iter().map(folder).collect();
            let run = |entry: fs::DirEntry| format!("rung-1/{}", entry.file_name().to_string_lossy());
            let runs = fs::read_dir(desk.path("tuned/rung-1")).into_iter().flatten().flatten().map(run);
            let events = |run: &String| desk.path("tuned").join(run).join("checkpoint.0").exists();
            over.len() >= kept.len() + 2 && runs.filter(|run| !over.contains(run)).any(|run| events(&run))
        };
        while !is_training(&desk) && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_mins(1));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(child.try_wait().unwrap().is_none() || kill > 1, "it is killed once at the least");
        child.kill().unwrap();
        child.wait().unwrap();
        let over = trials(&desk, "tuned");
        let events =
            |trial: &Value| fs::read(desk.path("tuned").join(folder(trial)).join("events.jsonl")).unwrap();
        for (trial, before) in &kept {
            assert!(over.contains(trial) && events(trial) == *before, "{trial} was trained again");
        }
        kept = over.iter().map(|trial| (trial.clone(), events(trial))).collect();
        child = start(&desk, &["tune", "--resume", "tuned"]);
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");

    let done = trials(&desk, "tuned");
    let folders: BTreeSet<String> = done.iter().map(folder).collect();
    assert_eq!(folders.len(), done.len(), "none is there twice");
    let plan: toml::Table = fs::read_to_string(desk.path("tuned/tune.toml")).unwrap().parse().unwrap();
    let rungs = plan["rungs"].as_array().unwrap();
    let planned: i64 = rungs.iter().map(|rung| rung["candidates"].as_integer().unwrap()).sum();
    assert_eq!(i64::try_from(done.len()), Ok(planned), "as many as without an interruption");
    for (trial, before) in &kept {
        let events = fs::read(desk.path("tuned").join(folder(trial)).join("events.jsonl")).unwrap();
        assert!(done.contains(trial) && events == *before, "{trial} was trained again");
    }
    for run in &folders {
        let events = fs::read_to_string(desk.path("tuned").join(run).join("events.jsonl")).unwrap();
        assert_eq!(events.matches("\"event\":\"finished\"").count(), 1, "{run}");
    }
    desk.divvy(&["evaluate", "tuned/best", "photos"]).assert().success();
    assert!(!desk.path("tuned/lock").exists());
}

#[test]
fn ctrl_c_ends_a_tune_in_good_order_and_it_is_said_how_to_go_on() {
    let desk = desk();
    let command = [&TUNE[..], &["--minutes", "0.2", "--out", "tuned"]].concat();
    let mut child = start(&desk, &command);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("rung 1, 1 of")));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    drop(lines);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("divvy tune --resume tuned"), "{said}");

    assert!(desk.refuses(&command).contains("divvy tune --resume tuned"), "the same command again");
    let said = desk.refuses(&["tune", "--resume", "tuned", "--size", "24"]);
    assert!(said.contains("`size` was 16, and now 24"), "{said}");
    let said = desk.refuses(&["tune", "--resume", "tuned", "--minutes", "1"]);
    assert!(said.contains("cannot be used together with"), "{said}");
    let (code, text, said) = say(&desk, &["tune", "--resume", "tuned", "--size", "16", "--quiet"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!text.contains("rung 1, 1 of") && text.contains("best: "), "{text}");
}

#[test]
fn a_candidate_that_does_not_fit_is_a_line_and_not_the_end() {
    let desk = Desk::new();
    for group in ["blue", "red"] {
        for number in 0..24_u32 {
            let (red, blue) = if group == "red" { (180, 60) } else { (60, 180) };
            let picture = RgbImage::from_fn(32, 32, |x, y| {
                let noise = ((x * 7919 + y * 104_729 + number * 1_299_709) % 61) as u8;
                Rgb([red + noise, 90 + noise, blue + noise])
            });
            let path = desk.path(&format!("photos/{group}/{number}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture.save(path).unwrap();
        }
    }
    desk.write("net.toml", DEMANDING);
    let held = ["--arch", "net.toml", "--lr", "0.01", "--augment", "none", "--json"];
    let (code, text, said) =
        say(&desk, &[&["tune", "photos", "--minutes", "0.1", "--out", "tuned"], &held[..]].concat());
    assert_eq!(code, Some(0), "{said}");
    let result = json(&text);
    // All but the size is stated, and of sizes 24 is the only other that these pictures allow.
    let trials = result["trials"].as_array().unwrap();
    let first = |key: &str| trials.iter().take(2).map(|trial| trial[key].clone()).collect::<Vec<_>>();
    assert_eq!(first("fate"), ["kept", "failed"]);
    assert_eq!(trials[1]["settings"]["size"], 24);
    assert!(trials[1]["reason"].as_str().unwrap().contains("smallest size that works is 28"), "{text}");
    assert_eq!(
        (&result["verdict"], &result["settings"]["size"]),
        (&Value::from("none_better"), &Value::from(32))
    );
    let all = [&["tune", "photos", "--minutes", "1", "--size", "32", "--out", "other"], &held[..]].concat();
    assert!(desk.refuses(&all).contains("what is to be searched is stated"));
    let said =
        desk.refuses(&["tune", "photos", "--minutes", "0.0001", "--arch", "net.toml", "--out", "other"]);
    assert!(said.contains("give more --minutes"), "{said}");
    assert!(!desk.path("other").exists());
}

#[test]
fn the_first_choice_suits_the_time_that_the_last_training_has() {
    let desk = Desk::new();
    for group in ["blue", "red"] {
        for number in 0..600_u16 {
            let picture = RgbImage::from_pixel(
                120,
                120,
                Rgb([(number % 256) as u8, (number / 256) as u8, group.len() as u8]),
            );
            let path = desk.path(&format!("photos/{group}/{number}.bmp"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            picture.save(path).unwrap();
        }
    }
    // Too short to search in: what is looked at is said before.
    let (code, told, said) = say(&desk, &["tune", "photos", "--minutes", "0.001"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(told.contains("size 48: ") && told.contains("too seldom in the time"), "{told}");
    assert!(told.contains("augment light: 1200 pictures, each seen once or so"), "{told}");
    assert!(said.contains("give more --minutes"), "{said}");
}

#[test]
fn where_every_training_runs_away_that_is_said() {
    let desk = desk();
    let command = [&TUNE[..], &["--minutes", "0.1", "--lr", "1e30", "--out", "tuned"]].concat();
    let said = desk.refuses(&command);
    assert!(said.contains("came to a model; the first: "), "{said}");
    assert!(!desk.path("tuned").exists(), "what came to nothing leaves nothing");
    assert!(desk.refuses(&["tune", "--resume", "photos"]).contains("there is no tune to go on with"));
}
