//! `divvy relabel`, and what it writes given to `train`, as a person would use them.

use std::fs;

use serde_json::Value;

use crate::common::{Desk, SMALL, refusal};

/// Two colours, of which three pictures lie with the other.
fn desk() -> Desk {
    let desk = Desk::with_photos();
    for (group, other, number) in [("red", "blue", 90), ("blue", "red", 91), ("red", "blue", 92)] {
        desk.picture(&format!("photos/{other}/{number}.png"), group, number);
    }
    desk.write("small.toml", SMALL);
    let done = desk.train("photos", "run", &["--folds", "3"]).assert().success();
    let said = String::from_utf8_lossy(&done.get_output().stdout).into_owned();
    assert!(said.contains("relabel run\n      labels that are likely wrong"), "{said}");
    desk
}

fn said(desk: &Desk, arguments: &[&str]) -> String {
    let done = desk.divvy(arguments).assert().success();
    let output = done.get_output();
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn wrong_labels_are_named_written_looked_through_and_trained_with() {
    let desk = desk();
    let text = said(&desk, &["relabel", "run"]);
    for wanted in [
        "of 63 pictures' labels 3 are suspected to be wrong",
        "blue/90.png",
        "-> red",
        "corrections: run/corrections.csv, 3 pictures",
        "train --config run/config.toml --corrections run/corrections.csv --out run-relabelled",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "plain in a pipe: {text}");

    // One of them is right as it is.
    let list = fs::read_to_string(desk.path("run/corrections.csv")).unwrap();
    let edited: Vec<&str> = list.lines().filter(|line| !line.starts_with("red/91.png")).collect();
    let edited = edited.join("\n");
    assert_eq!(edited.lines().count(), 3, "{list}");
    desk.write("run/corrections.csv", edited);
    let again = "train --config run/config.toml --corrections run/corrections.csv --out better --epochs 2";
    let done = desk.divvy(&again.split(' ').collect::<Vec<_>>()).assert().success();
    let told = String::from_utf8_lossy(&done.get_output().stderr);
    assert!(told.contains("the labels of 2 pictures were put right as run/corrections.csv says"), "{told}");
    let answers = fs::read_to_string(desk.path("better/predictions.csv")).unwrap();
    let truth = |name: &str| {
        let row = answers.lines().find(|line| line.starts_with(name)).unwrap();
        row.split(',').nth(2).unwrap().to_owned()
    };
    assert_eq!(["blue/90.png", "red/91.png", "blue/92.png"].map(truth), ["red", "red", "red"]);
    let config = fs::read_to_string(desk.path("better/config.toml")).unwrap();
    assert!(config.contains("corrections = \"run/corrections.csv\""), "{config}");

    // The other commands that take pictures in groups see the same.
    let evaluated =
        said(&desk, &["evaluate", "run", "photos", "--json", "--corrections", "run/corrections.csv"]);
    let as_given = said(&desk, &["evaluate", "run", "photos", "--json"]);
    let right = |text: &str| serde_json::from_str::<Value>(text).unwrap()["accuracy"].as_f64().unwrap();
    assert!(right(&evaluated) > right(&as_given), "{evaluated} {as_given}");
    desk.divvy(&["report", "better"]).assert().success();
    let page = fs::read_to_string(desk.path("better/report.html")).unwrap();
    assert!(page.contains("divvy relabel better"), "what to type next");
}

#[test]
fn a_program_reads_the_ranking_and_nothing_is_written_over() {
    let desk = desk();
    let printed = said(&desk, &["relabel", "run", "--most", "5", "--into", "five.csv", "--json"]);
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&printed["n"], &printed["suspected"], &printed["file"]),
        (&63.into(), &3.into(), &"five.csv".into())
    );
    let ranking = printed["ranking"].as_array().unwrap();
    assert_eq!(ranking.len(), 5);
    let list = fs::read_to_string(desk.path("five.csv")).unwrap();
    for (row, ranked) in list.lines().skip(1).zip(ranking) {
        let cells: Vec<&str> = row.split(',').collect();
        let [path, given, corrected, suspected, suggested, ..] = cells[..] else { panic!("{row}") };
        assert_eq!(ranked["path"], path);
        assert_eq!((&ranked["label"][0], &ranked["suggested"][0]), (&given.into(), &suggested.into()));
        assert_eq!(ranked["suspected"], suspected == "yes");
        assert_eq!(corrected, if suspected == "yes" { suggested } else { given });
    }
    let error = desk.refuses(&["relabel", "run", "--into", "five.csv"]);
    assert!(error.contains("five.csv: this file is there already"), "{error}");
    assert_eq!(fs::read_to_string(desk.path("five.csv")).unwrap(), list);
    said(&desk, &["relabel", "run", "--all", "--into", "all.csv", "--quiet"]);
    assert_eq!(fs::read_to_string(desk.path("all.csv")).unwrap().lines().count(), 64);
}

#[test]
fn what_cannot_be_done_is_refused_in_a_line() {
    let desk = Desk::with_model();
    let error = desk.refuses(&["relabel", "run"]);
    assert!(error.contains("`divvy train photos --folds 5`"), "{error}");
    assert!(desk.refuses(&["relabel", "nowhere"]).contains("nowhere"));
    desk.refuses(&["relabel", "run", "--most", "0"]);
    desk.write("wrong.csv", "path,given,corrected\nred/1.png,red,blue\nred/2.png,red,blu\n");
    let error = refusal(desk.train("photos", "other", &["--corrections", "wrong.csv"]));
    assert!(error.contains("wrong.csv: line 3: blu is not one of blue, red; did you mean blue?"), "{error}");
    assert!(!desk.path("other").exists());
    let error = desk.refuses(&["check", "photos", "--corrections", "wrong.csv"]);
    assert!(error.contains("line 3"), "{error}");
}
