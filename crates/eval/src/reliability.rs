//! How far stated probabilities can be believed, in one report.

use serde::Serialize;

use crate::mean::bounded_mean;
use crate::{Answers, Binning, Calibration, Estimate, EvalError, Interval, ReliabilityBin, log_loss};

/// The largest squared error of a row of probabilities, and of one alone.
const LARGEST_OF_ROW: f64 = 2.0;
const LARGEST_OF_ONE: f64 = 1.0;

/// How far stated probabilities can be believed: what they cost, and whether they came true.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Mean `-ln p` of what is true, in nats, clipped.
    pub log_loss: f64,
    /// Its 95% interval.
    pub log_loss_ci95: Interval,
    /// The Brier score, a mean squared error: of exclusive classes summed over all ([`Answers::squared_errors`]), of a label
    /// its own.
    pub brier: f64,
    /// Its 95% interval.
    pub brier_ci95: Interval,
    /// The expected calibration error ([`Calibration::error`]).
    pub calibration_error: f64,
    /// Its 95% interval, which is not centred.
    pub calibration_error_ci95: Interval,
    /// The reliability diagram: of exclusive classes the confidence in what was decided, of a label its probability.
    pub bins: Vec<ReliabilityBin>,
}

impl Reliability {
    /// That of a classifier of exclusive classes; `None` for answers that are no probabilities, or for no bins.
    ///
    /// # Errors
    /// No samples, and whatever [`ExclusiveReport::new`](crate::ExclusiveReport::new) refuses.
    pub fn of(
        classes: usize,
        truth: &[usize],
        answers: Answers<'_>,
        binning: Binning,
    ) -> Result<Option<Self>, EvalError> {
        let (Some(calibration), Some(losses), Some(errors)) = (
            Calibration::of_decisions(classes, truth, answers)?,
            answers.losses(classes, truth)?,
            answers.squared_errors(classes, truth)?,
        ) else {
            return Ok(None);
        };
        Ok(Self::gathered(&calibration, binning, &losses, &errors, LARGEST_OF_ROW))
    }

    /// That of the probabilities of one label, of which `truth` says which samples carry it; `None` for no bins.
    ///
    /// # Errors
    /// No samples, slices of different lengths, values that are no probabilities.
    pub fn of_label(
        truth: &[bool],
        probabilities: &[f32],
        binning: Binning,
    ) -> Result<Option<Self>, EvalError> {
        let calibration = Calibration::new(probabilities, truth)?;
        let pairs = || truth.iter().zip(probabilities);
        let losses: Vec<f64> = pairs().map(|(&t, &p)| log_loss::binary_surprise(t, p)).collect();
        let errors: Vec<f64> =
            pairs().map(|(&t, &p)| (f64::from(p) - f64::from(u8::from(t))).powi(2)).collect();
        Ok(Self::gathered(&calibration, binning, &losses, &errors, LARGEST_OF_ONE))
    }

    fn gathered(
        calibration: &Calibration,
        binning: Binning,
        losses: &[f64],
        errors: &[f64],
        largest_error: f64,
    ) -> Option<Self> {
        let Estimate { value: calibration_error, ci95: calibration_error_ci95 } =
            calibration.error(binning)?;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        Some(Self {
            log_loss: mean(losses),
            log_loss_ci95: bounded_mean(losses, log_loss::largest_surprise()),
            brier: mean(errors),
            brier_ci95: bounded_mean(errors, largest_error),
            calibration_error,
            calibration_error_ci95,
            bins: calibration.bins(binning)?,
        })
    }
}
