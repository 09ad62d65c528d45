//! `cargo xtask cross-test`: the kernels' tests on 64-bit Arm, compiled here and run by QEMU.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::stage::{self, answers, cargo};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
/// Where Debian keeps the C library that the linker links with.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// Runs the tests, or says what is missing for it.
pub(crate) fn run() -> Result<()> {
    if std::env::consts::ARCH == "aarch64" {
        bail!("this machine is a 64-bit Arm itself: `cargo test -p divvy-kernels` tests the same");
    }
    if !has_library() {
        bail!(
            "this Rust has no library for {TARGET}; add it with `rustup target add {TARGET}`, or take Debian's Rust: CONTRIBUTING.md says how"
        );
    }
    for (tool, package) in [(LINKER, "gcc-aarch64-linux-gnu"), (EMULATOR, "qemu-user")] {
        let mut version = Command::new(tool);
        version.arg("--version");
        if !answers(version) {
            bail!("`{tool}` is missing; install the package `{package}`");
        }
    }
    let mut test =
        cargo(&["test", "-p", "divvy-kernels", "--lib", "--release", "--quiet", "--target", TARGET]);
    let variable = |name| format!("CARGO_TARGET_{}_{name}", TARGET.to_uppercase().replace('-', "_"));
    test.env(variable("LINKER"), LINKER);
    test.env(variable("RUNNER"), format!("{EMULATOR} -L {LIBRARIES}"));
    stage::run("arm", test)
}

/// Whether the compiler in use has the target's standard library.
fn has_library() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = output.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    folder.is_ok_and(|folder| folder.read_dir().is_ok_and(|mut files| files.next().is_some()))
}
