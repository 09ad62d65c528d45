//! What can be typed about networks that need not be trained.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use divvy::nn::Precision;

use super::values::{above_zero, batch, networks, precision, side};
use super::{ComputeArgs, PrecisionArgs, ProcessorArgs, ThreadArgs};

/// A network that need not be trained.
#[derive(Args, Debug)]
pub(crate) struct NetworkArgs {
    #[arg(value_name = "NET", help = format!("{}, or the folder of a run", networks("A named network")))]
    pub(crate) network: String,

    /// Height and width of pictures in pixels; a run has its own [default: 64]
    #[arg(long, value_name = "PIXELS", value_parser = side)]
    pub(crate) size: Option<usize>,

    /// Groups to tell apart; a run has its own [default: the units that the file states, or 2]
    #[arg(long, value_name = "N")]
    pub(crate) classes: Option<usize>,
}

#[derive(Args, Debug)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Args, Debug)]
#[command(mut_arg("threads", |threads| threads.requires("profile")))]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    /// Pictures in a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) batch: usize,

    /// The plan for classifying rather than for training
    #[arg(long)]
    pub(crate) infer: bool,

    /// Run the plan on noise, and show the time of each operation against what the machine can do
    #[arg(long)]
    pub(crate) profile: bool,

    /// How long to measure, half of it whole steps and half operation by operation [default: 3]
    #[arg(long, value_name = "S", value_parser = above_zero, requires = "profile")]
    pub(crate) seconds: Option<f64>,

    /// Print the plan or the profile as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) job: BenchJob,
}

#[derive(Subcommand, Debug)]
pub(crate) enum BenchJob {
    /// Steps of training: forward, backward and the optimizer
    Train(WorkArgs),
    /// Classifying pictures that are in memory
    Infer(WorkArgs),
    /// Reading photos from class folders: decoding, cropping at random, mirroring, scaling, batching
    Load(LoadArgs),
    /// The limits of this machine: arithmetic, memory, handing out work
    Machine(MachineArgs),
}

/// What a network is measured on.
#[derive(Args, Debug)]
pub(crate) struct WorkArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    /// Pictures in a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) batch: usize,

    /// How long to measure, after three steps to warm up
    #[arg(long, value_name = "S", default_value_t = 6.0, value_parser = above_zero)]
    pub(crate) seconds: f64,

    /// The numbers that are computed with: f32, bf16, f16, or int8 for classifying
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = bench_precision)]
    pub(crate) precision: BenchPrecision,

    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

/// What is loaded.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    /// Photos in class folders, or whatever else train takes
    #[arg(value_name = "DIR")]
    pub(crate) photos: PathBuf,

    /// Height and width that photos are brought to, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 224, value_parser = side)]
    pub(crate) size: usize,

    /// Photos in a batch
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) batch: usize,

    /// How many groups the photos must be in; others are refused [default: any number]
    #[arg(long, value_name = "N")]
    pub(crate) classes: Option<usize>,

    /// The numbers of a batch
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = ["f32"])]
    pub(crate) precision: String,

    /// How long to measure
    #[arg(long, value_name = "S", default_value_t = 6.0, value_parser = above_zero)]
    pub(crate) seconds: f64,

    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
}

/// With how much of the machine its limits are measured: one thread and all of them, on every instruction set it has, unless chosen.
#[derive(Args, Debug)]
pub(crate) struct MachineArgs {
    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) processor: ProcessorArgs,
}

/// The type of the numbers that a network is measured with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BenchPrecision {
    /// As networks are trained.
    Float(Precision),
    /// As quantised models classify.
    Int8,
}

impl BenchPrecision {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float(precision) => precision.name(),
            Self::Int8 => "int8",
        }
    }
}

fn bench_precision(text: &str) -> Result<BenchPrecision, String> {
    match text {
        "int8" => Ok(BenchPrecision::Int8),
        _ => precision(text).map(BenchPrecision::Float).map_err(|_| "give f32, bf16, f16 or int8".to_owned()),
    }
}
