//! Numbers of 16 bits, as their formats' definitions read.

use crate::HalfFormat;

/// The bits of a format: of the exponent, and of the fraction behind the leading one.
fn bits(format: HalfFormat) -> (i32, i32) {
    match format {
        HalfFormat::Bf16 => (8, 7),
        HalfFormat::F16 => (5, 10),
    }
}

/// The nearest number that a format has, of which there are two where it lies between two: then the even one. IEEE 754, 4.3.1.
pub(crate) fn nearest(format: HalfFormat, x: f32) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return f64::from(x);
    }
    let x = f64::from(x);
    let (exponent_bits, fraction) = bits(format);
    let least = 2 - (1 << (exponent_bits - 1));
    // How far apart the numbers are, where x lies.
    let mut exponent = least;
    while 2_f64.powi(exponent + 1) <= x.abs() {
        exponent += 1;
    }
    let step = 2_f64.powi(exponent - fraction);
    let rounded = (x / step).round_ties_even() * step;
    if rounded.abs() < 2_f64.powi(1 - least) * 2.0 { rounded } else { f64::INFINITY.copysign(x) }
}

/// The two numbers of a pair, the one in the lower bits first.
pub(crate) fn numbers(format: HalfFormat, pair: f32) -> [f64; 2] {
    [pair.to_bits() & 0xFFFF, pair.to_bits() >> 16].map(|bits| number(format, bits.cast_signed()))
}

fn number(format: HalfFormat, of: i32) -> f64 {
    let (exponent_bits, fraction) = bits(format);
    let sign = if of >> 15 == 0 { 1.0 } else { -1.0 };
    let exponent = of >> fraction & ((1 << exponent_bits) - 1);
    let rest = f64::from(of & ((1 << fraction) - 1)) / f64::from(1 << fraction);
    let bias = (1 << (exponent_bits - 1)) - 1;
    match exponent {
        0 => sign * rest * 2_f64.powi(1 - bias),
        _ if exponent == (1 << exponent_bits) - 1 => {
            if rest == 0.0 {
                sign * f64::INFINITY
            } else {
                f64::NAN
            }
        }
        _ => sign * (1.0 + rest) * 2_f64.powi(exponent - bias),
    }
}
