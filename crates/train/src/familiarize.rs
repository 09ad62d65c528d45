//! What the training pictures look like to a model, so that it can tell pictures that are unlike them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use divvy_data::{Augment, Dataset, LabelKind, Loader, Split, evenly};
use divvy_model::{Classifier, ExplainError, Familiarity, Model, ModelError};
use divvy_nn::Device;

use crate::config::TrainConfig;
use crate::error::TrainError;
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

/// Those of a training's pictures that a model learns by, and those that it holds them against: spread evenly over all.
pub(crate) fn chosen(split: &Split) -> [Vec<usize>; 2] {
    [evenly(&split.train, TRAINING), evenly(&split.validation, VALIDATION)]
}

impl Familiarizer {
    /// The pictures of a training.
    pub(crate) fn new(
        config: &TrainConfig,
        dataset: &Arc<Dataset>,
        pictures: &Pictures,
        threads: usize,
    ) -> Self {
        let Pictures { training, validation, split, scaling, .. } = pictures;
        let [learnt, held_against] = chosen(split);
        // Training pictures may be kept larger than the network sees them: those to learn from come in its size.
        let training =
            Loader::for_training(training, &learnt, scaling, config.batch, config.seed, Augment::none());
        let validation = Loader::for_evaluation(validation, &held_against, scaling, config.batch);
        let [training, validation] = [training, validation].map(|loader| loader.with_threads(threads));
        Self::of(dataset, training, validation)
    }

    /// Training pictures of a model, and validation pictures.
    pub(crate) fn of(dataset: &Arc<Dataset>, training: Loader, validation: Loader) -> Self {
        Self { dataset: Arc::clone(dataset), training, validation }
    }

    /// How many pictures a model is shown.
    pub(crate) fn pictures(&self) -> usize {
        self.training.samples().len() + self.validation.samples().len()
    }

    /// Writes into the model in `file` what the pictures look like to it; `told` hears how many it has seen.
    ///
    /// # Errors
    /// [`TrainError`] when the file or a picture cannot be read, the file not be written, or `stop` is set; it is as it was then.
    pub(crate) fn familiarize(
        &self,
        file: &Path,
        device: Device,
        told: &mut dyn FnMut(usize),
        stop: &AtomicBool,
    ) -> Result<(), TrainError> {
        match self.learn(&Model::open(file)?, device, told, stop)? {
            Some(model) => Ok(model.save(file)?),
            None => Ok(()),
        }
    }

    /// The model, which knows what the pictures look like to it; none where its features say nothing, or it gives none.
    ///
    /// # Errors
    /// As [`familiarize`](Self::familiarize).
    pub(crate) fn learn(
        &self,
        model: &Model,
        device: Device,
        told: &mut dyn FnMut(usize),
        stop: &AtomicBool,
    ) -> Result<Option<Model>, TrainError> {
        let mut classifier = Classifier::new(model.clone(), device)?;
        let mut looking = Looking { seen: 0, told, stop };
        let [training, validation] =
            [&self.training, &self.validation].map(|loader| looking.at(&mut classifier, loader));
        let (Some(training), Some(validation)) = (training?, validation?) else { return Ok(None) };
        let groups: Vec<usize> = training.samples.iter().map(|&sample| self.group(sample)).collect();
        let width = training.values.len() / groups.len().max(1);
        let fitted = Familiarity::fit(&training.values, &groups, &validation.values, width);
        Ok(fitted.ok().and_then(|familiarity| model.clone().with_familiarity(familiarity).ok()))
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

/// A look at pictures, one after the other.
struct Looking<'a> {
    seen: usize,
    told: &'a mut dyn FnMut(usize),
    stop: &'a AtomicBool,
}

impl Looking<'_> {
    /// What these pictures look like; none to a model that one cannot look into.
    fn at(&mut self, classifier: &mut Classifier, loader: &Loader) -> Result<Option<Features>, TrainError> {
        let mut features = Features::default();
        for batch in loader.epoch(0) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(TrainError::Interrupted);
            }
            let batch = batch?;
            match classifier.features(batch.images()) {
                Ok(of_batch) => features.values.extend(of_batch),
                Err(ExplainError::Memory(error)) => return Err(ModelError::from(error).into()),
                Err(_) => return Ok(None),
            }
            features.samples.extend(batch.samples());
            self.seen += batch.len();
            (self.told)(self.seen);
        }
        Ok(Some(features))
    }
}
