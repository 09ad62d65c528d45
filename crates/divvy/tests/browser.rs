//! The report's page in a browser: it filters, and says what the JSON says. Where there is no Chromium nothing is looked at.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use common::Desk;
use serde_json::Value;

/// Reads the page, filters its pictures, and leaves what it has seen where it can be found.
const LOOK: &str = r#"<script>
const seen = () => [...document.querySelectorAll(".part li")].filter((li) => li.offsetParent !== null);
const pick = (field, value) => {
  const select = document.getElementById("filter-" + field);
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
};
const told = { numbers: [...document.querySelectorAll("data")].map((data) => [data.dataset.key, data.value]) };
told.all = seen().length;
const maps = () => [...document.querySelectorAll(".over")].filter((map) => getComputedStyle(map).display !== "none").length;
told.maps = [maps()];
document.getElementById("show-heat").click();
told.maps.push(maps());
pick("right", "wrong");
told.wrong = seen().map((li) => li.dataset.right);
pick("truth", "0");
told.wrongOfFirst = seen().map((li) => li.dataset.truth + li.dataset.right);
told.shown = document.getElementById("shown").value;
told.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
document.body.dataset.told = btoa(JSON.stringify(told));
</script></body>"#;

/// A Chromium that can be called.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["chromium", "chromium-browser", "google-chrome"];
    let mut found = std::env::split_paths(&folders).flat_map(|folder| usual.map(|name| folder.join(name)));
    named.or_else(|| found.find(|path| path.is_file()))
}

/// What a browser sees in a page that looks at itself, in a window so many pixels wide.
fn looked_at(browser: &PathBuf, desk: &Desk, page: &str, width: u32) -> Value {
    desk.write("looked.html", page.replace("</body>", LOOK));
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", desk.path("profile").display()))
        .arg(format!("file://{}", desk.path("looked.html").display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let told = dom.split("data-told=\"").nth(1).and_then(|rest| rest.split('"').next());
    let told = told.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_slice(&BASE64_STANDARD.decode(told).unwrap()).unwrap()
}

#[test]
fn a_browser_reads_the_numbers_of_the_json_and_filters_the_pictures() {
    let Some(browser) = chromium() else { return };
    let desk = Desk::with_model();
    // Some of each are in the other group.
    desk.photos("others", 9);
    for number in 20..24 {
        desk.picture(&format!("others/blue/{number}.png"), "red", number);
        desk.picture(&format!("others/red/{number}.png"), "blue", number);
    }
    desk.divvy(&["report", "run", "others", "--into", "."]).assert().success();
    let page = fs::read_to_string(desk.path("report.html")).unwrap();
    let json: Value = serde_json::from_str(&fs::read_to_string(desk.path("report.json")).unwrap()).unwrap();
    let wrong = json["where_it_fails"]["wrong"].as_u64().unwrap() as usize;
    assert_eq!(wrong, 8);

    for width in [360, 1280] {
        let told = looked_at(&browser, &desk, &page, width);
        let numbers = told["numbers"].as_array().unwrap();
        assert!(numbers.len() > 60);
        for number in numbers {
            let (key, value) = (number[0].as_str().unwrap(), number[1].as_str().unwrap());
            assert_eq!(json.pointer(key).and_then(Value::as_f64), value.parse().ok(), "{key}");
        }
        assert_eq!(told["all"], 26);
        let over = page.matches("<img class=\"over\"").count();
        assert!(over > 12);
        assert_eq!(told["maps"], Value::from(vec![0, over]), "maps are shown when they are asked for");
        assert_eq!(told["wrong"], Value::from(vec!["wrong"; wrong]));
        assert_eq!(told["wrongOfFirst"], Value::from(vec!["0wrong"; 4]));
        assert_eq!(told["shown"], "4 of 26 pictures shown");
        assert_eq!(told["wide"], false, "nothing is cut off at {width} pixels");
    }
}
