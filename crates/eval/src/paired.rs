//! Two things measured under the same conditions, such as two heads trained from each of several seeds.

use serde::Serialize;

use crate::{MeanInterval, student};

/// Differences within pairs, and Student's paired t test of whether their mean is zero.
///
/// Pairs that share a seed (or a sample) take what they have in common out of the comparison. Two seeds leave one degree of
/// freedom, with which only enormous differences are found; five or more are worth the time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedT {
    /// The mean of the first less the second, with its 95% t interval.
    pub difference: MeanInterval,
    /// The two-sided p-value; `None` where the differences do not scatter beyond rounding, which leaves nothing to hold
    /// their mean against.
    pub p: Option<f64>,
}

impl PairedT {
    /// Compares the first of each pair with the second; `None` for fewer than two pairs or values that are not finite.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        /// How far a difference of two rounded numbers may be off, in units of the larger.
        const ROUNDING: f64 = 4.0 * f64::EPSILON;
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
        let difference = MeanInterval::of(&differences)?;
        let largest = pairs.iter().map(|(a, b)| a.abs().max(b.abs())).fold(0.0, f64::max);
        let n = difference.n as f64;
        let scatters = difference.standard_error * n.sqrt() > ROUNDING * largest;
        let p = scatters.then(|| student::two_sided_p(difference.mean / difference.standard_error, n - 1.0));
        Some(Self { difference, p })
    }
}
