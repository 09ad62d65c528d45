//! `cargo xtask verify`: the accuracies and times the project promises, measured on real data as a user would.

mod copies;
mod holdout;
mod promises;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{fmt, fs};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};

use crate::stage::{self, cargo};
use promises::{PROMISES, Promise};

/// Where the data is and which part of it to use.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,

    /// The folder that holds the data sets, each in a folder of its name
    #[arg(long, value_name = "DIR", required = true)]
    data: Option<PathBuf>,

    /// Only this data set
    #[arg(long, value_name = "NAME", value_parser = PROMISES.map(|promise| promise.set))]
    only: Option<String>,
}

/// What else is promised than accuracies.
#[derive(Subcommand)]
enum Other {
    /// Plants copies of real pictures, looks for them, and looks through very many small pictures.
    Copies(copies::Options),
}

/// What a promise came to.
struct Outcome {
    promise: &'static Promise,
    minutes: f64,
    figure: f64,
}

impl Outcome {
    fn is_kept(&self) -> bool {
        self.minutes <= self.promise.minutes && self.promise.wanted.is_none_or(|wanted| self.figure >= wanted)
    }
}

/// Trains and evaluates on each data set, one after another, and prints a table.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(Other::Copies(options)) = &options.other {
        return copies::run(options);
    }
    let data = options.data.as_deref().unwrap_or(Path::new("."));
    let data = data.canonicalize().with_context(|| data.display().to_string())?;
    stage::run("build", cargo(&["build", "--release", "--quiet", "--package", "divvy"]))?;

    let chosen = |promise: &&Promise| options.only.as_ref().is_none_or(|only| only == promise.set);
    let outcomes = PROMISES.iter().filter(chosen).map(|promise| measure(promise, &data));
    let outcomes = outcomes.collect::<Result<Vec<_>>>()?;

    println!("\n{}", Table(&outcomes));
    match outcomes.iter().filter(|outcome| !outcome.is_kept()).count() {
        0 => Ok(()),
        missed => bail!("{missed} of {} marks missed", outcomes.len()),
    }
}

/// Trains with the promise's settings and evaluates on what training did not see.
fn measure(promise: &'static Promise, data: &Path) -> Result<Outcome> {
    let work = crate::root().join("target").join("verify").join(promise.set);
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| work.display().to_string())?;
    }
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let set = data.join(promise.set);
    let (training, test) =
        if promise.holds_out { holdout::lists(&set, &work)? } else { (set.clone(), set.clone()) };

    let run = work.join("run");
    let start = Instant::now();
    let mut train = divvy();
    train.arg("train").arg(training).arg("--out").arg(&run).args(promise.settings);
    println!("\n{}: divvy train {}", promise.set, promise.settings.join(" "));
    if !train.status().context("the release build of divvy does not start")?.success() {
        bail!("{}: training failed", promise.set);
    }
    let minutes = start.elapsed().as_secs_f64() / 60.0;

    let mut evaluate = divvy();
    evaluate.arg("evaluate").arg(&run).arg(test).args(["--json", "--quiet"]);
    let output = evaluate.output().context("the release build of divvy does not start")?;
    let Evaluated { figure, left_out } = evaluated(output.status.code(), &output.stdout, promise.figure)
        .with_context(|| {
            format!("{}: evaluation failed: {}", promise.set, String::from_utf8_lossy(&output.stderr).trim())
        })?;
    if left_out > 0 {
        println!("{}: {left_out} of the test pictures cannot be read and are in no figure", promise.set);
    }
    Ok(Outcome { promise, minutes, figure })
}

/// What `divvy evaluate --json` came to.
#[derive(PartialEq, Debug)]
struct Evaluated {
    figure: f64,
    /// Pictures that could not be read.
    left_out: usize,
}

/// Reads the report that came with an exit code. Code 1 is no failure: it says that some pictures could not be read, of which
/// real data sets have a few.
fn evaluated(code: Option<i32>, printed: &[u8], figure: &str) -> Result<Evaluated> {
    ensure!(matches!(code, Some(0 | 1)), "`divvy evaluate` ended with {code:?}");
    let report: serde_json::Value =
        serde_json::from_slice(printed).context("`divvy evaluate --json` printed no JSON")?;
    Ok(Evaluated {
        figure: report[figure].as_f64().with_context(|| format!("the report has no {figure}"))?,
        left_out: report["unreadable"].as_array().map_or(0, Vec::len),
    })
}

/// The release build, as a user would run it.
fn divvy() -> Command {
    let target = crate::root().join("target").join("release");
    Command::new(target.join(format!("divvy{}", std::env::consts::EXE_SUFFIX)))
}

/// The outcomes with the settings that led to them.
struct Table<'a>(&'a [Outcome]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>8} {:>8}  {:<9} {:>7} {:>7}  {:<4} settings",
            "set", "minutes", "allowed", "figure", "found", "wanted", "ok"
        )?;
        for outcome in self.0 {
            let promise = outcome.promise;
            let wanted = promise.wanted.map_or("-".to_owned(), |wanted| format!("{wanted:.4}"));
            writeln!(
                f,
                "{:<20} {:>8.2} {:>8.1}  {:<9} {:>7.4} {:>7}  {:<4} {}",
                promise.set,
                outcome.minutes,
                promise.minutes,
                promise.figure,
                outcome.figure,
                wanted,
                if outcome.is_kept() { "yes" } else { "NO" },
                promise.settings.join(" ")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_although_a_picture_could_not_be_read() -> Result<()> {
        let whole = br#"{"accuracy":0.75,"unreadable":[]}"#;
        assert_eq!(evaluated(Some(0), whole, "accuracy")?, Evaluated { figure: 0.75, left_out: 0 });
        let partial = br#"{"accuracy":0.5,"unreadable":["a.jpg is no image","b.jpg is no image"]}"#;
        assert_eq!(evaluated(Some(1), partial, "accuracy")?, Evaluated { figure: 0.5, left_out: 2 });
        for (code, printed, figure) in [
            (Some(2), whole.as_slice(), "accuracy"),
            (None, whole, "accuracy"),
            (Some(1), b"", "accuracy"),
            (Some(0), whole, "f1_macro"),
        ] {
            assert!(evaluated(code, printed, figure).is_err(), "{code:?} {figure}");
        }
        Ok(())
    }
}
