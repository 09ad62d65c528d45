//! Before anything is planned: the pictures are read once, the split is drawn, and the speed of the first choice is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use divvy_data::{Dataset, Split};

use crate::clock::Stopwatch;
use crate::closing::{Afterwards, Closing};
use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::event::Listener;
use crate::forecast::LOOKING;
use crate::learner::{self, Learner};
use crate::recipe::Machine;
use crate::resources::Resources;
use crate::unwritten::Unwritten;

/// Steps before the clock starts: they compile the plan and touch the memory.
const WARM_UP: usize = 2;
/// The fewest steps that are measured.
const FEWEST: usize = 3;
/// The longest time that steps are measured for.
const LONGEST: Duration = Duration::from_secs(5);
/// The part of a usual training that is the least to judge a candidate by.
const PART: f64 = 0.25;

/// What is known before a plan is made.
pub(super) struct Pilot {
    pub(super) dataset: Arc<Dataset>,
    /// How pictures are divided in all trainings: copies on one side, and none that cannot be read.
    pub(super) split: Split,
    pub(super) pace: Pace,
    /// What was flown with.
    pub(super) machine: Machine,
}

/// How fast the first choice is, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Pace {
    /// Reading the pictures.
    pub(super) reading: f64,
    /// A pass over the training pictures.
    pub(super) epoch: f64,
    /// A look at the validation pictures.
    pub(super) validation: f64,
    /// What comes after the last epoch of a training.
    pub(super) after: f64,
    /// Pictures to train on.
    pub(super) images: usize,
}

impl Pace {
    /// The least time to judge a candidate by: reading, what comes in the end, and a quarter of the epochs that a training of that many pictures usually has.
    pub(super) fn least(&self) -> f64 {
        let usual = f64::from(Length::Auto.epochs(self.images).unwrap_or(1));
        self.reading + self.after + PART * usual * (self.epoch + self.validation)
    }

    /// The epochs that there is time for in a training of so many seconds.
    pub(super) fn epochs(&self, seconds: f64) -> f64 {
        ((seconds - self.reading - self.after) / (self.epoch + self.validation)).max(0.0)
    }

    /// The time to look at the validation pictures with two models in the end.
    pub(super) fn closing(&self) -> f64 {
        self.reading + 2.0 * self.validation
    }
}

/// Reads, divides, and takes steps for a fiftieth of `minutes`, five seconds at the most. Nothing is written but, as in a training, decoded pictures where
/// the cache is on disk.
///
/// # Errors
/// As [`train`](crate::train), before its first step.
pub(super) fn fly(
    config: &TrainConfig,
    minutes: f64,
    resources: Resources,
    listener: &mut (dyn Listener + Send),
    stop: &AtomicBool,
) -> Result<Pilot, TrainError> {
    let stopwatch = Stopwatch::start();
    let Unwritten { prepared, pictures, cpu, .. } =
        Unwritten::open(config, resources, stopwatch, listener, stop)?;
    let reading = stopwatch.elapsed().as_secs_f64();
    let machine = Machine::new(cpu.isa(), cpu.threads());

    let (network, augment, dataset) = (prepared.network, prepared.augment, prepared.dataset);
    let learner = Learner::new(config, network, &augment, &dataset, &pictures, cpu)?;
    let most = LONGEST.min(Duration::from_secs_f64(minutes * 60.0 / 50.0));
    let picture = seconds_of_a_picture(config, learner, &dataset, most, stop)?;
    let split = pictures.split;
    let look = Duration::try_from_secs_f64(picture * LOOKING).unwrap_or_default();
    let after = Closing::of(&split, config.views, Afterwards::Nothing).time(look, Duration::ZERO);
    let pace = Pace {
        reading,
        epoch: picture * prepared.growth.mean_cost(true) * split.train.len() as f64,
        validation: picture * config.views.count() as f64 * LOOKING * split.validation.len() as f64,
        after: after.as_secs_f64(),
        images: split.train.len(),
    };
    Ok(Pilot { dataset, split, pace, machine })
}

/// The time that a step takes for each of its pictures.
fn seconds_of_a_picture(
    config: &TrainConfig,
    learner: Learner,
    dataset: &Dataset,
    most: Duration,
    stop: &AtomicBool,
) -> Result<f64, TrainError> {
    let Learner { mut engine, batches, .. } = learner;
    let (mut encoded, mut steps, mut images) = (Vec::new(), 0, 0);
    let (mut begun, mut epoch) = (Instant::now(), 0);
    loop {
        epoch += 1;
        for batch in batches.epoch(epoch) {
            let batch = batch?;
            // Numbers that run away take the same time; the training will tell of them.
            let _ = learner::step(config, &mut engine, dataset, &batch, f64::MIN_POSITIVE, &mut encoded)?;
            steps += 1;
            if stop.load(Ordering::Relaxed) {
                return Err(TrainError::Interrupted);
            }
            if steps <= WARM_UP {
                begun = Instant::now();
                continue;
            }
            images += batch.len();
            if steps >= WARM_UP + FEWEST && begun.elapsed() >= most {
                return Ok(begun.elapsed().as_secs_f64() / images as f64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_time_is_a_quarter_of_a_usual_training() {
        let pace = Pace { reading: 5.0, epoch: 6.0, validation: 1.0, after: 2.0, images: 1600 };
        assert_eq!(pace.least(), 7.0 + 15.0 * 7.0);
        assert_eq!(Pace { images: 45_000, ..pace }.least(), 7.0 + 3.0 * 7.0);
        assert_eq!(pace.epochs(21.0), 2.0);
        assert_eq!(pace.epochs(1.0), 0.0);
        assert_eq!(pace.closing(), 7.0);
    }
}
