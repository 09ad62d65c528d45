//! Intervals of confidence.

use serde::{Deserialize, Serialize};

/// An interval that covers the true value 95 times in 100. Serialises as `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f64; 2]", from = "[f64; 2]")]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A number measured on a sample, with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its 95% interval.
    pub ci95: Interval,
}

/// The 97.5% point of the standard normal distribution.
pub(crate) const Z_95: f64 = 1.959_963_984_540_054;

impl Interval {
    /// The Wilson score interval of a share, `successes` of `trials`, at 95% (Wilson 1927, *JASA* 22:209).
    ///
    /// Unlike the textbook `p ± 1.96 √(p(1-p)/n)` it stays inside `[0, 1]`, keeps its coverage for small samples and
    /// shares near 0 and 1, and does not collapse to a point when every answer is right.
    ///
    /// `None` if `trials` is zero or smaller than `successes`.
    pub fn wilson(successes: usize, trials: usize) -> Option<Self> {
        if trials == 0 || successes > trials {
            return None;
        }
        let n = trials as f64;
        Some(Self::of_trials(successes as f64 / n, n))
    }

    /// The interval of a number between 0 and 1 that was found with a standard error: Wilson's, of as many trials as would find a
    /// share of this value with that error (Korn and Graubard 1998, *Survey Methodology* 24:193, take the number of trials so).
    ///
    /// An error of zero says that the sample was too small to show one; then there are as many trials as `at_least`.
    pub(crate) fn of_share(value: f64, standard_error: f64, at_least: f64) -> Self {
        let trials = value * (1.0 - value) / standard_error.powi(2);
        Self::of_trials(value, if trials.is_finite() && trials > 0.0 { trials } else { at_least })
    }

    /// Wilson's interval of the share `p` of `n` trials, neither of which need be whole.
    pub(crate) fn of_trials(p: f64, n: f64) -> Self {
        let z2 = Z_95 * Z_95;
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        // At the ends the two terms cancel exactly in theory and to a rounding error here.
        let low = if p == 0.0 { 0.0 } else { centre - half };
        let high = if p == 1.0 { 1.0 } else { centre + half };
        Self { low, high }
    }

    /// The interval's image under a function that rises, or with its ends exchanged under one that falls.
    pub(crate) fn map(self, function: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (function(self.low), function(self.high));
        Self { low: a.min(b), high: a.max(b) }
    }

    /// The smallest interval that holds this one and another.
    pub(crate) fn joined(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

impl Estimate {
    /// A share, `successes` of `trials`, with its Wilson interval.
    ///
    /// `None` if `trials` is zero or smaller than `successes`.
    pub fn of_share(successes: usize, trials: usize) -> Option<Self> {
        let ci95 = Interval::wilson(successes, trials)?;
        Some(Self { value: successes as f64 / trials as f64, ci95 })
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}
