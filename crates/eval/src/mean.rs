//! Means of numbers that scatter: accuracies across seeds, losses across samples.

use serde::Serialize;

use crate::interval::Z_95;
use crate::{Interval, student};

/// A mean with its 95% t interval (Student 1908, *Biometrika* 6:1).
///
/// Exact for independent values from a normal distribution, and good for the mean of many from nearly any other. All values
/// equal make an interval of no width: it tells what was seen, not that the next value will be the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanInterval {
    /// How many values there are.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// The mean's standard error, `s / √n` with the sample's standard deviation `s` (divided by `n - 1`).
    pub standard_error: f64,
    /// The mean's 95% interval, with `n - 1` degrees of freedom.
    pub ci95: Interval,
}

impl MeanInterval {
    /// The mean of `values` and its interval; `None` for fewer than two, or where one, or their sum, is not finite.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let standard_error = (squares / (n - 1.0) / n).sqrt();
        let half = student::critical_95(n - 1.0) * standard_error;
        (mean.is_finite() && half.is_finite()).then_some(Self {
            n: values.len(),
            mean,
            standard_error,
            ci95: Interval { low: mean - half, high: mean + half },
        })
    }
}

/// The 95% interval of a mean of values between 0 and `largest`, of which one or more were seen.
///
/// Losses are small for most samples and large for a few, and a mean of them is lopsided; so is the interval, by the
/// transformation of Hall (1992, *JRSS B* 54:221), which takes the skewness out. Values that are all equal have that of a
/// share, which has a width.
pub(crate) fn bounded_mean(values: &[f64], largest: f64) -> Interval {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |power| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    if variance <= (f64::EPSILON * largest).powi(2) {
        return Interval::of_trials(mean / largest, n).map(|share| share * largest);
    }
    let standard_error = (variance / (n - 1.0)).sqrt();
    let skewness = moment(3) / variance.powf(1.5) / n.sqrt();
    let errors = |z: f64| {
        let z = z - skewness / 6.0;
        // The limit, where the quotient loses its digits.
        if skewness.abs() < 1e-6 { z } else { 3.0 / skewness * ((1.0 + skewness * z).cbrt() - 1.0) }
    };
    let end = |z: f64| (mean - standard_error * errors(z)).clamp(0.0, largest);
    Interval { low: end(Z_95), high: end(-Z_95) }
}
