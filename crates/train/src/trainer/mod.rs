//! The loop: next batch, step, schedule, event; after each epoch a look at the validation pictures.

mod assemble;
mod conclude;
mod judge;
mod survive;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use divvy_data::{Batch, Dataset, Loader};
use divvy_nn::{Engine, Metric};

use crate::balance::Correction;
use crate::checkpoint::Keeper;
use crate::clock::Clock;
use crate::closing::Closing;
use crate::config::TrainConfig;
use crate::error::{ModelsLeft, TrainError};
use crate::event::{Ending, Event};
use crate::familiarize::Familiarizer;
use crate::growth::Growth;
use crate::kept::KeptModels;
use crate::learner;
use crate::lock::RunLock;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::recorder::Recorder;
use crate::run::RunFolder;

/// Everything that the loop moves, and what it is moved by.
pub(crate) struct Trainer<'a> {
    config: &'a TrainConfig,
    run: &'a RunFolder,
    dataset: Arc<Dataset>,
    training: Loader,
    validation: Loader,
    metric: Metric,
    correction: Correction,
    /// How many epochs there are to be; none where time decides.
    epochs: Option<u32>,
    clock: Clock,
    engine: Engine,
    growth: Growth,
    progress: Progress,
    models: KeptModels<'a>,
    /// What says that the run's folder is this process's.
    lock: &'a RunLock,
    familiarizer: Familiarizer,
    /// What comes after the last epoch.
    closing: Closing,
    /// How long a picture takes to be read.
    reading: Duration,
    keeper: Keeper,
}

