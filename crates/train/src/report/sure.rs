//! Whether a model's probabilities can be believed.

use divvy_data::Label;
use divvy_eval::{Binning, Calibration, Estimate, MeanInterval};
use serde::Serialize;

use super::asked::Asked;
use crate::error::TrainError;
use crate::evaluate::{Outputs, exclusive_truth, losses_of_labels};

/// Whether a model's probabilities can be believed.
#[derive(Clone, Debug, Serialize)]
pub struct HowSure {
    /// The mean over the pictures of `-ln p` of what is true, in nats, with its interval; of labels that do not exclude each other the mean over the labels.
    /// None of a single picture.
    pub log_loss: Option<MeanInterval>,
    /// How far stated probabilities lie from what comes true, on average (ECE, in bins of equal mass), with its interval.
    pub calibration_error: Option<Estimate>,
    /// How sure the model was of what it chose, on average.
    pub mean_confidence: f64,
}

impl HowSure {
    /// None of a head without probabilities.
    pub(super) fn of(asked: &Asked) -> Result<Option<Self>, TrainError> {
        if !asked.head.has_probabilities() {
            return Ok(None);
        }
        let labels: Vec<&Label> =
            asked.samples.iter().map(|&sample| &asked.dataset.samples()[sample].label).collect();
        let (losses, calibration) = if asked.is_multi_label() {
            (losses_of_labels(&asked.head, &labels, &asked.predictions)?, of_labels(asked)?)
        } else {
            let (truth, outputs) = (exclusive_truth(&labels), Outputs::of(&asked.head, &asked.predictions));
            let classes = asked.head.classes();
            let losses = outputs.answers().losses(classes, &truth)?.unwrap_or_default();
            (losses, Calibration::of(classes, &truth, outputs.answers())?)
        };
        let confidences = asked.predictions.iter().filter_map(divvy_model::Prediction::confidence);
        let sum: f64 = confidences.map(f64::from).sum();
        Ok(Some(Self {
            log_loss: MeanInterval::of(&losses),
            calibration_error: calibration.and_then(|calibration| calibration.error(Binning::default())),
            mean_confidence: sum / asked.predictions.len() as f64,
        }))
    }
}

/// Every label of every picture, each of which is there or not.
fn of_labels(asked: &Asked) -> Result<Option<Calibration>, TrainError> {
    let (mut stated, mut came_true) = (Vec::new(), Vec::new());
    for (picture, prediction) in asked.predictions.iter().enumerate() {
        let truth = asked.truth(picture);
        for (class, &probability) in prediction.probabilities.iter().flatten().enumerate() {
            stated.push(probability);
            came_true.push(truth.contains(&class));
        }
    }
    Ok(Some(Calibration::new(&stated, &came_true)?))
}
