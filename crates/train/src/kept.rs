//! The models that a training keeps: how they are made, and that they get onto the disk and stay there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use divvy_data::Preprocess;
use divvy_model::{Calibration, Model, ModelError, TrainingRecord, Validation, Views};
use divvy_nn::Engine;

use crate::error::TrainError;
use crate::lock::RunLock;
use crate::progress::Judged;
use crate::run::RunFolder;
use crate::safekeeping::Safekeeping;

/// The record of the model of an epoch whose logits were to be calibrated so.
pub(crate) type Record = Box<dyn Fn(u32, Validation, Option<Calibration>) -> TrainingRecord>;

/// Saves models of epochs as soon as it is known that they are kept. One that cannot be written is held in memory until it can.
pub(crate) struct KeptModels<'a> {
    run: RunFolder,
    classes: Vec<String>,
    preprocess: Preprocess,
    views: Views,
    record: Record,
    /// Those that could not be written yet, and where they go.
    unsaved: Vec<(PathBuf, Arc<Model>)>,
    /// The last epoch's and its number, unless it is the best one's: for when numbers run away in the next.
    last: Option<(u32, Model)>,
    /// What says that the run's folder is this process's.
    lock: &'a RunLock,
    saved: Safekeeping,
}

impl<'a> KeptModels<'a> {
    /// Models that go into `run`, which is locked.
    pub(crate) fn new(
        run: RunFolder,
        classes: Vec<String>,
        preprocess: Preprocess,
        views: Views,
        record: Record,
        lock: &'a RunLock,
    ) -> Self {
        let saved = Safekeeping::of(&run);
        Self { run, classes, preprocess, views, record, unsaved: Vec::new(), last: None, lock, saved }
    }

    /// Keeps the network of `engine` as it is, its probabilities calibrated and for the stated shares of groups, as the model of that epoch, in these files. What keeps it from being saved, unless one
    /// before is held for that already.
    pub(crate) fn keep(
        &mut self,
        engine: &Engine,
        epoch: &Judged,
        calibration: Option<Calibration>,
        files: Vec<PathBuf>,
    ) -> Option<TrainError> {
        if files.is_empty() {
            return None;
        }
        let was_held = !self.unsaved.is_empty();
        let model = Arc::new(self.model(engine, epoch, calibration));
        self.unsaved.retain(|(held, _)| !files.contains(held));
        self.unsaved.extend(files.into_iter().map(|file| (file, Arc::clone(&model))));
        self.save().err().filter(|_| !was_held)
    }

    /// Holds the network of `engine` as it is as the model of that epoch, the last one, in memory; none where that is the best one.
    pub(crate) fn hold_last(
        &mut self,
        engine: &Engine,
        epoch: &Judged,
        calibration: Option<Calibration>,
        is_best: bool,
    ) {
        self.last = (!is_best).then(|| (epoch.epoch, self.model(engine, epoch, calibration)));
    }

    /// Saves the model of the last epoch that is held, and whatever else could not be written yet; the epoch.
    ///
    /// # Errors
    /// As of [`Self::save`].
    pub(crate) fn save_held_last(&mut self) -> Result<Option<u32>, TrainError> {
        let last = self.last.take();
        let epoch = last.as_ref().map(|(epoch, _)| *epoch);
        let file = self.run.last();
        self.unsaved.extend(last.map(|(_, model)| (file, Arc::new(model))));
        self.save().map(|()| epoch)
    }

    fn model(&self, engine: &Engine, epoch: &Judged, calibration: Option<Calibration>) -> Model {
        let Judged { epoch, score } = *epoch;
        let validation =
            Validation { loss: score.loss, metric: score.metric.in_words().to_owned(), value: score.value };
        let network = engine.network().clone();
        let mut record = (self.record)(epoch, validation, calibration);
        let lines = record.lines(network.head());
        let moved = lines.and_then(|lines| network.rescaled(engine.parameters(), &lines));
        if moved.is_none() {
            (record.calibration, record.prior) = (None, None);
        }
        let parameters = moved.unwrap_or_else(|| engine.parameters().clone());
        let model = Model::new(network, self.classes.clone(), self.preprocess.clone(), parameters, record);
        let model =
            model.expect("head, preprocessing and parameters are those that the training was prepared with");
        model.with_views(self.views)
    }

    /// Saves the models that are held, into a folder made anew with all that was in it if that was deleted. One that cannot be written keeps
    /// no other from it.
    ///
    /// # Errors
    /// [`TrainError::RunBusy`] where another process has taken the folder's place; [`TrainError::Write`] and [`ModelError::Write`] of the first that
    /// cannot be written, which is held on.
    pub(crate) fn save(&mut self) -> Result<(), TrainError> {
        self.lock.hold()?;
        let mut result = self.saved.put_back();
        self.unsaved.retain(|(file, model)| {
            let this = save(model, file, &mut self.saved);
            let is_held = this.is_err();
            if result.is_ok() {
                result = this.map_err(TrainError::from);
            }
            is_held
        });
        result
    }

    /// Takes note that the best model was written anew.
    ///
    /// # Errors
    /// [`ModelError::Write`] where it is not there.
    pub(crate) fn hold_best(&mut self) -> Result<(), ModelError> {
        let path = self.run.model();
        self.saved.hold(&path).map_err(|source| ModelError::Write { path, source })
    }

    /// As [`Self::save`]; the best model is then there.
    ///
    /// # Errors
    /// [`ModelError::Write`], also where the best one was deleted while no process trained.
    pub(crate) fn save_at_last(&mut self) -> Result<(), TrainError> {
        self.save()?;
        let path = self.run.model();
        if path.is_file() {
            return Ok(());
        }
        let source =
            io::Error::new(io::ErrorKind::NotFound, "it was saved, and deleted before the training went on");
        Err(ModelError::Write { path, source }.into())
    }

    /// Holds no model of an epoch that is none of the best any more.
    pub(crate) fn let_go(&mut self, best: &[Judged]) {
        let run = &self.run;
        self.unsaved.retain(|(file, _)| !is_of_another(run, best, file));
    }

    /// Takes away the files of epochs that are none of the best any more. A training that goes on from an older checkpoint may want them, so
    /// this is done when a checkpoint was written that does not. Where none is kept, a file of such a name is not the training's.
    pub(crate) fn remove_others(&mut self, best: &[Judged]) {
        if best.is_empty() {
            return;
        }
        let run = &self.run;
        self.saved.let_go(|file| is_of_another(run, best, file));
        for file in run.epochs().into_iter().filter(|file| is_of_another(run, best, file)) {
            let _ = fs::remove_file(file);
        }
    }
}

/// Whether a file is the model of an epoch that is none of the best.
fn is_of_another(run: &RunFolder, best: &[Judged], file: &Path) -> bool {
    run.is_epoch(file) && !best.iter().any(|kept| run.epoch(kept.epoch) == file)
}

/// Saves a model and holds its file.
fn save(model: &Model, file: &Path, saved: &mut Safekeeping) -> Result<(), ModelError> {
    model.save(file)?;
    saved.hold(file).map_err(|source| ModelError::Write { path: file.to_owned(), source })
}
