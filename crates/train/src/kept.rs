//! The models that a training keeps: how they are made, and that they get onto the disk.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use divvy_data::Preprocess;
use divvy_model::{Calibration, Model, ModelError, TrainingRecord, Validation, Views};
use divvy_nn::Engine;

use crate::progress::Judged;
use crate::run::RunFolder;

/// The record of the model of an epoch whose logits were to be calibrated so.
pub(crate) type Record = Box<dyn Fn(u32, Validation, Option<Calibration>) -> TrainingRecord>;

/// Saves models of epochs as soon as it is known that they are kept. One that cannot be written is held in memory until it can.
pub(crate) struct KeptModels {
    run: RunFolder,
    classes: Vec<String>,
    preprocess: Preprocess,
    views: Views,
    record: Record,
    /// Those that could not be written yet, and where they go.
    unsaved: Vec<(PathBuf, Arc<Model>)>,
}

impl KeptModels {
    /// Models that go into `run`.
    pub(crate) fn new(
        run: RunFolder,
        classes: Vec<String>,
        preprocess: Preprocess,
        views: Views,
        record: Record,
    ) -> Self {
        Self { run, classes, preprocess, views, record, unsaved: Vec::new() }
    }

    /// Keeps the network of `engine` as it is, its probabilities calibrated and for the stated shares of groups, as the model of that epoch, in these files. What keeps it from being saved, unless one
    /// before is held for that already.
    pub(crate) fn keep(
        &mut self,
        engine: &Engine,
        epoch: &Judged,
        calibration: Option<Calibration>,
        files: Vec<PathBuf>,
    ) -> Option<ModelError> {
        if files.is_empty() {
            return None;
        }
        let was_held = !self.unsaved.is_empty();
        let model = Arc::new(self.model(engine, epoch, calibration));
        self.unsaved.retain(|(held, _)| !files.contains(held));
        self.unsaved.extend(files.into_iter().map(|file| (file, Arc::clone(&model))));
        self.save().err().filter(|_| !was_held)
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

    /// Saves the models that are held. One that cannot be written keeps no other from it.
    ///
    /// # Errors
    /// [`ModelError::Write`] of the first; it is held on.
    pub(crate) fn save(&mut self) -> Result<(), ModelError> {
        let mut saved = Ok(());
        self.unsaved.retain(|(file, model)| {
            let result = model.save(file);
            let is_held = result.is_err();
            if saved.is_ok() {
                saved = result;
            }
            is_held
        });
        saved
    }

    /// Saves the models that are held into a folder made anew if that is gone; the best one is then there.
    ///
    /// # Errors
    /// [`ModelError::Write`], also where the best one was deleted after it had been saved.
    pub(crate) fn save_at_last(&mut self) -> Result<(), ModelError> {
        if !self.unsaved.is_empty() {
            // Where it cannot be made, saving says why.
            let _ = fs::create_dir_all(self.run.path());
        }
        self.save()?;
        let path = self.run.model();
        if path.is_file() {
            return Ok(());
        }
        let source =
            io::Error::new(io::ErrorKind::NotFound, "it was saved, and deleted while the training went on");
        Err(ModelError::Write { path, source })
    }

    /// Holds no model of an epoch that is none of the best any more.
    pub(crate) fn let_go(&mut self, best: &[Judged]) {
        let run = &self.run;
        self.unsaved.retain(|(file, _)| {
            !run.is_epoch(file) || best.iter().any(|kept| run.epoch(kept.epoch) == *file)
        });
    }

    /// Takes away the files of epochs that are none of the best any more. A training that goes on from an older checkpoint may want them, so
    /// this is done when a checkpoint was written that does not. Where none is kept, a file of such a name is not the training's.
    pub(crate) fn remove_others(&self, best: &[Judged]) {
        if best.is_empty() {
            return;
        }
        for file in self.run.epochs() {
            if !best.iter().any(|kept| self.run.epoch(kept.epoch) == file) {
                let _ = fs::remove_file(file);
            }
        }
    }
}
