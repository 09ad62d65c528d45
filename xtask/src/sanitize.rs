//! `cargo xtask sanitize`: the kernels' tests under tools that see wrong uses of memory.

use std::process::Command;

use anyhow::Result;

use crate::root;
use crate::stage::{self, answers, cargo, host};

/// Tests of what other kernels are made of, which are few enough for tools that take fifty times as long: packing, passes over columns,
/// norms.
const PARTS: [&str; 3] = ["packing::", "columns::", "norm::"];

/// Runs every tool there is and says which there are not.
pub(crate) fn run() -> Result<()> {
    stage::run("address", address()?)?;
    if answers(valgrind()) {
        stage::run("memcheck", memcheck()?)?;
    } else {
        stage::leave_out("memcheck", "`apt-get install valgrind` adds it");
    }
    if answers(nightly(&["cargo", "miri", "--version"])) {
        stage::run("miri", miri())
    } else {
        stage::leave_out("miri", "`rustup toolchain install nightly --component miri` adds it");
        Ok(())
    }
}

/// All tests of the kernels under the address sanitizer: uses of memory that is not there, or no longer.
fn address() -> Result<Command> {
    let mut address = tests("target/sanitize")?;
    // The sanitizer is not yet a stable option, though the compiler that is in use has it.
    address.env("RUSTFLAGS", "-Zsanitizer=address").env("RUSTC_BOOTSTRAP", "1");
    Ok(address)
}

/// Decisions that hang on memory which nothing has written. The processor that Valgrind plays has AVX2 and no AVX-512.
fn memcheck() -> Result<Command> {
    let mut memcheck = tests("target/memcheck")?;
    memcheck.arg("--").args(PARTS);
    let runner = format!("CARGO_TARGET_{}_RUNNER", host()?.to_uppercase().replace('-', "_"));
    memcheck.env(runner, "valgrind --quiet --error-exitcode=1 --fair-sched=yes");
    Ok(memcheck)
}

fn valgrind() -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--version");
    valgrind
}

/// Every rule that unsafe code has to keep, for what needs no instruction of its own: Miri knows none of them.
fn miri() -> Command {
    let mut miri = nightly(&["cargo", "miri", "test", "-p", "divvy-kernels", "--lib", "--"]);
    // Proptest looks into its folder, which Miri otherwise keeps from what it runs.
    miri.args(PARTS).env("MIRIFLAGS", "-Zmiri-disable-isolation");
    miri
}

/// The kernels' tests for this machine, compiled into `folder` so that it takes minutes rather than hours to run them.
fn tests(folder: &str) -> Result<Command> {
    let mut tests = cargo(&["test", "-p", "divvy-kernels", "--lib", "--release", "--quiet"]);
    // Sanitizers want a target by name, or what runs while compiling would be changed too.
    tests.args(["--target", &host()?, "--target-dir", folder]);
    for (setting, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1")] {
        tests.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    Ok(tests)
}

/// A command of the nightly toolchain, whichever one is in use.
fn nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).args(arguments).current_dir(root());
    // What cargo tells its own children would lead back to the toolchain in use.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}
