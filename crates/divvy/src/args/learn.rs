//! What can be typed about learning: one training, or several that are compared.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use divvy::data::{Channels, Preset};
use divvy::model::Views;
use divvy::nn::{Activation, LossName, Precision};
use divvy::train::Balance;

use super::values::{
    above_zero, at_least_zero, batch, count, epochs, folds, group_share, minutes, networks, part, parts,
    patience, precision, seconds, seed, share, side, views,
};
use super::{CacheArgs, ComputeArgs, GroupByArgs, PolicyArgs, ReadArgs, TaskChoice};

#[derive(Args, Debug)]
pub(crate) struct TrainArgs {
    /// A folder whose subfolders are the groups (or train/, val/, test/ of such), MNIST-style idx files, CIFAR's binary
    /// files, a CSV with the columns file,labels, or a zip or tar of any of these
    #[arg(value_name = "PHOTOS", required_unless_present_any = ["config", "resume"])]
    pub(crate) photos: Option<PathBuf>,

    /// Go on with the run in this folder where it was interrupted, to the same model; its own settings hold
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "config"])]
    pub(crate) resume: Option<PathBuf>,

    /// The new folder for the model and how it was made [default: runs/NAME, after PHOTOS]
    #[arg(long, value_name = "RUN")]
    pub(crate) out: Option<PathBuf>,

    /// Settings in a file such as a run's config.toml; what is given here as well goes before them
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Times that every picture is looked at [default: 12 to 60, fewer for many pictures]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,

    /// Time to train for, in place of a number of epochs
    #[arg(long, value_name = "M", conflicts_with = "epochs", value_parser = minutes)]
    pub(crate) minutes: Option<f64>,

    /// End after so many epochs without a better one [default: run the whole length]
    #[arg(long, value_name = "N", value_parser = patience)]
    pub(crate) patience: Option<NonZeroU32>,

    /// Keep the models of the N best epochs, too, as RUN/epoch-007.divvy
    #[arg(long, value_name = "N", value_parser = epochs)]
    pub(crate) keep_best: Option<usize>,

    /// Deal the pictures into K folds, 2 to 20, and train a network for each, which learns from the others: it is then known of every picture what a
    /// network says that has not seen it, and the model answers with the mean of all K, in K times the time. --minutes is for all
    /// together
    #[arg(long, value_name = "K", value_parser = folds, conflicts_with_all = ["split", "validation_share"])]
    pub(crate) folds: Option<usize>,

    /// The learning rate at its highest [default: as suits the network and the rule, 0.001 to 0.1]
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub(crate) lr: Option<f64>,

    /// How the rate moves over the training: `one_cycle` rises for a quarter of it, then falls; cosine falls; constant stays [default: `one_cycle`]
    #[arg(long, value_name = "HOW")]
    pub(crate) schedule: Option<ScheduleChoice>,

    /// Steps in which the rate rises to what the schedule says, from a hundredth of it, such as 100 for cosine [default: none]
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..1_000_000_000))]
    pub(crate) warmup: Option<u64>,

    /// Seconds after which what was learnt is saved so that --resume can go on with it; at the end of an epoch it is, too [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) checkpoint_every: Option<Duration>,

    /// Write the curves for TensorBoard as well, into the run's folder
    #[arg(long)]
    pub(crate) tensorboard: bool,

    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct LrArgs {
    /// Pictures in groups, as for train
    #[arg(value_name = "PHOTOS", required_unless_present = "config")]
    pub(crate) photos: Option<PathBuf>,

    /// Settings in a file such as a run's config.toml; what is given here as well goes before them
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The first rate [default: a thousandth of the rate that train would take]
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub(crate) from: Option<f64>,

    /// The last rate, which is tried only if the loss has not run away before [default: a thousand times that rate]
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub(crate) to: Option<f64>,

    /// Steps from the first rate to the last
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) steps: usize,

    /// Draw the losses into this SVG file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Print what was tried and what is suggested as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
}

/// What is trained on which pictures, and how, but for how long and how fast.
#[derive(Args, Debug)]
pub(crate) struct RecipeArgs {
    #[arg(long, value_name = "NET", help = format!("{}; auto takes one that fits the pictures [default: auto]", networks("The network")))]
    pub(crate) arch: Option<String>,

    /// What the labels mean; auto looks at them [default: auto]
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<TaskChoice>,

    /// The activation of the last layer; auto takes the task's usual one [default: auto]
    #[arg(long, value_name = "HEAD")]
    pub(crate) head: Option<HeadChoice>,

    /// The loss, as Keras names it; it follows from the head, and is refused where it does not fit
    #[arg(long, value_name = "LOSS")]
    pub(crate) loss: Option<LossName>,

    /// By what the best epoch is chosen: `accuracy`, `balanced_accuracy`, `macro_f1`, `roc_auc` [default: accuracy, of several
    /// labels `macro_f1`]
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Option<String>,

    /// The group of two that precision, recall and ROC AUC are about [default: the second]
    #[arg(long, value_name = "GROUP")]
    pub(crate) positive: Option<String>,

