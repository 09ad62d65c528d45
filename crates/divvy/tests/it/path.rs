//! The whole path on small pictures: train, evaluate, predict, sort.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::Desk;

fn json(output: &[u8]) -> Value {
    serde_json::from_slice(output).unwrap()
}

#[test]
fn a_folder_of_photos_becomes_a_model_that_sorts_new_ones() {
    let desk = Desk::with_model();
    for file in ["model.divvy", "events.jsonl", "split.csv", "config.toml"] {
        assert!(desk.path("run").join(file).is_file(), "{file}");
    }

    desk.photos("new", 10);
    let evaluated = desk.divvy(&["evaluate", "run", "new", "--json"]).assert().success().get_output().clone();
    let report = json(&evaluated.stdout);
    assert_eq!(report["task"], "binary");
    assert_eq!(report["classes"], Value::from(vec!["blue", "red"]));
    assert_eq!(report["n"], 20);
    assert_eq!(report["accuracy"], 1.0);
    assert_eq!(report["majority_baseline"], 0.5);
    assert_eq!(report["confusion_matrix"], serde_json::json!([[10, 0], [0, 10]]));
    assert_eq!(report["roc_auc"], 1.0);
    let low = report["accuracy_ci95"][0].as_f64().unwrap();
    assert!((low - 0.8389).abs() < 1e-3, "Wilson's interval for 20 of 20 begins at 0.839, found {low}");
    for key in ["balanced_accuracy", "log_loss", "per_class", "average_precision"] {
        assert!(!report[key].is_null(), "{key}");
    }

    let predicted = desk.divvy(&["predict", "run", "new", "--json"]).assert().success().get_output().clone();
    let lines: Vec<Value> =
        predicted.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(json).collect();
    assert_eq!(lines.len(), 20);
    for line in &lines {
        let (label, probability) = (line["label"].as_str().unwrap(), line["probability"].as_f64().unwrap());
        assert!(line["path"].as_str().unwrap().contains(label), "{line}");
        assert!((line["probabilities"][label].as_f64().unwrap() - probability).abs() < 1e-6, "{line}");
        let sum: f64 =
            ["blue", "red"].map(|group| line["probabilities"][group].as_f64().unwrap()).iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }

    desk.divvy(&["sort", "run", "new", "--into", "sorted", "--unsure", "0"]).assert().success();
    for (group, number) in [("blue", 3), ("red", 7)] {
        let (old, new) =
            (format!("new/{group}/{number}.png"), format!("sorted/{group}/{group}/{number}.png"));
        assert_eq!(fs::read(desk.path(&old)).unwrap(), fs::read(desk.path(&new)).unwrap());
    }
    let record = fs::read_to_string(desk.path("sorted/sorted.csv")).unwrap();
    assert!(record.starts_with("file,destination,label,probability"), "{record}");
    assert_eq!(record.lines().count(), 21);
}

#[test]
fn what_a_file_or_pipe_gets_of_a_training_is_plain_lines() {
    let desk = Desk::with_photos();
    for (quiet, epochs) in [(false, 6), (true, 0)] {
        let mut train = desk.train("photos", &format!("run-{quiet}"), &[]);
        if quiet {
            train.arg("--quiet");
        }
        let output = train.assert().success().get_output().clone();
        let (said, told) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(!said.contains('\u{1b}') && !told.contains('\u{1b}'), "{said}{told}");
        let is_drawn = |c: char| ('\u{2800}'..='\u{28ff}').contains(&c) || c == '━';
        assert!(!said.contains(is_drawn) && !told.contains(is_drawn), "{said}{told}");
        assert_eq!(said.lines().filter(|line| line.starts_with("epoch ")).count(), epochs, "{said}");
    }
}

#[test]
fn the_same_seed_gives_the_same_file_on_one_thread_and_on_two() {
    let desk = Desk::with_photos();
    for (run, more) in [
        ("one", ["--threads", "1", "--seed", "3"]),
        ("two", ["--threads", "2", "--seed", "3"]),
        ("other", ["--threads", "2", "--seed", "4"]),
    ] {
        desk.train("photos", run, &more).assert().success();
    }
    let model = |run: &str| fs::read(desk.path(run).join("model.divvy")).unwrap();
    assert!(model("one") == model("two"), "the threads made a difference");
    assert!(model("one") != model("other"), "the seed made none");
}

