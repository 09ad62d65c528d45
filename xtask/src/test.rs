//! `cargo xtask test`: everything that must hold before a change goes in.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::clock;
use crate::pages;
use crate::stage::{self, answers, cargo};

/// Runs every stage, cheapest first, and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    require_components()?;
    stage::run("format", cargo(&["fmt", "--all", "--check"]))?;
    stage::run(
        "lint",
        cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
    )?;
    // Among them: the rules of import and of unsafe code (xtask/tests), and every example once.
    stage::run("test", cargo(&["test", "--workspace", "--quiet"]))?;
    run_or_leave_out("pages", pages::test())?;
    run_or_leave_out("clock", clock::test())?;
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    stage::run("document", documentation)?;
    check_dependencies()?;
    println!("\nall well");
    Ok(())
}

/// Runs a stage, unless something is missing for it.
fn run_or_leave_out(title: &str, test: Result<Command, String>) -> Result<()> {
    match test {
        Ok(test) => stage::run(title, test),
        Err(missing) => {
            stage::leave_out(title, &missing);
            Ok(())
        }
    }
}

/// Checks what divvy is built on: licences and sources always, known faults where the list of them is at hand.
fn check_dependencies() -> Result<()> {
    let (licences, advisories) = ("licences", "advisories");
    if !answers(cargo(&["deny", "--version"])) {
        for stage in [licences, advisories] {
            stage::leave_out(stage, "`cargo install cargo-deny` adds it");
        }
        return Ok(());
    }
    stage::run(licences, cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]))?;
    // A machine without a network checks against the list it fetched last; one that never had any has nothing to check against.
    if answers(cargo(&["deny", "fetch", "db"])) || has_advisories() {
        return stage::run(advisories, cargo(&["deny", "--offline", "check", "advisories"]));
    }
    stage::leave_out(
        advisories,
        "the advisory database cannot be reached, and there is none on this machine",
    );
    Ok(())
}

/// Whether cargo-deny has fetched an advisory database before, which it keeps beside what cargo downloads.
fn has_advisories() -> bool {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    home.is_some_and(|home| home.join("advisory-dbs").is_dir())
}

/// Rust's own tools, which `rust-toolchain.toml` asks rustup for, can still be missing where Rust came another way.
fn require_components() -> Result<()> {
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !answers(cargo(&[tool, "--version"])) {
            bail!("`cargo {tool}` is missing; install it with `rustup component add {component}`");
        }
    }
    Ok(())
}
