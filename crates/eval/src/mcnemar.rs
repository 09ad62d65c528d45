//! Two classifiers on the same samples.

use crate::beta::{beta_kernel, incomplete_beta};
use crate::interval::Z_95;
use crate::{Estimate, Interval};

/// McNemar's test (1947, *Psychometrika* 12:153) of whether two classifiers, A and B, are right equally often on the same
/// samples.
///
/// Samples that both get right, or both wrong, say nothing about which is better; what is left is a coin tossed once for each
/// sample that only one of them gets right.
///
/// It tells two trained models apart, not two ways of training, for trained again each would err on other samples (Dietterich
/// 1998, *Neural Computation* 10:1895). Counts of several seeds do not add up either: they are of the same samples. Train from
/// several seeds and compare by [`PairedT`](crate::PairedT).
///
/// ```
/// use divvy_eval::McNemar;
///
/// // Of 161 samples A alone gets 6 right, B alone 16.
/// let test = McNemar::new(6, 16);
/// assert!((test.mid_p() - 0.0347).abs() < 1e-4);
/// let difference = test.difference(161).expect("no more differ than there are");
/// assert!(difference.ci95.high < 0.0); // B is better
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct McNemar {
    /// Samples that A gets right and B gets wrong.
    pub only_a_right: usize,
    /// Samples that B gets right and A gets wrong.
    pub only_b_right: usize,
}

impl McNemar {
    /// The test for these counts.
    pub fn new(only_a_right: usize, only_b_right: usize) -> Self {
        Self { only_a_right, only_b_right }
    }

    /// The exact two-sided p-value: the chance that as many fair coins fall at least as unevenly.
    ///
    /// Never rejects more often than it says, and mostly less often. It is 1 where A and B never differ.
    pub fn exact_p(&self) -> f64 {
        if self.only_a_right == self.only_b_right {
            return 1.0;
        }
        let (fewer, more) = self.ordered();
        // P(X <= k) of n fair coins is I_½(n - k, k + 1).
        (2.0 * incomplete_beta(more, fewer + 1.0, 0.5, 0.5)).min(1.0)
    }

    /// The mid-p value: the outcome that was seen counts half.
    ///
    /// Rejects about as often as it says, so it finds more than [`McNemar::exact_p`]; recommended by Fagerland, Lydersen and
    /// Laake (2013, *BMC Medical Research Methodology* 13:91). It is 1 where A and B never differ.
    pub fn mid_p(&self) -> f64 {
        let (fewer, more) = self.ordered();
        let seen = fair_coins(fewer, more);
        if more == 0.0 {
            1.0
        } else if fewer == more {
            // An even fall is one outcome, not two mirrored ones.
            1.0 - seen / 2.0
        } else {
            self.exact_p() - seen
        }
    }

    /// The accuracy of A less that of B on `samples` samples, with Tango's score interval (1998, *Statistics in Medicine*
    /// 17:891).
    ///
    /// It stays inside `[-1, 1]`, has a width even where A and B never differ, and is among those recommended by Fagerland,
    /// Lydersen and Laake (2014, *Statistics in Medicine* 33:2850).
    ///
    /// `None` without samples, or with fewer than differ.
    pub fn difference(&self, samples: usize) -> Option<Estimate> {
        let differ = self.only_a_right.checked_add(self.only_b_right)?;
        if samples == 0 || samples < differ {
            return None;
        }
        let (a, b, n) = (self.only_a_right as f64, self.only_b_right as f64, samples as f64);
        let value = (a - b) / n;
        let high = farthest(value, |difference| is_plausible(a, b, n, difference));
        let low = -farthest(-value, |difference| is_plausible(b, a, n, difference));
        Some(Estimate { value, ci95: Interval { low, high } })
    }

    /// The smaller count and the larger.
    fn ordered(&self) -> (f64, f64) {
        let (a, b) = (self.only_a_right as f64, self.only_b_right as f64);
        (a.min(b), a.max(b))
    }
}

/// The chance that fair coins fall on one side `k` times and on the other `rest` times, in this order of sides.
fn fair_coins(k: f64, rest: f64) -> f64 {
    if k == 0.0 { (-rest).exp2() } else { beta_kernel(k, rest, 0.5, 0.5) * (1.0 / k + 1.0 / rest) }
}

/// The largest difference up to 1 that is plausible, where `from` is and every one beyond some point is not.
fn farthest(from: f64, is_plausible: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (from, 1.0);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return low;
        }
        if is_plausible(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// Whether the score test at 5% lets the true difference of accuracies be `difference`.
///
/// Its statistic is how far what was seen lies from what was to be expected, in standard deviations under the most likely
/// table that has this difference. `a` and `b` are swapped with the sign of the difference, so that exchanging the
/// classifiers mirrors the interval to the last bit.
fn is_plausible(a: f64, b: f64, n: f64, difference: f64) -> bool {
    let variance = if difference >= 0.0 {
        2.0 * likeliest_only_b(a, b, n, difference) + difference * (1.0 - difference)
    } else {
        2.0 * likeliest_only_b(b, a, n, -difference) - difference * (1.0 + difference)
    };
    (a - b - n * difference).powi(2) <= Z_95 * Z_95 * n * variance
}

/// The most likely chance that only B is right, given that the chance that only A is right is greater by `difference`, which
/// is not negative: the larger root of `2n q² + linear q - b difference (1 - difference) = 0`.
fn likeliest_only_b(a: f64, b: f64, n: f64, difference: f64) -> f64 {
    let linear = (2.0 * n - a + b) * difference - a - b;
    let constant = b * difference * (1.0 - difference);
    let root = (linear * linear + 8.0 * n * constant).sqrt();
    // Of the two forms of the solution, the one that adds numbers of one sign.
    if linear > 0.0 { 2.0 * constant / (linear + root) } else { (root - linear) / (4.0 * n) }
}
