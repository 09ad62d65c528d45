//! What tests of pages need besides Rust: Chromium, and axe, which finds what keeps people out. What is missing is installed where that is possible.

use std::path::PathBuf;
use std::process::Command;

use crate::debian::{found, install};
use crate::root;
use crate::stage::{answers, cargo, words};

/// What Chromium and its kin are called.
const BROWSERS: [&str; 5] =
    ["chromium", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chromium-browser"];

/// The tests of pages, ready to run, or what is missing for them.
pub(crate) fn test() -> Result<Command, String> {
    let chromium = browser()?;
    let axe = axe()?;
    // Of the whole workspace, as all other tests: for one package alone, crates that lie below it would be built once more, with fewer features.
    let mut test = cargo(&["test", "--workspace", "--test", "pages", "--quiet", "--", "--ignored"]);
    test.env("DIVVY_CHROMIUM", chromium).env("DIVVY_AXE", axe);
    Ok(test)
}

fn browser() -> Result<PathBuf, String> {
    let installed = || BROWSERS.iter().find_map(|name| found(name));
    installed()
        .or_else(|| install("chromium").then(installed).flatten())
        .ok_or_else(|| "there is no Chromium here; install the package `chromium`".into())
}

/// axe as one file. A package of Python's has it; its version and its bytes stand in `axe.txt`.
fn axe() -> Result<PathBuf, String> {
    let folder = root().join("target/axe");
    let file = folder.join("axe_playwright_python/axe.min.js");
    if file.is_file() {
        return Ok(file);
    }
    let has_pip = || answers(pip(&["--version"]));
    if !(has_pip() || install("python3-pip") && has_pip()) {
        return Err("`pip` is missing; install the package `python3-pip`".into());
    }
    let mut wanted = pip(&["install", "--no-deps", "--require-hashes", "--target", "target/axe"]);
    wanted.args(["--requirement", "xtask/src/axe.txt"]);
    let how = words(&wanted);
    if answers(wanted) && file.is_file() {
        Ok(file)
    } else {
        Err(format!("axe cannot be had; `{how}` says why"))
    }
}

fn pip(arguments: &[&str]) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip"]).args(arguments).current_dir(root());
    pip
}
