use serde::{Deserialize, Serialize};

use super::{LayerRule, only};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::shape::Shape;

/// A map as a vector, in the order of rows, columns, channels: `y[(i · width + j) · channels + c] = x[i, j, c]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

impl Flatten {
    /// The flattening.
    pub fn new() -> Self {
        Self {}
    }
}

impl LayerRule for Flatten {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        Shape::vector(only(inputs)?.len())
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        // Channels last and contiguous, a map already lies as its vector does.
        Value { buffer: inputs[0].buffer, shape: lowering.output_shape() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_value() {
        assert_eq!(Flatten::new().output_shape(&[[28, 28, 32].into()]), Ok([25_088].into()));
        assert_eq!(Flatten::new().output_shape(&[[7].into()]), Ok([7].into()));
    }
}
