//! What can be typed, exactly as it is typed. Commands turn it into what they work with.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use divvy::data::MAX_SIDE;
use divvy::nn::{HeadKind, Task};
use divvy::train::Length;

/// The most threads that can be asked for: more than any one machine has.
const MAX_THREADS: i64 = 1024;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  done in part: interrupted, or some pictures could not be read
  2  not done: the error says what was found and what to do

`divvy demo` shows the whole path on pictures it draws itself.";

/// Divides pictures into groups: learns from folders of examples, says how good it is, sorts new ones
#[derive(Parser, Debug)]
#[command(name = "divvy", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// No progress and no hints: results, warnings and errors only
    #[arg(long, short, global = true, display_order = 1000)]
    pub(crate) quiet: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Learn from pictures that are in groups
    Train(TrainArgs),
    /// Measure how good a model is on pictures whose groups are known
    Evaluate(EvaluateArgs),
    /// Say which group pictures belong to
    Predict(PredictArgs),
    /// Put pictures into a folder for each group
    Sort(SortArgs),
    /// Show a network's layers, shapes and parameters
    Summary(SummaryArgs),
    /// Show the steps that a network is compiled to
    Plan(PlanArgs),
    /// Measure how fast a network trains or classifies
    Bench(BenchArgs),
    /// See the whole path on pictures drawn for the purpose, in under a minute
    Demo(DemoArgs),
}

/// How the machine is used.
#[derive(Args, Debug)]
pub(crate) struct ComputeArgs {
    /// Threads to work with [default: as many as the machine has cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u16>,
}

#[derive(Args, Debug)]
pub(crate) struct TrainArgs {
    /// A folder whose subfolders are the groups (or train/, val/, test/ of such), MNIST-style idx files, or a CSV with
    /// the columns file,labels
    #[arg(value_name = "PHOTOS")]
    pub(crate) photos: PathBuf,

    /// The new folder for the model and how it was made [default: runs/NAME, after PHOTOS]
    #[arg(long, value_name = "RUN")]
    pub(crate) out: Option<PathBuf>,

    /// The network: classic, flat, lenet5, or a TOML file of layers
    #[arg(long, value_name = "NET", default_value = "classic")]
    pub(crate) arch: String,

    /// What the labels mean; auto looks at them
    #[arg(long, value_name = "TASK", default_value = "auto")]
    pub(crate) task: TaskChoice,

    /// The activation of the last layer; auto takes the task's usual one
    #[arg(long, value_name = "HEAD", default_value = "auto")]
    pub(crate) head: HeadChoice,

    /// Height and width that pictures are resized to, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 64, value_parser = side)]
    pub(crate) size: usize,

    /// Times that every picture is looked at [default: 12 to 60, fewer for many pictures]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,

    /// Time to train for, in place of a number of epochs
    #[arg(long, value_name = "M", conflicts_with = "epochs", value_parser = minutes)]
    pub(crate) minutes: Option<f64>,

    /// Pictures in a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) batch: usize,

    /// The seed of everything random: with it, a training can be repeated bit for bit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// The rule by which weights move
    #[arg(long, value_name = "RULE", default_value = "adam")]
    pub(crate) optimizer: OptimizerChoice,

    /// The learning rate at its highest [default: 0.001, for sgd 0.01]
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub(crate) lr: Option<f64>,

