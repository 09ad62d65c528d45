//! The pages in a browser: what every page keeps, and that the report's says what its JSON says, also when it is used by keyboard alone.
//!
//! These tests need Chromium and axe, which `cargo xtask test` installs.

mod browser;
#[path = "../common/mod.rs"]
mod common;
mod page;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use browser::{Browser, Key, Look};
use common::{Desk, SMALL, program};
use serde_json::{Value, json};

/// A name as long as people give to folders, which nothing can break.
const LONG: &str = "Phalaenopsis_amabilis_with_brown_spots_below_the_leaf";

/// Every number of the page: its key, its value and how it is written.
const NUMBERS: &str = r#"[...document.querySelectorAll("data[data-key]")].map(({ dataset, value, textContent }) => [dataset.key, value, textContent])"#;
const SENTENCES: &str =
    r#"[...document.querySelectorAll(".summary p")].map(({ textContent }) => textContent)"#;
/// The names of the pictures that can be seen.
const SEEN: &str = r#"[...document.querySelectorAll("li[data-truth]")].filter((picture) => picture.getClientRects().length)
  .map((picture) => picture.querySelector(".path").textContent)"#;

fn report(desk: &Desk, folder: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(desk.path(folder).join("report.json")).unwrap()).unwrap()
}

/// Makes sure that each number of the open page is the one that the JSON holds under its key, rounded as it is written, and that what is needed is
/// among them.
fn same_numbers(browser: &mut Browser, json: &Value, needed: &[&str]) {
    let numbers: Vec<(String, String, String)> = serde_json::from_value(browser.evaluate(NUMBERS)).unwrap();
    assert!(numbers.len() > 60, "{numbers:?}");
    for (key, value, written) in &numbers {
        let held = json.pointer(key).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {key}"));
        assert_eq!(value.parse(), Ok(held), "{key}");
        // A difference is told in percentage points.
        let is_hundredths = written.contains('%') || key.contains("difference");
        let digits: String =
            written.chars().filter(|letter| !" ,%\u{a0}\u{202f}".contains(*letter)).collect();
        let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
        let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let unit = 10_f64.powi(exponent.parse::<i32>().unwrap() - i32::try_from(decimals).unwrap());
        let exact = if is_hundredths { 100.0 * held } else { held };
        let off = (digits.parse::<f64>().unwrap() - exact).abs();
        assert!(off <= 0.5 * unit + 1e-9 * exact.abs(), "{key} is {held} and is written as {written}");
    }
    for key in needed {
        assert!(numbers.iter().any(|(shown, ..)| shown == key), "{key} is not shown");
    }
    let sentences: Vec<String> = serde_json::from_value(browser.evaluate(SENTENCES)).unwrap();
    let told = json["summary"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sentence| sentence.as_str().unwrap().replace('`', ""));
    assert_eq!(sentences, told.collect::<Vec<_>>());
}

/// Goes on with the Tab key to what has this id.
fn tab_to(browser: &mut Browser, id: &str) {
    for _ in 0..60 {
        if browser.evaluate("document.activeElement.id") == id {
            return;
        }
        browser.press(Key::Tab);
    }
    panic!("the Tab key does not come to {id}");
}

/// The names of the gallery's pictures that fulfil a condition, as the JSON has them, in the page's order.
fn gallery(json: &Value, fits: impl Fn(&Value) -> bool) -> Value {
    let parts =
        ["worst", "unsure", "random"].map(|part| json["where_it_fails"]["gallery"][part].as_array().unwrap());
    parts
        .into_iter()
        .flatten()
        .filter(|picture| fits(picture))
        .map(|picture| picture["name"].clone())
        .collect()
}

