//! Learning-rate schedules: the rate of each step as a share of the optimizer's base rate.
//!
//! The formulas are those of `torch.optim.lr_scheduler` (named at each variant), so that a recipe can be carried over.

use serde::{Deserialize, Serialize};

use crate::optimizer::{BadSetting, within};
use std::f64::consts::PI;

/// How the learning rate changes over a training of known length.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum Schedule {
    /// The base rate throughout.
    Constant,
    /// The rate is multiplied by `gamma` whenever another `every` of the training (a share, such as 0.33) is over. `StepLR`.
    Step {
        /// The length of a stage as a share of the training, above 0.
        every: f64,
        /// The factor at the end of each stage.
        gamma: f64,
    },
    /// Half a cosine from the base rate down to `floor` times it. `CosineAnnealingLR` (Loshchilov and Hutter, 2017).
    Cosine {
        /// The last rate as a share of the base rate.
        floor: f64,
    },
    /// Up from base/`start` to the base rate over the first `rise` of the training, then down to base/(`start` x `finish`),
    /// both along half a cosine. `OneCycleLR` with two phases (Smith and Topin, 2018).
    OneCycle {
        /// The share of the training during which the rate rises, in 0..1.
        rise: f64,
        /// How many times smaller than the base rate the first rate is.
        start: f64,
        /// How many times smaller than the first rate the last one is.
        finish: f64,
    },
}

impl Schedule {
    /// `OneCycle` with PyTorch's defaults: a rise over 0.3 of the training from 1/25, and an end at 1/250,000 of the base rate.
    pub const ONE_CYCLE: Self = Self::OneCycle { rise: 0.3, start: 25.0, finish: 1e4 };

    /// The factor on the base rate at step `step` (from 0) of `steps`. Either may be an estimate: under a time limit,
    /// both are measured in time.
    pub fn factor(&self, step: f64, steps: f64) -> f64 {
        let steps = steps.max(1.0);
        match *self {
            Self::Constant => 1.0,
            Self::Step { every, gamma } => {
                // A stage ends with a whole step: rounding keeps 0.1 + 0.2 from ending one step late.
                let stage = (every * steps).round().max(1.0);
                gamma.powf((step / stage).floor())
            }
            Self::Cosine { floor } => floor + (1.0 - floor) * falling_cosine(step / steps),
            Self::OneCycle { rise, start, finish } => {
                let (first, last) = (1.0 / start, 1.0 / (start * finish));
                let (top, end) = (rise * steps - 1.0, steps - 1.0);
                if step <= top {
                    between(first, 1.0, 1.0 - falling_cosine(share(step, top)))
                } else {
                    between(last, 1.0, falling_cosine(share(step - top, end - top)))
                }
            }
        }
    }
}

impl Schedule {
    /// Refuses settings with which no training can work.
    ///
    /// # Errors
    /// The setting, its value and what it may be.
    pub fn check(&self) -> Result<(), BadSetting> {
        let share = |name, value| within(name, value, |share| (0.0..=1.0).contains(&share), "give 0 to 1");
        let times = |name, value| within(name, value, |times| times >= 1.0, "give 1 or more");
        match *self {
            Self::Constant => Ok(()),
            Self::Step { every, gamma } => {
                within("every", every, |every| every > 0.0 && every <= 1.0, "give more than 0, at most 1")?;
                share("gamma", gamma)
            }
            Self::Cosine { floor } => share("floor", floor),
            Self::OneCycle { rise, start, finish } => {
                share("rise", rise)?;
                times("start", start)?;
                times("finish", finish)
            }
        }
    }
}

/// A rise from `start` to 1 over the first `steps` steps, by which the schedule's rate is multiplied. `LinearLR`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// How many steps the rise takes.
    pub steps: u64,
    /// The first factor.
    pub start: f64,
}

impl Warmup {
    /// Refuses settings with which no training can work.
    ///
    /// # Errors
    /// The setting, its value and what it may be.
    pub fn check(&self) -> Result<(), BadSetting> {
        within(
            "the first factor of the warm-up",
            self.start,
            |start| (0.0..=1.0).contains(&start),
            "give 0 to 1",
        )
    }

    /// The factor at step `step` (from 0).
    pub fn factor(&self, step: u64) -> f64 {
        if step >= self.steps {
            1.0
        } else {
            self.start + (1.0 - self.start) * step as f64 / self.steps as f64
        }
    }
}

/// Lowers the rate when the validation loss has stopped falling. `ReduceLROnPlateau`, relative threshold.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plateau {
    /// The factor at each reduction.
    pub factor: f64,
    /// How many epochs without improvement are let pass.
    pub patience: u32,
    /// The share by which the loss must fall below the best one to count as an improvement.
    pub threshold: f64,
}

impl Plateau {
    /// Refuses settings with which no training can work.
    ///
    /// # Errors
    /// The setting, its value and what it may be.
    pub fn check(&self) -> Result<(), BadSetting> {
        within(
            "the factor at a plateau",
            self.factor,
            |factor| factor > 0.0 && factor <= 1.0,
            "give more than 0, at most 1",
        )?;
        within("the threshold of a plateau", self.threshold, |threshold| threshold >= 0.0, "give 0 or more")
    }
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, threshold: 1e-4 }
    }
}

/// What a [`Plateau`] rule has seen so far.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlateauState {
    /// The lowest loss so far; none before the first epoch.
    best: Option<f64>,
    stale: u32,
    factor: f64,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { best: None, stale: 0, factor: 1.0 }
    }
}

impl PlateauState {
    /// Takes in the validation loss of an epoch; the factor for the next.
    pub fn observe(&mut self, rule: &Plateau, loss: f64) -> f64 {
        if loss.is_finite() && self.best.is_none_or(|best| loss < best * (1.0 - rule.threshold)) {
            self.best = Some(loss);
            self.stale = 0;
        } else {
            self.stale = self.stale.saturating_add(1);
        }
        if self.stale > rule.patience {
            self.factor *= rule.factor;
            self.stale = 0;
        }
        self.factor
    }

    /// The present factor.
    pub fn factor(&self) -> f64 {
        self.factor
    }
}

/// 1 at 0, 0 at 1, along half a cosine.
fn falling_cosine(share: f64) -> f64 {
    f64::midpoint(1.0, (PI * share.clamp(0.0, 1.0)).cos())
}

fn between(low: f64, high: f64, share: f64) -> f64 {
    low + (high - low) * share
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}
