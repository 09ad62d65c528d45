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
        let p = successes as f64 / n;
        let z2 = Z_95 * Z_95;
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        // At the ends the two terms cancel exactly in theory and to a rounding error here.
        let low = if successes == 0 { 0.0 } else { centre - half };
        let high = if successes == trials { 1.0 } else { centre + half };
        Some(Self { low, high })
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
