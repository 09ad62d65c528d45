//! Cross-entropy of stated probabilities.

/// `-ln p` in nats of the probability that was given to what came true.
///
/// `p` is clipped to `[f32::EPSILON, 1 - f32::EPSILON]`: a softmax in `f32` rounds to exact zeros and ones that its logits
/// did not mean, and one such sample would make the mean infinite.
pub(crate) fn surprise(p: f64) -> f64 {
    let epsilon = f64::from(f32::EPSILON);
    -p.clamp(epsilon, 1.0 - epsilon).ln()
}

/// The largest surprise there is.
pub(crate) fn largest_surprise() -> f64 {
    surprise(0.0)
}

/// Surprise at an event of stated probability `p` that came true or did not.
pub(crate) fn binary_surprise(happened: bool, p: f32) -> f64 {
    let p = f64::from(p);
    surprise(if happened { p } else { 1.0 - p })
}
