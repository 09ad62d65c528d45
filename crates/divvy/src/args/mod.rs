//! What can be typed, exactly as it is typed. Commands turn it into what they work with.

mod learn;
mod network;
mod reading;
mod rules;
mod tune;
mod values;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use divvy::data::CachePlace;
use divvy::eval::{Aim, Level};
use divvy::nn::{HeadKind, Isa, Precision, Task};

pub(crate) use learn::{
    AugmentArgs, AugmentFlag, BalanceFlag, ChannelsFlag, CompareArgs, HeadChoice, HeadSpec, LrArgs,
    OptimizerChoice, RecipeArgs, ScheduleChoice, TrainArgs,
};
pub(crate) use network::{
    BenchArgs, BenchJob, BenchPrecision, LoadArgs, MachineArgs, NetworkArgs, PlanArgs, SummaryArgs, WorkArgs,
};
pub(crate) use reading::{GroupByArgs, ReadArgs};
pub(crate) use rules::{CheckArgs, Denied, ExplainArgs, PolicyArgs, PutBackArgs};
pub(crate) use tune::TuneArgs;
use values::{cache_place, isa, precision, probability};

/// The most threads that can be asked for: more than any one machine has.
const MAX_THREADS: i64 = 1024;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  done in part: interrupted, or some pictures could not be read; `check` found an error
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
    Train(Box<TrainArgs>),
    /// Try learning rates in a short training, and suggest one; nothing is kept
    Lr(Box<LrArgs>),
    /// Search for better settings than the usual ones, within a time
    Tune(Box<TuneArgs>),
    /// Measure how good a model is on pictures whose groups are known
    Evaluate(EvaluateArgs),
    /// Write a page on how good a model is, how sure, where it fails and how it was made
    Report(ReportArgs),
    /// Find labels that are likely wrong, and write corrections to train with
    Relabel(RelabelArgs),
    /// Say which group pictures belong to
    Predict(PredictArgs),
    /// Put pictures into a folder for each group
    Sort(SortArgs),
    /// Look for mistakes in pictures, a network or a run
    Check(CheckArgs),
    /// Put pictures back that `check --move-to` set aside
    PutBack(PutBackArgs),
    /// Draw what random changes do to training pictures
    Augment(AugmentArgs),
    /// Train heads, architectures or optimizers alike, and see whether they differ
    Compare(CompareArgs),
    /// Explain a rule: why it is one, wrong and right, how to see it
    Explain(ExplainArgs),
    /// Write a model of two groups with the other last layer: two softmax units or one sigmoid
    Convert(ConvertArgs),
    /// Write a model in 8 bits, smaller and faster, and see what that costs
    Quantize(QuantizeArgs),
    /// Show a network's layers, shapes and parameters
    Summary(SummaryArgs),
    /// Show the steps that a network is compiled to, and with --profile where the time goes
    Plan(PlanArgs),
    /// Measure how fast a network trains or classifies, or what the machine can do at most
    Bench(BenchArgs),
    /// See the whole path on pictures drawn for the purpose, in about a minute
    Demo(DemoArgs),
}

/// How much of the machine is used.
#[derive(Args, Debug)]
pub(crate) struct ThreadArgs {
    /// Threads to work with [default: as many as the machine has cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_THREADS))]
    pub(crate) threads: Option<u16>,
}

/// What the machine is asked for by what computes.
#[derive(Args, Debug)]
pub(crate) struct ProcessorArgs {
    #[command(flatten)]
    pub(crate) threads: ThreadArgs,

    /// The instruction set: avx512, avx2, neon or portable [default: the best of this machine]
    #[arg(long, value_name = "ISA", value_parser = isa)]
    pub(crate) isa: Option<Isa>,
}

/// How networks are computed.
#[derive(Args, Debug)]
pub(crate) struct ComputeArgs {
    #[command(flatten)]
    pub(crate) processor: ProcessorArgs,

    /// Compute every product of a convolution, rather than fewer with a little more rounding where that is faster
    #[arg(long)]
    pub(crate) exact: bool,
}