impl Trainer<'_> {
    /// Epoch after epoch, until the length is reached or someone asks to stop.
    ///
    /// # Errors
    /// A [`TrainError`] when there is nothing to go on with.
    pub(crate) fn run(
        &mut self,
        recorder: &mut Recorder<'_>,
        stop: &AtomicBool,
    ) -> Result<Outcome, TrainError> {
        let ending = self.train(recorder, stop).map_err(|error| self.left_by(error))?;
        self.conclude(ending, recorder, stop)
    }

    fn train(&mut self, recorder: &mut Recorder<'_>, stop: &AtomicBool) -> Result<Ending, TrainError> {
        loop {
            if let Some(ending) = self.ending() {
                return Ok(ending);
            }
            let cut_short = self.steps(recorder, stop)?;
            // An epoch that the user cut short is judged only when there is no model yet.
            if cut_short == Some(Ending::Interrupted) && self.progress.best.is_some() {
                return Ok(Ending::Interrupted);
            }
            // Until there is a model, who asks to stop waits for one.
            let heeded = self.progress.best.map(|_| stop);
            match self.judge(recorder, heeded) {
                Err(TrainError::Interrupted) => {
                    self.checkpoint(recorder)?;
                    return Ok(Ending::Interrupted);
                }
                judged => judged?,
            }
            if let Some(ending) = cut_short {
                return Ok(ending);
            }
            if self.keeper.is_due_after_epoch() {
                self.checkpoint(recorder)?;
            }
        }
    }

    /// Whether the training is over with the epochs that are.
    fn ending(&self) -> Option<Ending> {
        let Progress { epochs, running, best, .. } = &self.progress;
        if running.batches > 0 || best.is_none() {
            return None;
        }
        if self.epochs.is_some_and(|all| *epochs >= all) || self.clock.is_up() {
            return Some(Ending::Completed);
        }
        let patience = self.config.patience?;
        self.progress.is_stalled(patience.get()).then_some(Ending::Stalled)
    }

    /// What is left of a pass over the training pictures, or as much of it as there is time for; why it was cut short, if it was.
    fn steps(
        &mut self,
        recorder: &mut Recorder<'_>,
        stop: &AtomicBool,
    ) -> Result<Option<Ending>, TrainError> {
        let (begun, before) = (Instant::now(), self.progress.running.clone());
        let size = self.grow();
        let mut batches = self.training.epoch_of_size(self.progress.epoch().into(), before.batches, size);
        let mut encoded = Vec::new();
        while let Some(batch) = batches.next().transpose()? {
            let loss = self.step(&batch, &mut encoded)?;
            self.progress.running.time = before.time.saturating_add(begun.elapsed());
            self.progress.running.waited = before.waited.saturating_add(batches.waited());
            self.keep_time_back();
            recorder.record(&self.stepped(loss))?;
            let cut_short = self.cut_short(stop);
            if cut_short.is_some() || self.keeper.is_due() {
                self.checkpoint(recorder)?;
            }
            if cut_short.is_some() {
                return Ok(cut_short);
            }
        }
        Ok(None)
    }

    /// The height and width of pictures in this epoch, which the network is made ready for.
    fn grow(&mut self) -> [usize; 2] {
        let [height, width, _] = self.training.shape();
        let begun = u64::from(self.progress.epochs) * self.training.batches() as u64;
        let Some((side, network)) = self.growth.at(self.clock.progress(begun)) else {
            return [height, width];
        };
        self.engine.train_as(network.clone());
        [side, side]
    }

    /// One step on one batch; its loss.
    fn step(&mut self, batch: &Batch, encoded: &mut Vec<f32>) -> Result<f64, TrainError> {
        let rate = self.rate();
        let loss = learner::step(self.config, &mut self.engine, &self.dataset, batch, rate, encoded)?;
        let loss = loss.map_err(|source| TrainError::NotFinite { source, left: ModelsLeft::default() })?;
        let loss = f64::from(loss);
        let running = &mut self.progress.running;
        running.batches += 1;
        running.images += batch.len();
        running.losses += loss * batch.len() as f64;
        running.rate = rate;
        Ok(loss)
    }

    /// Whether what there is can be gone on with: an epoch that was cut short and judged cannot.
    fn can_be_gone_on_with(&self) -> bool {
        let (batches, images) = (self.training.batches(), self.training.samples().len());
        self.progress.fault(self.steps_taken(), batches, images).is_none()
    }

    /// The learning rate of the next step.
    fn rate(&self) -> f64 {
        let steps = self.steps_taken();
        let (done, whole) = self.clock.position(steps);
        let warmup = self.config.warmup.map_or(1.0, |warmup| warmup.factor(steps));
        let plateau = self.progress.plateau.factor();
        self.config.learning_rate * self.config.schedule.factor(done, whole) * warmup * plateau
    }

    fn stepped(&self, batch_loss: f64) -> Event {
        let running = &self.progress.running;
        Event::Step {
            epoch: self.progress.epoch(),
            step: running.batches,
            steps: self.training.batches(),
            loss: running.loss(),
            batch_loss: Some(batch_loss),
            rate: running.rate,
            images_per_second: running.images_per_second(),
            progress: self.clock.progress(self.steps_taken()),
            seconds_left: self.clock.seconds_left(self.steps_taken()),
        }
    }

    /// Whether the training is to end with this step.
    fn cut_short(&self, stop: &AtomicBool) -> Option<Ending> {
        if stop.load(Ordering::Relaxed) {
            Some(Ending::Interrupted)
        } else {
            self.clock.is_up().then_some(Ending::Completed)
        }
    }

    /// An error that ends the training, with what is left of it. Where numbers ran away, the model of the last epoch before is kept, too.
    fn left_by(&mut self, error: TrainError) -> TrainError {
        match (error, self.best_epoch()) {
            (TrainError::Finding(finding), Some(epoch)) => {
                let fix = format!("{}; the model of epoch {epoch} is kept", finding.fix);
                finding.fix(fix).into()
            }
            (TrainError::NotFinite { source, .. }, _) => {
                TrainError::NotFinite { source, left: self.keep_what_was_good() }
            }
            (TrainError::RanAway { found, step, .. }, _) => {
                TrainError::RanAway { found, step, left: self.keep_what_was_good() }
            }
            (error, _) => error,
        }
    }

    /// Saves the models of epochs before numbers ran away, and says which are there.
    fn keep_what_was_good(&mut self) -> ModelsLeft {
        // What keeps a model from being saved shows by its absence.
        let last = self.models.save_held_last().unwrap_or_default();
        ModelsLeft { best: self.best_epoch().filter(|_| self.run.model().is_file()), last }
    }

    fn best_epoch(&self) -> Option<u32> {
        self.progress.best.map(|best| best.epoch)
    }

    fn steps_taken(&self) -> u64 {
        self.engine.step_counts().steps
    }
}
