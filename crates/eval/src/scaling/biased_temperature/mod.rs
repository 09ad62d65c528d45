//! One temperature for the logits of a softmax, and a bias for each class.

mod loss;

use super::{LARGEST_FACTOR, finite};
use crate::root::{Tangent, zero_of_rising};
use crate::{EvalError, check};
use loss::{Loss, Scaling};

/// `logit ↦ logit / temperature + bias of its class` before a softmax: a temperature (Guo, Pleiss, Sun and Weinberger 2017, *ICML*, "On
/// calibration of modern neural networks") whose biases are corrected (Alexandari, Kundaje and Shrikumar 2020, *ICML*, "Maximum likelihood with
/// bias-corrected calibration is hard-to-beat at label shift adaptation").
///
/// A temperature above 1 makes probabilities less extreme, one below 1 more. Biases move decisions: a network that has learnt its training pictures by heart leans on others to
/// the classes that it saw most. With two classes it is what [`Platt`](crate::Platt) is to a sigmoid.
#[derive(Debug, Clone, PartialEq)]
pub struct BiasedTemperature {
    temperature: f64,
    biases: Vec<f64>,
}

/// The standard deviation of biases before anything is known of them: half a unit of logits moves odds by a factor of 1.6. It keeps those of few samples near 0.
const USUAL_BIAS: f64 = 0.5;

impl BiasedTemperature {
    /// The temperature, from 0.001 to 1000, and the biases of least log loss on validation data; to the log loss is added what biases are away from 0, as if each had been drawn from a
    /// normal distribution of deviation 0.5.
    ///
    /// - `logits`: `[n, classes]`, row-major: what goes into the softmax;
    /// - `truth`: `[n]`, the true class of each sample.
    ///
    /// Where each true class has the largest logit, the log loss falls as long as the temperature does. What is fitted to are then
    /// targets that are smoothed as Platt's are: `(n + 1) / (n + 2)` for the true class, the rest shared by all, as if
    /// one of two more samples had gone wrong. Logits that say nothing, equal in each row, keep the temperature 1; those
    /// that speak for the wrong classes get the highest.
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
        let is_constant = rows.are_constant();
        let is_parted = !is_constant && rows.are_all_right(truth);
        let smoothing = if is_parted { 1.0 / (truth.len() as f64 + 2.0) } else { 0.0 };
        // The slope is sought in units of what is best without biases.
        let unit = if is_constant { 1.0 } else { rows.best_inverse(truth, smoothing) };
        let slopes = if is_constant {
            [1.0; 2]
        } else {
            [LARGEST_FACTOR.recip(), LARGEST_FACTOR].map(|end| end / unit)
        };
        let ridge = 1.0 / (USUAL_BIAS * USUAL_BIAS * truth.len() as f64);
        let loss = Loss { logits: rows.in_units(unit), classes, truth, smoothing, ridge };
        let Scaling { slope, biases } = loss.least(slopes);
        let inverse = (slope * unit).clamp(LARGEST_FACTOR.recip(), LARGEST_FACTOR);
        Ok(Self { temperature: inverse.recip(), biases })
    }

    /// What logits are divided by; above 0.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// What is added to the logit of each class then; they sum to 0.
    pub fn biases(&self) -> &[f64] {
        &self.biases
    }

    /// Scales logits, of one row or of several.
    pub fn apply(&self, logits: &mut [f32]) {
        for row in logits.chunks_mut(self.biases.len()) {
            for (logit, bias) in row.iter_mut().zip(&self.biases) {
                *logit = finite(f64::from(*logit) / self.temperature + bias);
            }
        }
    }
}

/// Logits, a row a sample. What is said of a logit is said of how far it lies below the largest of its row.
#[derive(Clone, Copy)]
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

    /// How far all logits lie below the largest of their row, times a factor.
    fn in_units(&self, unit: f64) -> Vec<f64> {
        let below = |(row, largest): (&'a [f32], f32)| {
            row.iter().map(move |&logit| unit * (f64::from(logit) - f64::from(largest)))
        };
        self.iter().flat_map(below).collect()
    }

    /// What logits are best multiplied by where there are no biases.
    fn best_inverse(&self, truth: &[usize], smoothing: f64) -> f64 {
        let wanted = self.wanted(truth, smoothing);
        zero_of_rising(LARGEST_FACTOR.recip(), LARGEST_FACTOR, |inverse| {
            let Tangent { value, slope } = self.expected(inverse);
            Tangent { value: value - wanted, slope }
        })
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
