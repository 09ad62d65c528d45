//! One model with either last layer: convert, then ask both.

use std::fs;

use serde_json::Value;

use crate::common::Desk;

fn lines(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let output = desk.divvy(arguments).assert().success().get_output().clone();
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn line(desk: &Desk, arguments: &[&str]) -> Value {
    let [line] = &lines(desk, arguments)[..] else { panic!("{arguments:?} printed not one line") };
    line.clone()
}

#[test]
fn a_model_with_the_other_last_layer_says_the_same() {
    let desk = Desk::with_photos();
    // Not trained to the end, so that its probabilities are not all 0 and 1.
    desk.train("photos", "run", &["--epochs", "2", "--head", "softmax"]).assert().success();
    let done = line(&desk, &["convert", "run", "--head", "sigmoid", "--json"]);
    assert_eq!((&done["from"], &done["to"]), (&"Dense(2, softmax)".into(), &"Dense(1, sigmoid)".into()));
    assert!(done["largest_difference"].as_f64().unwrap() < 2e-6 && done["written"] == true, "{done}");

    let converted = "run/model.sigmoid.divvy";
    let [before, after] = ["run", converted].map(|run| line(&desk, &["evaluate", run, "photos", "--json"]));
    for key in ["task", "classes", "n", "accuracy", "confusion_matrix"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    assert!(!before["confusion_matrix"].is_null());
    let [before, after] = ["run", converted].map(|run| lines(&desk, &["predict", run, "photos", "--json"]));
    assert_eq!((before.len(), after.len()), (60, 60));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before["path"], &before["label"]), (&after["path"], &after["label"]));
        for group in ["blue", "red"] {
            let [a, b] = [before, after].map(|line| line["probabilities"][group].as_f64().unwrap());
            assert!((a - b).abs() <= 1e-5, "{before} and {after}");
        }
    }
    let summary = desk.divvy(&["summary", converted]).assert().success().get_output().clone();
    assert!(String::from_utf8_lossy(&summary.stdout).contains("Dense(1, sigmoid) at the end"));
}

#[test]
fn back_and_forth_gives_the_same_file() {
    let desk = Desk::with_photos();
    desk.train("photos", "run", &["--epochs", "1", "--head", "sigmoid"]).assert().success();
    desk.divvy(&["convert", "run", "--head", "softmax"]).assert().success();
    let back = ["convert", "run/model.softmax.divvy", "--head", "sigmoid"];
    let said = desk.divvy(&back).assert().success().get_output().clone();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains("Dense(1, sigmoid) in run/model.sigmoid.divvy") && said.lines().count() == 2,
        "{said}"
    );
    let read = |name: &str| fs::read(desk.path(name)).unwrap();
    assert!(read("run/model.sigmoid.divvy") == read("run/model.divvy"));
}

#[test]
fn no_other_file_is_written_over() {
    let desk = Desk::with_photos();
    desk.train("photos", "run", &["--epochs", "1"]).assert().success();
    let convert = ["convert", "run", "--head", "sigmoid", "--out", "new.divvy"];
    assert_eq!(line(&desk, &[&convert[..], &["--json"]].concat())["written"], true);
    assert_eq!(line(&desk, &[&convert[..], &["--json"]].concat())["written"], false);

    let mut changed = fs::read(desk.path("new.divvy")).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    for content in [&changed[..], b"something else"] {
        desk.write("new.divvy", content);
        let said = desk.refuses(&convert);
        assert!(said.contains("new.divvy: there is another file"), "{said}");
        assert_eq!(fs::read(desk.path("new.divvy")).unwrap(), content);
    }
    fs::create_dir(desk.path("folder")).unwrap();
    let said = desk.refuses(&["convert", "run", "--head", "sigmoid", "--out", "folder"]);
    assert!(said.contains("folder: this is a folder"), "{said}");
}

#[test]
fn what_cannot_be_converted_is_refused_with_the_file_and_the_reason() {
    let desk = Desk::with_photos();
    for (head, wanted, said) in
        [("softmax", "softmax", "Dense(2, softmax) already"), ("linear", "sigmoid", "is no probability")]
    {
        desk.train("photos", head, &["--epochs", "1", "--head", head]).assert().success();
        let refusal = desk.refuses(&["convert", head, "--head", wanted]);
        assert!(refusal.contains(said) && refusal.starts_with(&format!("{head}/model.divvy: ")), "{refusal}");
        assert!(!desk.path(head).join(format!("model.{wanted}.divvy")).exists());
    }
    let refusal = desk.refuses(&["convert", "softmax", "--head", "linear"]);
    assert!(refusal.contains("there is no `linear`") && refusal.contains("sigmoid, softmax"), "{refusal}");
    assert!(desk.refuses(&["convert", "none", "--head", "sigmoid"]).contains("no such file"));
}
