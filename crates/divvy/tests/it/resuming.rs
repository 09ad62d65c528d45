//! Trainings that are killed at any moment and gone on with, as a person would.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::common::{Desk, program};

/// A network with all that is random in one.
const NET: &str = r#"
[[layer]]
type = "conv2d"
filters = 4
kernel = 3
activation = "relu"

[[layer]]
type = "batch_norm"
momentum = 0.8

[[layer]]
type = "global_avg_pool2d"

[[layer]]
type = "dense"
units = 16
activation = "relu"

[[layer]]
type = "dropout"
rate = 0.3
"#;

/// A training of a second or two.
const TRAIN: [&str; 20] = [
    "train",
    "photos",
    "--arch",
    "net.toml",
    "--size",
    "16",
    "--batch",
    "8",
    "--epochs",
    "20",
    "--lr",
    "0.001",
    "--average",
    "0.95",
    "--augment",
    "standard",
    "--balance",
    "oversample",
    "--checkpoint-every",
    "0",
];

fn desk() -> Desk {
    let desk = Desk::new();
    desk.photos("photos", 40);
    desk.write("net.toml", NET);
    desk
}

fn begin(desk: &Desk, run: &str) -> Child {
    start(desk, &[TRAIN.as_slice(), &["--out", run]].concat())
}

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    spawn(desk, Command::new(program()).args(arguments))
}

/// Starts the program from a shell, after what `before` does there.
fn start_after(desk: &Desk, before: &str, arguments: &[&str]) -> Child {
    let script = format!("{before}; exec \"$0\" \"$@\"");
    spawn(desk, Command::new("bash").args(["-c", &script]).arg(program()).args(arguments))
}

fn spawn(desk: &Desk, command: &mut Command) -> Child {
    command.current_dir(desk.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn go_on(desk: &Desk, run: &str) -> Child {
    start(desk, &["train", "--resume", run, "--checkpoint-every", "0"])
}

/// What a finished child said on both streams; its exit code.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

/// The lines of a run's events that are written at each occasion, without what hangs on time.
fn lines(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_of_time = |line: &Value| line["event"] == "step" || line["event"] == "familiarizing";
    let mut lines: Vec<_> = lines.filter(|line| !is_of_time(line)).collect();
    for line in &mut lines {
        let of_time =
            ["at", "seconds", "epoch_seconds", "images_per_second", "waited", "peak_memory", "memory", "run"];
        line.as_object_mut().unwrap().retain(|key, _| !of_time.contains(&key.as_str()));
    }
    lines
}

/// The files in a folder, by name.
fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// Kills with what cannot be caught, at once.
fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Waits until something is being written in a folder, or for a while.
fn until_it_writes(folder: &Path, most: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < most && !has_half_a_file(folder) {}
}

/// Whether a file is being written in a folder, or half of one was left there.
fn has_half_a_file(folder: &Path) -> bool {
    let is_half = |entry: fs::DirEntry| entry.path().extension().is_some_and(|found| found == "tmp");
    fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(is_half))
}

#[test]
fn a_training_that_is_killed_at_any_moment_comes_to_the_same_model_and_events() {
    let desk = desk();
    let begun = Instant::now();
    let (code, said) = ended(begin(&desk, "whole"));
    assert_eq!(code, Some(0), "{said}");
    let time = begun.elapsed();
    let (model, events) = (fs::read(desk.path("whole/model.divvy")).unwrap(), lines(&desk.path("whole")));
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let (mut before_model, mut under_way, mut in_a_save) = (0, 0, 0);
    for number in 0..25 {
        let run = format!("run-{number}");
        let folder = desk.path(&run);
        let mut child = begin(&desk, &run);
        // Once, or again after it has gone on.
        for kill_number in 0..=number % 3 {
            // Every fourth in the first moments, in which pictures are read and the first files made.
            let share = if number % 4 == 0 { 0.1 } else { 1.0 } / f64::from(1 + kill_number);
            std::thread::sleep(time.mul_f64(share * random.random::<f64>()));
            if number % 2 == 1 {
                until_it_writes(&folder, Duration::from_millis(50));
            }
            kill(child);
            before_model += usize::from(!folder.join("model.divvy").exists());
            under_way += usize::from(folder.join("checkpoint.0").exists());
            in_a_save += usize::from(has_half_a_file(&folder));
            child = if folder.join("config.toml").exists() {
                go_on(&desk, &run)
            } else {
                // So soon that there is no run yet: what is there is a folder and perhaps its lock.
                let _ = fs::remove_dir_all(&folder);
                begin(&desk, &run)
            };
        }
        let (code, said) = ended(child);
        assert_eq!(code, Some(0), "{run}: {said}");
        assert!(
            fs::read(folder.join("model.divvy")).unwrap() == model,
            "{run}: the model is another\n{said}"
        );
        assert_eq!(lines(&folder), events, "{run}");
        assert_eq!(names(&folder), names(&desk.path("whole")), "{run}");
        fs::remove_dir_all(folder).unwrap();
    }
    eprintln!(
        "{before_model} of 49 kills before the first model, {under_way} with a checkpoint, {in_a_save} in the middle of a save; a training \
         takes {time:?}"
    );
    assert!(before_model >= 1 && under_way >= 20 && in_a_save >= 1);
}

#[test]
fn signals_end_a_training_in_good_order_and_it_is_said_how_to_go_on() {
    let desk = desk();
    let (code, said) = ended(begin(&desk, "whole"));
    assert_eq!(code, Some(0), "{said}");
    for signal in
        ["-INT", "-TERM", "-HUP"].into_iter().filter(|signal| *signal != "-HUP" || !hangups_are_ignored())
    {
        let run = format!("my run{signal}");
        let mut child = begin(&desk, &run);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.starts_with("epoch   2")), "two epochs are seen");
        send(signal, &child);
        let after = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(child.wait().unwrap().code(), Some(1), "{signal}");
        let command = format!("train --resume 'my run{signal}'");
        assert!(after.contains("(interrupted)") && after.contains(&command), "{signal}: {after}");
        let (code, said) = ended(go_on(&desk, &run));
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("going on in epoch"), "{said}");
        let models = ["whole", &run].map(|run| fs::read(desk.path(run).join("model.divvy")).unwrap());
        assert!(models[0] == models[1], "{signal}");
        let (code, said) = ended(go_on(&desk, &run));
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("has come to its end already") && said.contains("best epoch"), "{said}");
    }
}

