//! A whole output, and where tasks find their part of it.

use std::ops::Range;

use super::filters::Int8Filters;
use super::tile::{Finish, Out};
use super::{Int8Target, Residual};
use crate::Conv2dShape;
use crate::disjoint::Disjoint;
use crate::packing::PANEL;

/// The output of a convolution, of which each task writes a part.
pub(super) struct Outputs<'a> {
    filters: &'a Int8Filters,
    residual: Option<Residual<'a>>,
    /// Height, width and filters.
    sides: [usize; 3],
    y: Whole<'a>,
}

enum Whole<'a> {
    Bytes(Disjoint<'a, u8>),
    Floats(Disjoint<'a, f32>),
}

impl<'a> Outputs<'a> {
    /// # Panics
    /// When a slice has not the length that the shape tells.
    pub(super) fn new(
        shape: &Conv2dShape,
        filters: &'a Int8Filters,
        residual: Option<Residual<'a>>,
        y: Int8Target<'a>,
    ) -> Self {
        let len = shape.output_len();
        assert!(residual.is_none_or(|residual| residual.bytes.len() == len), "a convolution's residual");
        let y = match y {
            Int8Target::Bytes(y) => Whole::Bytes(Disjoint::new(y)),
            Int8Target::Floats(y) => Whole::Floats(Disjoint::new(y)),
        };
        assert_eq!(y.len(), len, "a convolution's output");
        Self { filters, residual, sides: [shape.out_height(), shape.out_width(), shape.filters], y }
    }

    /// What becomes of the sums of a panel, the filters `columns`, for some rows of an image. Whoever uses it promises that no other task writes the same filters of these
    /// rows' pixels.
    pub(super) fn finish(
        &self,
        image: usize,
        rows: &Range<usize>,
        panel: usize,
        columns: &Range<usize>,
    ) -> Finish<'_> {
        let [height, width, filters] = self.sides;
        let start = (image * height + rows.start) * width * filters + columns.start;
        // The last of the panel's filters is within the output.
        let end = start + rows.len() * width * filters - columns.start;
        let places = panel * PANEL..(panel + 1) * PANEL;
        Finish {
            scale: &self.filters.scale[places.clone()],
            bias: &self.filters.bias[places.clone()],
            low: &self.filters.low[places.clone()],
            high: &self.filters.high[places],
            out: self.y.at(start..end),
            residual: self.residual.map(|residual| (residual.bytes[start..end].as_ptr(), residual.scale)),
            columns: columns.len(),
            stride: filters,
        }
    }
}

impl Whole<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(y) => y.len(),
            Self::Floats(y) => y.len(),
        }
    }

    fn at(&self, range: Range<usize>) -> Out {
        match self {
            Self::Bytes(y) => Out::Bytes(y.pointer(range)),
            Self::Floats(y) => Out::Floats(y.pointer(range)),
        }
    }
}
