//! `divvy bench`: how fast a network trains or classifies on pictures that are in memory.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use divvy::nn::{Cpu, Device, Engine, Isa, Mode, Network, Optimizer, ParameterTable, Plan, PlanOptions};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::Status;
use crate::args::{BenchArgs, Job, Precision};
use crate::failure::Failure;
use crate::interrupt;
use crate::terminal::Terminal;

/// Steps before the clock starts: the first compile the plan and touch the memory.
const WARM_UP: usize = 3;

/// The fewest steps that a median is taken of.
const FEWEST: usize = 5;

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
    /// The most memory that the process held; null where the system does not tell.
    peak_rss_mib: Option<u64>,
}

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Infer => "infer",
        }
    }

    fn mode(self) -> Mode {
        match self {
            Self::Train => Mode::Train,
            Self::Infer => Mode::Infer,
        }
    }
}

/// Runs steps for the time asked for and prints the median.
pub(crate) fn run(args: &BenchArgs, terminal: &mut Terminal) -> Result<Status> {
    let network = args.network.network()?;
    let input = network.graph().input_shape().to_string();
    let cpu = Cpu::with_isa(isa(args.isa.as_deref())?, args.compute.threads());
    let (isa, threads) = (cpu.isa().name(), cpu.threads());
    refuse_too_large(&network, args, threads)?;
    let times = measure(network, cpu, args);
    let median = times[times.len() / 2].as_secs_f64();
    let measured = Measured {
        peer: "divvy",
        job: args.job.name(),
        network: &args.network.network,
        input,
        batch: args.batch,
        precision: match args.precision {
            Precision::F32 => "f32",
        },
        isa,
        threads,
        steps: times.len(),
        images_per_second: rounded(args.batch as f64 / median, 2),
        ms_per_batch: rounded(median * 1e3, 3),
        peak_rss_mib: peak_rss_mib(),
    };
    if args.json {
        terminal.print(serde_json::to_string(&measured)?);
    } else {
        terminal.print(in_words(&measured));
    }
    Ok(Status::Done)
}

fn isa(name: Option<&str>) -> Result<Isa> {
    let Some(name) = name else { return Ok(Isa::best()) };
    let present: Vec<&str> = Isa::present().into_iter().map(Isa::name).collect();
    let absent =
        || Failure::new(format!("--isa: this machine has no `{name}`; it has {}", present.join(", ")));
    Ok(Isa::by_name(name).ok_or_else(absent)?)
}

/// Refuses a network and batch that this machine has no memory for, before it is asked for.
fn refuse_too_large(network: &Network, args: &BenchArgs, threads: usize) -> Result<()> {
    let Some(available) = proc_kib("/proc/meminfo", "MemAvailable:") else { return Ok(()) };
    let table = ParameterTable::new(network.graph());
    let plan = Plan::compile(network, &table, args.job.mode(), args.batch, PlanOptions::default());
    // Parameters with their gradients and Adam's two moments; the pictures once here and once in the arena.
    let pictures = args.batch * network.graph().input_shape().len();
    let numbers = plan.arena_len() + plan.scratch_len(threads) + 4 * table.values_len() + pictures;
    let needed = numbers as u64 * size_of::<f32>() as u64 / 1024;
    if needed <= available {
        return Ok(());
    }
    let mib = |kib: u64| kib / 1024;
    let message = format!("this needs {} MiB of memory, and {} MiB are free", mib(needed), mib(available));
    Err(Failure::new(message).help("give a smaller --batch or --size").into())
}

/// The times of the steps, ascending.
fn measure(network: Network, cpu: Cpu, args: &BenchArgs) -> Vec<Duration> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let units = network.head().units();
    let image_len = network.graph().input_shape().len();
    let images: Vec<f32> = (0..args.batch * image_len).map(|_| random.random_range(-1.0..1.0)).collect();
    let targets: Vec<f32> =
        (0..args.batch * units).map(|i| f32::from(u8::from(i % units == i / units % units))).collect();
    let mut engine = Engine::new(network, Device::new(cpu), 0);
    let mut step = || match args.job {
        Job::Infer => {
            std::hint::black_box(engine.logits(&images, args.batch));
        }
        Job::Train => {
            // Noise cannot be learnt, so the loss may run away; a step costs the same all the while.
            let _ = engine.train_step(&images, &targets, args.batch, &Optimizer::adam(), 1e-4);
        }
    };
    (0..WARM_UP).for_each(|_| step());
    let (mut times, begun) = (Vec::new(), Instant::now());
    while times.len() < FEWEST || (begun.elapsed().as_secs_f64() < args.seconds && !interrupt::is_asked()) {
        let start = Instant::now();
        step();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
}

fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// The most memory that this process held, where the system tells.
fn peak_rss_mib() -> Option<u64> {
    proc_kib("/proc/self/status", "VmHWM:").map(|kib| kib / 1024)
}

/// A figure in KiB from one of Linux's own files.
fn proc_kib(file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn in_words(measured: &Measured<'_>) -> String {
    let Measured { job, network, input, batch, isa, threads, steps, images_per_second, ms_per_batch, .. } =
        measured;
    let memory =
        measured.peak_rss_mib.map(|mib| format!(", {mib} MiB of memory at most")).unwrap_or_default();
    format!(
        "{job} {network} {input}, batch {batch}, {isa} on {threads} threads\n\
         {images_per_second:.1} images/s, {ms_per_batch:.3} ms a batch (median of {steps}){memory}"
    )
}