#[test]
fn the_same_seed_gives_the_same_file_wherever_pictures_are_kept() {
    let desk = Desk::with_photos();
    let train = |run: &str, place: &str| {
        let mut command = desk.train("photos", run, &["--cache", place, "--augment", "light"]);
        command.env("DIVVY_CACHE", desk.path("cache")).assert().success();
        fs::read(desk.path(run).join("model.divvy")).unwrap()
    };
    let expected = train("auto", "auto");
    assert!(!desk.path("cache").exists(), "what fits into memory is not kept on disk");
    for (run, place) in [("none", "none"), ("memory", "memory"), ("disk", "disk"), ("again", "disk")] {
        assert!(train(run, place) == expected, "--cache {place} made a difference ({run})");
    }
    assert_eq!(desk.files("cache").len(), 1, "one size of pictures, one pack");
    desk.write("in-the-way", "");
    let mut command = desk.train("photos", "told", &["--cache", "disk", "--augment", "light"]);
    let told = command.env("DIVVY_CACHE", desk.path("in-the-way/cache")).assert().success();
    let told = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
    assert!(told.contains("in-the-way/cache: pictures cannot be kept there"), "{told}");
}

#[test]
fn loading_is_measured() {
    let desk = Desk::with_photos();
    let short = ["bench", "load", "photos", "--size", "32", "--batch", "16", "--seconds", "0.2"];
    let measured = desk.divvy(&[&short[..], &["--json"]].concat()).assert().success().get_output().clone();
    let measured = json(&measured.stdout);
    for key in ["peer", "images_per_second", "ms_per_batch", "peak_rss_mib"] {
        assert!(!measured[key].is_null(), "{measured}");
    }
    assert!(desk.refuses(&[&short[..], &["--classes", "3"]].concat()).contains("there are 2 groups"));
}

#[test]
fn a_test_part_is_left_to_evaluation() {
    let desk = Desk::new();
    desk.photos("photos/train", 20);
    desk.photos("photos/test", 8);
    desk.train("photos", "run", &[]).assert().success();
    let split = fs::read_to_string(desk.path("run/split.csv")).unwrap();
    assert!(!split.lines().any(|line| line.contains("test/") && !line.starts_with("test,")), "{split}");
    let evaluated =
        desk.divvy(&["evaluate", "run", "photos", "--json"]).assert().success().get_output().clone();
    let report = json(&evaluated.stdout);
    assert_eq!((&report["n"], &report["part"]), (&Value::from(16), &Value::from("test")));
}

#[test]
fn the_share_that_validates_can_be_stated() {
    let desk = Desk::with_photos();
    let validating = |run: &str| {
        let split = fs::read_to_string(desk.path(run).join("split.csv")).unwrap();
        split.lines().filter(|line| line.starts_with("validation,")).count()
    };
    desk.train("photos", "half", &["--validation-share", "0.5", "--epochs", "1"]).assert().success();
    desk.train("photos", "usual", &["--epochs", "1"]).assert().success();
    assert_eq!((validating("half"), validating("usual")), (30, 12));
    let again = ["train", "--config", "half/config.toml", "--out", "again"];
    desk.divvy(&again).assert().success();
    assert_eq!(validating("again"), 30, "the run's settings hold it");
    for share in ["0", "1", "1.5", "half"] {
        let message = desk.refuses(&["train", "photos", "--validation-share", share]);
        assert!(message.contains("above 0 and below 1"), "{share}: {message}");
    }
    desk.photos("parts/train", 20);
    desk.photos("parts/val", 8);
    let own = desk.train("parts", "own", &["--validation-share", "0.5", "--epochs", "1"]).assert().success();
    let said = String::from_utf8_lossy(&own.get_output().stderr).into_owned();
    assert!(said.contains("validation part of 16 pictures"), "{said}");
    assert_eq!(validating("own"), 16);
}

