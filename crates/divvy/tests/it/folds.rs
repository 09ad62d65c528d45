//! `divvy train --folds`, as a person would use it.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::common::{Desk, SMALL, program, refusal};

/// A training of three folds into `run`, of so many epochs each.
fn arguments<'a>(run: &'a str, epochs: &'a str) -> Vec<&'a str> {
    let text = "train photos --folds 3 --arch small.toml --size 16 --batch 8 --lr 0.02 --checkpoint-every 0";
    text.split(' ').chain(["--epochs", epochs, "--out", run]).collect()
}

fn desk() -> Desk {
    let desk = Desk::with_photos();
    desk.write("small.toml", SMALL);
    desk
}

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(desk.path("")).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Trains into `run`; what is said on standard output.
fn train(desk: &Desk, run: &str, epochs: &str, more: &[&str]) -> String {
    let done = desk.divvy(&arguments(run, epochs)).args(more).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

/// The probability of red, as `predict` says it.
fn red(desk: &Desk, run: &str) -> Vec<f64> {
    let said = desk.divvy(&["predict", run, "photos", "--json"]).assert().success();
    let lines = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["probabilities"]["red"].as_f64().unwrap()).collect()
}

#[test]
fn folds_are_trained_and_the_run_is_used_like_any_other() {
    let desk = desk();
    let said = train(&desk, "run", "4", &[]);
    for wanted in [
        "fold 1 of 3: 40 pictures to train on, 20 that it is not shown",
        "fold 3 of 3: best epoch",
        "fold  2  accuracy ",
        "60 pictures, each answered by a network that was not trained on it",
        "95 % interval",
        "standard deviation",
        "2 of 3 parts of the pictures",
        "it saw every picture, and is not measured",
        "3 times",
        "model: run/model.divvy",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    // Told once, and how long all will take with it.
    let forecasts: Vec<&str> = said.lines().filter(|line| line.contains("forecast")).collect();
    assert!(forecasts.len() == 1 && forecasts[0].ends_with(" for all"), "{forecasts:?}");
    let of_folds = ["run/fold-1", "run/fold-2", "run/fold-3"].map(|fold| red(&desk, fold));
    for (picture, found) in red(&desk, "run").into_iter().enumerate() {
        let mean = of_folds.iter().map(|fold| fold[picture]).sum::<f64>() / 3.0;
        assert!((found - mean).abs() < 1e-5, "{found} for {mean}");
    }
    let report = desk.divvy(&["evaluate", "run", "photos", "--json"]).assert().success();
    let report: Value = serde_json::from_slice(&report.get_output().stdout).unwrap();
    assert_eq!(report["n"], 60);
    let warned = desk.divvy(&["evaluate", "run", "photos"]).assert().success();
    assert!(
        String::from_utf8_lossy(&warned.get_output().stderr).contains("is what the model was trained on")
    );
    desk.divvy(&["sort", "run", "photos/red", "--into", "sorted"]).assert().success();
    assert!(desk.path("sorted/red/3.png").exists());
    desk.divvy(&["check", "run"]).assert().success();
    desk.divvy(&["evaluate", "run/fold-2", "photos", "--positive", "red"]).assert().success();

    let again = desk.divvy(&["train", "--resume", "run"]).assert().success();
    let again = String::from_utf8(again.get_output().stdout.clone()).unwrap();
    assert!(again.contains("has come to its end already"), "{again}");
    let figures = |said: &str| {
        said.lines()
            .filter(|line| line.contains("accuracy 0") || line.contains("accuracy 1"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let after: Vec<_> = figures(&said).into_iter().filter(|line| !line.contains(" of 3: ")).collect();
    assert_eq!(figures(&again), after);
    assert!(train(&desk, "quiet", "4", &["--quiet"]).lines().count() < 8);
}

#[test]
fn what_takes_one_network_says_so_of_several() {
    let desk = desk();
    train(&desk, "run", "1", &["--tensorboard"]);
    for command in [
        &["quantize", "run"][..],
        &["convert", "run", "--head", "sigmoid"],
        &["summary", "run"],
        &["plan", "run/model.divvy"],
        &["bench", "infer", "run"],
    ] {
        let message = desk.refuses(command);
        assert!(message.contains("3 models") && message.contains("run/fold-1"), "{command:?}: {message}");
    }
    desk.divvy(&["quantize", "run/fold-1"]).assert().success();
    desk.divvy(&["summary", "run/fold-1"]).assert().success();
    for fold in 1..=3 {
        let page = fs::read_to_string(desk.path(&format!("run/fold-{fold}/live.html"))).unwrap();
        assert!(page.contains("</html>"));
        let entries = fs::read_dir(desk.path(&format!("run/fold-{fold}"))).unwrap();
        let boards = entries
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("tfevents"));
        assert_eq!(boards.count(), 1);
    }
    for (more, wanted) in [
        (&["--folds", "1"][..], "2 to 20"),
        (&["--folds", "21"], "2 to 20"),
        (&["--folds", "3", "--split", "run/fold-1/split.csv"], "--split"),
        (&["--folds", "3", "--validation-share", "0.3"], "--validation-share"),
    ] {
        let message = refusal({
            let mut command = desk.divvy(&["train", "photos", "--out", "other"]);
            command.args(more);
            command
        });
        assert!(message.contains(wanted), "{message}");
    }
    let message = desk.refuses(&["train", "--resume", "run", "--folds", "4"]);
    assert!(message.contains("`folds` was 3, and now 4"), "{message}");
    let message = desk.refuses(&["train", "photos", "--out", "run"]);
    assert!(message.contains("3 models for blue, red that answer together"), "{message}");
    // A fold's settings are those of one training; the whole's are those of all.
    desk.divvy(&["train", "--config", "run/fold-2/config.toml", "--out", "alone"]).assert().success();
    assert!(
        fs::read(desk.path("alone/model.divvy")).unwrap()
            == fs::read(desk.path("run/fold-2/model.divvy")).unwrap()
    );
    desk.divvy(&["train", "--config", "run/config.toml", "--out", "again"]).assert().success();
    assert!(
        fs::read(desk.path("again/model.divvy")).unwrap() == fs::read(desk.path("run/model.divvy")).unwrap()
    );
}

#[test]
fn a_run_with_folds_that_is_killed_at_any_moment_comes_to_the_same_model() {
    let desk = desk();
    let begun = Instant::now();
    train(&desk, "whole", "4", &[]);
    let time = begun.elapsed();
    let files = ["model.divvy", "predictions.csv", "fold-1/model.divvy", "fold-3/model.divvy"];
    let whole = files.map(|file| fs::read(desk.path("whole").join(file)).unwrap());
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (mut folds_done, mut under_way) = (0, 0);
    for number in 0..10 {
        let run = format!("run-{number}");
        let folder = desk.path(&run);
        let mut child = start(&desk, &arguments(&run, "4"));
        for _ in 0..=number % 3 {
            std::thread::sleep(time.mul_f64(random.random::<f64>() / f64::from(1 + number % 3)));
            child.kill().unwrap();
            child.wait().unwrap();
            folds_done += usize::from(folder.join("fold-2").exists());
            under_way += usize::from(
                folder.join("fold-1/config.toml").exists() && !folder.join("model.divvy").exists(),
            );
            let arguments = if folder.join("config.toml").exists() {
                vec!["train", "--resume", &run, "--checkpoint-every", "0"]
            } else {
                let _ = fs::remove_dir_all(&folder);
                arguments(&run, "4")
            };
            child = start(&desk, &arguments);
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{run}: {}", String::from_utf8_lossy(&output.stdout));
        for (file, content) in files.iter().zip(&whole) {
            assert!(fs::read(folder.join(file)).unwrap() == *content, "{run}: {file}");
        }
        let names = |folder| {
            let mut names: Vec<_> =
                fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(folder), names(desk.path("whole")), "{run}");
    }
    assert!(folds_done >= 3 && under_way >= 5, "{folds_done}, {under_way} of 19");
}

#[test]
fn a_signal_leaves_folds_in_good_order_and_it_is_said_how_to_go_on() {
    let desk = desk();
    train(&desk, "whole", "40", &[]);
    let mut child = start(&desk, &arguments("my run", "40"));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("fold 2 of 3: 40 pictures")), "the second is seen to begin");
    std::thread::sleep(Duration::from_millis(30));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let after = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(child.wait().unwrap().code(), Some(1), "{after}");
    assert!(
        after.contains("stopped: 1 of 3 folds are done") && after.contains("train --resume 'my run'"),
        "{after}"
    );
    assert!(!desk.path("my run/model.divvy").exists());
    let message = desk.refuses(&["evaluate", "my run", "photos"]);
    assert!(message.contains("holds no model.divvy"), "{message}");
    desk.divvy(&["train", "--resume", "my run"]).assert().success();
    let models = ["whole", "my run"].map(|run| fs::read(desk.path(run).join("model.divvy")).unwrap());
    assert!(models[0] == models[1]);
}
