//! What the loop gives to a checkpoint, and takes back from one.

use super::Trainer;
use crate::checkpoint::{Checkpoint, CheckpointFault, State};
use crate::error::TrainError;
use crate::event::Event;
use crate::recorder::Recorder;

impl Trainer<'_> {
    /// Writes a checkpoint, unless there is an epoch that was cut short and judged, which cannot be gone on with. One that cannot be written is told, and the training
    /// goes on.
    ///
    /// # Errors
    /// [`TrainError::RunBusy`] and [`TrainError::RunExists`] where the folder was deleted and another process trains or has trained in its place;
    /// [`TrainError::Finding`] as for any note.
    pub(crate) fn checkpoint(&mut self, recorder: &mut Recorder<'_>) -> Result<(), TrainError> {
        if !self.can_be_gone_on_with() {
            return Ok(());
        }
        if let Err(taken @ (TrainError::RunBusy { .. } | TrainError::RunExists { .. })) = self.lock.hold() {
            return Err(taken);
        }
        let Self { engine, progress, clock, models, keeper, .. } = self;
        let (serial, bond) = keeper.stamp();
        let trouble = keeper.write(|slots| {
            // The models and the events that a checkpoint speaks of are on the disk before it is.
            models.save()?;
            let events = recorder.settle()?;
            let state = State {
                divvy: env!("CARGO_PKG_VERSION").to_owned(),
                serial,
                bond,
                events,
                taken: clock.elapsed(),
                first_step: clock.first_step(),
                counts: engine.step_counts(),
                progress: progress.clone(),
                watch: recorder.watch().clone(),
            };
            slots.write(&state, engine.state())?;
            models.remove_others(&progress.kept);
            Ok(())
        });
        trouble.map_or(Ok(()), |text| recorder.note(text))
    }

    /// Goes to where a checkpoint of this training was written.
    ///
    /// # Errors
    /// [`CheckpointFault::Damaged`] where it does not fit.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), CheckpointFault> {
        let Checkpoint { state, tensors } = checkpoint;
        let damaged = |reason| CheckpointFault::Damaged { reason };
        let (batches, images) = (self.training.batches(), self.training.samples().len());
        if let Some(reason) = state.progress.fault(state.counts.steps, batches, images) {
            return Err(damaged(reason));
        }
        let restored = self.engine.restore(&self.config.optimizer, state.counts, tensors);
        restored.map_err(|error| damaged(error.to_string()))?;
        self.clock.begin_steps_at(state.first_step);
        self.progress = state.progress;
        self.keep_time_back();
        Ok(())
    }

    /// Where the training is.
    pub(crate) fn resumed(&self) -> Event {
        Event::Resumed {
            epoch: self.progress.epoch(),
            step: self.progress.running.batches,
            steps: self.training.batches(),
            seconds: self.clock.elapsed().as_secs_f64(),
        }
    }
}
