//! What folds say of the pictures that each has not seen.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use divvy_data::{Dataset, Fold, Split, StoreOptions, write_atomically};
use divvy_model::{Classifier, Model, Prediction};
use divvy_nn::Head;

use super::Done;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::evaluate::{Classified, classify};
use crate::resources::Resources;
use crate::run::RunFolder;

/// Between the labels of a picture that carries several.
const SEPARATOR: &str = "|";

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
        let mut classifier =
            Classifier::new(Model::open(&run.model())?, config.device(config.precision.on(cpu)?))?;
        let classified = classify(&mut classifier, dataset, split.validation, &options, &|_, _| {})?;
        Ok(Self { head: *classifier.head(), classified, training_images, used, time: begun.elapsed() })
    }
}

/// Writes what all folds say: a line for each picture, in the order of the data, which docs/folds.md describes.
pub(super) fn write(path: &Path, dataset: &Dataset, done: &[Done]) -> Result<(), TrainError> {
    let mut lines: Vec<(usize, Fold, &Prediction)> = done.iter().flat_map(lines_of).collect();
    lines.sort_unstable_by_key(|&(sample, ..)| sample);
    let has_probabilities = done.iter().all(|done| done.answered.head.has_probabilities());
    Ok(write_atomically(path, |file| {
        let mut writer = csv::Writer::from_writer(file);
        let classes = dataset.classes().iter().map(String::as_str);
        let first = ["path", "fold", "truth", "label", "probability"].into_iter();
        if has_probabilities {
            writer.write_record(first.chain(classes))?;
        } else {
            writer.write_record(first.chain(["score"]))?;
        }
        for (sample, fold, prediction) in lines {
            writer.write_field(dataset.sample_name(sample).as_encoded_bytes())?;
            writer.write_field(fold.number().to_string())?;
            writer.write_field(names(dataset, dataset.samples()[sample].label.indices()))?;
            writer.write_field(names(dataset, &prediction.chosen))?;
            writer.write_field(prediction.confidence().map(|sure| sure.to_string()).unwrap_or_default())?;
            for answer in prediction.probabilities.iter().flatten().chain(&prediction.score) {
                writer.write_field(answer.to_string())?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()
    })?)
}

/// The pictures that a fold was asked about, with what it said.
fn lines_of(done: &Done) -> impl Iterator<Item = (usize, Fold, &Prediction)> {
    let Classified { samples, predictions, .. } = &done.answered.classified;
    samples.iter().zip(predictions).map(|(&sample, prediction)| (sample, done.fold, prediction))
}

/// Classes by name.
fn names(dataset: &Dataset, classes: &[usize]) -> String {
    classes.iter().map(|&class| dataset.classes()[class].as_str()).collect::<Vec<_>>().join(SEPARATOR)
}
