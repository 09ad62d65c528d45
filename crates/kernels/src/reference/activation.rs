//! Activation functions, as their definitions are written.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::Activation;

pub(crate) fn activation(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::LeakyRelu { alpha } => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * x
            }
        }
        Activation::Elu { alpha } => {
            if x > 0.0 {
                x
            } else {
                f64::from(alpha) * x.exp_m1()
            }
        }
        Activation::Gelu => x * normal_below(x),
        Activation::Silu => x * sigmoid(x),
        Activation::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
    }
}

pub(crate) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The share of the standard normal distribution below `x`.
pub(crate) fn normal_below(x: f64) -> f64 {
    let tail = 0.5 * erfc(x.abs() * FRAC_1_SQRT_2);
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// The complementary error function for z >= 0: up to 2.5 by the power series of erf, beyond it by the continued fraction
/// (Abramowitz and Stegun, 7.1.6 and 7.1.14).
pub(crate) fn erfc(z: f64) -> f64 {
    let scale = 2.0 / PI.sqrt() * (-z * z).exp();
    if z < 2.5 {
        let mut term = z;
        let mut sum = z;
        for n in 1..100 {
            term *= 2.0 * z * z / f64::from(2 * n + 1);
            sum += term;
        }
        1.0 - scale * sum
    } else {
        let mut fraction = z;
        for n in (1..200).rev() {
            fraction = z + f64::from(n) / 2.0 / fraction;
        }
        scale / 2.0 / fraction
    }
}

#[cfg(test)]
mod tests {
    use super::erfc;

    /// To 15 digits, as in Abramowitz and Stegun's tables 7.1 and 7.3, which have 10.
    #[test]
    fn erfc_has_the_published_values() {
        for (z, published) in [
            (0.5, 1.0 - 0.520_499_877_813_047),
            (1.0, 1.0 - 0.842_700_792_949_715),
            (2.0, 4.677_734_981_047_27e-3),
            (3.0, 2.209_049_699_858_54e-5),
            (5.0, 1.537_459_794_428_04e-12),
        ] {
            assert!((erfc(z) / published - 1.0).abs() < 1e-12, "erfc({z}) = {}", erfc(z));
        }
    }
}
