//! `cargo xtask sanitize`: the kernels' tests under tools that see wrong uses of memory, which need a nightly Rust.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::root;
use crate::stage::{self, answers};

/// Runs every tool there is and says which there are not.
pub(crate) fn run() -> Result<()> {
    if !answers(nightly(&["cargo", "--version"])) {
        bail!("a nightly Rust is missing; install it with `rustup toolchain install nightly`");
    }
    // Sanitizers want a target by name, or what runs while compiling would be changed too.
    let host = nightly(&["rustc", "--print", "host-tuple"]).output().context("`rustc` does not start")?;
    let host = String::from_utf8_lossy(&host.stdout);
    let kernels = ["cargo", "test", "-p", "divvy-kernels", "--lib", "--release", "--quiet"];
    let mut address = nightly(&kernels);
    address.args(["--target", host.trim(), "--target-dir", "target/sanitize"]);
    address.env("RUSTFLAGS", "-Zsanitizer=address");
    stage::run("address", address)?;
    if !answers(nightly(&["cargo", "miri", "--version"])) {
        stage::leave_out("miri", "`rustup component add miri --toolchain nightly` adds it");
        return Ok(());
    }
    // Only what needs no instruction of its own: Miri knows none of them.
    stage::run("miri", nightly(&["cargo", "miri", "test", "-p", "divvy-kernels", "--lib", "packing::"]))
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