    /// The share of the training pictures that is set aside for validation, 5,000 pictures at the most, where the data has no such part of its own
    /// [default: 0.2; of more than 1,000 pictures with a test part 200, but 0.1 at the least]
    #[arg(long, value_name = "SHARE", value_parser = part)]
    pub(crate) validation_share: Option<f64>,

    /// Divide the pictures as this split.csv of another run does
    #[arg(long, value_name = "FILE", conflicts_with = "validation_share")]
    pub(crate) split: Option<PathBuf>,

    /// Height and width that pictures are resized to, in pixels [default: their own up to 64, else 112, and less where --minutes are few; 96 where no parts of them are enlarged]
    #[arg(long, value_name = "PIXELS", value_parser = side)]
    pub(crate) size: Option<usize>,

    /// Height and width that training pictures begin with, to grow to the size below: the same accuracy or a better one in less time
    /// [default: for photos two thirds of what they come to]
    #[arg(long, value_name = "PIXELS", value_parser = side)]
    pub(crate) start_size: Option<usize>,

    /// Height and width that training pictures come to, if not to the size above: where parts of them are enlarged (`crop` of --augment), things look
    /// as large in whole pictures that are larger [default: for photos of which parts are enlarged six sevenths of the size above]
    #[arg(long, value_name = "PIXELS", value_parser = side)]
    pub(crate) end_size: Option<usize>,

    /// Pictures in a step [default: 64, of fewer than 500 pictures 16]
    #[arg(long, value_name = "N", value_parser = batch)]
    pub(crate) batch: Option<usize>,

    /// Compute each step in N parts, one after the other, whose gradients are added up: in an Nth of the memory [default: 1, or as many as it takes to fit]
    #[arg(long, value_name = "N", value_parser = parts)]
    pub(crate) accumulate: Option<NonZeroUsize>,

    /// The seed of everything random: with it, a training can be repeated bit for bit [default: 0]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub(crate) seed: Option<u64>,

    /// The rule by which weights move [default: adamw, for `resnet8`, `resnet9` and `resnet9_photo` of 20,000 pictures and more sgdw]
    #[arg(long, value_name = "RULE")]
    pub(crate) optimizer: Option<OptimizerChoice>,

    /// Use a running average of the weights, of which this share stays at each step, such as 0.999 [default: none, as the rate falls to almost 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) average: Option<f64>,

    /// How fast weights decay towards 0: of adamw and sgdw the share that a rate of 1 would take at each step, else what is added to the gradient; norms
    /// and biases do not [default: as suits network and optimizer]
    #[arg(long, value_name = "RATE", value_parser = at_least_zero)]
    pub(crate) weight_decay: Option<f64>,

    /// Scale the gradients of a step down where their Euclidean norm is larger than this, such as 1 [default: they stay]
    #[arg(long, value_name = "NORM", value_parser = above_zero)]
    pub(crate) clip_norm: Option<f64>,

    /// Spread this share of each label evenly over all groups, so that the network does not grow too sure, such as 0.1 [default: 0.1 where
    /// each picture belongs to one group, else 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) label_smoothing: Option<f64>,

    /// Let each training picture skip the layers that the last shortcut of the network leads around with this probability, those of earlier ones with a lower one,
    /// such as 0.1 (stochastic depth) [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) stochastic_depth: Option<f64>,

    /// How training pictures are changed at random: none, light, standard, strong, or a TOML file of settings (docs/augment.md);
    /// without mirroring where the groups' names forbid it [default: standard, for photos with `CutMix`; of 20,000
    /// pictures and more mirroring and shifts by whole pixels]
    #[arg(long, value_name = "HOW")]
    pub(crate) augment: Option<AugmentFlag>,

    /// From how many sides the model looks at a picture: single, or mirrored too, whose mean is the answer and takes twice the time [default:
    /// mirrored where nothing speaks of groups that mirroring changes]
    #[arg(long, value_name = "HOW", value_parser = views)]
    pub(crate) views: Option<Views>,

    /// How groups of different sizes are made to count alike: none, weights in the loss, or oversample, by which pictures of small
    /// groups come more often; probabilities are corrected for it [default: none]
    #[arg(long, value_name = "HOW")]
    pub(crate) balance: Option<BalanceFlag>,

    /// In which share a group comes where the model is to be used, such as "spotted=0.01", so that probabilities hold there; several times for
    /// several groups [default: as among the validation pictures]
    #[arg(long, value_name = "GROUP=SHARE", value_parser = group_share)]
    pub(crate) prior: Vec<(String, f64)>,

    /// The numbers that convolutions multiply: f32, or bf16 or f16 where that is faster [default: f32]
    #[arg(long, value_name = "TYPE", value_parser = precision)]
    pub(crate) precision: Option<Precision>,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,

    /// The channels that the network sees [default: grey where all pictures are stored so, else rgb]
    #[arg(long, value_name = "CHANNELS")]
    pub(crate) channels: Option<ChannelsFlag>,

    #[command(flatten)]
    pub(crate) group_by: GroupByArgs,

