//! One temperature for the logits of a softmax.

use serde::{Deserialize, Serialize};

use super::{LARGEST_FACTOR, finite};
use crate::root::{Tangent, zero_of_rising};
use crate::{EvalError, check};

/// A number above zero by which the logits of a softmax are divided (Guo, Pleiss, Sun and Weinberger 2017, *ICML*, "On
/// calibration of modern neural networks").
///
/// Above 1 it makes probabilities less extreme, below 1 more; no decision changes. Serialises as a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Temperature(f64);

impl Default for Temperature {
    /// 1: logits stay as they are.
    fn default() -> Self {
        Self(1.0)
    }
}

impl Temperature {
    /// The temperature of this value.
    ///
    /// # Errors
    /// A value that is not finite and above zero.
    pub fn new(value: f64) -> Result<Self, EvalError> {
        check::factor("temperature", value).map(Self)
    }

    /// The temperature of least log loss on validation data, from 0.001 to 1000.
    ///
    /// - `logits`: `[n, classes]`, row-major: what goes into the softmax;
    /// - `truth`: `[n]`, the true class of each sample.
    ///
    /// Where each true class has the largest logit, the log loss falls as long as the temperature does. The temperature is then the
    /// best one for targets that are smoothed as Platt's are: `(n + 1) / (n + 2)` for the true class, the rest shared by all, as if
    /// one of two more samples had gone wrong. Logits that say nothing, equal in each row, are left alone, at 1; those
    /// that speak for the wrong classes get the highest temperature.
    ///
    /// # Errors
    /// No samples, fewer than two classes, slices of different lengths, classes out of range, logits that are not finite.
    pub fn fit(logits: &[f32], classes: usize, truth: &[usize]) -> Result<Self, EvalError> {
        if truth.is_empty() {
            return Err(EvalError::NoSamples);
        }
        if classes < 2 {
            return Err(EvalError::TooFewClasses { needed: 2, found: classes });
        }
        check::length("logits", logits.len(), truth.len().saturating_mul(classes))?;
        check::class_indices("label", truth, classes)?;
        check::finite_scores(logits, classes)?;
        let rows = Rows { logits, classes };
        if rows.are_constant() {
            return Ok(Self::default());
        }
        let smoothing = if rows.are_all_right(truth) { 1.0 / (truth.len() as f64 + 2.0) } else { 0.0 };
        let wanted = rows.wanted(truth, smoothing);
        let derivative = |inverse: f64| {
            let Tangent { value, slope } = rows.expected(inverse);
            Tangent { value: value - wanted, slope }
        };
        let inverse = zero_of_rising(LARGEST_FACTOR.recip(), LARGEST_FACTOR, derivative);
        Ok(Self(inverse.recip()))
    }

    /// The number.
    pub fn value(self) -> f64 {
        self.0
    }

    /// Divides logits, of one row or of several.
    pub fn apply(self, logits: &mut [f32]) {
        for logit in logits {
            *logit = finite(f64::from(*logit) / self.0);
        }
    }
}

impl TryFrom<f64> for Temperature {
    type Error = EvalError;

    fn try_from(value: f64) -> Result<Self, EvalError> {
        Self::new(value)
    }
}

impl From<Temperature> for f64 {
    fn from(temperature: Temperature) -> Self {
        temperature.0
    }
}

/// Logits, a row a sample. What is said of a logit is said of how far it lies below the largest of its row.
struct Rows<'a> {
    logits: &'a [f32],
    classes: usize,
}

impl<'a> Rows<'a> {
    /// Each row with its largest logit.
    fn iter(&self) -> impl ExactSizeIterator<Item = (&'a [f32], f32)> {
        let largest = |row: &[f32]| row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.logits.chunks_exact(self.classes).map(move |row| (row, largest(row)))
    }

    fn are_constant(&self) -> bool {
        self.iter().all(|(row, largest)| row.iter().all(|&logit| logit == largest))
    }

    /// Whether the true class has the largest logit in each row, be it one of several.
    fn are_all_right(&self, truth: &[usize]) -> bool {
        self.iter().zip(truth).all(|((row, largest), &class)| row[class] == largest)
    }

    /// The mean logit under the targets, which take the share `smoothing` from the true class and spread it over all.
    fn wanted(&self, truth: &[usize], smoothing: f64) -> f64 {
        let of_row = |((row, largest), &class): ((&[f32], f32), &usize)| {
            let below = |logit: f32| f64::from(logit) - f64::from(largest);
            let mean = row.iter().map(|&logit| below(logit)).sum::<f64>() / row.len() as f64;
            (1.0 - smoothing) * below(row[class]) + smoothing * mean
        };
        self.iter().zip(truth).map(of_row).sum::<f64>() / truth.len() as f64
    }

    /// The mean logit under the softmax of all logits times `inverse`, and how it changes with that: the mean variance.
    fn expected(&self, inverse: f64) -> Tangent {
        let (mut value, mut slope) = (0.0, 0.0);
        for (row, largest) in self.iter() {
            let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
            for &logit in row {
                let below = f64::from(logit) - f64::from(largest);
                let weight = (inverse * below).exp();
                total += weight;
                first += weight * below;
                second += weight * below * below;
            }
            let mean = first / total;
            value += mean;
            slope += second / total - mean * mean;
        }
        let n = (self.logits.len() / self.classes) as f64;
        Tangent { value: value / n, slope: slope / n }
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    /// A wrong slope would only make the search slow, which no temperature shows.
    #[test]
    fn the_slope_of_the_mean_logit_is_its_derivative() {
        let rows = Rows { logits: &[2.0, -1.0, 0.5, 0.0, 3.0, 1.0], classes: 3 };
        for inverse in [0.1, 1.0, 2.5] {
            let value = |at| rows.expected(at).value;
            let derivative = (value(inverse + 1e-5) - value(inverse - 1e-5)) / 2e-5;
            assert!((rows.expected(inverse).slope - derivative).abs() < 1e-8, "{inverse}: {derivative}");
        }
    }
}
