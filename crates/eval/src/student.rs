//! Student's t distribution.

use crate::beta::incomplete_beta;

/// The chance of a value as far from zero as `t`, or farther, at `df` degrees of freedom: `I_x(df/2, 1/2)` where
/// `x = df / (df + t²)` (Abramowitz and Stegun 26.7.1). For a `t` whose square is finite.
pub(crate) fn two_sided_p(t: f64, df: f64) -> f64 {
    let square = t * t / df;
    incomplete_beta(df / 2.0, 0.5, 1.0 / (1.0 + square), square / (1.0 + square))
}

/// The value that 95% of all are nearer to zero than, at one degree of freedom or more.
pub(crate) fn critical_95(df: f64) -> f64 {
    // 12.7 at one degree of freedom is the largest. Halving goes on until no number lies between the ends.
    let (mut low, mut high) = (0.0, 16.0);
    loop {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            return middle;
        }
        if two_sided_p(middle, df) > 0.05 {
            low = middle;
        } else {
            high = middle;
        }
    }
}
