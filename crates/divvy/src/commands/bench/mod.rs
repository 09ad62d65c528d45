//! `divvy bench`: how fast a network trains or classifies, how fast photos are loaded, and what the machine can do at most.

mod int8;
mod load;
mod machine;

use std::time::Instant;

use anyhow::Result;
use divvy::nn::{Mode, Precision};
use serde::Serialize;

use super::workload::{Workload, peak_rss_mib};
use crate::Status;
use crate::args::{BenchArgs, BenchJob, BenchPrecision, WorkArgs};
use crate::terminal::Terminal;

/// What was measured, under which conditions.
#[derive(Serialize)]
struct Measured<'a> {
    peer: &'static str,
    job: &'static str,
    network: &'a str,
    input: String,
    batch: usize,
    precision: &'static str,
    isa: &'static str,
    threads: usize,
    steps: usize,
    images_per_second: f64,
    /// The median over steps.
    ms_per_batch: f64,
    /// From the start of the command to the end of the first step; null of an 8-bit network, which is made of one that has worked.
    first_step_ms: Option<f64>,
    /// The most memory that the process held; null where the system does not tell.
    peak_rss_mib: Option<u64>,
}

/// Measures and prints what was asked for.
pub(crate) fn run(args: &BenchArgs, terminal: &mut Terminal) -> Result<Status> {
    match &args.job {
        BenchJob::Train(work) => measure("train", Mode::Train, work, terminal),
        BenchJob::Infer(work) => measure("infer", Mode::Infer, work, terminal),
        BenchJob::Load(args) => load::run(args, terminal),
        BenchJob::Machine(args) => machine::run(args, terminal),
    }
}

/// Runs steps for the time asked for and prints the median.
fn measure(job: &'static str, mode: Mode, args: &WorkArgs, terminal: &mut Terminal) -> Result<Status> {
    let begun = Instant::now();
    let network = args.network.network()?;
    let input = network.graph().input_shape().to_string();
    let device = match args.precision {
        BenchPrecision::Float(precision) => args.compute.device(precision)?,
        BenchPrecision::Int8 => args.compute.device(Precision::F32)?,
    };
    let (isa, threads) = (device.cpu().isa().name(), device.cpu().threads());
    let (mut times, mut first) = (Vec::new(), None);
    match args.precision {
        BenchPrecision::Float(_) => {
            let mut workload = Workload::new(network, mode, args.batch, device)?;
            workload.step();
            first = Some(begun.elapsed());
            workload.run(args.seconds, |_, time| times.push(time));
        }
        BenchPrecision::Int8 => times = int8::times(&network, mode, args, device.into_cpu())?,
    }
    times.sort_unstable();
    let median = times[times.len() / 2].as_secs_f64();
    let measured = Measured {
        peer: "divvy",
        job,
        network: &args.network.network,
        input,
        batch: args.batch,
        precision: args.precision.name(),
        isa,
        threads,
        steps: times.len(),
        images_per_second: rounded(args.batch as f64 / median, 2),
        ms_per_batch: rounded(median * 1e3, 3),
        first_step_ms: first.map(|first| rounded(first.as_secs_f64() * 1e3, 1)),
        peak_rss_mib: peak_rss_mib(),
    };
    if args.json {
        terminal.print(serde_json::to_string(&measured)?);
    } else {
        terminal.print(in_words(&measured));
    }
    Ok(Status::Done)
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

fn in_words(measured: &Measured<'_>) -> String {
    let Measured {
        job,
        network,
        input,
        batch,
        precision,
        isa,
        threads,
        steps,
        images_per_second,
        ms_per_batch,
        ..
    } = measured;
    let memory =
        measured.peak_rss_mib.map(|mib| format!(", {mib} MiB of memory at most")).unwrap_or_default();
    let first = measured
        .first_step_ms
        .map(|first| format!(", the first done after {first:.0} ms"))
        .unwrap_or_default();
    format!(
        "{job} {network} {input}, batch {batch}, {precision}, {isa} on {threads} threads\n\
         {images_per_second:.1} images/s, {ms_per_batch:.3} ms a batch (median of {steps}{first}){memory}"
    )
}
