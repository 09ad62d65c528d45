//! How a model was made, as far as it does not change from one run of the same command to the next.

use divvy_nn::{Head, LogitLine, Optimizer, Plateau, Schedule, Warmup};
use serde::{Deserialize, Serialize};

use crate::{Calibration, Prior};

/// How a model was made. It holds no times, paths or thread counts: the same data, settings and seed give the same record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// The version of divvy that trained it.
    pub divvy: String,
    /// The seed of the split, the first weights, the order and the augmentation of pictures, and dropout.
    pub seed: u64,
    /// Pictures that it was trained on.
    pub training_images: usize,
    /// Pictures by which the best epoch was chosen.
    pub validation_images: usize,
    /// Pictures in a step.
    pub batch: usize,
    /// The base learning rate.
    pub learning_rate: f64,
    /// The rule by which weights moved.
    pub optimizer: Optimizer,
    /// How the learning rate changed over the training.
    pub schedule: Schedule,
    /// How the learning rate rose at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup: Option<Warmup>,
    /// How the learning rate fell when the validation loss no longer did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<Plateau>,
    /// How pictures were changed while training, in words; `none` if they were not.
    pub augment: String,
    /// The share of each target that was spread evenly over all answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
    /// By what groups of different sizes were made to count alike, `weights` or `oversample`; none where they were not. The
    /// probabilities are corrected for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<String>,
    /// By what the probabilities were made to come true on the validation pictures; none where they are as the training left them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// In which shares the groups come where it is used, for which the probabilities hold; none where in those of the pictures that it learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
    /// The epoch, from 1, whose weights these are.
    pub epoch: u32,
    /// What that epoch reached on the validation pictures.
    pub validation: Validation,
}

impl TrainingRecord {
    /// Along which the logits of this head moved after the training, to where probabilities come true in the shares that groups have where the model is used: first by
    /// the calibration, then by the prior. None where they did not.
    pub fn lines(&self, head: &Head) -> Option<Vec<LogitLine>> {
        let calibrated = self.calibration.as_ref().map(|calibration| calibration.lines(head.units()));
        let Some(prior) = &self.prior else { return calibrated };
        let lines = calibrated.unwrap_or_else(|| vec![LogitLine::UNCHANGED; head.units()]);
        Some(lines.into_iter().zip(prior.shifts(head)).map(|(line, shift)| line.raised(shift)).collect())
    }
}

/// What an epoch reached on the validation pictures, in the shares that their groups have.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Validation {
    /// The mean loss, before the probabilities were calibrated.
    pub loss: f64,
    /// What `value` is: `accuracy`, or `macro F1` for labels that do not exclude each other.
    pub metric: String,
    /// From 0 to 1, higher is better.
    pub value: f64,
}
