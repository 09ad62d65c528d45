//! The learning-rate range test: a short training whose rate grows until the loss runs away, to see which rates suit a network and its
//! pictures (L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, <https://arxiv.org/abs/1506.01186>).

mod reading;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::Serialize;

use crate::clock::Stopwatch;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::event::{Event, Listener};
use crate::learner::{self, Learner};
use crate::resources::Resources;
use crate::unwritten::Unwritten;

pub use reading::{Basis, Reading, read_trials};

/// The rates that are tried: each the same factor above the one before.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sweep {
    /// The first rate.
    pub from: f64,
    /// The last rate, above the first.
    pub to: f64,
    /// How many steps are taken from one to the other, 20 to 10,000.
    pub steps: usize,
}

/// A step of the test.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Trial {
    /// The learning rate.
    pub rate: f64,
    /// The loss of the step's pictures, before the step.
    pub loss: f64,
}

/// Why a test was over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RangeEnd {
    /// The loss ran away.
    RanAway,
    /// The highest rate was reached.
    Reached,
    /// The user stopped it.
    Interrupted,
}

/// What a range test has tried.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RangeTest {
    /// The steps, by rising rate.
    pub trials: Vec<Trial>,
    /// Why it was over.
    pub ending: RangeEnd,
}

impl Sweep {
    /// The fewest steps that a test can be read from.
    pub const FEWEST: usize = 20;

    /// More steps are a training and no test.
    pub const MOST: usize = 10_000;

    /// The rate of a step, from 0.
    fn rate(&self, step: usize) -> f64 {
        let part = step as f64 / (self.steps - 1) as f64;
        self.from * (self.to / self.from).powf(part)
    }

    fn check(&self) -> Result<(), TrainError> {
        let refuse = |setting, found, wanted| Err(TrainError::Setting { setting, found, wanted });
        if !(self.from.is_finite() && self.to.is_finite() && self.from > 0.0 && self.from < self.to) {
            return refuse(
                "the range of learning rates",
                format!("from {} to {}", self.from, self.to),
                "give a first rate above 0 and a last one above it, such as 1e-6 and 1",
            );
        }
        if !(Self::FEWEST..=Self::MOST).contains(&self.steps) {
            return refuse("the number of steps", self.steps.to_string(), "give 20 to 10,000, such as 200");
        }
        Ok(())
    }
}

/// Tries learning rates on the network and the batches that [`train`](crate::train) would begin with; the rate, schedule and length of `config`
/// do not matter. `listener` hears how pictures are loaded, what is found of them, and of each step. Nothing is written but, as in a training,
/// decoded pictures where the cache is on disk.
///
/// # Errors
/// A [`TrainError`] that says what was found and what to do. A loss that runs away is none.
pub fn test_range(
    config: &TrainConfig,
    sweep: &Sweep,
    resources: impl Into<Resources>,
    listener: &mut (dyn Listener + Send),
    stop: &AtomicBool,
) -> Result<RangeTest, TrainError> {
    sweep.check()?;
    let stopwatch = Stopwatch::start();
    let Unwritten { mut recorder, prepared, pictures, cpu } =
        Unwritten::open(config, resources.into(), stopwatch, listener, stop)?;
    let (network, augment, dataset) = (prepared.network, prepared.augment, prepared.dataset);
    let Learner { mut engine, batches, .. } =
        Learner::new(config, network, &augment, &dataset, &pictures, cpu)?;

    let begun = Instant::now();
    let (mut trials, mut encoded, mut images) = (Vec::new(), Vec::new(), 0);
    let ending = 'test: loop {
        let epoch = trials.len() / batches.batches() + 1;
        for batch in batches.epoch(epoch as u64) {
            let batch = batch?;
            let rate = sweep.rate(trials.len());
            let Ok(loss) = learner::step(config, &mut engine, &dataset, &batch, rate, &mut encoded)? else {
                break 'test RangeEnd::RanAway;
            };
            let loss = f64::from(loss);
            trials.push(Trial { rate, loss });
            images += batch.len();
            recorder.record(&step(&trials, sweep, images as f64, begun))?;
            if reading::has_run_away(&trials) {
                break 'test RangeEnd::RanAway;
            } else if trials.len() == sweep.steps {
                break 'test RangeEnd::Reached;
            } else if stop.load(Ordering::Relaxed) {
                break 'test RangeEnd::Interrupted;
            }
        }
    };
    Ok(RangeTest { trials, ending })
}

/// The last trial as a step of an epoch that is as long as the test.
fn step(trials: &[Trial], sweep: &Sweep, images: f64, begun: Instant) -> Event {
    let (taken, seconds) = (trials.len(), begun.elapsed().as_secs_f64());
    let (rate, loss) = trials.last().map_or((0.0, 0.0), |trial| (trial.rate, trial.loss));
    Event::Step {
        epoch: 1,
        step: taken,
        steps: sweep.steps,
        loss,
        batch_loss: Some(loss),
        rate,
        images_per_second: images / seconds,
        progress: taken as f64 / sweep.steps as f64,
        seconds_left: seconds / taken as f64 * (sweep.steps - taken) as f64,
    }
}
