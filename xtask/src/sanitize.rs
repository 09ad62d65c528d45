//! `cargo xtask sanitize`: the kernels' tests under tools that see wrong uses of memory.

use std::process::Command;

use anyhow::Result;

use crate::root;
use crate::stage::{self, answers, cargo, host};

/// Runs every tool there is and says which there are not.
pub(crate) fn run() -> Result<()> {
    stage::run("address", address()?)?;
    if !answers(nightly(&["cargo", "miri", "--version"])) {
        let how = "`rustup toolchain install nightly --component miri` adds it";
        stage::leave_out("miri", how);
        return Ok(());
    }
    // Only what needs no instruction of its own: Miri knows none of them.
    stage::run("miri", nightly(&["cargo", "miri", "test", "-p", "divvy-kernels", "--lib", "packing::"]))
}

/// All tests of the kernels under the address sanitizer, compiled so that it takes minutes rather than hours.
fn address() -> Result<Command> {
    let mut address = cargo(&["test", "-p", "divvy-kernels", "--lib", "--release", "--quiet"]);
    // Sanitizers want a target by name, or what runs while compiling would be changed too.
    address.args(["--target", &host()?, "--target-dir", "target/sanitize"]);
    // The sanitizer is not yet a stable option, though the compiler that is in use has it.
    address.env("RUSTFLAGS", "-Zsanitizer=address").env("RUSTC_BOOTSTRAP", "1");
    for (setting, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1")] {
        address.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    Ok(address)
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
