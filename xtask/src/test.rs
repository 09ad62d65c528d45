//! `cargo xtask test`: everything that must hold before a change goes in.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::stage::{self, cargo};

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
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    stage::run("document", documentation)?;
    if answers(cargo(&["deny", "--version"])) {
        stage::run("licences", cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]))?;
    } else {
        println!("{:<10}left out: `cargo install cargo-deny` adds it", "licences");
    }
    println!("\nall well");
    Ok(())
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

/// Whether a command can be run at all.
fn answers(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
