//! What the training pictures look like to a model, so that it can tell pictures that are unlike them.

use std::path::Path;
use std::sync::Arc;

use divvy_data::{Augment, DataError, Dataset, LabelKind, Loader, evenly};
use divvy_model::{Classifier, ExplainError, Familiarity, Model, ModelError};
use divvy_nn::Device;
use thiserror::Error;

use crate::config::TrainConfig;
use crate::pictures::Pictures;

/// The training pictures that are looked at, at the most: many more than a network has features.
const TRAINING: usize = 2000;
/// The validation pictures that they are held against, at the most.
const VALIDATION: usize = 1000;

/// The pictures by which a model learns what is like them.
pub(crate) struct Familiarizer {
    dataset: Arc<Dataset>,
    training: Loader,
    validation: Loader,
}

/// Why a model does not know what its training pictures look like, where it should.
#[derive(Debug, Error)]
pub(crate) enum FamiliarizeError {
    /// It cannot be opened, used or saved.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A picture cannot be read again.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl Familiarizer {
    /// Pictures of a training, spread evenly over all.
    pub(crate) fn new(
        config: &TrainConfig,
        dataset: &Arc<Dataset>,
        pictures: &Pictures,
        threads: usize,
    ) -> Self {
        let Pictures { training, validation, split, scaling } = pictures;
        let [learnt, held_against] = [evenly(&split.train, TRAINING), evenly(&split.validation, VALIDATION)];
        // Training pictures may be kept larger than the network sees them: those to learn from come in its size.
        let training =
            Loader::for_training(training, &learnt, scaling, config.batch, config.seed, Augment::none());
        let validation = Loader::for_evaluation(validation, &held_against, scaling, config.batch);
        let [training, validation] = [training, validation].map(|loader| loader.with_threads(threads));
        Self { dataset: Arc::clone(dataset), training, validation }
    }

    /// Writes into the model in `file` what the pictures look like to it. A model whose features say nothing, or that one cannot look into, stays as
    /// it is.
    ///
    /// # Errors
    /// [`FamiliarizeError`] when the file or a picture cannot be read, or the file not be written; it is as it was then.
    pub(crate) fn familiarize(&self, file: &Path, device: Device) -> Result<(), FamiliarizeError> {
        let model = Model::open(file)?;
        let mut classifier = Classifier::new(model.clone(), device)?;
        let [training, validation] =
            [&self.training, &self.validation].map(|loader| Features::of(&mut classifier, loader));
        let (Some(training), Some(validation)) = (training?, validation?) else { return Ok(()) };
        let groups: Vec<usize> = training.samples.iter().map(|&sample| self.group(sample)).collect();
        let width = training.values.len() / groups.len().max(1);
        let fitted = Familiarity::fit(&training.values, &groups, &validation.values, width);
        match fitted.ok().and_then(|familiarity| model.with_familiarity(familiarity).ok()) {
            Some(model) => Ok(model.save(file)?),
            None => Ok(()),
        }
    }

    /// The group of a picture; one and the same where groups do not exclude each other.
    fn group(&self, sample: usize) -> usize {
        match self.dataset.label_kind() {
            LabelKind::Classes => self.dataset.samples()[sample].label.indices()[0],
            LabelKind::MultiLabel => 0,
        }
    }
}

/// What a network decides by for some pictures.
#[derive(Default)]
struct Features {
    samples: Vec<usize>,
    /// As many numbers for each.
    values: Vec<f32>,
}

impl Features {
    /// None of a model that one cannot look into.
    fn of(classifier: &mut Classifier, loader: &Loader) -> Result<Option<Self>, FamiliarizeError> {
        let mut features = Self::default();
        for batch in loader.epoch(0) {
            let batch = batch?;
            match classifier.features(batch.images()) {
                Ok(of_batch) => features.values.extend(of_batch),
                Err(ExplainError::Memory(error)) => return Err(ModelError::from(error).into()),
                Err(_) => return Ok(None),
            }
            features.samples.extend(batch.samples());
        }
        Ok(Some(features))
    }
}
