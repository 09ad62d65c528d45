//! After an epoch: what the weights reach on the validation pictures, and whether they are the best so far.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use divvy_nn::peak_memory;

use super::Trainer;
use crate::error::{ModelsLeft, TrainError};
use crate::event::Event;
use crate::progress::Judged;
use crate::recorder::Recorder;
use crate::validate::{Validated, validate};

impl Trainer<'_> {
    /// Looks at the validation pictures, and keeps the model if it is the best so far: both with the weights as they are at use.
    ///
    /// # Errors
    /// [`TrainError::Interrupted`] where `stop` is set meanwhile; the epoch is then as if it had not been judged.
    pub(super) fn judge(
        &mut self,
        recorder: &mut Recorder<'_>,
        stop: Option<&AtomicBool>,
    ) -> Result<(), TrainError> {
        self.at_use(|trainer| trainer.judge_present(recorder, stop))
    }

    /// Keeps the model after the last epoch, unless that is the best one.
    pub(super) fn keep_last(&mut self) {
        let Some(last) = self.progress.last.filter(|last| Some(last.epoch) != self.best_epoch()) else {
            return;
        };
        let file = self.run.last();
        // What keeps it from being saved is found again when all must be.
        let calibration = self.progress.calibration.clone();
        self.at_use(|trainer| trainer.models.keep(&trainer.engine, &last, calibration, vec![file]));
    }

    /// Acts with the weights as they are at use in place of those that are trained.
    fn at_use<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let average = self.engine.average();
        let present = average.unwrap_or(self.engine.parameters());
        let at_use = self.correction.of(self.engine.network(), present).or_else(|| average.cloned());
        let trained = at_use.map(|at_use| self.engine.replace_parameters(at_use));
        let result = act(self);
        if let Some(trained) = trained {
            self.engine.replace_parameters(trained);
        }
        result
    }

    fn judge_present(
        &mut self,
        recorder: &mut Recorder<'_>,
        stop: Option<&AtomicBool>,
    ) -> Result<(), TrainError> {
        let begun = Instant::now();
        let views = self.config.views;
        let Validated { score, answers, calibration } =
            validate(&mut self.engine, views, &self.dataset, &self.validation, self.metric, stop)?;
        self.refuse_ran_away(score.loss)?;
        self.progress.validation_time = begun.elapsed();
        self.keep_time_back();
        if let Some(rule) = &self.config.plateau {
            self.progress.plateau.observe(rule, score.loss);
        }
        let this = Judged { epoch: self.progress.epoch(), score };
        let [is_best, is_kept] = self.progress.judge(this, self.config.keep_best);
        let best = is_best.then(|| self.run.model());
        let files = best.into_iter().chain(is_kept.then(|| self.run.epoch(this.epoch))).collect();
        self.models.let_go(&self.progress.kept);
        self.progress.calibration.clone_from(&calibration);
        self.models.hold_last(&self.engine, &this, calibration.clone(), is_best);
        if let Some(error) = self.models.keep(&self.engine, &this, calibration, files) {
            recorder.note(format!(
                "{error}. The training goes on; the model is held in memory until it can be saved"
            ))?;
        }
        let running = std::mem::take(&mut self.progress.running);
        self.progress.epochs += 1;
        recorder.record(&Event::Epoch {
            epoch: this.epoch,
            epochs: self.epochs,
            training_loss: running.loss(),
            validation: score,
            answers: Some(answers),
            best: is_best,
            rate: running.rate,
            images_per_second: running.images_per_second(),
            waited: running.waited.as_secs_f64(),
            seconds: running.time.saturating_add(begun.elapsed()).as_secs_f64(),
            peak_memory: peak_memory(),
        })
    }

    /// Refuses weights that answer nothing: a step tells of the loss before it, so what the last step of an epoch has done is
    /// seen here first.
    fn refuse_ran_away(&self, validation_loss: f64) -> Result<(), TrainError> {
        let found = match self.engine.parameters().first_not_finite() {
            _ if !validation_loss.is_finite() => format!("the validation loss is {validation_loss}"),
            Some(name) => format!("'{name}' is infinite or no number"),
            None => return Ok(()),
        };
        Err(TrainError::RanAway { found, step: self.steps_taken(), left: ModelsLeft::default() })
    }
}
