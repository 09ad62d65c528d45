//! How good folds are on the pictures that each has not seen.

use std::io;

use divvy_data::{Dataset, Label, read_text_limited, write_atomically};
use divvy_eval::Interval;
use divvy_model::Prediction;
use divvy_nn::Metric;
use serde::{Deserialize, Serialize};

use super::Done;
use crate::error::TrainError;
use crate::evaluate::{report, value};
use crate::run::RunFolder;

/// How good a network is that is trained on so many pictures, measured on all of them: each was answered by the fold that was not trained on it. Serialises to
/// what `folds.json` holds.
///
/// It is not measured how good all folds are together, which is what a run's model is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CrossValidation {
    /// What `value` is.
    pub metric: Metric,
    /// Pictures that were answered.
    pub images: usize,
    /// The metric over all of them together; labels that do not exclude each other are present from a probability of 0.5.
    pub value: f64,
    /// Its 95 % interval over the pictures, `[low, high]`: Wilson's of an accuracy; other metrics have none.
    pub ci95: Option<[f64; 2]>,
    /// The mean of the folds' values.
    pub mean: f64,
    /// Their standard deviation, divided by one less than there are.
    pub deviation: f64,
    /// Each fold.
    pub folds: Vec<FoldFigures>,
    /// Pictures that could be trained on and not be read again, a sentence each.
    pub left_out: Vec<String>,
}

/// How good one fold is on the pictures that it has not seen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FoldFigures {
    /// Which, from 1.
    pub fold: usize,
    /// Pictures that it was trained on.
    pub training_images: usize,
    /// Pictures that it answered.
    pub images: usize,
    /// The metric over them.
    pub value: f64,
    /// As of all.
    pub ci95: Option<[f64; 2]>,
    /// The epoch, from 1, whose weights are kept; the same pictures chose it.
    pub best_epoch: u32,
    /// Epochs that were completed.
    pub epochs: u32,
    /// The time that the training took.
    pub seconds: f64,
}

/// Answers, and what is right.
#[derive(Default)]
struct Gathered<'a> {
    predictions: Vec<Prediction>,
    labels: Vec<&'a Label>,
}

impl CrossValidation {
    /// Sums up folds, of which there is one at the least.
    pub(super) fn of(dataset: &Dataset, done: &[Done]) -> Result<Self, TrainError> {
        let first = &done[0];
        let (head, metric) = (first.answered.head, first.outcome.validation.metric);
        let measured = |gathered: &Gathered<'_>| -> Result<(f64, Option<[f64; 2]>), TrainError> {
            let report = report(&head, dataset.classes(), &gathered.labels, &gathered.predictions, None)?;
            let value = value(&report, metric);
            Ok((value, interval(metric, value, gathered.labels.len())))
        };
        let mut all = Gathered::default();
        let mut folds = Vec::new();
        for Done { fold, outcome, answered } in done {
            let gathered = Gathered {
                predictions: answered.classified.predictions.clone(),
                labels: answered.classified.labels(dataset),
            };
            let (value, ci95) = measured(&gathered)?;
            folds.push(FoldFigures {
                fold: fold.number(),
                training_images: answered.training_images,
                images: gathered.labels.len(),
                value,
                ci95,
                best_epoch: outcome.best_epoch,
                epochs: outcome.epochs,
                seconds: outcome.seconds,
            });
            all.predictions.extend(gathered.predictions);
            all.labels.extend(gathered.labels);
        }
        let (value, ci95) = measured(&all)?;
        let values: Vec<f64> = folds.iter().map(|fold| fold.value).collect();
        let (mean, deviation) = spread(&values);
        let left_out = done.iter().flat_map(|done| done.answered.classified.unreadable.clone()).collect();
        Ok(Self { metric, images: all.labels.len(), value, ci95, mean, deviation, folds, left_out })
    }

    /// Writes folds.json.
    pub(super) fn write(&self, run: &RunFolder) -> Result<(), TrainError> {
        let path = run.figures();
        let json = serde_json::to_string_pretty(self)
            .map_err(|error| TrainError::Write { path: path.clone(), source: io::Error::other(error) })?;
        Ok(write_atomically(&path, |file| writeln!(file, "{json}"))?)
    }

    /// Reads the folds.json of a run whose folds have all come to their end.
    ///
    /// # Errors
    /// [`TrainError::Data`] where it cannot be read, [`TrainError::Figures`] where it is not what was written.
    pub fn read(run: &RunFolder) -> Result<Self, TrainError> {
        /// Twenty folds, and a sentence for each of very many pictures.
        const MOST: u64 = 64 << 20;
        let path = run.figures();
        let text = read_text_limited(&path, MOST)?;
        serde_json::from_str(&text).map_err(|error| TrainError::Figures { path, fault: error.to_string() })
    }
}

/// The interval of a value over so many pictures; none of what is no share of them.
fn interval(metric: Metric, value: f64, images: usize) -> Option<[f64; 2]> {
    let right = (value * images as f64).round() as usize;
    match metric {
        Metric::Accuracy => Interval::wilson(right, images).map(<[f64; 2]>::from),
        Metric::BalancedAccuracy | Metric::MacroF1 | Metric::RocAuc => None,
    }
}

/// The mean of two values or more, and their standard deviation.
fn spread(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}
