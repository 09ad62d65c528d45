//! The incomplete beta function, from which the tails of the binomial and of Student's distribution follow.

use std::f64::consts::PI;

/// The regularised incomplete beta function `I_x(a, b)` for positive `a` and `b`.
///
/// `x + y = 1`; both are asked for because whichever is small would be lost in forming it from the other. By the continued
/// fraction DLMF 8.17.22, on the side where it converges fast.
pub(crate) fn incomplete_beta(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x * (a + b + 2.0) < a + 1.0 {
        beta_kernel(a, b, x, y) / (a * continued_fraction(a, b, x))
    } else {
        1.0 - beta_kernel(b, a, y, x) / (b * continued_fraction(b, a, y))
    }
}

/// `x^a y^b / B(a, b)` for positive `a` and `b`, where `x + y = 1`.
///
/// In the saddle-point form of Loader (2000, *Fast and accurate computation of binomial probabilities*): a difference of
/// three logarithms of gamma functions would lose a digit for each digit that `a + b` has.
pub(crate) fn beta_kernel(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    let exponent =
        stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    (a * (b / n) / (2.0 * PI)).sqrt() * exponent.exp()
}

/// More terms than the fraction takes for a thousand million trials, whose number of terms grows with their square root.
const MOST_TERMS: u32 = 200_000;

/// `1 + d₁/(1 + d₂/(1 + …))` of DLMF 8.17.22, by the modified method of Lentz (*Numerical Recipes*, 5.2).
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    /// Stands for a denominator of exactly zero.
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut value = 1.0;
    let mut numerator = 1.0;
    let mut denominator = 0.0;
    for term in 1..=MOST_TERMS {
        let m = f64::from(term / 2);
        let d = if term % 2 == 0 {
            x * (m / (a + 2.0 * m - 1.0)) * ((b - m) / (a + 2.0 * m))
        } else {
            -x * ((a + m) / (a + 2.0 * m)) * ((a + b + m) / (a + 2.0 * m + 1.0))
        };
        denominator = 1.0 / away_from_zero(1.0 + d * denominator);
        numerator = away_from_zero(1.0 + d / numerator);
        let factor = numerator * denominator;
        value *= factor;
        // A term may be zero by itself (b = m), where the fraction ends.
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}

/// `ln Γ(z + 1)` less Stirling's approximation of it, for positive `z`.
fn stirling_error(z: f64) -> f64 {
    /// From here on five terms of the series (DLMF 5.11.1) leave less than a rounding error.
    const LARGE: f64 = 16.0;
    let mut z = z;
    let mut below = 0.0;
    while z < LARGE {
        // From Γ(z + 2) = (z + 1) Γ(z + 1).
        below += (z + 0.5) * z.recip().ln_1p() - 1.0;
        z += 1.0;
    }
    let s = (z * z).recip();
    below + (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s / 1188.0)))) / z
}

/// `k ln(k/m) + m - k`, without the cancellation where the two are close.
fn deviance(k: f64, m: f64) -> f64 {
    let v = (k - m) / (k + m);
    if v.abs() > 0.1 {
        return k * (k / m).ln() + m - k;
    }
    // ln(k/m) = 2 artanh v.
    let mut sum = (k - m) * v;
    let mut power = 2.0 * k * v;
    for odd in (3_u32..).step_by(2) {
        power *= v * v;
        let next = sum + power / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}
