use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{LayerRule, only_map};
use crate::error::ShapeError;
use crate::plan::lower::{Lowering, Value};
use crate::plan::op::Op;
use crate::shape::{Padding, Shape, Size2d, Window};

/// The mean of the values under windows that are laid so that the output has a given size, whatever that of the input.
///
/// Along an axis of `n` inputs and `m` outputs, window i reaches from ⌊i·n / m⌋ to ⌈(i + 1)·n / m⌉, the latter excluded, as in
/// PyTorch and Keras. Where n is not a multiple of m windows overlap; where it is smaller, values are repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the output, each at most [`AdaptiveAvgPool2d::MAX_OUTPUT`].
    pub output_size: Size2d,
}

impl AdaptiveAvgPool2d {
    /// The largest height or width of an output: each row and column is an operation of the plan.
    pub const MAX_OUTPUT: usize = 256;

    /// A pooling to the given size: `7` or `[7, 5]`.
    pub fn new(output_size: impl Into<Size2d>) -> Self {
        Self { output_size: output_size.into() }
    }

    /// The window, where all windows over a map of that shape are alike and lie side by side.
    pub(crate) fn even_window(&self, x: Shape) -> Option<Window> {
        let (from, to) = (sides(x), self.output_size);
        let is_even = from.height.is_multiple_of(to.height) && from.width.is_multiple_of(to.width);
        is_even.then(|| touching([from.height / to.height, from.width / to.width].into()))
    }
}

/// Window `index` of `outputs` over an axis of `inputs` values.
fn window(index: usize, inputs: usize, outputs: usize) -> Range<usize> {
    index * inputs / outputs..((index + 1) * inputs).div_ceil(outputs)
}

impl LayerRule for AdaptiveAvgPool2d {
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, ShapeError> {
        let [height, width, channels] = only_map(inputs)?;
        let Size2d { height: rows, width: columns } = self.output_size;
        let allowed = 1..=Self::MAX_OUTPUT;
        if !allowed.contains(&rows) || !allowed.contains(&columns) {
            let (found, wanted) = (self.output_size.to_string(), "each between 1 and 256");
            return Err(ShapeError::Setting { setting: "output_size", found, wanted });
        }
        // Rows are pooled first, each with a weight for every value of the map: that must be within limits, too.
        Shape::map(rows.saturating_mul(height), width.max(columns), channels)?;
        Shape::map(rows, columns, channels)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[Value]) -> Value {
        let x = inputs[0];
        let (y, channels) = (lowering.output_shape(), x.shape.channels());
        let [from, to] = [x.shape, y].map(sides);
        if from == to {
            return x;
        }
        if let Some(window) = self.even_window(x.shape) {
            let (shape, y) = (lowering.pool(&window, x.shape), lowering.output());
            lowering.push(Op::AvgPool { shape, x: x.buffer, y: y.buffer });
            return y;
        }
        // A row is an element of as many values as it has; then a pixel is.
        let rows = Axis { outer: 1, from: from.height, to: to.height, element: from.width * channels };
        let columns = Axis { outer: to.height, from: from.width, to: to.width, element: channels };
        let pooled_rows = rows.pool(lowering, x);
        let pooled = columns.pool(lowering, pooled_rows);
        Value { shape: y, ..pooled }
    }
}

fn sides(shape: Shape) -> Size2d {
    match shape {
        Shape::Map { height, width, .. } => [height, width].into(),
        Shape::Vector { .. } => 1.into(),
    }
}

/// Windows of the given size, side by side.
fn touching(size: Size2d) -> Window {
    Window { size, strides: size, dilation: 1.into(), padding: Padding::Valid }
}

/// One axis of a map: a sample is `[outer, from, element]` and becomes `[outer, to, element]`.
struct Axis {
    outer: usize,
    from: usize,
    to: usize,
    element: usize,
}

impl Axis {
    /// Emits the mean of each window. A window is the mean of the whole axis after what lies outside the window was set to 0
    /// and the rest was scaled to make up for it.
    fn pool(&self, lowering: &mut Lowering<'_>, x: Value) -> Value {
        if self.from == self.to {
            return x;
        }
        let line = Shape::Vector { features: self.from * self.element };
        let y = lowering.value(Shape::Vector { features: self.outer * self.to * self.element });
        let rows = lowering.batch * self.outer;
        for index in 0..self.to {
            let mean = lowering.buffer(rows * self.element);
            let windowed =
                self.within(lowering, window(index, self.from, self.to), Value { shape: line, ..x });
            lowering.push(Op::GlobalAvgPool {
                batch: rows,
                pixels: self.from,
                channels: self.element,
                x: windowed.buffer,
                y: mean,
            });
            lowering.push(Op::PutChannels {
                rows,
                channels: self.element,
                width: self.to * self.element,
                offset: index * self.element,
                x: mean,
                y: y.buffer,
            });
        }
        y
    }

    /// The values in the window times `from` over the window's size, 0 elsewhere.
    fn within(&self, lowering: &mut Lowering<'_>, window: Range<usize>, x: Value) -> Value {
        if window.len() == self.from {
            return x;
        }
        let weight = self.from as f32 / window.len() as f32;
        let mut scale = vec![0.0; self.from * self.element];
        scale[window.start * self.element..window.end * self.element].fill(weight);
        let shift = vec![0.0; scale.len()].into();
        let y = lowering.buffer(lowering.batch * self.outer * scale.len());
        let rows = lowering.batch * self.outer;
        lowering.push(Op::ScaleShift { rows, scale: scale.into(), shift, x: x.buffer, y });
        Value { buffer: y, shape: x.shape }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_has_the_size_asked_for() {
        let shape = |layer: AdaptiveAvgPool2d, sides: [usize; 3]| layer.output_shape(&[sides.into()]);
        assert_eq!(shape(AdaptiveAvgPool2d::new(7), [14, 9, 5]), Ok([7, 7, 5].into()));
        assert_eq!(shape(AdaptiveAvgPool2d::new([7, 2]), [1, 1, 5]), Ok([7, 2, 5].into()));
        assert!(matches!(shape(AdaptiveAvgPool2d::new([7, 0]), [8, 8, 3]), Err(ShapeError::Setting { .. })));
        assert!(matches!(
            shape(AdaptiveAvgPool2d::new([257, 1]), [8, 8, 3]),
            Err(ShapeError::Setting { .. })
        ));
        let large = shape(AdaptiveAvgPool2d::new(200), [1 << 10, 1 << 10, 9]);
        assert!(matches!(large, Err(ShapeError::TooLarge { .. })));
        let on_vector = AdaptiveAvgPool2d::new(7).output_shape(&[[12].into()]);
        assert!(matches!(on_vector, Err(ShapeError::NeedsMap { .. })));
    }

    #[test]
    fn windows_lie_as_pytorch_documents_them() {
        let windows = |inputs, outputs| (0..outputs).map(|i| window(i, inputs, outputs)).collect::<Vec<_>>();
        assert_eq!(windows(10, 4), [0..3, 2..5, 5..8, 7..10]);
        assert_eq!(windows(6, 3), [0..2, 2..4, 4..6]);
        assert_eq!(windows(2, 5), [0..1, 0..1, 0..2, 1..2, 1..2]);
    }
}