#[test]
fn how_weights_move_can_be_stated() {
    let desk = Desk::with_photos();
    let settings = |run: &str, more: &[&str]| -> toml::Table {
        desk.train("photos", run, &[&["--epochs", "1"], more].concat()).assert().success();
        fs::read_to_string(desk.path(run).join("config.toml")).unwrap().parse().unwrap()
    };
    let typed = "--schedule cosine --warmup 5 --clip-norm 0.5 --weight-decay 0.125";
    let stated = settings("stated", &typed.split(' ').collect::<Vec<_>>());
    let optimizer = &stated["optimizer"];
    assert_eq!(
        (optimizer["clip_norm"].as_float(), optimizer["weight_decay"].as_float()),
        (Some(0.5), Some(0.125))
    );
    assert_eq!(stated["schedule"]["type"].as_str(), Some("cosine"));
    assert_eq!(stated["warmup"]["steps"].as_integer(), Some(5));
    let usual = settings("usual", &[]);
    assert_eq!(usual["schedule"]["type"].as_str(), Some("one_cycle"));
    assert!(!usual.contains_key("warmup") && usual["optimizer"].get("clip_norm").is_none());
    assert_eq!(usual["channels"].as_str(), Some("rgb"), "what was chosen is written down");
    // By each of them the steps of an epoch lead elsewhere.
    let loss = |run: &str| {
        let events = fs::read_to_string(desk.path(run).join("events.jsonl")).unwrap();
        let epoch =
            events.lines().map(|line| json(line.as_bytes())).find(|event| event["event"] == "epoch").unwrap();
        epoch["validation"]["loss"].as_f64().unwrap()
    };
    for flags in
        ["--schedule constant", "--warmup 5", "--clip-norm 0.01", "--weight-decay 20", "--accumulate 2"]
    {
        let run = flags.trim_start_matches('-').split(' ').next().unwrap();
        settings(run, &flags.split(' ').collect::<Vec<_>>());
        assert_ne!(loss(run).to_bits(), loss("usual").to_bits(), "{flags}");
    }
}

#[test]
fn how_long_to_go_on_and_what_to_keep_can_be_stated() {
    let desk = Desk::with_photos();
    let epochs = |run: &str| {
        let events = fs::read_to_string(desk.path(run).join("events.jsonl")).unwrap();
        events.lines().map(|line| json(line.as_bytes())).filter(|event| event["event"] == "epoch").count()
    };
    desk.train("photos", "kept", &["--epochs", "4", "--keep-best", "2"]).assert().success();
    let names = fs::read_dir(desk.path("kept")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut kept: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    kept.retain(|name| name.starts_with("epoch-"));
    assert_eq!(kept.len(), 2, "{kept:?}");
    let one = format!("kept/{}", kept[0]);
    desk.divvy(&["predict", &one, "photos/red/1.png"]).assert().success();

    // At this rate nothing is learned, and no epoch is better than the ones before.
    let still = ["--epochs", "9", "--lr", "1e-30"];
    desk.train("photos", "whole", &still).assert().success();
    let mut impatient = desk.train("photos", "impatient", &[&still[..], &["--patience", "2"]].concat());
    let output = impatient.assert().success().get_output().clone();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(said.contains("the last were no better"), "{said}");
    assert_eq!(epochs("whole"), 9);
    assert!(epochs("impatient") < 9);
}

#[test]
fn figures_on_what_was_trained_on_come_with_a_warning() {
    let desk = Desk::with_model();
    desk.photos("new", 5);
    for (data, warns) in [("photos", true), ("new", false)] {
        let output = desk.divvy(&["evaluate", "run", data]).assert().success().get_output().clone();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.contains("trained on"), warns, "{data}: {said}");
    }
}

#[test]
fn labels_that_do_not_exclude_each_other_go_all_the_way() {
    let desk = Desk::with_photos();
    desk.picture("photos/both/0.png", "red", 99);
    let mut list = "file,labels\n".to_owned();
    for number in 0..30 {
        for line in [format!("red/{number}.png,red|warm\n"), format!("blue/{number}.png,blue\n")] {
            list += &line;
        }
    }
    desk.write("photos/labels.csv", list);
    desk.train("photos", "run", &["--epochs", "20"]).assert().success();
    let evaluated =
        desk.divvy(&["evaluate", "run", "photos", "--json"]).assert().success().get_output().clone();
    let report = json(&evaluated.stdout);
    assert_eq!(report["task"], "multi-label");
    assert!(report["f1_macro"].as_f64().unwrap() > 0.9, "{report}");

    let predicted =
        desk.divvy(&["predict", "run", "photos/red/1.png", "--json"]).assert().success().get_output().clone();
    let line = json(&predicted.stdout);
    assert_eq!(
        (&line["label"], &line["labels"]),
        (&Value::from("red|warm"), &serde_json::json!(["red", "warm"]))
    );
    desk.divvy(&["sort", "run", "photos/red", "--into", "sorted", "--unsure", "0"]).assert().success();
    assert!(desk.path("sorted/red+warm/1.png").is_file());
}

