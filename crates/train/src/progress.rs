//! How far a training is, but for the numbers of the network.

use std::time::Duration;

use divvy_model::Calibration;
use divvy_nn::PlateauState;
use serde::{Deserialize, Serialize};

use crate::event::Score;

/// How far a training is: all that its loop counts and decides by.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The epochs that are over.
    pub(crate) epochs: u32,
    /// The epoch after them.
    pub(crate) running: Running,
    /// What the validation losses have done to the learning rate.
    pub(crate) plateau: PlateauState,
    /// The best epoch, whose model is kept.
    pub(crate) best: Option<Judged>,
    /// The best epochs, the best first, whose models are kept as well; as many as are asked for.
    #[serde(default)]
    pub(crate) kept: Vec<Judged>,
    /// The epoch that was judged last.
    #[serde(default)]
    pub(crate) last: Option<Judged>,
    /// What makes its probabilities come true.
    #[serde(default)]
    pub(crate) calibration: Option<Calibration>,
    /// How long the last look at the validation pictures took.
    pub(crate) validation_time: Duration,
}

/// An epoch after a look at the validation pictures.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Judged {
    /// From 1.
    pub(crate) epoch: u32,
    /// What it reached.
    pub(crate) score: Score,
}

/// What the steps of an epoch have given so far.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// The batches that were trained on.
    pub(crate) batches: usize,
    /// The pictures in them.
    pub(crate) images: usize,
    /// The sum of the pictures' losses.
    pub(crate) losses: f64,
    /// The learning rate of the last step.
    pub(crate) rate: f64,
    /// The time that the steps took.
    pub(crate) time: Duration,
    /// That of it in which no batch was ready.
    pub(crate) waited: Duration,
}

impl Running {
    /// The mean loss.
    pub(crate) fn loss(&self) -> f64 {
        self.losses / self.images as f64
    }

    pub(crate) fn images_per_second(&self) -> f64 {
        self.images as f64 / self.time.as_secs_f64()
    }
}

impl Progress {
    /// The epoch that is running, from 1.
    pub(crate) fn epoch(&self) -> u32 {
        self.epochs + 1
    }

    /// Takes note of an epoch. Whether it is the best so far, and whether it is one of the `most` best; of equals the earlier is the better.
    pub(crate) fn judge(&mut self, this: Judged, most: usize) -> [bool; 2] {
        let is_best = self.best.is_none_or(|best| this.score.beats(&best.score));
        if is_best {
            self.best = Some(this);
        }
        self.last = Some(this);
        let beaten = self.kept.iter().position(|kept| this.score.beats(&kept.score));
        let place = beaten.unwrap_or(self.kept.len());
        self.kept.insert(place, this);
        self.kept.truncate(most);
        [is_best, place < most]
    }

    /// Whether no epoch was the best for so many.
    pub(crate) fn is_stalled(&self, patience: u32) -> bool {
        self.epochs - self.best.map_or(0, |best| best.epoch) >= patience
    }

    /// What is wrong with it as that of a training which has taken `steps` steps, with so many batches of that many pictures in an epoch.
    pub(crate) fn fault(&self, steps: u64, batches: usize, images: usize) -> Option<String> {
        let Running { batches: taken, images: seen, .. } = self.running;
        let expected = u64::from(self.epochs)
            .checked_mul(batches as u64)
            .and_then(|whole| whole.checked_add(taken as u64));
        if taken > batches || seen > images || expected != Some(steps) {
            return Some(format!(
                "it is of step {steps}, after {} epochs and {taken} of {batches} batches with {seen} of {images} pictures",
                self.epochs
            ));
        }
        let last = self.epochs.checked_add(1)?;
        self.best
            .filter(|best| best.epoch >= last)
            .map(|best| format!("its best epoch is {} of {}", best.epoch, self.epochs))
    }
}
