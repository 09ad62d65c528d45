//! `cargo xtask verify`: the accuracies and times the project promises, measured on real data as a user would.

mod copies;
mod promises;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{fmt, fs};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::stage::{self, cargo, words};
use promises::{Learnt, PROMISES, Promise};

/// Where the data is and which part of it to use.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    other: Option<Other>,

    /// The folder that holds the data sets, each in a folder of its name; the demo needs none
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Only this data set, or the demo
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
    /// The command that was measured.
    words: String,
    minutes: f64,
    figure: f64,
}

impl Outcome {
    fn is_kept(&self) -> bool {
        self.minutes <= self.promise.minutes && self.figure >= self.promise.wanted
    }
}

/// Learns each data set, one after another, and prints a table.
pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(Other::Copies(options)) = &options.other {
        return copies::run(options);
    }
    let real = |data: &PathBuf| data.canonicalize().with_context(|| data.display().to_string());
    let data = options.data.as_ref().map(real).transpose()?;
    let chosen = |promise: &&Promise| options.only.as_ref().is_none_or(|only| only == promise.set);
    let chosen: Vec<&Promise> = PROMISES.iter().filter(chosen).collect();
    // Before an hour is spent on the others.
    let commands = chosen.iter().map(|promise| command(promise, data.as_deref()));
    let commands = commands.collect::<Result<Vec<_>>>()?;
    stage::run("build", cargo(&["build", "--release", "--quiet", "--package", "divvy"]))?;

    let outcomes = chosen.into_iter().zip(commands).map(|(promise, command)| measure(promise, command));
    let outcomes = outcomes.collect::<Result<Vec<_>>>()?;
    println!("\n{}", Table(&outcomes));
    match outcomes.iter().filter(|outcome| !outcome.is_kept()).count() {
        0 => Ok(()),
        missed => bail!("{missed} of {} marks missed", outcomes.len()),
    }
}

/// Where a promise's files go.
fn work(promise: &Promise) -> PathBuf {
    crate::root().join("target").join("verify").join(promise.set)
}

/// What is typed to keep a promise: it writes a run, with its report, to `run` in the promise's folder.
fn command(promise: &Promise, data: Option<&Path>) -> Result<Command> {
    let mut divvy = divvy();
    match promise.learnt {
        Learnt::ByDemo => divvy.arg("demo").arg("--out").arg(work(promise)),
        Learnt::With(settings) => {
            let data =
                data.context("the data sets are missing: give the folder that holds them (--data DIR)")?;
            let set = data.join(promise.set);
            ensure!(set.is_dir(), "{}: there is no such folder", set.display());
            divvy.arg("train").arg(set).args(settings).arg("--out").arg(work(promise).join("run"))
        }
    };
    Ok(divvy)
}

/// The release build, as a user would run it.
fn divvy() -> Command {
    let target = crate::root().join("target").join("release");
    Command::new(target.join(format!("divvy{}", std::env::consts::EXE_SUFFIX)))
}

/// Runs a promise's command and reads from its report what came of it.
fn measure(promise: &'static Promise, mut command: Command) -> Result<Outcome> {
    let work = work(promise);
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| work.display().to_string())?;
    }
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let words = words(&command);
    println!("\n{words}");
    let start = Instant::now();
    let status = command.status().context("the release build of divvy does not start")?;
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    // Code 1 says that some pictures could not be read, of which real data sets have a few.
    ensure!(matches!(status.code(), Some(0 | 1)), "`{words}` ended with {status}");

    let path = work.join("run").join("report.json");
    let Reported { figure, left_out } = fs::read(&path)
        .map_err(anyhow::Error::from)
        .and_then(|report| reported(&report, promise))
        .with_context(|| path.display().to_string())?;
    if left_out > 0 {
        println!("{}: {left_out} pictures cannot be read and are in no figure", promise.set);
    }
    Ok(Outcome { promise, words, minutes, figure })
}

/// What a report says of a promise.
#[derive(PartialEq, Debug)]
struct Reported {
    figure: f64,
    /// Pictures that could not be read.
    left_out: usize,
}

/// Reads a report.json, which must be about the pictures that the promise is about.
fn reported(report: &[u8], promise: &Promise) -> Result<Reported> {
    let report: Value = serde_json::from_slice(report)?;
    let (good, on) = (&report["how_good"], &report["measured_on"]);
    let (wanted, part) = (promise.part, &on["part"]);
    ensure!(part == wanted, "the report is about {part} pictures, not \"{wanted}\"");
    let figure = good[promise.figure].as_f64();
    let figure = figure.with_context(|| format!("there is no how_good.{}", promise.figure))?;
    let left_out = on["left_out"].as_array().context("there is no measured_on.left_out")?.len();
    Ok(Reported { figure, left_out })
}

/// The outcomes with the commands that led to them.
struct Table<'a>(&'a [Outcome]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>8} {:>8}  {:<17} {:>7} {:>7}  {:<4} command",
            "set", "minutes", "allowed", "figure", "found", "wanted", "ok"
        )?;
        for outcome in self.0 {
            let Promise { set, figure, wanted, minutes, .. } = outcome.promise;
            writeln!(
                f,
                "{set:<20} {:>8.2} {minutes:>8.1}  {figure:<17} {:>7.4} {wanted:>7.3}  {:<4} {}",
                outcome.minutes,
                outcome.figure,
                if outcome.is_kept() { "yes" } else { "NO" },
                outcome.words
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
        let promise = |part, figure| Promise { part, figure, ..PROMISES[0] };
        let report = br#"{"measured_on":{"part":"test","left_out":["a.jpg is no image"]},"how_good":{"accuracy":0.75,"f1_macro":null}}"#;
        let found = reported(report, &promise("test", "accuracy"))?;
        assert_eq!(found, Reported { figure: 0.75, left_out: 1 });
        for (report, promise) in [
            (&report[..], promise("validation", "accuracy")),
            (report, promise("test", "f1_macro")),
            (report, promise("test", "mcc")),
            (br#"{"how_good":{"accuracy":0.75}}"#, promise("test", "accuracy")),
            (b"", promise("test", "accuracy")),
        ] {
            assert!(reported(report, &promise).is_err(), "{} {}", promise.part, promise.figure);
        }
        Ok(())
    }

    #[test]
    fn only_the_demo_needs_no_data() {
        let without: Vec<&str> = PROMISES
            .iter()
            .filter(|promise| command(promise, None).is_ok())
            .map(|promise| promise.set)
            .collect();
        assert_eq!(without, ["demo"]);
    }
}
