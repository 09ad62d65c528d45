//! Functions of a vector that no instruction computes, from `exp` and polynomials.
//!
//! Each is right to a few units in the last place of the result, so small results keep their digits: e^x - 1 and
//! tanh x near zero, the normal distribution's tail far below it.

use crate::simd::Simd;

/// `c[0] x^n + c[1] x^(n-1) + ... + c[n]`, by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::V, c: [f32; N]) -> S::V {
    let mut p = simd.splat(c[0]);
    for c in &c[1..] {
        p = simd.mul_add(p, x, simd.splat(*c));
    }
    p
}

#[inline(always)]
pub(crate) fn abs<S: Simd>(simd: S, x: S::V) -> S::V {
    simd.max(simd.sub(simd.zero(), x), x)
}

/// 1 / (1 + e^-x), to 2.5 units in the last place.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::V) -> S::V {
    let one = simd.splat(1.0);
    simd.div(one, simd.add(one, simd.exp(simd.sub(simd.zero(), x))))
}

/// e^x - 1, to 2.5 units in the last place: near zero by the polynomial of [`Simd::exp`] without its leading one.
#[inline(always)]
pub(crate) fn exp_m1<S: Simd>(simd: S, x: S::V) -> S::V {
    const EXP: [f32; 7] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5, 1.0];
    let near = simd.mul(polynomial(simd, x, EXP), x);
    let far = simd.sub(simd.exp(x), simd.splat(1.0));
    let half_ln2 = simd.splat(0.5 * std::f32::consts::LN_2);
    simd.select_gt(abs(simd, x), half_ln2, far, near)
}

/// tanh x, to 2.5 units in the last place: an odd polynomial up to 0.625 (Cephes `tanhf`), beyond it 1 - 2 / (e^2x + 1).
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::V) -> S::V {
    const NEAR: [f32; 5] = [-5.704_988_7e-3, 2.063_908_8e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1];
    let square = simd.mul(x, x);
    let near = simd.mul_add(simd.mul(polynomial(simd, square, NEAR), square), x, x);
    let magnitude = abs(simd, x);
    let one = simd.splat(1.0);
    let power = simd.exp(simd.add(magnitude, magnitude));
    let far = simd.sub(one, simd.div(simd.splat(2.0), simd.add(power, one)));
    let far = simd.select_gt(simd.zero(), x, simd.sub(simd.zero(), far), far);
    simd.select_gt(magnitude, simd.splat(0.625), far, near)
}

/// ln(1 + x) for x in 0..=1, to 2.5 units in the last place: the series of 2 artanh s with s = x / (2 + x) <= 1/3.
#[inline(always)]
pub(crate) fn ln_1p<S: Simd>(simd: S, x: S::V) -> S::V {
    const ARTANH: [f32; 8] =
        [1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];
    let s = simd.div(x, simd.add(x, simd.splat(2.0)));
    let p = polynomial(simd, simd.mul(s, s), ARTANH);
    simd.mul(simd.add(s, s), p)
}

