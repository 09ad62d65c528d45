//! The best model so far: how it is made, and that it gets onto the disk.

use std::fs;
use std::io;
use std::path::PathBuf;

use divvy_data::Preprocess;
use divvy_model::{Model, ModelError, TrainingRecord, Validation};
use divvy_nn::Engine;

use crate::progress::Best;

/// The record of the model of an epoch.
pub(crate) type Record = Box<dyn Fn(u32, Validation) -> TrainingRecord>;

/// Saves the model of the best epoch, as soon as it is known. One that cannot be written is held in memory until it can.
pub(crate) struct BestModel {
    path: PathBuf,
    classes: Vec<String>,
    preprocess: Preprocess,
    record: Record,
    unsaved: Option<Model>,
}

impl BestModel {
    /// Models that go to `path`.
    pub(crate) fn new(path: PathBuf, classes: Vec<String>, preprocess: Preprocess, record: Record) -> Self {
        Self { path, classes, preprocess, record, unsaved: None }
    }

    /// Keeps the network of `engine` as it is as the model of that epoch. What keeps it from being saved, unless the one before is held for
    /// that already.
    pub(crate) fn keep(&mut self, engine: &Engine, best: &Best) -> Option<ModelError> {
        let was_held = self.unsaved.is_some();
        let Best { epoch, score } = *best;
        let validation =
            Validation { loss: score.loss, metric: score.metric.in_words().to_owned(), value: score.value };
        let record = (self.record)(epoch, validation);
        let (network, parameters) = (engine.network().clone(), engine.parameters().clone());
        let model = Model::new(network, self.classes.clone(), self.preprocess.clone(), parameters, record);
        self.unsaved = Some(
            model.expect("head, preprocessing and parameters are those that the training was prepared with"),
        );
        self.save().err().filter(|_| !was_held)
    }

    /// Saves the model that is held, if any.
    ///
    /// # Errors
    /// [`ModelError::Write`]; it is held on.
    pub(crate) fn save(&mut self) -> Result<(), ModelError> {
        if let Some(model) = &self.unsaved {
            model.save(&self.path)?;
            self.unsaved = None;
        }
        Ok(())
    }

    /// Saves the model that is held, if any, into a folder made anew if that is gone; the model is then there.
    ///
    /// # Errors
    /// [`ModelError::Write`], also where the model was deleted after it had been saved.
    pub(crate) fn save_at_last(&mut self) -> Result<(), ModelError> {
        if self.unsaved.is_some() {
            // Where it cannot be made, saving says why.
            let _ = self.path.parent().map(fs::create_dir_all);
        }
        self.save()?;
        if self.path.is_file() {
            return Ok(());
        }
        let source =
            io::Error::new(io::ErrorKind::NotFound, "it was saved, and deleted while the training went on");
        Err(ModelError::Write { path: self.path.clone(), source })
    }
}
