//! Stated probabilities made to come true: what is learnt of a classifier's logits on validation data.

mod biased_temperature;
mod platt;

pub use biased_temperature::BiasedTemperature;
pub use platt::Platt;

/// Logits are made smaller or larger by no more than this factor, which is far beyond what calibration asks for.
const LARGEST_FACTOR: f64 = 1000.0;

/// A number as the nearest `f32` that is finite.
fn finite(value: f64) -> f32 {
    value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}
