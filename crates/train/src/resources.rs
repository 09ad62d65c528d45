//! What a training may use.

use std::time::Duration;

use divvy_data::CacheOptions;
use divvy_nn::{Cpu, another_cpu};

use crate::closing::Afterwards;

/// What of the machine a training may use, and what follows it. None of it changes a bit of what is learnt, unless the length is in minutes.
#[derive(Debug)]
pub struct Resources {
    /// The processor: its threads decode and compute.
    pub cpu: Cpu,
    /// Where decoded pictures are kept.
    pub cache: CacheOptions,
    /// How often what was learnt is saved so that the training can be gone on with; at the latest after this time and a step.
    /// [`Resources::CHECKPOINT_EVERY`] by default, and after each step where it is 0.
    pub checkpoint_every: Duration,
    /// What is done afterwards, which a length in minutes holds as well.
    pub afterwards: Afterwards,
}

impl Resources {
    /// A minute.
    pub const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);

    /// As much of the machine for a training that is a part of another: nothing follows it.
    pub(crate) fn again(&self) -> Self {
        Self {
            cpu: another_cpu(&self.cpu),
            cache: self.cache.clone(),
            checkpoint_every: self.checkpoint_every,
            afterwards: Afterwards::Nothing,
        }
    }
}

impl From<Cpu> for Resources {
    /// With pictures in memory as far as the usual limit allows, and none on disk; nothing follows.
    fn from(cpu: Cpu) -> Self {
        let (cache, checkpoint_every) = (CacheOptions::default(), Self::CHECKPOINT_EVERY);
        Self { cpu, cache, checkpoint_every, afterwards: Afterwards::Nothing }
    }
}