/// The time of day, which goes back by a quarter of a century while it trains and before it goes on.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs libfaketime: `cargo xtask test` runs it"]
fn a_clock_that_is_set_back_while_it_trains_changes_nothing() {
    let desk = desk();
    let (code, said) = ended(begin(&desk, "whole"));
    assert_eq!(code, Some(0), "{said}");
    let library = std::env::var("DIVVY_FAKETIME").expect("`cargo xtask test` tells where libfaketime lies");
    let set = |date: &str| desk.write("clock", format!("@{date} 12:00:00\n"));
    let settings = "FAKETIME_TIMESTAMP_FILE=$PWD/clock FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1";
    let faked = format!("export LD_PRELOAD='{library}' {settings}; date +%Y > year");

    set("2026-12-01");
    let begin = [TRAIN.as_slice(), &["--out", "run", "--tensorboard"]].concat();
    let mut child = start_after(&desk, &faked, &begin);
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.starts_with("epoch   2")));
    set("2001-01-01");
    assert!(told.any(|line| line.starts_with("epoch   4")));
    kill(child);
    let go_on = ["train", "--resume", "run", "--checkpoint-every", "0", "--tensorboard"];
    let (code, said) = ended(start_after(&desk, &faked, &go_on));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("going on in epoch"), "{said}");
    let models = ["whole", "run"].map(|run| fs::read(desk.path(run).join("model.divvy")).unwrap());
    assert!(models[0] == models[1]);
    assert_eq!(lines(&desk.path("run")), lines(&desk.path("whole")));
    assert_eq!(fs::read_to_string(desk.path("year")).unwrap(), "2001\n", "the clock was set");
    let boards = names(&desk.path("run"));
    let boards = boards.iter().filter(|name| name.to_string_lossy().starts_with("events.out.tfevents."));
    assert_eq!(boards.count(), 2, "neither is written over");
}

/// A training in a run's folder that would take hours.
fn long(run: &str) -> [&str; 11] {
    ["train", "photos", "--arch", "net.toml", "--size", "16", "--epochs", "1000000", "--out", run, "--quiet"]
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Whether these tests run under `nohup` or its like, and what they start with them.
fn hangups_are_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 == 1
}