/// The standard normal distribution at x: (the share of it below x, its density).
///
/// With z = |x| / sqrt 2, the tail is erfc(z) / 2, and (1 + 2 z) e^(z^2) erfc(z) is smooth in q = (z - 2) / (z + 2)
/// (Shepherd and Laframboise, Mathematics of Computation 36, 1981); a polynomial of degree 9 interpolates it at the
/// Chebyshev points to 1.3e-7, relative. Both are right to 4 units in the last place down to x = -4; the rounding of z^2 costs
/// 20 at 9, and 36 at -12.
#[inline(always)]
pub(crate) fn normal<S: Simd>(simd: S, x: S::V) -> (S::V, S::V) {
    const SCALED_ERFC: [f32; 10] = [
        -4.152_343_6e-4,
        -1.252_553_5e-3,
        1.319_334_8e-3,
        8.650_833e-3,
        -8.058_813e-3,
        -5.420_951e-2,
        1.640_548_7e-1,
        -1.660_309_6e-1,
        -9.276_395e-2,
        1.276_978_4,
    ];
    const DENSITY_AT_ZERO: f32 = 0.398_942_3;
    let (one, two) = (simd.splat(1.0), simd.splat(2.0));
    let bell = simd.exp(simd.mul(simd.mul(x, x), simd.splat(-0.5)));
    // Beyond 10 the bell is zero; the bound keeps q a number for infinite x.
    let z = simd.min(simd.splat(10.0), simd.mul(abs(simd, x), simd.splat(std::f32::consts::FRAC_1_SQRT_2)));
    let q = simd.div(simd.sub(z, two), simd.add(z, two));
    let scaled = simd.div(polynomial(simd, q, SCALED_ERFC), simd.mul_add(two, z, one));
    let tail = simd.mul(simd.mul(bell, simd.splat(0.5)), scaled);
    let below = simd.select_gt(x, simd.zero(), simd.sub(one, tail), tail);
    (below, simd.mul(bell, simd.splat(DENSITY_AT_ZERO)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::{Elementwise, elementwise};
    use crate::reference::activation as reference;
    use crate::{Cpu, Isa};

    /// Applies a function to numbers on every instruction set of this machine.
    macro_rules! on_every_isa {
        ($x:expr, |$simd:ident, $v:ident| $body:expr) => {{
            #[derive(Clone, Copy)]
            struct Op;
            impl Elementwise<1, 1> for Op {
                #[inline(always)]
                fn apply<S: Simd>(self, $simd: S, [$v]: [S::V; 1], _: [S::V; 1]) -> [S::V; 1] {
                    [$body]
                }
            }
            let run = |isa: Isa| {
                let mut y = vec![0.0; $x.len()];
                elementwise(&Cpu::with_isa(isa, 1), Op, [&$x], [&mut y]);
                (isa.name(), y)
            };
            Isa::present().into_iter().map(run).collect::<Vec<_>>()
        }};
    }

    /// Numbers from `low` to `high`, more of them near zero.
    fn between(low: f32, high: f32) -> Vec<f32> {
        let steps = (-4000..=4000).map(|i| (i as f32 / 4000.0).powi(3));
        steps.map(|t| if t < 0.0 { -t * low } else { t * high }).collect()
    }

    /// Asserts that results are within `units` units in the last place of the truth; below 1e-37 anything small will do.
    fn assert_units(
        what: &str,
        x: &[f32],
        results: Vec<(&str, Vec<f32>)>,
        truth: impl Fn(f64) -> f64,
        units: f64,
    ) {
        for (isa, results) in results {
            for (x, y) in x.iter().zip(results) {
                let truth = truth(f64::from(*x));
                let unit = truth.abs().max(1e-37) * f64::from(f32::EPSILON);
                let off = (f64::from(y) - truth).abs() / unit;
                assert!(off <= units, "{isa}: {what}({x}) = {y}, not {truth}: {off} units off");
            }
        }
    }

    #[test]
    fn sigmoid_keeps_its_digits() {
        let x = between(-80.0, 80.0);
        assert_units("sigmoid", &x, on_every_isa!(x, |s, v| sigmoid(s, v)), reference::sigmoid, 2.5);
    }

    #[test]
    fn exp_m1_keeps_its_digits() {
        let x = between(-90.0, 80.0);
        assert_units("exp_m1", &x, on_every_isa!(x, |s, v| exp_m1(s, v)), f64::exp_m1, 2.5);
    }

    #[test]
    fn tanh_keeps_its_digits() {
        let x = between(-20.0, 20.0);
        assert_units("tanh", &x, on_every_isa!(x, |s, v| tanh(s, v)), f64::tanh, 2.5);
    }

    #[test]
    fn ln_1p_keeps_its_digits() {
        let x = between(0.0, 1.0);
        assert_units("ln_1p", &x, on_every_isa!(x, |s, v| ln_1p(s, v)), f64::ln_1p, 2.5);
    }

    #[test]
    fn the_normal_distribution_keeps_its_digits() {
        let x = between(-4.0, 9.0);
        assert_units("normal", &x, on_every_isa!(x, |s, v| normal(s, v).0), reference::normal_below, 4.0);
        let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
        assert_units("density", &x, on_every_isa!(x, |s, v| normal(s, v).1), density, 20.0);
        let x = between(-12.0, -4.0);
        assert_units(
            "normal's tail",
            &x,
            on_every_isa!(x, |s, v| normal(s, v).0),
            reference::normal_below,
            36.0,
        );
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let x = [f32::NAN; 17];
        for results in [
            on_every_isa!(x, |s, v| s.exp(v)),
            on_every_isa!(x, |s, v| sigmoid(s, v)),
            on_every_isa!(x, |s, v| exp_m1(s, v)),
            on_every_isa!(x, |s, v| tanh(s, v)),
            on_every_isa!(x, |s, v| normal(s, v).0),
        ] {
            for (isa, y) in results {
                assert!(y.iter().all(|y| y.is_nan()), "{isa}: {y:?}");
            }
        }
    }

    #[test]
    fn infinities_have_their_limits() {
        let x = [f32::NEG_INFINITY, f32::INFINITY];
        for (results, limits) in [
            (on_every_isa!(x, |s, v| sigmoid(s, v)), [0.0, 1.0]),
            (on_every_isa!(x, |s, v| tanh(s, v)), [-1.0, 1.0]),
            (on_every_isa!(x, |s, v| normal(s, v).0), [0.0, 1.0]),
        ] {
            for (isa, y) in results {
                assert!(y.iter().zip(limits).all(|(y, limit)| (y - limit).abs() < 1e-37), "{isa}: {y:?}");
            }
        }
    }
}
