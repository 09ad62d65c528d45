//! Two builds of divvy against each other: is the change to a kernel worth it?
//!
//! The machine's speed drifts by more than most changes bring, so both are run in turn, many times, and what is told is the ratio
//! within a round.

mod binary;
mod statistics;

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use statistics::{Ratio, median};

/// What can be typed.
#[derive(Args)]
pub(crate) struct Options {
    /// The build before the change: the path of a program, or a git revision, which is built
    before: String,

    /// The build after it
    after: String,

    /// Rounds; in each, every job is run once by both
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(2..=1000))]
    rounds: u16,

    /// How long a run measures
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    seconds: f64,

    /// Arguments of `divvy bench` for one job in place of the usual ones, such as `train classic --size 128`
    #[arg(last = true)]
    job: Vec<String>,
}

/// What is run where nothing else is asked for.
const JOBS: [&str; 11] = [
    "train classic --size 64 --batch 32",
    "train classic --size 64 --batch 8",
    "train flat --size 28 --batch 128",
    "train lenet5 --size 28 --batch 128",
    "infer classic --size 64 --batch 1",
    "infer classic --size 64 --batch 32",
    "train resnet18 --size 224 --batch 8",
    "train mobilenet_v2 --size 224 --batch 8",
    "infer resnet18 --size 224 --batch 1",
    "infer mobilenet_v2 --size 224 --batch 1",
    "infer resnet18 --size 224 --batch 1 --precision int8",
];

/// A job's times in milliseconds a batch, a pair for each round.
struct Outcome {
    job: String,
    before: Vec<f64>,
    after: Vec<f64>,
}

/// Runs both in turn and prints a line for each job.
pub(crate) fn run(options: &Options) -> Result<()> {
    let [before, after] = [binary::find(&options.before)?, binary::find(&options.after)?];
    let jobs: Vec<Vec<String>> = if options.job.is_empty() {
        JOBS.iter().map(|job| job.split(' ').map(str::to_owned).collect()).collect()
    } else {
        vec![options.job.clone()]
    };
    let new = |job: &Vec<String>| Outcome { job: job.join(" "), before: Vec::new(), after: Vec::new() };
    let mut outcomes: Vec<_> = jobs.iter().map(new).collect();
    for round in 0..options.rounds {
        println!("round {} of {}", round + 1, options.rounds);
        for (job, outcome) in jobs.iter().zip(&mut outcomes) {
            // Each goes first in every other round: what the first leaves behind, a warm or a throttled processor, is shared out.
            if round % 2 == 0 {
                outcome.before.push(measure(&before, job, options.seconds)?);
                outcome.after.push(measure(&after, job, options.seconds)?);
            } else {
                outcome.after.push(measure(&after, job, options.seconds)?);
                outcome.before.push(measure(&before, job, options.seconds)?);
            }
        }
    }
    println!("\n{}", Table(&outcomes));
    Ok(())
}

/// The milliseconds a batch that a build says it takes.
fn measure(divvy: &Path, job: &[String], seconds: f64) -> Result<f64> {
    let mut command = Command::new(divvy);
    command.arg("bench").args(job).args(["--json", "--seconds", &seconds.to_string()]);
    let output = command.output().with_context(|| format!("{} does not start", divvy.display()))?;
    if !output.status.success() {
        bail!(
            "{} bench {}: {}",
            divvy.display(),
            job.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    ms_per_batch(&output.stdout).with_context(|| format!("{} bench {}", divvy.display(), job.join(" ")))
}

fn ms_per_batch(printed: &[u8]) -> Result<f64> {
    let measured: serde_json::Value =
        serde_json::from_slice(printed).context("`divvy bench` printed no JSON")?;
    let ms = measured["ms_per_batch"].as_f64().filter(|ms| *ms > 0.0);
    ms.context("`divvy bench` printed no ms_per_batch above 0")
}

/// The outcomes; a ratio above 1 says that the second build is faster.
struct Table<'a>(&'a [Outcome]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|outcome| outcome.job.len()).max().unwrap_or(0).max(3);
        writeln!(
            f,
            "{:<width$} {:>10} {:>10} {:>7}  {:<14} verdict",
            "job", "before ms", "after ms", "ratio", "95 % interval"
        )?;
        for Outcome { job, before, after } in self.0 {
            let ratio = Ratio::of(before, after);
            let interval = format!("{:.3} to {:.3}", ratio.low, ratio.high);
            writeln!(
                f,
                "{job:<width$} {:>10.3} {:>10.3} {:>7.3}  {interval:<14} {}",
                median(before),
                median(after),
                ratio.value,
                ratio.verdict()
            )?;
        }
        write!(
            f,
            "ratio: time before over time after, the geometric mean over rounds; above 1 is faster after"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_a_line_with_both_times_their_ratio_and_what_it_says() {
        let outcomes = [
            Outcome {
                job: "train classic".to_owned(),
                before: vec![20.0, 22.0, 24.0],
                after: vec![10.0, 11.0, 12.0],
            },
            Outcome { job: "infer flat".to_owned(), before: vec![1.0, 1.2, 0.9], after: vec![1.1, 1.0, 1.0] },
        ];
        let text = Table(&outcomes).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "train classic     22.000     11.000   2.000  2.000 to 2.000 faster");
        assert!(lines[2].starts_with("infer flat         1.000      1.000   0.994  "), "{}", lines[2]);
        assert!(lines[2].ends_with("no difference found"), "{}", lines[2]);
    }

    #[test]
    fn times_are_read_from_what_bench_prints() {
        assert_eq!(ms_per_batch(br#"{"peer":"divvy","ms_per_batch":3.25}"#).unwrap(), 3.25);
        for printed in ["", "{}", r#"{"ms_per_batch":0}"#, r#"{"ms_per_batch":"3"}"#] {
            assert!(ms_per_batch(printed.as_bytes()).is_err(), "{printed}");
        }
    }
}
