//! When a checkpoint is written, and what happens where it cannot be.

use std::time::{Duration, Instant};

use super::{Bond, Slots};
use crate::error::TrainError;

/// At an epoch's end a checkpoint is left out where those so far would come to take more than this share of the time.
const SHARE: u32 = 50;

/// Writes the checkpoints of a training: at the latest after some time, and where that costs little at the end of each epoch.
pub(crate) struct Keeper {
    slots: Slots,
    bond: Bond,
    pace: Pace,
    /// What kept the last one from being written, which was told.
    failure: Option<TrainError>,
}

/// How often, by the steady clock.
struct Pace {
    every: Duration,
    /// When the last one was written or tried.
    last: Instant,
    /// How long that took.
    cost: Duration,
}

impl Keeper {
    /// Writes to `slots`, at the latest after the time given.
    pub(crate) fn new(slots: Slots, bond: Bond, every: Duration) -> Self {
        let pace = Pace { every, last: Instant::now(), cost: Duration::ZERO };
        Self { slots, bond, pace, failure: None }
    }

    /// Whether it is time for one in the middle of an epoch.
    pub(crate) fn is_due(&self) -> bool {
        self.pace.last.elapsed() >= self.pace.every
    }

    /// Whether it is time for one at an epoch's end.
    pub(crate) fn is_due_after_epoch(&self) -> bool {
        self.is_due() || self.pace.last.elapsed() >= self.pace.cost.saturating_mul(SHARE)
    }

    /// What every state that is written holds.
    pub(crate) fn stamp(&self) -> (u64, Bond) {
        (self.slots.serial(), self.bond.clone())
    }

    /// Writes a checkpoint in `attempt`; where it fails, what a person should know, once until it works again.
    pub(crate) fn write(
        &mut self,
        attempt: impl FnOnce(&mut Slots) -> Result<(), TrainError>,
    ) -> Option<String> {
        let begun = Instant::now();
        let result = attempt(&mut self.slots);
        self.pace.last = Instant::now();
        self.pace.cost = self.pace.last - begun;
        let was_failing = self.failure.is_some();
        self.failure = result.err();
        let error = self.failure.as_ref().filter(|_| !was_failing)?;
        Some(format!(
            "no checkpoint could be written: {error}; it is tried again later while the training goes on"
        ))
    }

    /// What a training that stops here relies on.
    ///
    /// # Errors
    /// What kept the last checkpoint from being written: without it, the steps since the one before are lost.
    pub(crate) fn last_was_written(&mut self) -> Result<(), TrainError> {
        self.failure.take().map_or(Ok(()), Err)
    }
}
