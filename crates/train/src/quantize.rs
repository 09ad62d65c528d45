//! A trained model in 8 bits, and how much that costs on pictures it was not trained on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use divvy_data::{DataError, Dataset, ImageStore, Loader, OpenOptions, Split, StoreOptions, evenly};
use divvy_eval::{Estimate, McNemar};
use divvy_model::{Classifier, Model, ModelError, Weights};
use divvy_nn::{Cpu, Device, Quantized};

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::familiarize::{self, Familiarizer};
use crate::run::RunFolder;

/// The most pictures that ranges are measured on, and the most bytes that they may take as numbers.
const CALIBRATION: usize = 256;
const CALIBRATION_BYTES: usize = 256 << 20;
/// Pictures that are looked at together, layer by layer.
const BATCH: usize = 8;

/// A model in 8 bits beside the one that it was made of.
#[derive(Clone, Debug)]
pub struct Quantization {
    /// The model in 8 bits.
    pub model: Model,
    /// Training pictures that the ranges of activations were measured on.
    pub calibrated_on: usize,
    /// Validation pictures on which both models were asked.
    pub pictures: usize,
    /// How many of those the trained model got all right.
    pub right_f32: usize,
    /// How many of those the 8-bit model got all right.
    pub right_int8: usize,
    /// The accuracy of the 8-bit model less that of the trained one, on the same pictures.
    pub difference: Estimate,
    /// The time that each took for them, pictures read and scaled: the trained model, then that in 8 bits.
    pub times: [Duration; 2],
    /// What was left out because it could not be read, a sentence each.
    pub left_out: Vec<String>,
}

impl Quantization {
    /// The loss of accuracy beyond which a model in 8 bits is said to be worse.
    pub const TOLERANCE: f64 = 0.005;

    /// Whether the 8-bit model lost more than [`Quantization::TOLERANCE`].
    pub fn is_worse(&self) -> bool {
        is_worse(&self.difference)
    }
}

fn is_worse(difference: &Estimate) -> bool {
    difference.value < -Quantization::TOLERANCE
}

/// Makes the 8-bit form of a run's model, calibrated on some of its training pictures, compares both on its validation pictures, and lets it learn what the
/// training pictures look like to it, where the run tells which they are.
///
/// `data` are other labelled pictures instead; they are divided as the run's list says, or anew where it does not name them.
/// `options` say how pictures are read; `told` hears how many looks at pictures of how many are done.
///
/// # Errors
/// A [`TrainError`] when the model has no 8-bit form, or pictures cannot be used or read.
pub fn quantize(
    run: &Path,
    data: Option<&Path>,
    options: &StoreOptions<'_>,
    told: &dyn Fn(usize, usize),
) -> Result<Quantization, TrainError> {
    let model = Model::open(run)?;
    let Weights::F32(parameters) = model.weights() else {
        return Err(TrainError::Quantized { path: run.to_owned() });
    };
    let folder = RunFolder::at(run);
    let config = folder.read_config();
    let (root, read) = match data {
        Some(data) => (data.to_owned(), OpenOptions::default()),
        None => config.map(|config| (config.data, config.read))?,
    };
    let dataset = Arc::new(Dataset::open(&root, &read)?.with_classes(model.classes())?);
    let (split, is_own) = split(&folder, &dataset, model.record().seed)?;
    let calibration = evenly(&split.train, most_pictures(&model));
    // Of pictures that are dealt anew it is not known which were trained on.
    let [learnt, held_against] = if is_own { familiarize::chosen(&split) } else { [Vec::new(), Vec::new()] };
    let mut samples = [&calibration[..], &learnt, &split.validation].concat();
    samples.sort_unstable();
    samples.dedup();
    let store = Arc::new(ImageStore::load(&dataset, model.preprocess(), &samples, options)?);
    let bad = store.unreadable_samples();
    let readable = |samples: &[usize]| -> Vec<usize> {
        samples.iter().copied().filter(|sample| bad.binary_search(sample).is_err()).collect()
    };
    let (calibration, validation) = (readable(&calibration), readable(&split.validation));
    let scaling = model.preprocess().scaling().clone();
    let loader = |samples: &[usize], batch: usize| {
        Loader::for_evaluation(&store, samples, &scaling, batch).with_threads(options.threads)
    };
    let batches = loader(&calibration, BATCH).epoch(0).map(|batch| Ok(batch?.images().to_vec()));
    let batches = batches.collect::<Result<Vec<Vec<f32>>, DataError>>()?;
    let mut device = Device::new(Cpu::new(options.threads));
    let quantized =
        Quantized::calibrate(model.network(), parameters, batches.iter().map(Vec::as_slice), &mut device)
            .map_err(|source| ModelError::Quantized { path: run.to_owned(), source: Box::new(source) })?;
    let smaller =
        model.quantized(quantized).map_err(|reason| TrainError::Unfit { path: run.to_owned(), reason })?;

    let mut asked = Asked {
        classifiers: [
            Classifier::new(model, Cpu::new(options.threads))?,
            Classifier::new(smaller.clone(), Cpu::new(options.threads))?,
        ],
        times: [Duration::ZERO; 2],
        right: Vec::new(),
    };
    let [learnt, held_against] = [learnt, held_against].map(|part| loader(&readable(&part), asked.batch()));
    let familiarizer = Familiarizer::of(&dataset, learnt, held_against);
    let total = validation.len() + familiarizer.pictures();
    for batch in loader(&validation, asked.batch()).epoch(0) {
        let batch = batch?;
        asked.ask(batch.images(), batch.samples(), &dataset);
        told(asked.right.len(), total);
        if options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(DataError::Interrupted.into());
        }
    }
    // Its features are others than those of the model that it was made of.
    let never = AtomicBool::new(false);
    let mut seen = |done: usize| told(validation.len() + done, total);
    let familiar =
        familiarizer.learn(&smaller, device, &mut seen, options.cancel.unwrap_or(&never))?.unwrap_or(smaller);
    let left_out = store.unreadable().iter().map(|bad| bad.error.to_string()).collect();
    asked.quantization(familiar, calibration.len(), left_out).ok_or_else(|| {
        let (path, images) = (root, split.validation.len());
        DataError::NoValidation { path, images }.into()
    })
}

