//! The report: its page and its JSON say the same, and a training ends with both.

use std::fs;

use serde_json::Value;

use crate::common::Desk;

/// The numbers of a page: what each says it is, under its key.
fn numbers(page: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| -> String {
        let begin = tag.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
        tag[begin..].split('"').next().unwrap().to_owned()
    };
    let tags = page.split("<data ").skip(1).map(|rest| rest.split('>').next().unwrap());
    tags.map(|tag| (attribute(tag, "data-key"), attribute(tag, "value"))).collect()
}

fn read(desk: &Desk, name: &str) -> String {
    fs::read_to_string(desk.path(name)).unwrap()
}

/// Makes sure that each number of the page is the one that the JSON holds under its key; how many there are.
fn same_numbers(page: &str, json: &Value) -> usize {
    let numbers = numbers(page);
    for (key, value) in &numbers {
        let held = json.pointer(key).and_then(Value::as_f64);
        assert_eq!(held, value.parse().ok(), "{key}");
    }
    for (index, sentence) in json["summary"].as_array().unwrap().iter().enumerate() {
        let shown = page.split(&format!("data-key=\"/summary/{index}\">")).nth(1).unwrap();
        let shown = shown.split("</p>").next().unwrap().replace("<code>", "`").replace("</code>", "`");
        assert_eq!(shown, sentence.as_str().unwrap());
    }
    numbers.len()
}

#[test]
fn a_training_ends_with_a_page_whose_numbers_are_those_of_the_json() {
    let desk = Desk::with_photos();
    let said = desk.train("photos", "run", &[]).assert().success().get_output().stdout.clone();
    assert!(String::from_utf8(said).unwrap().contains("report: run/report.html"));
    let (page, json) = (read(&desk, "run/report.html"), read(&desk, "run/report.json"));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(same_numbers(&page, &json) > 60, "{page}");
    assert_eq!(json["measured_on"]["part"], "validation");
    assert_eq!(json["measured_on"]["n"], 12);

    // It is one file that fetches nothing and shows each picture.
    let links = page.replace("http://www.w3.org/2000/svg", "");
    for fetched in ["http:", "https:", "src=\"/", "@import", "url("] {
        assert!(!links.contains(fetched), "{fetched}");
    }
    // Each with what speaks for its answer over it, which is nothing where all of a map is 0.
    let (shown, over) = (page.matches("<img ").count(), page.matches("<img class=\"over\"").count());
    assert_eq!((shown - over, page.matches("src=\"data:image/").count()), (12, shown));
    assert!(over > 6 && json["why"]["fault"].is_null(), "{over}");

    // The command prints the same, and writes where it is told to.
    let printed = desk.divvy(&["report", "run", "--json", "--into", "there"]).assert().success();
    let printed: Value = serde_json::from_slice(&printed.get_output().stdout).unwrap();
    assert_eq!(printed, json);
    assert_eq!(read(&desk, "there/report.html"), page);
}

#[test]
fn other_pictures_other_files_and_another_run_are_reported_on() {
    let desk = Desk::with_model();
    desk.photos("others", 8);
    desk.write("others/red/bad.png", "no picture");
    let before = read(&desk, "run/report.json");
    let said =
        desk.divvy(&["report", "run", "others", "--into", "new"]).assert().code(1).get_output().clone();
    assert!(String::from_utf8(said.stderr).unwrap().contains("left out: "));
    let json: Value = serde_json::from_str(&read(&desk, "new/report.json")).unwrap();
    assert_eq!((&json["measured_on"]["n"], &json["measured_on"]["part"]), (&16.into(), &"all".into()));
    assert_eq!(json["measured_on"]["left_out"].as_array().unwrap().len(), 1);

    // A model in 8 bits has a report of its own beside that of the run.
    desk.divvy(&["quantize", "run"]).assert().success();
    let beside = ["report", "run/model.int8.divvy", "--against", "run"];
    desk.divvy(&beside).assert().success();
    assert_eq!(read(&desk, "run/report.json"), before);
    let (page, json) = (read(&desk, "run/model.int8.report.html"), read(&desk, "run/model.int8.report.json"));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["how_made"]["network"]["weights"], "int8");
    assert_eq!(json["against"]["run"], "run");
    same_numbers(&page, &json);
}

#[test]
fn names_in_a_page_are_text() {
    let desk = Desk::new();
    for number in 0..12 {
        desk.picture(&format!("photos/<b>&\"blue\"/{number}.png"), "blue", number);
        desk.picture(&format!("photos/red/{number}.png"), "red", number);
    }
    desk.train("photos", "run", &[]).assert().success();
    let page = read(&desk, "run/report.html");
    assert!(!page.contains("<b>") && page.contains("&lt;b&gt;&amp;&quot;blue&quot;"));
}

#[test]
fn a_report_that_cannot_be_written_is_no_failed_training() {
    let desk = Desk::with_photos();
    fs::create_dir_all(desk.path("run-2")).unwrap();
    let mut training = desk.train("photos", "run", &["--epochs", "1"]);
    training.assert().success();
    fs::remove_file(desk.path("run/report.html")).unwrap();
    fs::create_dir(desk.path("run/report.html")).unwrap();
    desk.write("run/report.html/in-the-way", "");
    let resumed = desk.divvy(&["train", "--resume", "run"]).assert().success().get_output().clone();
    let said = String::from_utf8(resumed.stderr).unwrap();
    assert!(said.contains("warning: run: the report was not written"), "{said}");
    assert!(desk.refuses(&["report", "run"]).contains("report.html"));
}

#[test]
fn what_cannot_be_reported_on_is_refused_with_what_to_do() {
    let desk = Desk::with_model();
    fs::create_dir(desk.path("alone")).unwrap();
    fs::copy(desk.path("run/model.divvy"), desk.path("alone/model.divvy")).unwrap();
    assert!(desk.refuses(&["report", "alone"]).contains("divvy report RUN DATA"));
    desk.divvy(&["report", "alone", "photos"]).assert().success();
    assert!(desk.path("alone/report.html").is_file());
    assert!(desk.refuses(&["report", "nowhere"]).contains("nowhere"));
    assert!(desk.refuses(&["report", "run", "--positive", "green"]).contains("green"));
    assert!(desk.refuses(&["report", "run", "--cost", "red->green=5"]).contains("red->green=5"));
    assert!(desk.refuses(&["report", "alone", "photos", "--aim", "f1"]).contains("validation pictures"));
    assert!(desk.refuses(&["report", "run", "--coverage", "1.5"]).contains("1.5"));
}
