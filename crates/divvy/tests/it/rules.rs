//! Mistakes with a number, as a person meets them: refused, warned of, allowed, explained, checked for.

use std::fs;

use serde_json::Value;

use crate::common::{Desk, SMALL};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Exit code, standard output and standard error.
fn say(desk: &Desk, arguments: &[&str]) -> (i32, String, String) {
    let output = desk.divvy(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A network whose dense layer after the flatten holds nearly all parameters.
const HEAVY: &str =
    "[[layer]]\ntype = \"flatten\"\n\n[[layer]]\ntype = \"dense\"\nunits = 200\nactivation = \"relu\"\n";

#[test]
fn what_cannot_work_is_refused_before_anything_is_made() {
    let desk = Desk::with_photos();
    for (flags, id, fix) in [
        (&["--head", "softmax", "--loss", "binary_crossentropy"][..], "L06", "categorical_crossentropy"),
        (&["--head", "sigmoid", "--loss", "categorical_crossentropy"], "L04", "binary_crossentropy"),
        (&["--head", "sigmoid", "--loss", "mse"], "L08", "leave loss out"),
        (&["--head", "linear", "--loss", "bce"], "L03", "sigmoid"),
        (&["--loss", "nll"], "L09", "sparse_categorical_crossentropy"),
        (&["--metric", "accuarcy"], "T03", "accuracy"),
        (&["--metric", "exact_match"], "M01", "accuracy"),
        (&["--head", "sigmoid", "--metric", "categorical_accuracy"], "M03", "accuracy"),
        (&["--task", "multi-label", "--head", "softmax"], "H03", "sigmoid"),
        (&["--task", "regression", "--head", "sigmoid"], "H08", "linear"),
    ] {
        let output = desk.train("photos", "run", flags).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}\n{said}");
        assert!(said.contains(&format!("error[{id}]: ")), "{flags:?}\n{said}");
        for line in ["  at:  ", "  why: ", "  fix: ", "help: `divvy explain"] {
            assert_eq!(said.lines().filter(|found| found.starts_with(line)).count(), 1, "{flags:?}\n{said}");
        }
        let told = said.lines().find(|line| line.starts_with("  fix: ")).unwrap();
        assert!(told.contains(fix), "{flags:?}\n{said}");
        assert!(!desk.path("run").exists(), "{flags:?}");
    }
}

#[test]
fn an_architecture_file_can_state_its_head() {
    let desk = Desk::with_photos();
    let layers = "[[layer]]\ntype = \"global_avg_pool2d\"\n\n";
    desk.write("one.toml", format!("{layers}[head]\nunits = 1\nactivation = \"softmax\"\n"));
    let (code, _, said) = say(&desk, &["train", "photos", "--out", "run", "--arch", "one.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("error[H01]") && said.contains("one.toml:6"), "{said}");

    desk.write("sigmoid.toml", format!("{layers}[head]\nunits = 1\nloss = \"binary_crossentropy\"\n"));
    let trained =
        ["train", "photos", "--out", "run", "--arch", "sigmoid.toml", "--size", "16", "--epochs", "1"];
    assert_eq!(say(&desk, &trained).0, 0);
    let (_, summary, _) = say(&desk, &["summary", "run"]);
    assert!(summary.contains("Dense(1, sigmoid)"), "{summary}");
    // What is typed goes before the file, and is checked with the rest of it.
    let (code, _, said) =
        say(&desk, &["train", "photos", "--out", "other", "--arch", "sigmoid.toml", "--head", "softmax"]);
    assert!(code == 2 && said.contains("error[H01]"), "{said}");
}

#[test]
fn warnings_go_on_are_denied_or_allowed() {
    let desk = Desk::with_photos();
    desk.write("heavy.toml", HEAVY);
    desk.write("allowed.toml", format!("allow = [\"T05\"]\n\n{HEAVY}"));
    let train = |arch: &str, run: &str, more: &[&str]| {
        let usual = ["train", "photos", "--out", run, "--arch", arch, "--size", "24", "--epochs", "1"];
        say(&desk, &[&usual[..], more].concat())
    };
    let (code, _, said) = train("heavy.toml", "warned", &[]);
    assert!(code == 0 && said.contains("warning[T05]") && said.contains("heavy.toml:4"), "{said}");
    let events = fs::read_to_string(desk.path("warned/events.jsonl")).unwrap();
    let finding =
        events.lines().map(json).find(|event| event["event"] == "finding" && event["id"] == "T05").unwrap();
    assert_eq!((&finding["severity"], &finding["place"]["line"]), (&Value::from("warning"), &Value::from(4)));

    let (code, _, said) = train("heavy.toml", "denied", &["--deny", "warnings"]);
    assert!(code == 2 && said.contains("error[T05]"), "{said}");
    assert!(!desk.path("denied").exists());
    for (arch, run, more) in [
        ("heavy.toml", "flag", &["--allow", "T05"][..]),
        ("allowed.toml", "file", &["--deny", "warnings", "--allow", "V06"]),
    ] {
        let (code, _, said) = train(arch, run, more);
        assert!(code == 0 && !said.contains("T05"), "{run}: {said}");
    }
}

#[test]
fn a_run_is_repeated_from_its_config() {
    let desk = Desk::with_model();
    let (code, _, said) = say(&desk, &["train", "--config", "run/config.toml", "--out", "again", "--quiet"]);
    assert_eq!(code, 0, "{said}");
    let model = |run: &str| fs::read(desk.path(run).join("model.divvy")).unwrap();
    assert!(model("run") == model("again"), "the same settings make the same file");
    assert_eq!(
        say(&desk, &["train", "--config", "run/config.toml", "--seed", "5", "--out", "other", "--quiet"]).0,
        0
    );
    assert!(model("run") != model("other"), "what is typed goes before the file");

    // An allowed rule, a head and a word that is none, in the file.
    let config = fs::read_to_string(desk.path("run/config.toml")).unwrap();
    desk.write("bad.toml", format!("{config}\n[head]\nunits = 1\nactivation = \"softmax\"\n"));
    assert!(say(&desk, &["train", "--config", "bad.toml", "--out", "bad"]).2.contains("error[H01]"));
    desk.write("worse.toml", config.replace("batch = ", "class_weights = \"balanced\"\nbatch = "));
    let (code, _, said) = say(&desk, &["train", "--config", "worse.toml", "--out", "bad"]);
    assert!(code == 2 && said.contains("worse.toml, line") && said.contains("class_weights"), "{said}");
    assert!(say(&desk, &["train"]).2.contains("is missing"));
}

#[test]
fn the_positive_group_can_be_chosen_and_is_named() {
    let desk = Desk::with_photos();
    desk.train("photos", "run", &["--positive", "blue"]).assert().success();
    let (_, report, _) = say(&desk, &["evaluate", "run", "photos", "--json"]);
    let report = json(&report);
    assert_eq!(report["positive_class"], "blue");
    assert_eq!(report["classes"], serde_json::json!(["red", "blue"]));
    let (_, text, _) = say(&desk, &["evaluate", "run", "photos"]);
    let named = text.lines().filter(|line| line.contains("positive class blue")).count();
    assert_eq!(named, 2, "ROC AUC and average precision:\n{text}");
    // A model that is there can be asked about either group.
    let (_, other, _) = say(&desk, &["evaluate", "run", "photos", "--json", "--positive", "red"]);
    let other = json(&other);
    assert_eq!((&other["positive_class"], &other["accuracy"]), (&Value::from("red"), &report["accuracy"]));
    assert_eq!(other["classes"], report["classes"]);
    for command in [&["train", "photos", "--out", "other"][..], &["evaluate", "run", "photos"]] {
        let (code, _, said) = say(&desk, &[command, &["--positive", "blu"]].concat());
        assert!(code == 2 && said.contains("did you mean blue?"), "{said}");
    }
}

#[test]
fn shares_of_groups_are_stated_told_and_kept() {
    let desk = Desk::with_photos();
    for (prior, named) in [
        ("blu=0.1", "did you mean blue?"),
        ("blue", "such as spotted=0.01"),
        ("blue=2", "above 0 and below 1"),
        ("=0.5", "such as spotted=0.01"),
    ] {
        let (code, _, said) = say(&desk, &["train", "photos", "--out", "run", "--prior", prior]);
        assert!(code == 2 && said.contains(named) && !desk.path("run").exists(), "{prior}: {said}");
    }
    let output = desk.train("photos", "run", &["--prior", "blue=0.02"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("2 % of the pictures are 'blue'"), "{said}");
    let config = fs::read_to_string(desk.path("run/config.toml")).unwrap();
    assert!(config.contains("[prior]\nblue = 0.02\n"), "{config}");
    let report = json(&fs::read_to_string(desk.path("run/report.json")).unwrap());
    let shares = &report["prior"]["shares"];
    assert_eq!((&shares[0]["group"], &shares[0]["stated"]), (&Value::from("blue"), &Value::from(0.02)));
    assert!((shares[1]["stated"].as_f64().unwrap() - 0.98).abs() < 1e-9, "{shares}");
    let page = fs::read_to_string(desk.path("run/report.html")).unwrap();
    assert!(page.contains("Where groups come in other shares"));
}

#[test]
fn the_best_epoch_is_chosen_by_the_metric_that_is_named() {
    let desk = Desk::with_photos();
    for metric in ["balanced_accuracy", "macro_f1", "roc_auc"] {
        desk.train("photos", metric, &["--metric", metric, "--epochs", "3"]).assert().success();
        let events = fs::read_to_string(desk.path(metric).join("events.jsonl")).unwrap();
        let epochs: Vec<Value> = events.lines().map(json).filter(|event| event["event"] == "epoch").collect();
        assert!(epochs.iter().all(|epoch| epoch["validation"]["metric"] == metric), "{metric}");
        let best =
            epochs.iter().map(|epoch| epoch["validation"]["value"].as_f64().unwrap()).fold(0.0, f64::max);
        let kept = epochs.iter().rfind(|epoch| epoch["best"] == true).unwrap();
        assert_eq!(kept["validation"]["value"].as_f64().unwrap(), best, "{metric}");
    }
}

#[test]
fn a_check_finds_what_training_would_refuse() {
    let desk = Desk::with_model();
    desk.write("bad.toml", format!("{HEAVY}\n[head]\nactivation = \"sigmoid\"\nunits = 3\n"));
    let (code, found, _) = say(&desk, &["check", "bad.toml", "--classes", "3", "--json"]);
    let found = json(&found);
    assert_eq!((code, &found["kind"], &found["errors"]), (1, &Value::from("network"), &Value::from(1)));
    assert_eq!(
        (&found["findings"][0]["id"], &found["findings"][0]["place"]["line"]),
        (&Value::from("H02"), &Value::from(10))
    );
    let labels = ["check", "bad.toml", "--classes", "3", "--task", "multi-label"];
    let (code, found, _) = say(&desk, &labels);
    assert!(code == 0 && found.contains("warning[T05]") && found.contains("bad.toml: 1 warning"), "{found}");
    assert_eq!(say(&desk, &[&labels[..], &["--deny", "warnings"]].concat()).0, 1);
    let (code, found, _) = say(&desk, &[&labels[..], &["--allow", "T05"]].concat());
    assert!(code == 0 && found.contains("nothing found, T05 allowed"), "{found}");

    let (code, log, _) = say(&desk, &["check", "bad.toml", "--classes", "3", "--sarif"]);
    let log = json(&log);
    let result = &log["runs"][0]["results"][0];
    assert_eq!((code, &log["version"], &result["ruleId"]), (1, &Value::from("2.1.0"), &Value::from("H02")));

    let (code, found, _) = say(&desk, &["check", "run"]);
    assert!(code == 0 && found.contains("warning[V06]") && found.contains("run: 1 warning"), "{found}");
    let (code, _, said) = say(&desk, &["check", "run", "--classes", "3"]);
    assert!(code == 2 && said.contains("--classes"), "{said}");
    assert_eq!(say(&desk, &["check", "nowhere"]).0, 2);
}

#[test]
fn data_is_checked_for_copies_and_contradictions() {
    let desk = Desk::with_photos();
    // That one group is red and the other blue is meant here.
    let (code, found, _) = say(&desk, &["check", "photos", "--json", "--allow", "V06", "--allow", "T06"]);
    let found = json(&found);
    assert_eq!((code, &found["kind"], &found["findings"]), (0, &Value::from("data"), &serde_json::json!([])));

    // A blue picture among the red ones, and a validation part that is a copy of training pictures.
    fs::copy(desk.path("photos/blue/0.png"), desk.path("photos/red/odd.png")).unwrap();
    let (code, text, _) = say(&desk, &["check", "photos"]);
    assert!(code == 0 && text.contains("warning[Y07]") && text.contains("odd.png"), "{text}");
    assert_eq!(say(&desk, &["check", "photos", "--deny", "warnings"]).0, 1);
    desk.photos("parts/train", 40);
    desk.photos("parts/val", 20);
    let (_, log, _) = say(&desk, &["check", "parts", "--sarif"]);
    let results = json(&log)["runs"][0]["results"].as_array().unwrap().clone();
    let leak =
        results.iter().find(|result| result["ruleId"] == "V02").expect("half of training validates, too");
    assert_eq!(leak["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "parts");
    // Training says the same, in the moment.
    let (code, _, said) =
        say(&desk, &["train", "parts", "--out", "leak", "--arch", "flat", "--size", "8", "--epochs", "1"]);
    assert!(code == 0 && said.contains("warning[V02]"), "{said}");

    // Labels that cannot be read are a finding, too.
    let rows =
        (0..4).map(|i| format!("photos/blue/{i}.png,{},{}\n", i % 2, if i == 3 { 7 } else { 1 - i % 2 }));
    desk.write("hot.csv", format!("file,cat,dog\n{}", rows.collect::<String>()));
    let (code, found, _) = say(&desk, &["check", "hot.csv", "--json"]);
    assert_eq!((code, &json(&found)["findings"][0]["id"]), (1, &Value::from("Y01")));
    let (code, _, said) = say(&desk, &["train", "hot.csv", "--out", "hot"]);
    assert!(
        code == 2 && said.contains("error[Y01]") && said.contains("hot.csv:5") && said.contains("help: "),
        "{said}"
    );
}

#[test]
fn a_training_tells_in_few_words_what_its_pictures_show() {
    let desk = Desk::with_photos();
    for number in 0..30 {
        // The red ones are saved in another way.
        let path = desk.path(&format!("photos/red/{number}.png"));
        image::open(&path).unwrap().save(path.with_extension("bmp")).unwrap();
        fs::remove_file(path).unwrap();
    }
    image::RgbImage::from_pixel(200, 20, image::Rgb([9, 9, 9]))
        .save(desk.path("photos/red/blank.bmp"))
        .unwrap();
    fs::rename(desk.path("photos/red/0.bmp"), desk.path("photos/red/0.jpg")).unwrap();
    let train = |run: &str, more: &[&str]| {
        let usual = ["train", "photos", "--out", run, "--arch", "flat", "--size", "16", "--epochs", "1"];
        say(&desk, &[&usual[..], more].concat())
    };
    let (code, _, said) = train("run", &[]);
    assert_eq!(code, 0, "{said}");
    for told in [
        "warning[P09]: 1 of 61 pictures are blank",
        "warning[T06]: file type alone tells the group of 100 % of the files",
        "note[P06]: 1 of 61 pictures are not what their names say",
        "note[P13]: 1 of 61 pictures have an odd shape",
    ] {
        assert_eq!(said.matches(told).count(), 1, "{told} is not in\n{said}");
    }
    assert_eq!(said.matches("divvy check DATA --report FOLDER").count(), 3, "{said}");
    assert!(!said.contains("blank.bmp") && !said.contains("0.jpg"), "no pictures are named:\n{said}");
    assert!(said.contains("see: BMP: 31 of 31 files are `red`"), "{said}");
    // The record of the run has them, and so has what is found in it.
    let (_, found, _) = say(&desk, &["check", "run", "--json"]);
    let ids = json(&found)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].clone())
        .collect::<Vec<_>>();
    assert!(["P09", "T06", "P06", "P13"].iter().all(|id| ids.contains(&Value::from(*id))), "{ids:?}");

    let (code, _, said) = train("denied", &["--deny", "warnings", "--allow", "V06"]);
    assert!(code == 2 && said.contains("error[P09]") && !desk.path("denied").exists(), "{said}");
    let (code, _, said) =
        train("allowed", &["--deny", "warnings", "--allow", "V06", "--allow", "P09", "--allow", "T06"]);
    assert!(code == 0 && !said.contains("T06") && said.contains("note[P13]"), "{said}");
}

#[test]
fn copies_stay_on_one_side_of_the_split() {
    let desk = Desk::new();
    desk.photos("photos", 20);
    for group in ["blue", "red"] {
        for number in 0..20 {
            let (from, to) =
                (format!("photos/{group}/{number}.png"), format!("photos/{group}/{number}-copy.png"));
            fs::copy(desk.path(&from), desk.path(&to)).unwrap();
        }
    }
    let train = ["train", "photos", "--out", "run", "--arch", "flat", "--size", "8", "--epochs", "1"];
    assert_eq!(say(&desk, &train).0, 0);
    let split = fs::read_to_string(desk.path("run/split.csv")).unwrap();
    let part =
        |file: &str| split.lines().find(|line| line.ends_with(file)).unwrap().split(',').next().unwrap();
    for group in ["blue", "red"] {
        for number in 0..20 {
            let (one, copy) = (format!(",{group}/{number}.png"), format!(",{group}/{number}-copy.png"));
            assert_eq!(part(&one), part(&copy), "{group} {number}");
        }
    }
    assert!(split.contains("validation,"), "{split}");
}

#[test]
fn a_run_that_went_wrong_is_told_from_its_events() {
    let desk = Desk::with_model();
    let events = fs::read_to_string(desk.path("run/events.jsonl")).unwrap();
    let started = events.lines().next().unwrap();
    let epoch = events.lines().find(|line| line.contains("\"event\":\"epoch\"")).unwrap();
    let mut bad = json(epoch);
    bad["training_loss"] = Value::from(-31.9);
    fs::create_dir(desk.path("bad")).unwrap();
    desk.write("bad/events.jsonl", format!("{started}\nno event\n{bad}\n"));
    let (code, found, _) = say(&desk, &["check", "bad"]);
    assert!(code == 1 && found.contains("error[L10]") && found.contains("events.jsonl:3"), "{found}");
}

#[test]
fn rules_are_listed_and_explained() {
    let desk = Desk::new();
    let (code, list, _) = say(&desk, &["explain"]);
    assert_eq!(
        (
            code,
            list.lines()
                .filter(|line| line.contains("  error  ")
                    || line.contains("  warning  ")
                    || line.contains("  note  "))
                .count()
        ),
        (0, 63)
    );
    let (_, page, _) = say(&desk, &["explain", "H01"]);
    for part in [
        "# H01: softmax over a single unit",
        "e^z / e^z = 1",
        "Dense(1, activation=\"softmax\")",
        "## How to see it",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert_eq!(say(&desk, &["explain", "softmax-one-unit"]).1, page);
    let (code, _, said) = say(&desk, &["explain", "H1"]);
    assert!(code == 2 && said.contains("did you mean `H01`"), "{said}");
}

#[test]
fn variants_are_compared() {
    let desk = Desk::with_photos();
    desk.write("small.toml", SMALL);
    let usual = ["--size", "16", "--epochs", "6", "--lr", "0.02", "--batch", "16"];
    let heads =
        [&["compare", "photos", "--heads", "softmax2,sigmoid1", "--arch", "small.toml"], &usual[..]].concat();
    let compare = [&heads[..], &["--seeds", "2", "--threads", "2", "--out", "cmp"]].concat();
    let (code, text, said) = say(&desk, &compare);
    assert_eq!(code, 0, "{said}");
    let side_by_side = "2 trainings went on side by side, on a thread each";
    for part in ["parameters", "s an epoch", "less softmax2", "calibration error", side_by_side] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let widest = text
        .lines()
        .skip_while(|line| !line.starts_with("less"))
        .take_while(|line| !line.is_empty())
        .map(|line| line.chars().count())
        .max();
    assert!(widest.is_some_and(|widest| widest <= 100), "{text}");
    // Two colours are told apart by both, each time: nothing scatters.
    let same = "no difference was found between softmax2 and sigmoid1: accuracy is the same in each of 2 trainings \
                (McNemar's test on the pictures: p = 1.0000)";
    assert!(text.lines().any(|line| line == same), "{text}");
    assert!(!text.contains("of an earlier call"), "{text}");

    // What is there is used again, and says the same.
    let (_, again, _) = say(&desk, &compare);
    assert!(
        again.contains(same) && again.contains("4 of 4 trainings, and their times, are of an earlier call"),
        "{again}"
    );
    assert!(!again.contains(side_by_side), "{again}");
    let alone =
        [&heads[..], &["--seeds", "1", "--threads", "2", "--at-once", "1", "--out", "alone"]].concat();
    let (code, text, _) = say(&desk, &alone);
    assert!(code == 0 && !text.contains("side by side"), "{text}");
    assert!(
        fs::read(desk.path("alone/softmax2/seed-0/model.divvy")).unwrap()
            == fs::read(desk.path("cmp/softmax2/seed-0/model.divvy")).unwrap()
    );
    let (_, again, _) = say(&desk, &[&compare[..], &["--json"]].concat());
    let again = json(&again);
    assert_eq!(
        (&again["contenders"][1]["name"], &again["differences"][0]["p"]),
        (&Value::from("sigmoid1"), &Value::Null)
    );
    assert_eq!(again["differences"][0]["log_loss"]["ci95"].as_array().map(Vec::len), Some(2));
    assert_eq!(json(&fs::read_to_string(desk.path("cmp/compare.json")).unwrap()), again);
    let (code, _, said) = say(&desk, &["compare", "photos", "--heads", "softmax2"]);
    assert!(code == 2 && said.contains("takes two"), "{said}");
    let (code, _, said) = say(&desk, &["compare", "photos", "--heads", "softmax1,sigmoid1", "--out", "bad"]);
    assert!(code == 2 && said.contains("error[H01]"), "{said}");
}

/// Different pictures of two groups, the upper or the lower half bright, whose rows hold the same values in another order.
fn halves(desk: &Desk, each: u32) {
    for (group, upper) in [("lower", false), ("upper", true)] {
        fs::create_dir_all(desk.path("photos").join(group)).unwrap();
        for index in 0..each {
            let picture = image::RgbImage::from_fn(16, 16, |x, y| {
                let shift = if y % 2 == 0 { index % 16 } else { index / 16 };
                let light = if (y < 8) == upper { 150 } else { 50 };
                image::Rgb([light + 4 * ((x + shift) % 16) as u8; 3])
            });
            picture.save(desk.path("photos").join(group).join(format!("{index}.png"))).unwrap();
        }
    }
}

#[test]
fn a_difference_that_is_there_is_found() {
    let desk = Desk::new();
    halves(&desk, 50);
    // A mean over the picture is the same for all of these, so that the first network answers one group for all.
    desk.write("blind/net.toml", "[[layer]]\ntype = \"global_avg_pool2d\"\n");
    desk.write("seeing/net.toml", "[[layer]]\ntype = \"flatten\"\n");
    let usual = ["--size", "16", "--epochs", "6", "--lr", "0.02", "--batch", "16", "--seeds", "1"];
    let compare =
        [&["compare", "photos", "--arch", "blind/net.toml,seeing/net.toml", "--out", "cmp"], &usual[..]]
            .concat();
    let (code, text, said) = say(&desk, &compare);
    assert_eq!(code, 0, "{said}");
    // Of 100 pictures 20 validate and a fifth of 80 is kept, 8 of each group. The blind one gets 8 right, the other all: 0
    // against 8, p = 2 / 2^8; the interval is Tango's, from a solution of its equation by bisection apart from this program.
    let found = "net-2 does better than net-1: accuracy differs by 0.5000 (95 % interval +0.2096 to +0.7200, p = 0.0078)";
    assert!(text.lines().any(|line| line == found), "{text}");
    assert!(text.contains("net-1 : net-2   0:8   p < 0.05 in 1 of 1"), "{text}");

    // A test picture that has gone bad is told, and counts for neither.
    let split = fs::read_to_string(desk.path("cmp/split.csv")).unwrap();
    let tested = split.lines().find_map(|line| line.strip_prefix("test,upper,")).unwrap();
    desk.write(&format!("photos/{tested}"), "no picture");
    let (code, text, said) = say(&desk, &compare);
    assert!(code == 1 && said.contains("left out: ") && said.contains(tested), "{said}");
    assert!(text.contains("the same 15 pictures"), "{text}");
    // One file twice is one thing.
    let (code, _, said) = say(&desk, &["compare", "photos", "--arch", "blind/net.toml,blind/net.toml"]);
    assert!(code == 2 && said.contains("named twice"), "{said}");
}

#[test]
fn what_pictures_show_is_told_once_and_how_a_training_goes_of_each() {
    let desk = Desk::new();
    halves(&desk, 50);
    desk.write("blind.toml", "[[layer]]\ntype = \"global_avg_pool2d\"\n");
    desk.write("heavy.toml", HEAVY);
    let usual = ["--size", "16", "--epochs", "30", "--lr", "0.02", "--batch", "16", "--seeds", "2"];
    let compare =
        [&["compare", "photos", "--arch", "heavy.toml,blind.toml", "--out", "cmp"], &usual[..]].concat();
    let (code, _, said) = say(&desk, &compare);
    assert_eq!(code, 0, "{said}");
    let told = |what: &str| said.matches(what).count();
    assert_eq!((told("warning[V06]"), told("at:  photos")), (1, 1), "of the pictures:\n{said}");
    assert_eq!((told("warning[T05]"), told("at:  heavy: heavy.toml:4")), (1, 1), "of a network:\n{said}");
    for training in ["blind, seed 0: epoch", "blind, seed 1: epoch"] {
        // That nothing is learnt shows in the answers, and perhaps in the loss as well; each is told once.
        assert!((1..=2).contains(&told(training)), "{training}:\n{said}");
    }
}
