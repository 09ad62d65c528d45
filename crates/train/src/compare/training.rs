//! One training of a comparison: done now, or by an earlier call.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use divvy_nn::Cpu;

use super::{CompareConfig, divide};
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::event::{Ending, Event};
use crate::run::RunFolder;
use crate::start::train;

/// A contender with a seed.
pub(super) struct Training {
    /// The contender's place in the list.
    pub(super) contender: usize,
    pub(super) seed: u64,
    pub(super) run: RunFolder,
    pub(super) settings: TrainConfig,
}

/// All trainings, seed by seed, so that what a noisy machine does to one it does to its neighbours.
pub(super) fn all(config: &CompareConfig, out: &Path) -> Vec<Training> {
    let of_seed = |seed: u64| {
        config.contenders.iter().enumerate().map(move |(contender, given)| Training {
            contender,
            seed,
            run: RunFolder::at(&out.join(&given.name).join(format!("seed-{seed}"))),
            settings: TrainConfig { seed, ..given.config.divided_by(out.join(divide::LIST)) },
        })
    };
    (0..config.seeds).flat_map(of_seed).collect()
}

impl Training {
    /// Whether it was trained with these settings, to the end. One that was killed or ran away may have left the model of its best
    /// epoch, which is none to compare with.
    pub(super) fn is_done(&self) -> bool {
        self.run.model().is_file() && self.has_settings() && self.is_completed()
    }

    fn has_settings(&self) -> bool {
        self.run.read_config().is_ok_and(|config| {
            // A run writes down how pictures were changed, which their groups' names have a say in.
            self.settings.augment.may_have_become(config.augment)
                && TrainConfig { augment: self.settings.augment, ..config } == self.settings
        })
    }

    fn is_completed(&self) -> bool {
        let is_end =
            |event: &Event| matches!(event, Event::Finished { ending, .. } if *ending != Ending::Interrupted);
        self.run.read_events().is_ok_and(|events| events.iter().any(|(_, event)| is_end(event)))
    }

    /// Trains, unless that was done before; whether it was. A training that is stopped leaves nothing, and of one that an earlier call
    /// has not brought to its end the files are taken away first.
    pub(super) fn once(
        &self,
        cpu: &dyn Fn() -> Cpu,
        told: &mut (dyn FnMut(&Event) + Send),
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        if self.is_done() {
            return Ok(true);
        }
        let came_to_nothing = !self.run.config().exists() && !self.run.model().exists();
        if self.has_settings() || came_to_nothing {
            self.run.remove();
        }
        let mut listener = |event: &Event| told(event);
        let outcome = train(&self.settings, self.run.path(), cpu(), &mut listener, stop)?;
        if outcome.ending == Ending::Interrupted {
            outcome.run.remove();
            return Err(TrainError::Interrupted);
        }
        Ok(false)
    }

    /// The mean time of an epoch in seconds, as the run's events have it.
    pub(super) fn seconds_per_epoch(&self) -> Result<f64, TrainError> {
        let times: Vec<f64> = self
            .run
            .read_events()?
            .into_iter()
            .filter_map(
                |(_, event)| if let Event::Epoch { seconds, .. } = event { Some(seconds) } else { None },
            )
            .collect();
        Ok(times.iter().sum::<f64>() / times.len().max(1) as f64)
    }
}