/// Waits until a run has a model.
fn until_there_is_a_model(desk: &Desk, run: &str) {
    let begun = Instant::now();
    while !desk.path(run).join("model.divvy").exists() {
        assert!(begun.elapsed() < Duration::from_mins(1), "no model");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_system_that_sends_signals_again_and_again_gets_a_checkpoint_as_well() {
    let desk = desk();
    let child = start(&desk, &long("run"));
    until_there_is_a_model(&desk, "run");
    for signal in ["-TERM", "-HUP", "-TERM", "-HUP"] {
        send(signal, &child);
    }
    let (code, said) = ended(child);
    assert_eq!(code, Some(1), "{said}");
    let events = fs::read_to_string(desk.path("run/events.jsonl")).unwrap();
    assert!(events.lines().last().unwrap().contains("interrupted"), "it came to its end: {said}");
}

/// As under `nohup`.
#[test]
fn a_hangup_that_is_to_be_ignored_is_ignored() {
    if !Path::new("/proc/self/status").exists() {
        return;
    }
    let desk = desk();
    let mut child = start_after(&desk, "trap '' HUP", &long("run"));
    until_there_is_a_model(&desk, "run");
    send("-HUP", &child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    send("-TERM", &child);
    let (code, said) = ended(child);
    assert_eq!(code, Some(1), "{said}");
}

/// The largest file that a process may write stands for a full disk.
#[test]
fn a_training_that_is_stopped_and_cannot_write_its_checkpoint_says_so() {
    let desk = desk();
    // Settings, the list of pictures and the model fit, not a checkpoint with the optimizer's memory.
    let child = start_after(&desk, "trap '' XFSZ; ulimit -f 5", &long("run"));
    until_there_is_a_model(&desk, "run");
    send("-TERM", &child);
    let (code, said) = ended(child);
    assert_eq!(code, Some(2), "what was learnt since the last checkpoint is lost: {said}");
    assert!(said.contains("error: run/") && !said.contains("goes on where it was interrupted"), "{said}");
}

/// Starts the program as somebody whose files may be protected from them: who runs these tests, but not as root. Whoever that is must be able to reach the
/// folder for temporary files.
fn start_unprivileged(desk: &Desk, arguments: &[&str]) -> Child {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return start(desk, arguments);
    }
    give(&desk.path(""), NOBODY);
    // The folder that the program was built in need not be open to others.
    let here = desk.path("divvy");
    fs::hard_link(program(), &here).or_else(|_| fs::copy(program(), &here).map(|_| ())).unwrap();
    let mut command = Command::new(here);
    command.uid(NOBODY).gid(NOBODY).env("HOME", desk.path("home")).env_remove("XDG_CACHE_HOME");
    spawn(desk, command.args(arguments))
}

/// Gives a folder and all that is in it to somebody.
fn give(path: &Path, uid: u32) {
    std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}

#[test]
fn a_folder_that_becomes_read_only_is_an_error_in_the_end_and_with_leave_the_training_goes_on() {
    let desk = desk();
    // Long enough that the folder is protected while there is much to come.
    let longer = |run| {
        [&TRAIN.map(|argument| if argument == "20" { "60" } else { argument })[..], &["--out", run]].concat()
    };
    desk.divvy(&longer("whole")).assert().success();
    let child = start_unprivileged(&desk, &longer("run"));
    until_there_is_a_model(&desk, "run");
    let leave = |mode| fs::set_permissions(desk.path("run"), fs::Permissions::from_mode(mode)).unwrap();
    leave(0o555);
    let (code, said) = ended(child);
    leave(0o755);
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(said.matches("no checkpoint could be written").count(), 1, "told once: {said}");
    assert!(said.contains("error: run/") && said.contains("Permission denied"), "{said}");
    let (code, said) = ended(go_on(&desk, "run"));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(lines(&desk.path("run")), lines(&desk.path("whole")));
    let models = ["whole", "run"].map(|run| fs::read(desk.path(run).join("model.divvy")).unwrap());
    assert!(models[0] == models[1]);
}

#[test]
fn a_report_that_is_there_stays_when_there_is_nothing_to_go_on_with() {
    let desk = desk();
    let (code, said) = ended(begin(&desk, "run"));
    assert_eq!(code, Some(0), "{said}");
    fs::write(desk.path("run/report.html"), "asked for with other costs").unwrap();
    let (code, said) = ended(go_on(&desk, "run"));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read_to_string(desk.path("run/report.html")).unwrap(), "asked for with other costs");
    fs::remove_file(desk.path("run/report.html")).unwrap();
    let (code, said) = ended(go_on(&desk, "run"));
    assert_eq!(code, Some(0), "{said}");
    assert!(desk.path("run/report.html").exists(), "one that is missing is written: {said}");
}

/// A run that was interrupted in its third epoch.
fn interrupted(desk: &Desk) {
    let mut child = begin(desk, "run");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch   2")));
    kill(child);
}

#[test]
fn what_was_asked_for_at_first_holds_and_what_contradicts_it_is_refused() {
    let desk = desk();
    interrupted(&desk);
    let before = desk.files("run");
    for (flags, setting) in [
        (&["--epochs", "40"][..], "`length` was { epochs = 20 }, and now { epochs = 40 }"),
        (&["--seed", "3"], "`seed` was 0, and now 3"),
        (&["--augment", "none"], "`augment`"),
        (&["--optimizer", "sgd"], "was begun with other settings"),
        (&["--arch", "classic"], "`architecture` was \"net.toml\", and now \"classic\""),
    ] {
        let said = desk.refuses(&[&["train", "--resume", "run"], flags].concat());
        assert!(said.contains(setting), "{said}");
    }
    let said = desk.refuses(&["train", "other", "--resume", "run"]);
    assert!(said.contains("`data` was \"photos\", and now \"other\""), "{said}");
    for (flag, value) in [("--out", "elsewhere"), ("--config", "run/config.toml")] {
        let said = desk.refuses(&["train", "--resume", "run", flag, value]);
        assert!(said.contains("cannot be used together with"), "{said}");
    }
    let said = desk.refuses(&["train", "--resume", "photos"]);
    assert!(said.contains("there is no run to go on with"), "{said}");
    let said = desk.refuses(&["train", "--resume", "run", "--checkpoint-every=-1"]);
    assert!(said.contains("from 0 to 86400"), "{said}");
    assert!(desk.files("run") == before, "nothing is changed");

    // The new folder is refused with the way to go on.
    let said = desk.refuses(&[TRAIN.as_slice(), &["--out", "run"]].concat());
    assert!(said.contains("divvy train --resume run"), "{said}");
    // The whole command again, with one flag more, is no contradiction.
    desk.divvy(&[TRAIN.as_slice(), &["--resume", "run"]].concat()).assert().success();
}

#[test]
fn a_run_that_another_process_trains_is_refused_until_that_is_gone() {
    let desk = desk();
    let long =
        ["train", "photos", "--arch", "net.toml", "--size", "16", "--epochs", "100000", "--out", "run"];
    let mut child = start(&desk, &long);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch   1")));
    let said = desk.refuses(&["train", "--resume", "run"]);
    assert!(said.contains(&format!("run: process {} is training in this folder", child.id())), "{said}");
    kill(child);
    let mut child = start(&desk, &["train", "--resume", "run"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("going on in epoch")));
    kill(child);
}

/// The largest file that a process may write stands for a full disk.
#[test]
fn a_disk_that_is_full_in_the_end_is_an_error_and_with_room_the_training_goes_on() {
    let desk = desk();
    desk.divvy(&[TRAIN.as_slice(), &["--out", "whole"]].concat()).assert().success();
    // Settings, the list of pictures and the model fit, not a checkpoint with the optimizer's memory, nor all events.
    let arguments = [TRAIN.as_slice(), &["--out", "run"]].concat();
    let output = start_after(&desk, "trap '' XFSZ; ulimit -f 5", &arguments).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for told in [
        "no checkpoint could be written",
        "warning: run/events.jsonl: cannot write",
        "error: run/events.jsonl: cannot write",
    ] {
        assert_eq!(said.matches(told).count(), 1, "told once: {said}");
    }
    assert!(said.contains("train --resume run"), "{said}");
    let (code, said) = ended(go_on(&desk, "run"));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(lines(&desk.path("run")), lines(&desk.path("whole")));
    let models = ["whole", "run"].map(|run| fs::read(desk.path(run).join("model.divvy")).unwrap());
    assert!(models[0] == models[1]);
}
