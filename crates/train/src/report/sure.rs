//! Whether a model's probabilities can be believed.

use divvy_eval::{Binning, Platt, Reliability, Temperature};
use divvy_model::Prediction;
use divvy_nn::HeadKind;
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
    /// The same after scaling; none where there are no other pictures to fit it on.
    pub scaled: Option<Scaled>,
}

/// Probabilities after a scaling of the logits that was fitted on the validation pictures.
#[derive(Clone, Debug, Serialize)]
pub struct Scaled {
    /// How many pictures it was fitted on.
    pub fitted_on: usize,
    /// What logits are divided by; none of a head of sigmoids.
    pub temperature: Option<Temperature>,
    /// Of sigmoids, what each logit is multiplied by and what is added then; empty of others.
    pub platt: Vec<Platt>,
    /// What the probabilities are then.
    pub after: Reliability,
}

impl HowSure {
    /// None of a head without probabilities. `validation` is what a scaling can be fitted on, if anything is.
    pub(super) fn of(asked: &Asked, validation: Option<&Asked>) -> Result<Option<Self>, TrainError> {
        let Some(reliability) = reliability(asked, &asked.rows())? else { return Ok(None) };
        let confidences = asked.predictions.iter().filter_map(Prediction::confidence);
        let sum: f64 = confidences.map(f64::from).sum();
        Ok(Some(Self {
            reliability,
            mean_confidence: sum / asked.predictions.len() as f64,
            scaled: validation.map(|validation| Scaled::of(asked, validation)).transpose()?.flatten(),
        }))
    }
}

/// How far `rows`, what is stated of the pictures, can be believed; none of a head without probabilities.
fn reliability(asked: &Asked, rows: &[f32]) -> Result<Option<Reliability>, TrainError> {
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

impl Scaled {
    fn of(asked: &Asked, validation: &Asked) -> Result<Option<Self>, TrainError> {
        let classes = asked.head.classes();
        let (mut rows, mut temperature, mut platt) = (asked.rows(), None, Vec::new());
        if asked.is_multi_label() {
            let there = validation.labels_there();
            for label in 0..classes {
                let column = |rows: &[f32]| -> Vec<f32> {
                    rows.iter().skip(label).step_by(classes).map(|&p| logit(p)).collect()
                };
                let truth: Vec<bool> = there.iter().copied().skip(label).step_by(classes).collect();
                let fit = Platt::fit(&column(&validation.rows()), &truth)?;
                for p in rows.iter_mut().skip(label).step_by(classes) {
                    *p = sigmoid(fit.apply(logit(*p)));
                }
                platt.push(fit);
            }
        } else if asked.head.kind() == HeadKind::Sigmoid {
            let (truth, second) = validation.of_group(1);
            let logits: Vec<f32> = second.into_iter().map(logit).collect();
            let fit = Platt::fit(&logits, &truth)?;
            for row in rows.chunks_exact_mut(2) {
                let second = sigmoid(fit.apply(logit(row[1])));
                row.copy_from_slice(&[1.0 - second, second]);
            }
            platt.push(fit);
        } else {
            let logs = |rows: Vec<f32>| -> Vec<f32> { rows.into_iter().map(log).collect() };
            let fit = Temperature::fit(&logs(validation.rows()), classes, &validation.classes_of_truth())?;
            rows = logs(rows);
            fit.apply(&mut rows);
            rows.chunks_exact_mut(classes).for_each(softmax);
            temperature = Some(fit);
        }
        let after = reliability(asked, &rows)?;
        let fitted_on = validation.samples.len();
        Ok(after.map(|after| Self { fitted_on, temperature, platt, after }))
    }
}

/// The logarithm of a probability that may have been rounded to nothing.
fn log(p: f32) -> f32 {
    p.max(f32::MIN_POSITIVE).ln()
}

fn logit(p: f32) -> f32 {
    log(p) - log(1.0 - p)
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for logit in row.iter_mut() {
        *logit = (*logit - largest).exp();
    }
    let sum: f32 = row.iter().sum();
    for p in row.iter_mut() {
        *p /= sum;
    }
}