#[test]
fn each_kind_of_head_can_be_asked_for() {
    let desk = Desk::with_photos();
    for head in ["softmax", "sigmoid", "linear"] {
        desk.train("photos", head, &["--head", head, "--epochs", "12"]).assert().success();
        let evaluated =
            desk.divvy(&["evaluate", head, "photos", "--json"]).assert().success().get_output().clone();
        assert!(json(&evaluated.stdout)["accuracy"].as_f64().unwrap() > 0.9, "{head}");
    }
    let predicted = desk
        .divvy(&["predict", "linear", "photos/red/1.png", "--json"])
        .assert()
        .success()
        .get_output()
        .clone();
    let line = json(&predicted.stdout);
    assert!(line["probability"].is_null() && line["score"].is_number(), "{line}");
}

#[test]
fn predictions_come_as_text_and_as_a_table_too() {
    let desk = Desk::with_model();
    let text = desk.divvy(&["predict", "run", "photos/red/1.png"]).assert().success().get_output().clone();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.starts_with("photos/red/1.png  red  0.") || text.starts_with("photos/red/1.png  red  1."),
        "{text}"
    );

    let table =
        desk.divvy(&["predict", "run", "photos/red", "--csv"]).assert().success().get_output().clone();
    let mut reader = csv::Reader::from_reader(table.stdout.as_slice());
    let headers = ["path", "label", "probability", "blue", "red", "familiarity"];
    assert_eq!(reader.headers().unwrap(), headers.to_vec());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert!(rows.iter().all(|row| &row[1] == "red" && row[2] == row[4]));
    assert!(rows.iter().all(|row| (0.0..=1.0).contains(&row[5].parse::<f64>().unwrap())), "{rows:?}");
}

#[test]
fn networks_can_be_looked_at_without_training() {
    let desk = Desk::new();
    let summary = desk
        .divvy(&["summary", "flat", "--size", "28", "--classes", "10"])
        .assert()
        .success()
        .get_output()
        .clone();
    let summary = String::from_utf8(summary.stdout).unwrap();
    assert!(summary.contains("(None, 28, 28, 32)") && summary.contains("250,890"), "{summary}");

    let plan =
        desk.divvy(&["plan", "classic", "--batch", "4", "--json"]).assert().success().get_output().clone();
    let plan = json(&plan.stdout);
    assert_eq!((&plan["mode"], &plan["batch"]), (&Value::from("train"), &Value::from(4)));
    assert!(plan["ops"].as_array().unwrap().len() > 20 && plan["arena_bytes"].as_u64().unwrap() > 0);

    let bench =
        ["bench", "infer", "lenet5", "--size", "32", "--batch", "2", "--threads", "1", "--seconds", "0.05"];
    let bench =
        desk.divvy(&bench).args(["--precision", "f32", "--json"]).assert().success().get_output().clone();
    let bench = json(&bench.stdout);
    for key in ["images_per_second", "ms_per_batch", "first_step_ms"] {
        assert!(bench[key].as_f64().unwrap() > 0.0, "{bench}");
    }
    assert!(bench["peak_rss_mib"].is_u64() || !Path::new("/proc/self/status").exists(), "{bench}");
}

