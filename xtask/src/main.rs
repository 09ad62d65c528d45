//! The project's own chores; `cargo xtask help` lists them.

mod bench;
mod clock;
mod cross_test;
mod debian;
mod fuzz;
mod pages;
mod sanitize;
mod stage;
mod test;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Checks format, lints, tests and documentation: everything that must hold before a change goes in.
    Test,
    /// Trains and evaluates on real data sets and compares with the accuracies and times the project promises.
    Verify(verify::Options),
    /// Tests the kernels on 64-bit Arm: compiled for it here, run by QEMU.
    CrossTest,
    /// Tests the kernels under the address sanitizer, and the packing of weights under Miri where it is installed.
    Sanitize,
    /// Feeds random input to each parser for some minutes, under the address sanitizer.
    Fuzz(fuzz::Options),
    /// Runs two builds of divvy in turn and tells by how much the second is faster.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test => test::run(),
        Chore::Verify(options) => verify::run(&options),
        Chore::CrossTest => cross_test::run(),
        Chore::Sanitize => sanitize::run(),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root, wherever `cargo xtask` was called from.
fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or(manifest.clone(), PathBuf::from)
}