    /// How training pictures are changed at random; auto is light without what the groups' names forbid
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) augment: AugmentFlag,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct EvaluateArgs {
    /// The folder of a run, or the model file in it
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Pictures in groups, as for train; its test part is used where it has one, else all of it
    #[arg(value_name = "DATA")]
    pub(crate) data: PathBuf,

    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PredictArgs {
    /// The folder of a run, or the model file in it
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Pictures, and folders of them
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Print a table of comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SortArgs {
    /// The folder of a run, or the model file in it
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// The folder of pictures to sort, with its subfolders
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,

    /// Where the groups' folders and sorted.csv go
    #[arg(long, value_name = "DIR")]
    pub(crate) into: PathBuf,

    #[command(flatten)]
    pub(crate) mode: ModeArgs,

    /// Pictures whose group is less probable than this go to the folder `unsure` [default: 0.8]
    #[arg(long, value_name = "P", value_parser = probability)]
    pub(crate) unsure: Option<f32>,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct ModeArgs {
    /// Copy the pictures (the default)
    #[arg(long)]
    pub(crate) copy: bool,

    /// Move the pictures
    #[arg(long = "move")]
    pub(crate) relocate: bool,

    /// Give the pictures a second name: a hard link, or a symbolic one where the disk cannot
    #[arg(long)]
    pub(crate) link: bool,
}

/// A network that need not be trained.
#[derive(Args, Debug)]
pub(crate) struct NetworkArgs {
    /// A named network (classic, flat, lenet5), a TOML file of layers, or the folder of a run
    #[arg(value_name = "NET")]
    pub(crate) network: String,

    /// Height and width of pictures in pixels; a run has its own [default: 64]
    #[arg(long, value_name = "PIXELS", value_parser = side)]
    pub(crate) size: Option<usize>,

    /// Groups to tell apart; a run has its own [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) classes: Option<usize>,
}

#[derive(Args, Debug)]
pub(crate) struct SummaryArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    /// Pictures in a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) batch: usize,

    /// The plan for classifying rather than for training
    #[arg(long)]
    pub(crate) infer: bool,

    /// Print the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// What to measure
    #[arg(value_name = "JOB")]
    pub(crate) job: Job,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    /// Pictures in a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) batch: usize,

    /// How long to measure, after three steps to warm up
    #[arg(long, value_name = "S", default_value_t = 6.0, value_parser = above_zero)]
    pub(crate) seconds: f64,

    /// The numbers that are computed with
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = precision)]
    pub(crate) precision: Precision,

    /// The instruction set: avx512, avx2 or portable [default: the best of this machine]
    #[arg(long, value_name = "ISA")]
    pub(crate) isa: Option<String>,

    /// Print one line of JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The folder for the pictures, the model and the sorted pictures
    #[arg(long, value_name = "DIR", default_value = "demo")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum TaskChoice {
    Auto,
    Binary,
    MultiClass,
    MultiLabel,
    Regression,
}

impl TaskChoice {
    pub(crate) fn task(self) -> Option<Task> {
        match self {
            Self::Auto => None,
            Self::Binary => Some(Task::Binary),
            Self::MultiClass => Some(Task::MultiClass),
            Self::MultiLabel => Some(Task::MultiLabel),
            Self::Regression => Some(Task::Regression),
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum HeadChoice {
    Auto,
    Sigmoid,
    Softmax,
    Linear,
}

impl HeadChoice {
    pub(crate) fn kind(self) -> Option<HeadKind> {
        match self {
            Self::Auto => None,
            Self::Sigmoid => Some(HeadKind::Sigmoid),
            Self::Softmax => Some(HeadKind::Softmax),
            Self::Linear => Some(HeadKind::Linear),
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum OptimizerChoice {
    Adam,
    Adamw,
    Sgd,
    Rmsprop,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum AugmentFlag {
    Auto,
    None,
    Light,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Job {
    /// Steps of training: forward, backward and the optimizer
    Train,
    /// Classifying pictures that are in memory
    Infer,
}

/// The type of the numbers that a network computes with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Precision {
    F32,
}

fn side(text: &str) -> Result<usize, String> {
    whole(text, MAX_SIDE)
}

fn batch(text: &str) -> Result<usize, String> {
    whole(text, 4096)
}

fn whole(text: &str, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("give a whole number from 1 to {most}"))
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "f32" => Ok(Precision::F32),
        "bf16" | "f16" | "int8" => Err(format!("{text} is not available in this version; f32 is")),
        _ => Err("give f32".to_owned()),
    }
}

fn probability(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "give a number from 0 to 1, such as 0.8".to_owned())
}

fn minutes(text: &str) -> Result<f64, String> {
    let number = above_zero(text).ok().filter(|number| *number <= Length::MAX_MINUTES);
    number.ok_or_else(|| format!("give a number above 0 and at most {} (a year)", Length::MAX_MINUTES))
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "give a number above 0".to_owned())
}
