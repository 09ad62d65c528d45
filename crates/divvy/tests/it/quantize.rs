//! A model in 8 bits: quantise, then ask both.

use std::fs;

use serde_json::Value;

use crate::common::Desk;

fn lines(desk: &Desk, arguments: &[&str]) -> Vec<Value> {
    let output = desk.divvy(arguments).assert().success().get_output().clone();
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn a_model_in_8_bits_says_nearly_the_same() {
    let desk = Desk::with_photos();
    desk.train("photos", "run", &["--epochs", "2"]).assert().success();
    let done = lines(&desk, &["quantize", "run", "--json"]).remove(0);
    assert_eq!((done["pictures"].as_u64(), done["calibrated_on"].as_u64()), (Some(12), Some(48)), "{done}");
    let number = |key: &str| done[key].as_f64().unwrap();
    assert!((number("accuracy_int8") - number("accuracy_f32") - number("difference")).abs() < 1e-9, "{done}");
    let small = "run/model.int8.divvy";
    for (key, file) in [("bytes_f32", "run/model.divvy"), ("bytes_int8", small)] {
        assert_eq!(done[key].as_u64(), Some(fs::metadata(desk.path(file)).unwrap().len()), "{done}");
    }
    let [before, after] = ["run", small].map(|run| lines(&desk, &["predict", run, "photos", "--json"]));
    assert_eq!((before.len(), after.len()), (60, 60));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["path"], after["path"]);
        let [a, b] = [before, after].map(|line| line["probabilities"]["blue"].as_f64().unwrap());
        assert!((a - b).abs() < 0.1, "{before} and {after}");
        for line in [before, after] {
            assert!(line["familiarity"].as_f64().is_some_and(|p| (1.0 / 13.0..=1.0).contains(&p)), "{line}");
        }
    }
    desk.divvy(&["evaluate", small, "photos"]).assert().success();
    desk.divvy(&["sort", small, "photos", "--into", "sorted"]).assert().success();

    // The same again is the same file; another is not written over, and 8 bits are not made 8 bits.
    let bytes = fs::read(desk.path(small)).unwrap();
    desk.divvy(&["quantize", "run", "--threads", "1"]).assert().success();
    assert!(fs::read(desk.path(small)).unwrap() == bytes);
    desk.write("taken.divvy", "something else");
    assert!(desk.refuses(&["quantize", "run", "--output", "taken.divvy"]).contains("another file"));
    assert!(desk.refuses(&["quantize", small]).contains("in 8 bits already"));
    assert!(desk.refuses(&["convert", small, "--head", "sigmoid"]).contains("in 8 bits"));
}

#[test]
fn a_network_is_measured_in_8_bits_for_classifying_only() {
    let desk = Desk::new();
    let bench = |job| {
        ["bench", job, "classic", "--batch", "1", "--size", "32", "--seconds", "0.1", "--precision", "int8"]
    };
    let measured = lines(&desk, &[&bench("infer")[..], &["--json"]].concat()).remove(0);
    assert_eq!(measured["precision"], "int8");
    assert!(measured["ms_per_batch"].as_f64().unwrap() > 0.0);
    assert!(desk.refuses(&bench("train")).contains("trained in f32"));
}
