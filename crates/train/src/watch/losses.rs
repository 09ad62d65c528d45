//! What the two losses of each epoch say: overfitting (T07) and a standstill (T08).

use divvy_nn::{Diagnostic, Rule};
use serde::{Deserialize, Serialize};

use super::HABIT;

/// By how much a validation loss must lie above the lowest to have risen: Prechelt's generalisation loss of 10 %.
const RISE: f64 = 1.1;

/// The least by which a cross-entropy must have risen besides. Where it is nearly 0, a tenth of it is nothing.
pub(super) const LEAST_RISE: f64 = 0.02;

/// The share that a loss must have come down to for it to have moved.
const MOVED: f64 = 0.99;

/// Epochs without any movement that are a standstill.
const STANDSTILL: u32 = 8;

/// The share of the highest rate below which a schedule means the losses to settle.
const SETTLING: f64 = 0.1;

/// An epoch, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) epoch: u32,
    pub(super) training: f64,
    pub(super) validation: f64,
    pub(super) rate: f64,
}

/// The losses of the epochs so far.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Losses {
    last: Option<Point>,
    /// The epoch with the lowest validation loss.
    lowest: Option<Point>,
    /// Each epoch since whose validation loss was above the lowest although its training loss was below that of then: by how much.
    risen: Vec<f64>,
    /// What each of the losses must fall below to have moved: training, validation.
    marks: Option<(f64, f64)>,
    /// Epochs in a row in which nothing moved.
    still: u32,
    highest_rate: f64,
}

impl Losses {
    /// Takes note of an epoch; whether every answer of it was right.
    pub(super) fn take(&mut self, point: Point, all_right: bool) {
        self.last = Some(point);
        self.rises(point);
        self.moves(point, all_right);
    }

    fn rises(&mut self, point: Point) {
        match self.lowest {
            Some(lowest) if point.validation >= lowest.validation => {
                let is_above = point.validation > RISE * lowest.validation;
                if is_above && point.training < lowest.training {
                    self.risen.push(point.validation - lowest.validation);
                } else {
                    self.risen.clear();
                }
            }
            _ => {
                self.lowest = Some(point);
                self.risen.clear();
            }
        }
    }

    fn moves(&mut self, point: Point, all_right: bool) {
        self.highest_rate = self.highest_rate.max(point.rate);
        let Some((training, validation)) = self.marks else {
            self.marks = Some((point.training, point.validation));
            return;
        };
        let has_moved = point.training < MOVED * training || point.validation < MOVED * validation;
        let is_settling = point.rate < SETTLING * self.highest_rate;
        if has_moved || is_settling || all_right {
            self.still = 0;
        } else {
            self.still = self.still.saturating_add(1);
        }
        if has_moved {
            self.marks = Some((training.min(point.training), validation.min(point.validation)));
        }
    }

    /// T07: for some epochs the validation loss has been above its lowest, by at least `least`, while the training loss was below.
    pub(super) fn overfitting(&self, least: f64) -> Option<Diagnostic> {
        let (lowest, last) = (self.lowest?, self.last?);
        let recent = self.risen.rchunks(HABIT as usize).next()?;
        if recent.len() < HABIT as usize || recent.iter().any(|&rise| rise < least) {
            return None;
        }
        let what = format!(
            "the validation loss rose from {:.4} in epoch {} to {:.4}, while the training loss fell from {:.4} to {:.4}",
            lowest.validation, lowest.epoch, last.validation, lowest.training, last.training
        );
        Some(
            Diagnostic::new(Rule::T07, what)
                .because("what the network learns now is true of the training pictures alone; its probabilities get worse on others")
                .fix("the best epoch is kept; more pictures, `--augment strong` or a smaller network help, and `--patience 10` ends such a training"),
        )
    }

    /// T08: nothing has moved for some epochs.
    pub(super) fn standstill(&self) -> Option<Diagnostic> {
        let last = self.last?;
        (self.still >= STANDSTILL).then(|| {
            let what = format!(
                "neither loss has fallen for {} epochs: training {:.4}, validation {:.4}",
                self.still, last.training, last.validation
            );
            Diagnostic::new(Rule::T08, what)
                .because(format!(
                    "at a learning rate of {:.1e} the steps are too long to come closer, or the network has learnt what it can",
                    last.rate
                ))
                .fix("try the rate that `divvy lr DATA` suggests, a tenth of this one, or a larger network")
        })
    }
}
