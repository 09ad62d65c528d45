//! What a training is asked to do: the content of a run's config.toml.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

use divvy_data::{AugmentChoice, Channels, Fold, OpenOptions, read_text_limited};
use divvy_model::Views;
use divvy_nn::{
    Algorithms, Cpu, Device, Isa, Optimizer, PlanOptions, Plateau, Precision, Schedule, Task, Warmup, Wiring,
};
use divvy_rules::{Policy, Rule, line_at};
use serde::{Deserialize, Serialize};

use crate::balance::Balance;
use crate::error::TrainError;
use crate::prior::StatedPrior;

/// What a training is asked to do. Together with the pictures it decides every bit of the model, unless the length is given in
/// minutes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The pictures: class folders, folders with parts, idx files or a CSV.
    pub data: PathBuf,
    /// A named architecture, or the path of a TOML file of layers.
    pub architecture: String,
    /// What the labels mean; by default what they look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The group that binary metrics are about; by default the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// The height and width of the pictures that are classified, in pixels; those that are learnt from may be smaller.
    pub size: usize,
    /// The side that training pictures begin with, in pixels, to grow to `end_size`: two thirds of the training cost less so. None by default: all are of
    /// one size. The network must have the same parameters for all sizes, as one that ends in a global pool has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_size: Option<usize>,
    /// The side that training pictures come to, in pixels; by default `size`, which it may not exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_size: Option<usize>,
    /// Pictures in a step.
    pub batch: usize,
    /// In how many parts a step is computed, one after the other, whose gradients are added up: it takes as many times less memory, and batch
    /// norms see a part at a time. 1 by default.
    #[serde(skip_serializing_if = "is_one")]
    pub accumulate: NonZeroUsize,
    /// The numbers that convolutions multiply.
    #[serde(default, skip_serializing_if = "is_f32")]
    pub precision: Precision,
    /// The seed of everything random.
    pub seed: u64,
    /// The share of the training pictures that is set aside for validation where the data has no validation part;
    /// 5,000 pictures at the most.
    pub validation_share: f64,
    /// A split.csv of the same pictures, to divide them as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<PathBuf>,
    /// How the pictures are dealt into folds; not at all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<Folds>,
    /// Rules whose warnings are silenced.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allow: BTreeSet<Rule>,
    /// Whether a warning stops the training.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deny_warnings: bool,
    /// Whether convolutions compute every product of their definition, rather than fewer with a little more rounding where that
    /// is faster.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// The channels that pictures are given to the network in; by default those they are stored in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// How training pictures are changed at random.
    pub augment: AugmentChoice,
    /// How groups of different sizes are made to count alike.
    #[serde(default, skip_serializing_if = "Balance::is_none")]
    pub balance: Balance,
    /// The base learning rate.
    pub learning_rate: f64,
    /// The share of each target that is spread evenly over all answers, so that the network does not grow too sure; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_smoothing: f64,
    /// With which probability each training picture skips the layers that the last shortcut leads around; those of earlier ones it skips less often
    /// ([`Architecture::stochastic_depth`](divvy_nn::Architecture::stochastic_depth)). 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stochastic_depth: f64,
    /// From how many sides the model is to look at pictures, on the validation pictures and at use.
    #[serde(default, skip_serializing_if = "Views::is_single")]
    pub views: Views,
    /// How long to train.
    pub length: Length,
    /// The rule by which weights move.
    pub optimizer: Optimizer,
    /// How the learning rate changes over the training.
    pub schedule: Schedule,
    /// How the learning rate rises at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// How the learning rate falls when the validation loss no longer does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<Plateau>,
    /// After how many epochs of which none was better than the best before them the training ends. None by default: it runs its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<NonZeroU32>,
    /// How many of the best epochs' models are kept beside the best one.
    #[serde(default, skip_serializing_if = "is_none")]
    pub keep_best: usize,
    /// In which shares groups come where the model is to be used; by default as they do among the training pictures.
    #[serde(default, skip_serializing_if = "StatedPrior::is_empty")]
    pub prior: StatedPrior,
    /// How the pictures are found and their labels read.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub read: OpenOptions,
    /// What is stated of head, loss, labels and metric. What is left out is what the architecture's file states, or follows.
    #[serde(default, rename = "head", skip_serializing_if = "Wiring::is_empty")]
    pub wiring: Wiring,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_f32(precision: &Precision) -> bool {
    *precision == Precision::F32
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_one(parts: &NonZeroUsize) -> bool {
    parts.get() == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

fn is_usual(read: &OpenOptions) -> bool {
    *read == OpenOptions::default()
}

/// How pictures are dealt into folds, of which each validates once while the others are trained on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "give a number of folds, such as 5, or the number of one and of how many it is"
)]
pub enum Folds {
    /// One training, in which this fold validates.
    One(Fold),
    /// A training for each of so many folds, [`Fold::LEAST`] to [`Fold::MOST`]: see [`train_folds`](crate::train_folds).
    Each(usize),
}

/// How long to train.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// As long as suits the number of pictures: enough epochs for 400,000 pictures in all, but 12 at the least and 60 at the most.
    Auto,
    /// A number of epochs.
    Epochs(u32),
    /// As many epochs as fit into a number of minutes from the start of the command, reading the pictures included; the
    /// learning rate follows the time.
    Minutes(f64),
}

impl Length {
    /// The most minutes that can be asked for: a year.
    pub const MAX_MINUTES: f64 = 365.0 * 24.0 * 60.0;

    /// The epochs for a training set of that size; none where time decides.
    pub fn epochs(self, images: usize) -> Option<u32> {
        match self {
            Self::Auto => Some((400_000 / images.max(1)).clamp(12, 60) as u32),
            Self::Epochs(epochs) => Some(epochs),
            Self::Minutes(_) => None,
        }
    }
}

