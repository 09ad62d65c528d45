//! What folds say of the pictures that each has not seen.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use divvy_data::{Dataset, Split, StoreOptions};
use divvy_model::{Classifier, Model};
use divvy_nn::Head;

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::evaluate::{Classified, classify};
use crate::resources::Resources;
use crate::run::RunFolder;

/// What a fold says of the pictures that it has not seen.
pub(super) struct Answered {
    pub(super) head: Head,
    pub(super) classified: Classified,
    /// Pictures that it was trained on.
    pub(super) training_images: usize,
    /// The pictures that it was trained or validated on, by ascending index: the same for every fold.
    pub(super) used: Vec<usize>,
    /// How long it took to ask.
    pub(super) time: Duration,
}

impl Answered {
    /// Asks the model in `run` about its validation pictures.
    pub(super) fn of(
        run: &RunFolder,
        config: &TrainConfig,
        dataset: &Arc<Dataset>,
        resources: &Resources,
        stop: &AtomicBool,
    ) -> Result<Self, TrainError> {
        let begun = Instant::now();
        let split = Split::read_csv(&run.split(), dataset)?;
        let (training_images, used) = (split.train.len(), split.used());
        let Resources { cpu, cache, .. } = resources.again();
        let options =
            StoreOptions { threads: cpu.threads(), cache, cancel: Some(stop), ..StoreOptions::default() };
        let model = Model::open(&run.model())?.without_biases();
        let mut classifier = Classifier::new(model, config.device(config.precision.on(cpu)?))?;
        let classified = classify(&mut classifier, dataset, split.validation, &options, &|_, _| {})?;
        Ok(Self { head: *classifier.head(), classified, training_images, used, time: begun.elapsed() })
    }
}
