//! After the last epoch: the best model learns what its training pictures look like, and what is kept is saved. And how much time that will take.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use divvy_nn::another_cpu;

use super::Trainer;
use crate::error::TrainError;
use crate::event::{Ending, Event};
use crate::forecast::LOOKING;
use crate::outcome::Outcome;
use crate::progress::Judged;
use crate::recorder::Recorder;

impl Trainer<'_> {
    /// Brings a training whose steps are over to its end, or to where it can be gone on with.
    pub(super) fn conclude(
        &mut self,
        ending: Ending,
        recorder: &mut Recorder<'_>,
        stop: &AtomicBool,
    ) -> Result<Outcome, TrainError> {
        let Judged { epoch: best_epoch, score: validation } =
            self.progress.best.ok_or(TrainError::Interrupted)?;
        self.save_models(ending)?;
        let ending = match ending {
            Ending::Interrupted => ending,
            _ if self.is_stopped_familiarizing(recorder, stop)? => Ending::Interrupted,
            _ => {
                self.keep_last();
                self.models.save_at_last()?;
                ending
            }
        };
        if ending == Ending::Interrupted {
            self.keeper.last_was_written()?;
        }
        let (epochs, seconds) = (self.progress.epochs, self.clock.elapsed().as_secs_f64());
        recorder.record(&Event::Finished { ending, epochs, best_epoch, validation, seconds })?;
        recorder.settle()?;
        if ending != Ending::Interrupted {
            self.models.remove_others(&self.progress.kept);
            self.run.remove_working();
        }
        let validation_images = self.validation.samples().len();
        let run = self.run.clone();
        Ok(Outcome { run, ending, epochs, best_epoch, validation, validation_images, seconds })
    }

    /// Saves the models that are held. Where the best one is gone, the last one is still at hand and is kept in its stead.
    fn save_models(&mut self, ending: Ending) -> Result<(), TrainError> {
        let saved = self.models.save_at_last();
        if saved.is_err() && ending != Ending::Interrupted {
            self.keep_last();
            // What keeps the best one from being there is the error that is told.
            let _ = self.models.save_at_last();
        }
        saved
    }

    /// Lets the best model know what its training pictures look like, without which it is as good as before; whether someone asked to stop meanwhile.
    fn is_stopped_familiarizing(
        &mut self,
        recorder: &mut Recorder<'_>,
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        let device = self.config.device(another_cpu(self.engine.cpu()));
        let (begun, total, expected) = (Instant::now(), self.familiarizer.pictures(), self.look());
        let mut told = |done: usize| {
            let each = if done == 0 { expected } else { begun.elapsed().div_f64(done as f64) };
            let seconds_left = each.as_secs_f64() * total.saturating_sub(done) as f64;
            recorder.tell(&Event::Familiarizing { done, total, seconds_left });
        };
        told(0);
        let familiarized = self.familiarizer.familiarize(&self.run.model(), device, &mut told, stop);
        match familiarized {
            Ok(()) => {
                self.models.hold_best()?;
                Ok(false)
            }
            Err(TrainError::Interrupted) => {
                // An epoch that time cut short was put on record before it was judged.
                self.checkpoint(recorder)?;
                Ok(true)
            }
            Err(error) => {
                recorder.note(format!(
                    "{error}. The model will not tell pictures that are unlike its training pictures"
                ))?;
                Ok(false)
            }
        }
    }

    /// Keeps the time that what comes after the last step will take.
    pub(super) fn keep_time_back(&mut self) {
        let validating = self.look().saturating_mul(self.looks_to_validate());
        self.clock.keep_back(validating.saturating_add(self.closing.time(self.look(), self.reading)));
    }

    /// How long a picture takes to go through the network: as the last look at the validation pictures has shown, or before the first one as learning from
    /// a picture lets expect.
    fn look(&self) -> Duration {
        let (validating, running) = (self.progress.validation_time, &self.progress.running);
        if validating > Duration::ZERO {
            return validating / self.looks_to_validate();
        }
        if running.images == 0 {
            return Duration::ZERO;
        }
        // The first epoch has the smallest pictures.
        let learning =
            running.time.as_secs_f64() / running.images as f64 * self.growth.classified_beside(0.0);
        Duration::try_from_secs_f64(LOOKING * learning).unwrap_or(Duration::MAX)
    }

    /// How often a picture goes through the network for the validation pictures to be judged.
    fn looks_to_validate(&self) -> u32 {
        let looks = self.validation.samples().len() * self.config.views.count();
        u32::try_from(looks).unwrap_or(u32::MAX).max(1)
    }
}