impl Default for TrainConfig {
    /// The defaults, for pictures that are still to be named.
    fn default() -> Self {
        Self::new(PathBuf::new())
    }
}

impl TrainConfig {
    /// The share of the training pictures that is set aside for validation where nothing speaks for less.
    pub const VALIDATION_SHARE: f64 = 0.2;

    /// The defaults for the pictures at `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            architecture: "classic".to_owned(),
            task: None,
            positive: None,
            size: 64,
            start_size: None,
            end_size: None,
            batch: 32,
            accumulate: NonZeroUsize::MIN,
            precision: Precision::F32,
            seed: 0,
            validation_share: Self::VALIDATION_SHARE,
            split: None,
            folds: None,
            allow: BTreeSet::new(),
            deny_warnings: false,
            exact: false,
            channels: None,
            augment: AugmentChoice::default(),
            balance: Balance::None,
            learning_rate: 1e-3,
            label_smoothing: 0.0,
            stochastic_depth: 0.0,
            views: Views::Single,
            length: Length::Auto,
            optimizer: Optimizer::adam(),
            schedule: Schedule::ONE_CYCLE,
            warmup: None,
            plateau: None,
            patience: None,
            keep_best: 0,
            prior: StatedPrior::default(),
            read: OpenOptions::default(),
            wiring: Wiring::default(),
        }
    }

    /// Reads a config.toml.
    ///
    /// # Errors
    /// [`TrainError::Config`] with the line, what was found there and what is known.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        /// Nobody writes so many settings.
        const MOST: u64 = 1 << 20;
        Self::from_toml(&read_text_limited(path, MOST)?, path)
    }

    /// Settings from the text of a config.toml; `path` is where it stands.
    ///
    /// # Errors
    /// [`TrainError::Config`] with the line, what was found there and what is known.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, TrainError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_at(text, span.start));
            TrainError::Config { path: path.to_owned(), line, fault: error.message().to_owned() }
        })
    }

    /// The device that trains and tests the network on `cpu`.
    pub(crate) fn device(&self, cpu: Cpu) -> Device {
        Device::new(cpu).algorithms(self.algorithms())
    }

    /// What its plans are compiled for, where it computes as asked with that instruction set.
    pub(crate) fn plan_options(&self, isa: Isa) -> PlanOptions {
        let half = self.precision.format().and_then(|format| isa.half(format));
        PlanOptions { isa, half, algorithms: self.algorithms(), ..PlanOptions::default() }
    }

    fn algorithms(&self) -> Algorithms {
        if self.exact { Algorithms::Exact } else { Algorithms::Fastest }
    }

    /// Pictures that are computed with at once.
    pub(crate) fn at_once(&self) -> usize {
        self.batch.div_ceil(self.accumulate.get())
    }

    /// The most pictures that are computed with at once: the last batch of an epoch may be one larger.
    pub(crate) fn most_at_once(&self) -> usize {
        (self.batch + 1).div_ceil(self.accumulate.get())
    }

    /// The same with the pictures divided as a file says that divvy has written. Where it has drawn the division, nobody has divided series of pictures and could be asked about
    /// that (V03).
    pub(crate) fn divided_by(&self, split: PathBuf) -> Self {
        let mut divided = self.clone();
        if divided.split.replace(split).is_none() {
            divided.allow.insert(Rule::V03);
        }
        divided
    }

    /// What is to be done about findings.
    pub(crate) fn policy(&self) -> Policy {
        Policy { allow: self.allow.clone(), deny_warnings: self.deny_warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_read_as_it_was_written() {
        let mut config = TrainConfig::new("some photos");
        config.task = Some(Task::MultiLabel);
        config.positive = Some("dogs".to_owned());
        config.allow.insert(Rule::T05);
        config.deny_warnings = true;
        config.precision = Precision::Bf16;
        config.accumulate = NonZeroUsize::new(4).unwrap();
        config.balance = Balance::Oversample;
        config.prior = StatedPrior::new([("dogs".to_owned(), 0.01)]).unwrap();
        config.exact = true;
        config.start_size = Some(48);
        config.end_size = Some(56);
        config.channels = Some(Channels::Grey);
        config.read.labels_from_name = true;
        config.read.limits.max_pixels = 1000;
        config.read.table.label_column = Some("breed".parse().unwrap());
        config.wiring.activation = Some(divvy_nn::Activation::Sigmoid);
        config.warmup = Some(Warmup { steps: 10, start: 0.1 });
        config.plateau = Some(Plateau::default());
        config.patience = NonZeroU32::new(7);
        config.keep_best = 3;
        config.label_smoothing = 0.1;
        config.stochastic_depth = 0.15;
        config.views = Views::Mirrored;
        config.optimizer = Optimizer::nesterov_w(0.9, 1e-4).clip_norm(1.0).average(0.99);
        let folds = [None, Some(Folds::Each(5)), Some(Folds::One(Fold::new(2, 5).unwrap()))];
        for (length, folds) in [Length::Auto, Length::Epochs(3), Length::Minutes(0.5)].into_iter().zip(folds)
        {
            (config.length, config.folds) = (length, folds);
            let text = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), config, "{text}");
        }
    }

    #[test]
    fn the_automatic_length_is_bounded() {
        assert_eq!(Length::Auto.epochs(0), Some(60));
        assert_eq!(Length::Auto.epochs(20_000), Some(20));
        assert_eq!(Length::Auto.epochs(1_000_000), Some(12));
        assert_eq!(Length::Minutes(1.0).epochs(100), None);
    }
}