#[test]
fn quiet_leaves_out_all_but_results() {
    let desk = Desk::with_photos();
    let output =
        desk.train("photos", "run", &["--quiet", "--allow", "V06"]).assert().success().get_output().clone();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("best epoch") && !said.contains("img/s") && !said.contains("next:"), "{said}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_run_has_a_page_and_on_request_a_file_for_tensorboard_and_a_failed_one_has_neither() {
    let desk = Desk::with_photos();
    let names = |run: &str| -> Vec<String> {
        let entries = fs::read_dir(desk.path(run)).unwrap().map(Result::unwrap);
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    let is_board = |name: &String| name.starts_with("events.out.tfevents.");
    desk.train("photos", "plain", &[]).assert().success();
    assert!(!names("plain").iter().any(is_board));
    desk.train("photos", "run", &["--tensorboard"]).assert().success();
    assert_eq!(names("run").iter().filter(|name| is_board(name)).count(), 1);
    let page = fs::read_to_string(desk.path("run/live.html")).unwrap();
    assert!(page.contains("Ended after 6 epochs") && !page.contains("data-live"), "{page}");
    // What a full disk, or an end at the wrong moment, may leave: a page that says it goes on.
    fs::write(desk.path("run/live.html"), "<div data-live=\"5\">").unwrap();
    desk.divvy(&["train", "--resume", "run"]).assert().success();
    let page = fs::read_to_string(desk.path("run/live.html")).unwrap();
    assert!(page.contains("Ended after 6 epochs") && !page.contains("data-live"), "{page}");

    // A rate at which numbers run away at once: the folder was there, and is empty again.
    fs::create_dir(desk.path("empty")).unwrap();
    let failed = desk
        .train("photos", "empty", &["--tensorboard", "--lr", "1e30"])
        .assert()
        .code(2)
        .get_output()
        .clone();
    assert_eq!(names("empty"), [""; 0], "{}", String::from_utf8_lossy(&failed.stderr));
}

#[test]
fn rates_are_tried_without_leaving_anything_behind() {
    let desk = Desk::with_photos();
    // Groups that no rate divides, and a network in which nothing could die: a loss that has run away stays away.
    for number in 100..110 {
        desk.picture(&format!("photos/blue/{number}.png"), "red", number);
        desk.picture(&format!("photos/red/{number}.png"), "blue", number);
    }
    desk.write("linear.toml", "[[layer]]\ntype = \"global_avg_pool2d\"\n");
    let before = desk.files(".");
    let lr = ["lr", "photos", "--arch", "linear.toml", "--size", "16", "--batch", "16", "--lr", "0.1"];
    assert!(desk.refuses(&lr).contains("there is no `--lr` here"), "the rate is what is looked for");

    let lr = [&lr[..8], &["--optimizer", "sgd", "--from", "1e-5", "--to", "1e4", "--steps", "120"]].concat();
    let tried = desk.divvy(&[&lr[..], &["--json"]].concat()).assert().success().get_output().clone();
    let tried = json(&tried.stdout);
    let trials = tried["trials"].as_array().unwrap();
    let rate = |index: usize| trials[index]["rate"].as_f64().unwrap();
    // The same factor from each to the next: (1e4 / 1e-5)^(1/119).
    assert!((rate(1) / rate(0) - 1.190_2).abs() < 1e-3 && (rate(0) - 1e-5).abs() < 1e-12, "{tried}");
    assert_eq!(tried["smoothed"].as_array().unwrap().len(), trials.len());
    assert_eq!(
        (&tried["ending"], trials.len() < 120),
        (&Value::from("ran_away"), true),
        "a rate of 1e4 is too high"
    );
    let suggested = tried["suggested"].as_f64().unwrap();
    assert!((1e-3..100.0).contains(&suggested), "{tried}");

    let said = desk.divvy(&lr).assert().success().get_output().clone();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("suggested: --lr ") && said.contains("nothing was kept"), "{said}");
    assert!(desk.files(".") == before, "something was written");

    desk.divvy(&[&lr[..], &["--svg", "rates.svg", "--quiet"]].concat()).assert().success();
    let svg = fs::read_to_string(desk.path("rates.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("learning rate") && svg.contains("<polyline"), "{svg}");
    for (flag, value, said) in [
        ("--steps", "5", "the number of steps is 5; give 20 to 10,000, such as 200"),
        ("--to", "1e-9", "the range of learning rates is from 0.000003 to 0.000000001"),
        ("--from", "0", "--from: `0` cannot be used; give a number above 0"),
    ] {
        let refused = desk.refuses(&["lr", "photos", flag, value]);
        assert!(refused.contains(said), "{refused}");
    }
}
