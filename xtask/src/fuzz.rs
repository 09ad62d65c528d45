//! `cargo xtask fuzz`: random input for each parser, steered towards code that was not yet run, under the address sanitizer.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::root;
use crate::stage::{self, host};

/// What there is to run, and where the files to begin with lie.
const TARGETS: [(&str, &str); 10] = [
    ("decode", "crates/data/tests/formats"),
    ("crop", "crates/data/tests/formats"),
    ("csv", "fuzz/seeds/csv"),
    ("idx", "fuzz/seeds/idx"),
    ("cifar", "fuzz/seeds/cifar"),
    ("archive", "fuzz/seeds/archive"),
    ("architecture", "crates/nn/architectures"),
    ("augment", "fuzz/seeds/augment"),
    ("config", "fuzz/seeds/config"),
    ("checkpoint", "fuzz/seeds/checkpoint"),
];

/// What libFuzzer needs the compiler to put in, as `cargo fuzz` has it.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1 -Zsanitizer=address";

#[derive(Args)]
pub(crate) struct Options {
    /// The target to run; all of them one after the other without it
    target: Option<String>,

    /// How long each runs
    #[arg(long, value_name = "M", default_value_t = 10.0)]
    minutes: f64,
}

/// Builds the targets and runs them; an input that makes one fail is kept in `fuzz/artifacts`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen = |name: &str| options.target.as_deref().is_none_or(|target| target == name);
    let targets: Vec<_> = TARGETS.iter().filter(|(name, _)| chosen(name)).collect();
    if targets.is_empty() {
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        bail!("there is no such target; give one of {}", known.join(", "));
    }
    let fuzz = root().join("fuzz");
    let host = host()?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--bins", "--target", &host]).current_dir(&fuzz);
    // The sanitizer is not yet a stable option, though the compiler that is in use has it.
    build.env("RUSTFLAGS", FLAGS).env("RUSTC_BOOTSTRAP", "1");
    stage::run("build", build)?;
    let seconds = (options.minutes * 60.0).ceil();
    for (name, seeds) in targets {
        stage::run(name, target(&fuzz, &host, name, &root().join(seeds), seconds)?)?;
    }
    Ok(())
}

fn target(fuzz: &Path, host: &str, name: &str, seeds: &Path, seconds: f64) -> Result<Command> {
    let (corpus, artifacts) = (fuzz.join("corpus").join(name), fuzz.join("artifacts").join(name));
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut command = Command::new(fuzz.join("target").join(host).join("release").join(name));
    command.arg(&corpus).arg(seeds).current_dir(fuzz);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={seconds}"));
    // An input that takes longer, or more memory, is a finding.
    command.args([
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=65536",
        "-print_final_stats=1",
        "-verbosity=1",
    ]);
    Ok(command)
}
