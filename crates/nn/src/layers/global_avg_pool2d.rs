use serde::{Deserialize, Serialize};

use super::{LayerRule, only_map};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::Shape;

/// The mean of each channel over all positions: `y[c] = mean over i, j of x[i, j, c]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAvgPool2d {}

impl GlobalAvgPool2d {
    /// The pooling over all positions.
    pub fn new() -> Self {
        Self {}
    }
}

impl LayerRule for GlobalAvgPool2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let [_, _, channels] = only_map(inputs)?;
        Shape::vector(channels)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let y = lowering.output();
        let (batch, channels) = (lowering.batch, y.shape.channels());
        let pixels = inputs[0].shape.len() / channels;
        lowering.push(Op::GlobalAvgPool { batch, pixels, channels, x: inputs[0].buffer, y: y.buffer });
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_a_channel() {
        assert_eq!(GlobalAvgPool2d::new().output_shape(&[[7, 5, 32].into()]), Ok([32].into()));
        let on_vector = GlobalAvgPool2d::new().output_shape(&[[32].into()]);
        assert!(matches!(on_vector, Err(ShapeError::NeedsMap { .. })));
    }
}