/// Where decoded pictures are kept.
#[derive(Args, Debug)]
pub(crate) struct CacheArgs {
    /// Where decoded pictures are kept for the next epochs: none, memory, disk, or auto for memory as far as 1 GiB goes and disk
    /// beyond it; `DIVVY_CACHE` names the folder on disk
    #[arg(long, value_name = "WHERE", default_value = "auto", value_parser = cache_place)]
    pub(crate) cache: CachePlace,
}

/// The numbers that a network computes with.
#[derive(Args, Debug)]
pub(crate) struct PrecisionArgs {
    /// The numbers that convolutions multiply: f32, or bf16 or f16 where that is faster
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = precision)]
    pub(crate) precision: Precision,
}

/// How a model is measured on pictures whose groups are known.
#[derive(Args, Debug)]
pub(crate) struct MeasureArgs {
    /// The group of two that ROC AUC and average precision are about [default: the model's second]
    #[arg(long, value_name = "GROUP")]
    pub(crate) positive: Option<String>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,

    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,

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

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The folder of a run, or the model file in it
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Pictures in groups, as for train; its test part is used where it has one, else all of it [default: the test part of the run's own
    /// pictures, else its validation pictures]
    #[arg(value_name = "DATA")]
    pub(crate) data: Option<PathBuf>,

    /// Where report.html and report.json go [default: the run's folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,

    /// Another run or model to hold this one against, on the same pictures
    #[arg(long, value_name = "RUN")]
    pub(crate) against: Option<PathBuf>,

    /// What a mistake costs, such as "spotted->healthy=5" for a spotted one taken for healthy; all others cost 1. May be given several times
    #[arg(long = "cost", value_name = "TRUE->ANSWER=COST")]
    pub(crate) costs: Vec<String>,

    /// What thresholds are chosen for: cost, precision=0.9, recall=0.95, f1 or youden [default: cost where one is stated, else f1 and youden]
    #[arg(long, value_name = "AIM")]
    pub(crate) aim: Option<Aim>,

    /// How often a set of groups is to hold the true one
    #[arg(long, value_name = "SHARE", default_value = "0.95")]
    pub(crate) coverage: Level,

    /// Which share of the answers is to be right where the model answers only when it is sure
    #[arg(long, value_name = "SHARE", default_value = "0.95")]
    pub(crate) accuracy: Level,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RelabelArgs {
    /// The folder of a run with folds, as `divvy train PHOTOS --folds 5` makes it
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// The new CSV of corrections [default: corrections.csv in the run's folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) into: Option<PathBuf>,

    /// Write the N pictures whose labels are contradicted most, suspected or not; what is not suspected keeps its label [default: the suspected ones]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) most: Option<u32>,

    /// Write all pictures
    #[arg(long, conflicts_with = "most")]
    pub(crate) all: bool,

    /// Print the ranking as JSON; the file is written, too
    #[arg(long)]
    pub(crate) json: bool,
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
    pub(crate) precision: PrecisionArgs,

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

    /// Pictures that are unlike the training pictures go there, too; of such as are like them no more than this share is taken for it. 0 leaves all
    /// where their group is [default: 0.01]
    #[arg(long, value_name = "SHARE", value_parser = probability)]
    pub(crate) unlike: Option<f32>,

    #[command(flatten)]
    pub(crate) precision: PrecisionArgs,

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

#[derive(Args, Debug)]
pub(crate) struct ConvertArgs {
    /// The folder of a run, or the model file in it
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// The last layer it is to have: sigmoid for Dense(1, sigmoid), softmax for Dense(2, softmax)
    #[arg(long, value_name = "HEAD", value_parser = head_of_two())]
    pub(crate) head: HeadKind,

    /// The new model file [default: model.HEAD.divvy, beside the model]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct QuantizeArgs {
    /// The folder of a run, or the model file in it
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Pictures in groups to calibrate and compare on [default: those that the run was trained on]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// The new model file [default: model.int8.divvy, beside the model]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) threads: ThreadArgs,
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
    #[value(alias = "multi_class")]
    MultiClass,
    #[value(alias = "multi_label")]
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

/// The heads that tell two groups apart with probabilities.
fn head_of_two() -> impl TypedValueParser<Value = HeadKind> {
    PossibleValuesParser::new(["sigmoid", "softmax"]).try_map(|name| name.parse())
}
