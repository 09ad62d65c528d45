//! The binomial distribution, exactly.

use crate::beta::{beta_kernel, incomplete_beta};

/// The chance of `k` successes or more in `n` trials that each succeed with the chance `p`, strictly between 0 and 1.
pub(crate) fn at_least(k: usize, n: usize, p: f64) -> f64 {
    if k == 0 {
        1.0
    } else if k > n {
        0.0
    } else {
        // Abramowitz and Stegun 26.5.24.
        incomplete_beta(k as f64, (n - k) as f64 + 1.0, p, 1.0 - p)
    }
}

/// The chance of exactly `k` successes in `n` trials, for a `p` strictly between 0 and 1 and no more successes than trials.
pub(crate) fn exactly(k: usize, n: usize, p: f64) -> f64 {
    let (k, rest) = (k as f64, (n - k) as f64);
    if k == 0.0 {
        (rest * (-p).ln_1p()).exp()
    } else if rest == 0.0 {
        (k * p.ln()).exp()
    } else {
        beta_kernel(k, rest, p, 1.0 - p) * (1.0 / k + 1.0 / rest)
    }
}