    #[command(flatten)]
    pub(crate) read: ReadArgs,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

#[derive(Args, Debug)]
pub(crate) struct AugmentArgs {
    /// Pictures in groups, as for train
    #[arg(value_name = "PHOTOS")]
    pub(crate) photos: PathBuf,

    /// The PNG file to draw
    #[arg(long, value_name = "FILE")]
    pub(crate) show: PathBuf,

    /// How pictures are changed, as for train
    #[arg(long, value_name = "HOW", default_value = "light")]
    pub(crate) augment: AugmentFlag,

    /// Height and width that pictures are resized to, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 64, value_parser = side)]
    pub(crate) size: usize,

    /// Pictures, spread over all groups
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = count)]
    pub(crate) rows: usize,

    /// Changes of each
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = count)]
    pub(crate) columns: usize,

    /// The seed of the changes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// Pictures in groups, as for train
    #[arg(value_name = "PHOTOS")]
    pub(crate) photos: PathBuf,

    /// Heads to compare, such as softmax2,sigmoid1,linear1: an activation and perhaps its units
    #[arg(long, value_name = "HEADS", value_delimiter = ',')]
    pub(crate) heads: Vec<HeadSpec>,

    /// Networks to compare, or the one that is compared with other heads [default: classic]
    #[arg(long, value_name = "NETS", value_delimiter = ',')]
    pub(crate) arch: Vec<String>,

    /// Optimizers to compare, each at its usual learning rate [default: adam]
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    pub(crate) optimizers: Vec<OptimizerChoice>,

    /// Trainings of each, with the seeds 0, 1, 2 and so on
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,

    /// Trainings that go on side by side, each on a part of the threads [default: as many as end soonest and fit into memory]
    #[arg(long, value_name = "N")]
    pub(crate) at_once: Option<NonZeroUsize>,

    /// The folder for the trainings and compare.json; what is there of the same comparison is used again
    /// [default: runs/NAME-compare, after PHOTOS]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Height and width that pictures are resized to, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 64, value_parser = side)]
    pub(crate) size: usize,

    /// Times that every picture is looked at in a training [default: 12 to 60, fewer for many pictures]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,

    /// Pictures in a step
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = batch)]
    pub(crate) batch: usize,

    /// The learning rate of all [default: each optimizer's usual one]
    #[arg(long, value_name = "RATE", value_parser = above_zero)]
    pub(crate) lr: Option<f64>,

    /// Print the comparison as JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) group_by: GroupByArgs,

    #[command(flatten)]
    pub(crate) read: ReadArgs,

    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
}

/// A head as it is typed: `softmax2`, or `softmax` for the units that fit.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct HeadSpec {
    pub(crate) activation: Activation,
    pub(crate) units: Option<usize>,
}

impl std::str::FromStr for HeadSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let units = match &text[name.len()..] {
            "" => None,
            digits => Some(digits.parse().map_err(|_| "give an activation and its units, such as softmax2")?),
        };
        let activation = match name {
            "sigmoid" => Activation::Sigmoid,
            "softmax" => Activation::Softmax,
            "linear" => Activation::Linear,
            _ => {
                return Err(
                    "give softmax, sigmoid or linear and perhaps its units, such as softmax2".to_owned()
                );
            }
        };
        Ok(Self { activation, units })
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
    pub(crate) fn activation(self) -> Option<Activation> {
        match self {
            Self::Auto => None,
            Self::Sigmoid => Some(Activation::Sigmoid),
            Self::Softmax => Some(Activation::Softmax),
            Self::Linear => Some(Activation::Linear),
        }
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OptimizerChoice {
    Adam,
    Adamw,
    Sgd,
    Sgdw,
    Rmsprop,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ScheduleChoice {
    #[value(name = "one_cycle")]
    OneCycle,
    Cosine,
    Constant,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum ChannelsFlag {
    Grey,
    Rgb,
}

impl ChannelsFlag {
    pub(crate) fn channels(self) -> Channels {
        match self {
            Self::Grey => Channels::Grey,
            Self::Rgb => Channels::Rgb,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum BalanceFlag {
    None,
    Weights,
    Oversample,
}

impl BalanceFlag {
    pub(crate) fn balance(self) -> Balance {
        match self {
            Self::None => Balance::None,
            Self::Weights => Balance::Weights,
            Self::Oversample => Balance::Oversample,
        }
    }
}

/// What is typed after `--augment`: a preset's name, or the file of a table.
#[derive(Clone, Debug)]
pub(crate) enum AugmentFlag {
    Preset(Preset),
    Table(PathBuf),
}

impl FromStr for AugmentFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_toml = Path::new(text).extension().is_some_and(|found| found.eq_ignore_ascii_case("toml"));
        match (text.parse(), is_toml) {
            (Ok(preset), _) => Ok(Self::Preset(preset)),
            (Err(()), true) => Ok(Self::Table(text.into())),
            (Err(()), false) => {
                let names = Preset::ALL.map(Preset::name).join(", ");
                Err(format!("give {names}, or a .toml file of settings"))
            }
        }
    }
}
