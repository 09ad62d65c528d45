//! What the training pictures look like to a model, so that it can tell pictures that are unlike them.

use std::path::Path;

use divvy_data::{DataError, Dataset, LabelKind, Loader};
use divvy_model::{Classifier, ExplainError, Familiarity, Model, ModelError};
use divvy_nn::Device;
use thiserror::Error;

use crate::config::TrainConfig;
use crate::evenly::evenly;
use crate::pictures::Pictures;

/// The training pictures that are looked at, at the most: many more than a network has features.
const TRAINING: usize = 2000;
/// The validation pictures that they are held against, at the most.
const VALIDATION: usize = 1000;

/// The pictures by which a model learns what is like them.
pub(crate) struct Familiarizer {
    training: Loader,
    /// The group of each of these; one and the same where groups do not exclude each other.
    groups: Vec<usize>,
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
    /// Pictures of a training, spread evenly over all, prepared as at use.
    pub(crate) fn new(config: &TrainConfig, dataset: &Dataset, pictures: &Pictures, threads: usize) -> Self {
        let Pictures { training, validation, split, scaling } = pictures;
        let loader = |store, samples: &[usize]| {
            Loader::for_evaluation(store, samples, scaling, config.batch).with_threads(threads)
        };
        let samples = evenly(&split.train, TRAINING);
        let group = |&sample: &usize| match dataset.label_kind() {
            LabelKind::Classes => dataset.samples()[sample].label.indices()[0],
            LabelKind::MultiLabel => 0,
        };
        Self {
            groups: samples.iter().map(group).collect(),
            training: loader(training, &samples),
            validation: loader(validation, &evenly(&split.validation, VALIDATION)),
        }
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
            [&self.training, &self.validation].map(|loader| features(&mut classifier, loader));
        let (Some(training), Some(validation)) = (training?, validation?) else { return Ok(()) };
        let width = training.len() / self.groups.len().max(1);
        let Ok(familiarity) = Familiarity::fit(&training, &self.groups, &validation, width) else {
            return Ok(());
        };
        match model.with_familiarity(familiarity) {
            Ok(model) => Ok(model.save(file)?),
            Err(_) => Ok(()),
        }
    }
}

/// The features of pictures; none of a model that one cannot look into.
fn features(classifier: &mut Classifier, loader: &Loader) -> Result<Option<Vec<f32>>, FamiliarizeError> {
    let mut features = Vec::new();
    for batch in loader.epoch(0) {
        match classifier.features(batch?.images()) {
            Ok(of_batch) => features.extend(of_batch),
            Err(ExplainError::Memory(error)) => return Err(ModelError::from(error).into()),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(features))
}
