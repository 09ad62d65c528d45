//! What one trained contender does on the pictures that are kept for the comparison.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use divvy_data::{Dataset, StoreOptions};
use divvy_eval::{Binning, Calibration, Estimate, Report};
use divvy_model::{Classifier, Model};
use divvy_nn::{Cpu, Metric, Task};

use super::RunFigures;
use super::training::Training;
use crate::error::TrainError;
use crate::evaluate::{Outputs, classify, exclusive_truth, losses_of_labels, report};

/// One training of one contender.
#[derive(Clone)]
pub(super) struct Measured {
    pub(super) figures: RunFigures,
    pub(super) metric: Metric,
    /// Numbers that the network learns.
    pub(super) parameters: usize,
    /// The pictures that could be read.
    pub(super) samples: Vec<usize>,
    /// What is wrong with the others, a sentence each.
    pub(super) unreadable: Vec<String>,
    /// For each picture, whether its answer is right: the class, or exactly the labels.
    pub(super) right: Vec<bool>,
    /// For each picture, the log loss of its answer; none from heads without probabilities.
    pub(super) losses: Option<Vec<f64>>,
    /// The calibration error, with its interval over the pictures.
    pub(super) calibration: Option<Estimate>,
}

/// Classifies `test` with the model of a training.
pub(super) fn run(
    training: &Training,
    reused: bool,
    dataset: &Arc<Dataset>,
    test: &[usize],
    cpu: Cpu,
    stop: &AtomicBool,
) -> Result<Measured, TrainError> {
    let options = StoreOptions { threads: cpu.threads(), cancel: Some(stop), ..StoreOptions::default() };
    let model = Model::open(training.run.path())?;
    let parameters = model.network().graph().summary().trainable;
    let mut classifier = Classifier::new(model, training.settings.device(cpu))?;
    let classified = classify(&mut classifier, dataset, test.to_vec(), &options, &|_, _| {})?;
    let (head, predictions) = (*classifier.head(), classified.predictions.as_slice());
    let labels = classified.labels(dataset);
    let right = predictions.iter().zip(&labels).map(|(p, label)| p.chosen == label.indices()).collect();
    let (metric, score, log_loss) = match report(&head, classifier.classes(), &labels, predictions, None)? {
        Report::Exclusive(report) => (Metric::Accuracy, report.accuracy, report.log_loss),
        Report::MultiLabel(report) => {
            (Metric::MacroF1, report.f1_macro.unwrap_or_default(), Some(report.log_loss))
        }
    };
    let (losses, calibration) = if head.task() == Task::MultiLabel {
        (Some(losses_of_labels(&head, &labels, predictions)?), None)
    } else {
        let (truth, outputs) = (exclusive_truth(&labels), Outputs::of(&head, predictions));
        let calibration = Calibration::of(head.classes(), &truth, outputs.answers())?;
        let error = calibration.and_then(|calibration| calibration.error(Binning::default()));
        (outputs.answers().losses(head.classes(), &truth)?, error)
    };
    let figures = RunFigures {
        seed: training.seed,
        score,
        log_loss,
        calibration_error: calibration.map(|error| error.value),
        seconds_per_epoch: training.seconds_per_epoch()?,
        reused,
    };
    let unreadable = classified.unreadable;
    let samples = classified.samples;
    Ok(Measured { figures, metric, parameters, samples, unreadable, right, losses, calibration })
}