/// Chooses among the pictures by keyboard alone and compares what is left with the JSON.
fn filters(browser: &mut Browser, json: &Value) {
    let all = gallery(json, |_| true);
    let total = all.as_array().unwrap().len();
    let shows = |browser: &mut Browser, wanted: &Value| {
        assert_eq!(&browser.evaluate(SEEN), wanted);
        let said = format!("{} of {total} pictures shown", wanted.as_array().unwrap().len());
        assert_eq!(browser.evaluate("document.getElementById('shown').value"), said);
    };
    shows(browser, &all);

    tab_to(browser, "filter-truth");
    browser.press(Key::Down);
    let first = browser.evaluate("document.activeElement.selectedOptions[0].textContent");
    let of_first = |picture: &Value| picture["truth"] == json!([first]);
    shows(browser, &gallery(json, of_first));

    tab_to(browser, "filter-right");
    browser.press(Key::Down);
    let wrong = gallery(json, |picture| of_first(picture) && picture["right"] == false);
    assert!(!wrong.as_array().unwrap().is_empty() && wrong != all);
    shows(browser, &wrong);
    browser.press(Key::Down);
    shows(browser, &gallery(json, |picture| of_first(picture) && picture["right"] == true));
    browser.press(Key::Up);

    browser.press(Key::Tab);
    browser.press(Key::Enter);
    browser.evaluate("new Promise((done) => setTimeout(done))");
    shows(browser, &all);

    tab_to(browser, "filter-answer");
    browser.press(Key::Down);
    browser.press(Key::Down);
    let second = browser.evaluate("document.activeElement.selectedOptions[0].textContent");
    let of_second = gallery(json, |picture| picture["answer"] == json!([second]));
    assert!(of_second != all);
    shows(browser, &of_second);
}

/// What speaks for the answers is laid over the pictures and taken away, by keyboard alone.
fn maps(browser: &mut Browser) {
    let seen =
        r#"[...document.querySelectorAll(".over")].filter((map) => map.getClientRects().length).length"#;
    let all = browser.evaluate("document.querySelectorAll('.over').length");
    assert!(all.as_u64().unwrap() > 10, "{all}");
    tab_to(browser, "show-heat");
    for wanted in [json!(0), all, json!(0)] {
        assert_eq!(browser.evaluate(seen), wanted);
        browser.press(Key::Space);
    }
}

