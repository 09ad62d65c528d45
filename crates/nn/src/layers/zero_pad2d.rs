use serde::{Deserialize, Serialize};

use super::{LayerRule, only_map};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::{Margins, Shape};

/// Rows and columns of zeros around a map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZeroPad2d {
    /// How many on each side.
    pub padding: Margins,
}

impl ZeroPad2d {
    /// Zeros around: `1`, `[rows, columns]` or `[[top, bottom], [left, right]]`.
    pub fn new(padding: impl Into<Margins>) -> Self {
        Self { padding: padding.into() }
    }
}

impl LayerRule for ZeroPad2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let [height, width, channels] = only_map(inputs)?;
        let (height, width) = self.padding.around(height, width);
        Shape::map(height, width, channels)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let y = lowering.output();
        let shape = lowering.padded(self.padding, inputs[0].shape);
        lowering.push(Op::ZeroPad { shape, x: inputs[0].buffer, y: y.buffer });
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_on_each_side() {
        let shape = |layer: ZeroPad2d| layer.output_shape(&[[4, 5, 3].into()]);
        assert_eq!(shape(ZeroPad2d::new(1)), Ok([6, 7, 3].into()));
        assert_eq!(shape(ZeroPad2d::new([1, 2])), Ok([6, 9, 3].into()));
        assert_eq!(shape(ZeroPad2d::new([[0, 1], [2, 3]])), Ok([5, 10, 3].into()));
        assert!(matches!(shape(ZeroPad2d::new(usize::MAX)), Err(ShapeError::TooLarge { .. })));
    }
}
