//! Whether a model's probabilities can be believed.

use divvy_eval::{Binning, Reliability};
use divvy_model::{Calibration, Prediction, TrainingRecord};
use divvy_nn::{Head, HeadKind, LogitLine};
use serde::Serialize;

use super::asked::Asked;
use crate::error::TrainError;
use crate::evaluate::Outputs;

/// Whether a model's probabilities can be believed. Of labels that do not exclude each other the probability of each is looked at, all together.
#[derive(Clone, Debug, Serialize)]
pub struct HowSure {
    /// What they cost, and whether they come true; its keys stand among these.
    #[serde(flatten)]
    pub reliability: Reliability,
    /// How sure the model was of what it chose, on average.
    pub mean_confidence: f64,
    /// By what the model was calibrated; none where it was not, and of several models, each of which has its own.
    pub calibrated: Option<Calibrated>,
}

/// The calibration that is a part of the model, and what it has changed.
#[derive(Clone, Debug, Serialize)]
pub struct Calibrated {
    /// By what; its keys stand among these.
    #[serde(flatten)]
    pub by: Calibration,
    /// How many validation pictures it was fitted on.
    pub fitted_on: usize,
    /// What the probabilities were before, in the shares that groups had in training.
    pub before: Reliability,
}

impl HowSure {
    /// None of a head without probabilities. `record` is that of the model, where there is one.
    pub(super) fn of(asked: &Asked, record: Option<&TrainingRecord>) -> Result<Option<Self>, TrainError> {
        let Some(reliability) = reliability(asked, &asked.rows())? else { return Ok(None) };
        let confidences = asked.predictions.iter().filter_map(Prediction::confidence);
        let sum: f64 = confidences.map(f64::from).sum();
        Ok(Some(Self {
            reliability,
            mean_confidence: sum / asked.predictions.len() as f64,
            calibrated: record.map(|record| Calibrated::of(asked, record)).transpose()?.flatten(),
        }))
    }
}

/// How far `rows`, what is stated of the pictures, can be believed; none of a head without probabilities.
pub(super) fn reliability(asked: &Asked, rows: &[f32]) -> Result<Option<Reliability>, TrainError> {
    if !asked.head.has_probabilities() {
        return Ok(None);
    }
    let (classes, binning) = (asked.head.classes(), Binning::default());
    if asked.is_multi_label() {
        return Ok(Reliability::of_label(&asked.labels_there(), rows, binning)?);
    }
    let truth = asked.classes_of_truth();
    let outputs = match Outputs::of(&asked.head, &asked.predictions) {
        Outputs::Second(_) => Outputs::Second(rows.iter().copied().skip(1).step_by(2).collect()),
        _ => Outputs::Rows(rows.to_vec()),
    };
    Ok(Reliability::of(classes, &truth, outputs.answers(), binning)?)
}

impl Calibrated {
    /// None where the model was not calibrated.
    fn of(asked: &Asked, record: &TrainingRecord) -> Result<Option<Self>, TrainError> {
        let Some(by) = record.calibration.clone() else { return Ok(None) };
        let before = record.lines(&asked.head).and_then(|lines| rows_before(asked, &lines));
        let Some(before) = before else { return Ok(None) };
        let fitted_on = record.validation_images;
        Ok(reliability(asked, &before)?.map(|before| Self { by, fitted_on, before }))
    }
}

/// The probabilities as they were before the logits moved along these lines; none where these are those of another head, as of a model that was converted.
pub(super) fn rows_before(asked: &Asked, lines: &[LogitLine]) -> Option<Vec<f32>> {
    let Asked { head, .. } = asked;
    if lines.len() != head.units() {
        return None;
    }
    let mut logits = logits(head, &asked.rows());
    for (logit, line) in logits.iter_mut().zip(lines.iter().cycle()) {
        *logit = line.before(*logit);
    }
    let mut rows = Vec::new();
    head.probabilities(&logits, &mut rows);
    Some(rows)
}

/// Logits that have these probabilities, `[pictures, classes]`, of a head that has some.
fn logits(head: &Head, rows: &[f32]) -> Vec<f32> {
    // A probability may have been rounded to nothing.
    let log = |p: f32| p.max(f32::MIN_POSITIVE).ln();
    let of_row = |row: &[f32]| -> Vec<f32> {
        match (head.kind(), row) {
            (HeadKind::Softmax, row) => row.iter().copied().map(log).collect(),
            // One unit decides between two groups.
            (_, &[first, second]) if head.units() == 1 => vec![log(second) - log(first)],
            (_, row) => row.iter().map(|&p| log(p) - log(1.0 - p)).collect(),
        }
    };
    rows.chunks_exact(head.classes()).flat_map(of_row).collect()
}
