//! Activations that keep numbers within bounds.

use crate::Rectifier;

pub(crate) fn rectify(rectifier: Option<Rectifier>, x: f64) -> f64 {
    match rectifier {
        None => x,
        Some(Rectifier::Relu) => x.max(0.0),
        Some(Rectifier::Relu6) => x.clamp(0.0, 6.0),
    }
}

/// The derivative, from the output.
pub(crate) fn slope(rectifier: Option<Rectifier>, y: f64) -> f64 {
    let passes = match rectifier {
        None => true,
        Some(Rectifier::Relu) => y > 0.0,
        Some(Rectifier::Relu6) => y > 0.0 && y < 6.0,
    };
    f64::from(u8::from(passes))
}
