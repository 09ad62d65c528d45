//! Files that should not be read without end, and damage that should not pass for health.

use std::fs;

use crate::common::Desk;

/// Exit code and everything that was said.
fn say(desk: &Desk, arguments: &[&str]) -> (i32, String) {
    let output = desk.divvy(arguments).timeout(std::time::Duration::from_mins(1)).output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code().expect("it ends by itself"), said)
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_not_read() {
    let desk = Desk::with_model();
    let pipe = desk.path("pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for link in ["zero.toml", "zero.divvy", "zero.csv"] {
        std::os::unix::fs::symlink("/dev/zero", desk.path(link)).unwrap();
    }
    for arguments in [
        &["train", "--config", "pipe.toml", "--out", "x"][..],
        &["train", "--config", "zero.toml", "--out", "x"],
        &["train", "photos", "--arch", "pipe.toml", "--out", "x"],
        &["train", "photos", "--arch", "zero.toml", "--out", "x"],
        &["train", "photos", "--split", "zero.csv", "--out", "x"],
        &["check", "pipe.toml"],
        &["check", "zero.toml"],
        &["check", "zero.divvy"],
        &["evaluate", "zero.divvy", "photos"],
    ] {
        let (code, said) = say(&desk, arguments);
        assert!(code == 2 && said.contains("regular file"), "{arguments:?}: {said}");
    }
    assert!(!desk.path("x").exists());
}

#[test]
fn names_of_any_length_and_content_can_be_shown() {
    let desk = Desk::with_photos();
    let long = "x".repeat(100_000);
    let rows = (0..20)
        .map(|i| format!("photos/blue/{i}.png,{}\n", if i % 2 == 0 { &long } else { "\u{1b}[2Jshort" }));
    desk.write("long.csv", format!("file,label\n{}", rows.collect::<String>()));
    let (code, said) = say(&desk, &["check", "long.csv"]);
    assert_eq!(code, 0, "{}", &said[..said.len().min(2000)]);
    assert!(!said.contains('\u{1b}') && said.contains('…'));
}

#[test]
fn a_damaged_run_is_not_found_healthy() {
    let desk = Desk::with_model();
    let model = fs::read(desk.path("run/model.divvy")).unwrap();
    desk.write("cut/model.divvy", &model[..model.len() / 2]);
    fs::copy(desk.path("run/events.jsonl"), desk.path("cut/events.jsonl")).unwrap();
    desk.write("empty/events.jsonl", "");
    desk.write("noise/events.jsonl", vec![0_u8; 100_000]);
    for (run, part) in
        [("cut", "damaged"), ("empty", "records no training"), ("noise", "records no training")]
    {
        let (code, said) = say(&desk, &["check", run]);
        assert!(code == 2 && said.contains(part), "{run}: {said}");
    }
    let (code, said) = say(&desk, &["check", "run"]);
    assert!(code == 0, "{said}");
}

#[test]
fn data_that_cannot_be_trained_on_is_not_found_healthy() {
    let desk = Desk::with_photos();
    desk.write("photos/blue/broken.jpg", "no picture");
    let (code, said) = say(&desk, &["check", "photos"]);
    assert!(code == 1 && said.contains("broken.jpg"), "{said}");
    let desk = Desk::with_photos();
    desk.picture("photos/green/1.png", "red", 1);
    let (code, said) = say(&desk, &["check", "photos", "--json"]);
    assert!(code == 1 && said.contains("\"problems\":[") && said.contains("green"), "{said}");
}

#[test]
fn a_list_that_leaves_pictures_out_says_so() {
    let desk = Desk::with_model();
    let split = fs::read_to_string(desk.path("run/split.csv")).unwrap();
    let half: Vec<&str> =
        split.lines().enumerate().filter(|(i, _)| *i == 0 || i % 2 == 1).map(|(_, line)| line).collect();
    desk.write("half.csv", half.join("\n"));
    let train = |list: &str| {
        let output =
            desk.train("photos", list.trim_end_matches(".csv"), &["--split", list]).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = train("half.csv");
    assert!(code == 0 && said.contains("30 of 60 pictures are in no part of half.csv"), "{said}");
    desk.write("none.csv", split.lines().next().unwrap());
    let (code, said) = train("none.csv");
    assert!(code == 2 && said.contains("train"), "{said}");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let desk = Desk::with_model();
    let config = fs::read_to_string(desk.path("run/config.toml")).unwrap();
    for (from, to, part) in [
        ("weight_decay = 0.02", "weight_decay = -1.0", "weight_decay is -1"),
        ("beta1 = 0.9", "beta1 = 2.0", "beta1 is 2"),
        ("epsilon = 0.00000001", "epsilon = nan", "epsilon is NaN"),
        ("rise = 0.25", "rise = nan", "rise is NaN"),
        ("start = 25.0", "start = -25.0", "start is -25"),
    ] {
        let changed = config.replacen(from, to, 1);
        assert!(changed != config, "{from} is not in\n{config}");
        desk.write("bad.toml", changed);
        let (code, said) = say(&desk, &["train", "--config", "bad.toml", "--out", "bad"]);
        assert!(code == 2 && said.contains(part), "{to}: {said}");
    }
    // What is left out has its default, and the pictures can be named on the command line.
    desk.write("part.toml", "task = \"binary\"\n[head]\nunits = 1\n");
    let part = [
        "train",
        "photos",
        "--config",
        "part.toml",
        "--out",
        "part",
        "--epochs",
        "1",
        "--size",
        "8",
        "--arch",
        "flat",
    ];
    assert_eq!(say(&desk, &part).0, 0);
    let (code, said) = say(&desk, &["train", "--config", "part.toml", "--out", "y"]);
    assert!(code == 2 && said.contains("the data is not named"), "{said}");
}