/// The run's own division of the pictures, or a new one where it does not name any of these; and whether it is its own.
fn split(folder: &RunFolder, dataset: &Dataset, seed: u64) -> Result<(Split, bool), TrainError> {
    match Split::read_csv(&folder.split(), dataset) {
        Ok(split) if !split.train.is_empty() && !split.validation.is_empty() => Ok((split, true)),
        _ => Ok((Split::new(dataset, TrainConfig::VALIDATION_SHARE, seed)?, false)),
    }
}

/// As many pictures of a model's size as there is room for.
fn most_pictures(model: &Model) -> usize {
    let bytes = model.preprocess().image_len() * size_of::<f32>();
    (CALIBRATION_BYTES / bytes).clamp(1, CALIBRATION)
}

/// Both models, asked the same.
struct Asked {
    classifiers: [Classifier; 2],
    times: [Duration; 2],
    /// For each picture, whether either got it right.
    right: Vec<[bool; 2]>,
}

impl Asked {
    fn batch(&self) -> usize {
        self.classifiers[0].batch().min(self.classifiers[1].batch())
    }

    fn ask(&mut self, images: &[f32], samples: &[usize], dataset: &Dataset) {
        let first = self.right.len();
        self.right.resize(first + samples.len(), [false; 2]);
        for (which, classifier) in self.classifiers.iter_mut().enumerate() {
            if first == 0 {
                // The first time compiles the network and touches the memory.
                classifier.classify(images);
            }
            let begun = Instant::now();
            let predictions = classifier.classify(images);
            self.times[which] += begun.elapsed();
            for ((right, prediction), &sample) in self.right[first..].iter_mut().zip(predictions).zip(samples)
            {
                right[which] = prediction.chosen == dataset.samples()[sample].label.indices();
            }
        }
    }

    /// What came of it; none without pictures.
    fn quantization(self, model: Model, calibrated_on: usize, left_out: Vec<String>) -> Option<Quantization> {
        let count = |of: &dyn Fn(&[bool; 2]) -> bool| self.right.iter().filter(|right| of(right)).count();
        let only_int8 = count(&|right| *right == [false, true]);
        let only_f32 = count(&|right| *right == [true, false]);
        Some(Quantization {
            model,
            calibrated_on,
            pictures: self.right.len(),
            right_f32: count(&|right| right[0]),
            right_int8: count(&|right| right[1]),
            difference: McNemar::new(only_int8, only_f32).difference(self.right.len())?,
            times: self.times,
            left_out,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_of_more_than_half_a_point_is_said() {
        // Of so many pictures, those that only the 8-bit model got right, and those that only the other did.
        for (pictures, only_int8, only_f32, worse) in
            [(100, 0, 1, true), (400, 1, 4, true), (400, 0, 1, false), (400, 3, 5, false), (100, 5, 0, false)]
        {
            let difference = McNemar::new(only_int8, only_f32).difference(pictures).unwrap();
            assert_eq!(is_worse(&difference), worse, "{only_int8} and {only_f32} of {pictures}");
        }
    }
}