/// A run of two groups, one of which has a long name, and in `new` its report on pictures some of which lie in the wrong folder.
fn two_groups() -> Desk {
    let desk = Desk::new();
    for number in 0..24 {
        desk.picture(&format!("photos/{LONG}/{number}.png"), "blue", number);
        desk.picture(&format!("photos/red/{number}.png"), "red", number);
    }
    desk.train("photos", "run", &[]).assert().success();
    for number in 100..112 {
        desk.picture(
            &format!("others/{LONG}/{number}.png"),
            if number < 103 { "red" } else { "blue" },
            number,
        );
        desk.picture(&format!("others/red/{number}.png"), if number < 105 { "blue" } else { "red" }, number);
    }
    desk.divvy(&["report", "run", "others", "--against", "run", "--into", "new"]).assert().success();
    desk
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn a_report_says_in_a_browser_what_its_json_says() {
    let (desk, mut browser) = (two_groups(), Browser::start());
    let json = report(&desk, "new");
    let page = desk.path("new/report.html");
    page::is_fit(&mut browser, &page);
    for width in [360, 1280] {
        browser.look(Look { width, is_dark: false, is_paper: false });
        browser.open(&page);
        same_numbers(
            &mut browser,
            &json,
            &["/how_good/accuracy", "/how_good/accuracy_ci95/0", "/how_good/confusion_matrix/0/1"],
        );
        let wrong = browser.evaluate("document.querySelectorAll('.part .said.wrong').length");
        assert_eq!(wrong, json["where_it_fails"]["wrong"]);
        maps(&mut browser);
        browser.open(&page);
        filters(&mut browser, &json);
    }
    assert!(browser.complaints().is_empty());
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn a_report_of_many_groups_and_one_of_labels_are_fit_for_people() {
    let (desk, mut browser) = (Desk::new(), Browser::start());
    for group in 0..12 {
        for number in 0..5 {
            let colour = if group % 2 == 0 { "red" } else { "blue" };
            desk.picture(&format!("many/{group}_{LONG}/{number}.png"), colour, 5 * group + number);
        }
    }
    labels(&desk);
    for photos in ["many", "labels"] {
        let run = format!("{photos}_{LONG}");
        desk.train(photos, &run, &["--epochs", "2"]).assert().success();
        page::is_fit(&mut browser, &desk.path(&run).join("report.html"));
        same_numbers(&mut browser, &report(&desk, &run), &[]);
    }
}

/// Pictures with two labels, one or none.
fn labels(desk: &Desk) {
    let kinds = [("red", "red|warm"), ("blue", LONG), ("blue", "")];
    let rows = kinds.iter().cycle().zip(0..30).map(|((colour, labels), number)| {
        desk.picture(&format!("labels/{number}.png"), colour, number);
        format!("{number}.png,{labels}")
    });
    let table: Vec<String> = std::iter::once("file,labels".to_owned()).chain(rows).collect();
    desk.write("labels/labels.csv", table.join("\n"));
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn the_pages_of_a_training_and_of_a_check_are_fit_for_people() {
    let (desk, mut browser) = (two_groups(), Browser::start());
    fs::copy(desk.path("photos/red/0.png"), desk.path(&format!("photos/{LONG}/copy.png"))).unwrap();
    desk.write("photos/red/bad.png", "no picture");
    desk.divvy(&["check", "photos", "--report", "checked"]).assert().code(1);
    for page in ["run/live.html", "checked/index.html"] {
        page::is_fit(&mut browser, &desk.path(page));
    }
}

/// A training that goes on until the test is over.
struct Endless(Child);

impl Endless {
    /// Begins it in `run`, and waits for its page.
    fn start(desk: &Desk) -> Self {
        desk.write("small.toml", SMALL);
        let words = "train photos --out run --arch small.toml --size 16 --batch 16 --epochs 1000000 --quiet";
        let mut command = Command::new(program());
        command.args(words.split(' ')).current_dir(desk.path("")).stdin(Stdio::null());
        let training = Self(command.spawn().unwrap());
        let begun = Instant::now();
        while !desk.path("run/live.html").exists() {
            assert!(begun.elapsed() < Duration::from_mins(1), "no page");
            std::thread::sleep(Duration::from_millis(20));
        }
        training
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
#[ignore = "needs Chromium: `cargo xtask test` runs it"]
fn the_page_of_a_training_that_goes_on_shows_what_is_new_unless_it_is_paused() {
    let (desk, mut browser) = (Desk::with_photos(), Browser::start());
    let _training = Endless::start(&desk);
    browser.open(&desk.path("run/live.html"));
    let written = |browser: &mut Browser| {
        let at = browser.evaluate("Number(document.querySelector('[data-live]').dataset.at)");
        at.as_f64().unwrap()
    };
    let first = written(&mut browser);
    browser.wait_until_reloaded();
    let second = written(&mut browser);
    assert!(second > first, "written at {first} and {second}");

    tab_to(&mut browser, "pause");
    browser.press(Key::Space);
    let state = "document.getElementById('pause').getAttribute('aria-pressed')";
    assert_eq!(browser.evaluate(state), "true");
    browser.evaluate("window.isTheSame = true");
    let wait = "new Promise((done) => setTimeout(done, 1500 * Number(document.querySelector('[data-live]').dataset.live)))";
    browser.evaluate(wait);
    assert_eq!(browser.evaluate("window.isTheSame"), true, "it was loaded anew");
    browser.press(Key::Space);
    browser.wait_until_reloaded();
    assert_eq!(browser.evaluate(state), "false");
    assert_eq!(browser.evaluate("document.activeElement.id"), "pause", "the focus stays where it was");
    assert!(written(&mut browser) > second);
    assert!(browser.complaints().is_empty());
}
