//! Commands that are stopped: by Ctrl-C, by a reader that goes away, by the machine.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Desk, SMALL, program};

fn start(desk: &Desk, arguments: &[&str]) -> Child {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(desk.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn said(stream: Option<impl Read>) -> String {
    let mut text = String::new();
    stream.unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn ctrl_c_ends_a_training_with_a_model_that_works() {
    let desk = Desk::with_photos();
    desk.write("small.toml", SMALL);
    let long =
        ["train", "photos", "--out", "run", "--arch", "small.toml", "--size", "16", "--epochs", "100000"];
    let mut child = start(&desk, &long);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch   2")), "two epochs are seen");
    send("-INT", &child);
    let after: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(after.iter().any(|line| line.contains("(interrupted)")), "{after:?}");
    desk.divvy(&["predict", "run", "photos/red/1.png"]).assert().success();
    let events = fs::read_to_string(desk.path("run/events.jsonl")).unwrap();
    assert!(events.lines().last().unwrap().contains("interrupted"), "{events}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let desk = Desk::with_model();
    let mut child = start(&desk, &["predict", "run", "photos", "photos", "photos", "--json"]);
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let complained = said(child.stderr.take());
    assert_eq!((child.wait().unwrap().code(), complained.as_str()), (Some(0), ""));
    for arguments in [&["--help"][..], &["summary", "classic"]] {
        let mut child = start(&desk, arguments);
        drop(child.stdout.take());
        let complained = said(child.stderr.take());
        assert_eq!((child.wait().unwrap().code(), complained.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_sort_that_is_killed_again_and_again_comes_to_its_end() {
    let desk = Desk::with_model();
    for mode in ["--copy", "--move", "--link"] {
        let (from, into) = (format!("from{mode}"), format!("into{mode}"));
        desk.photos(&from, 60);
        let contents = |folder: &str| {
            let files = desk
                .files(folder)
                .into_iter()
                .filter(|(path, _)| path.extension().is_some_and(|e| e == "png"));
            let mut contents: Vec<Vec<u8>> = files.map(|(_, content)| content).collect();
            contents.sort();
            contents
        };
        let originals = contents(&from);
        let sort = ["sort", "run", &from, "--into", &into, mode, "--unsure", "0", "--quiet"];
        let record = desk.path(&into).join("sorted.csv");
        let recorded = || fs::metadata(&record).map_or(0, |record| record.len());
        let mut kills = 0;
        for _ in 0..20 {
            let (mut child, before) = (start(&desk, &sort), recorded());
            // Killed as soon as it has got on; on a fast machine the last one may be done before that is seen.
            while child.try_wait().unwrap().is_none() && recorded() == before {
                std::thread::sleep(Duration::from_micros(200));
            }
            if child.try_wait().unwrap().is_some() {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        desk.divvy(&sort).assert().success();
        assert!(contents(&into) == originals, "{mode}: not every picture arrived once, after {kills} kills");
        assert!(
            contents(&from) == if mode == "--move" { Vec::new() } else { originals },
            "{mode}: the originals"
        );
        let record = fs::read_to_string(record).unwrap();
        assert_eq!(record.lines().count(), 121, "{mode}: a line for each picture");
    }
}
