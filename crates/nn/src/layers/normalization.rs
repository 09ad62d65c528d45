use serde::{Deserialize, Serialize};

use super::{LayerRule, finite, only};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::shape::Shape;

/// Known statistics taken out of each channel: `y = (x − mean) / max(√variance, 10⁻⁷)`, as in Keras.
///
/// Mean and variance are settings rather than parameters: training does not change them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// One value a channel, or one for all.
    pub mean: Vec<f32>,
    /// One value a channel, or one for all; at least 0.
    pub variance: Vec<f32>,
}

impl Normalization {
    /// The least standard deviation divided by: Keras's epsilon.
    pub const LEAST_DEVIATION: f32 = 1e-7;

    /// Takes out the given mean and variance.
    pub fn new(mean: impl Into<Vec<f32>>, variance: impl Into<Vec<f32>>) -> Self {
        Self { mean: mean.into(), variance: variance.into() }
    }

    /// What each of so many channels is multiplied with, and what is added then.
    pub(crate) fn scale_shift(&self, channels: usize) -> (Vec<f32>, Vec<f32>) {
        let each = |values: &[f32], channel: usize| values[channel % values.len()];
        let scale: Vec<f32> =
            (0..channels).map(|c| 1.0 / each(&self.variance, c).sqrt().max(Self::LEAST_DEVIATION)).collect();
        let shift = scale.iter().enumerate().map(|(c, scale)| -each(&self.mean, c) * scale).collect();
        (scale, shift)
    }
}

impl LayerRule for Normalization {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let input = only(inputs)?;
        for (setting, values) in [("mean", &self.mean), ("variance", &self.variance)] {
            if values.len() != 1 && values.len() != input.channels() {
                let found = format!("a list of {} for {} channels", values.len(), input.channels());
                return Err(ShapeError::Setting { setting, found, wanted: "one value, or one a channel" });
            }
            values.iter().try_for_each(|&value| finite(setting, value))?;
        }
        if let Some(negative) = self.variance.iter().find(|&&variance| variance < 0.0) {
            let found = negative.to_string();
            return Err(ShapeError::Setting { setting: "variance", found, wanted: "at least 0" });
        }
        Ok(input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let channels = inputs[0].shape.channels();
        // A list of one stands for every channel.
        let each = |values: &[f32], channel: usize| values[channel % values.len()];
        let scale: Vec<f32> =
            (0..channels).map(|c| 1.0 / each(&self.variance, c).sqrt().max(Self::LEAST_DEVIATION)).collect();
        let shift = scale.iter().enumerate().map(|(c, scale)| -each(&self.mean, c) * scale).collect();
        lowering.scale_shift(scale, shift, inputs[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_or_one_a_channel() {
        let map = [4, 4, 3].into();
        let shape = |mean: &[f32], variance: &[f32]| Normalization::new(mean, variance).output_shape(&[map]);
        assert_eq!(shape(&[0.5], &[0.25]), Ok(map));
        assert_eq!(shape(&[0.5, 0.4, 0.3], &[0.2]), Ok(map));
        for (mean, variance) in
            [(&[][..], &[1.0][..]), (&[0.5, 0.5], &[1.0]), (&[f32::NAN], &[1.0]), (&[0.5], &[-1.0])]
        {
            assert!(shape(mean, variance).is_err(), "{mean:?} {variance:?}");
        }
    }
}
