use serde::{Deserialize, Serialize};

use super::{LayerRule, only_map};
use crate::error::ShapeError;
use crate::plan::Mode;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::{Padding, Shape, Size2d, Window};

/// The largest value under a window, channel by channel.
///
/// `y[i, j, c] = max over the window of x`. Padding never wins: it counts as −∞.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPool2d {
    /// Size of the window.
    pub pool: Size2d,
    /// Steps between windows; by default the window's size, so that windows touch.
    #[serde(default)]
    pub strides: Option<Size2d>,
    /// What happens at the border; `valid` by default.
    #[serde(default)]
    pub padding: Padding,
}

impl MaxPool2d {
    /// Touching windows of the given size: `2` or `[2, 3]`.
    pub fn new(pool: impl Into<Size2d>) -> Self {
        Self { pool: pool.into(), strides: None, padding: Padding::Valid }
    }

    /// Sets the steps between windows.
    pub fn strides(mut self, strides: impl Into<Size2d>) -> Self {
        self.strides = Some(strides.into());
        self
    }

    /// Sets what happens at the border.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// The window that slides over the input.
    pub fn window(&self) -> Window {
        Window {
            size: self.pool,
            strides: self.strides.unwrap_or(self.pool),
            dilation: 1.into(),
            padding: self.padding,
        }
    }
}

impl LayerRule for MaxPool2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let [height, width, channels] = only_map(inputs)?;
        let geometry = self.window().over(height, width, channels)?;
        Shape::map(geometry.height, geometry.width, channels)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let y = lowering.output();
        let shape = lowering.pool(&self.window(), inputs[0].shape);
        let keeps_places = lowering.mode == Mode::Train && shape.argmax_fits();
        // Four places to a number.
        let argmax = keeps_places.then(|| lowering.buffer(shape.output_len().div_ceil(4)));
        lowering.push(Op::MaxPool { shape, x: inputs[0].buffer, argmax, y: y.buffer });
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_touch_unless_told_otherwise() {
        let map = [9, 8, 3].into();
        let shape = |layer: MaxPool2d| layer.output_shape(&[map]);
        assert_eq!(shape(MaxPool2d::new(2)), Ok([4, 4, 3].into()));
        assert_eq!(shape(MaxPool2d::new(2).padding(Padding::Same)), Ok([5, 4, 3].into()));
        assert_eq!(shape(MaxPool2d::new([3, 2]).strides(1)), Ok([7, 7, 3].into()));
        assert!(matches!(shape(MaxPool2d::new(10)), Err(ShapeError::WindowTooLarge { .. })));
    }
}
