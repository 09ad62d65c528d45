//! Packed weights, and what is done to the sums that they make.

use super::operand::{Operand, Pairs, Quads};
use super::path::Path;
use super::winograd::{self, Squares};
use crate::packing::{PANEL, is_depthwise};
use crate::{Conv2dShape, Isa};

/// What becomes of a filter's sums: `clamp(sum * scale + bias + residual, low, high)`.
///
/// A batch norm after the activation needs nothing more: `g * clamp(y, a, b) + h` is `clamp(g y + h, ...)` between `g a + h` and
/// `g b + h`. Each slice has a number for each filter.
#[derive(Clone, Copy, Debug)]
pub struct Int8Epilogue<'a> {
    /// What sums are multiplied with.
    pub scale: &'a [f32],
    /// What is added.
    pub bias: &'a [f32],
    /// The least that comes out.
    pub low: &'a [f32],
    /// The most that comes out.
    pub high: &'a [f32],
}

/// The weights of a convolution as its kernel reads them, with what is done to their sums.
#[derive(Clone, Debug)]
pub struct Int8Filters {
    pub(super) weights: Weights,
    /// What sums begin with, so that `x - zero point` is multiplied where the kernel reads `x`. A place for each filter of
    /// every panel, as in those below.
    pub(super) start: Vec<i32>,
    pub(super) scale: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
}

/// Weights, and with that how they are multiplied.
///
/// What windows see is packed as
///
/// ```text
/// [group][panel][run of numbers that windows see][step of numbers together][32 filters][numbers together]
/// ```
///
/// Runs are filled up to whole steps, and panels to 32 filters, with zeros.
#[derive(Clone, Debug)]
pub(super) enum Weights {
    /// Four bytes together.
    Quads(Vec<i8>),
    /// Two integers of 16 bits together.
    Pairs(Vec<i16>),
    /// Transformed for Winograd's algorithm, as [`winograd::transform`] makes them.
    Squares(Vec<i16>),
    /// Of depthwise convolutions: `[kernel row][kernel column][channel]`.
    Channels(Vec<i8>),
}

/// How the weights of a convolution that is not depthwise can be packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Packing {
    Quads,
    Pairs,
    Squares,
}

impl Packing {
    /// The fastest on a path.
    pub(super) fn best(path: Path, shape: &Conv2dShape) -> Self {
        /// Pixels of an image by which weights are multiplied where reading them, twice as long as bytes, is not what takes the time.
        const MANY: usize = 16;
        // One instruction that multiplies bytes does more than is saved.
        if path.has_vnni() {
            Self::Quads
        } else if Squares::suit(shape) {
            Self::Squares
        } else if shape.out_height() * shape.out_width() >= MANY {
            Self::Pairs
        } else {
            Self::Quads
        }
    }
}

/// The runs of neighbouring bytes that a window sees: whole rows of the kernel where there is nothing between its columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Runs {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) len: usize,
}

impl Runs {
    pub(super) fn of(shape: &Conv2dShape) -> Self {
        let (rows, columns) = shape.kernel;
        let channels = shape.channels / shape.groups;
        if shape.groups == 1 && shape.dilation.1 == 1 {
            Self { rows, columns: 1, len: columns * channels }
        } else {
            Self { rows, columns, len: channels }
        }
    }

    /// Steps of a run, with so many numbers together.
    pub(super) fn steps(self, together: usize) -> usize {
        self.len.div_ceil(together)
    }

    /// Weights of one panel.
    pub(super) fn panel_len(self, together: usize) -> usize {
        self.rows * self.columns * self.steps(together) * PANEL * together
    }
}

impl Int8Filters {
    /// Packs `weights`, in Keras's layout (`[kernel rows, kernel columns, channels / groups, filters]`), for inputs whose zero
    /// point is `zero_point`, as is fastest with an instruction set. They can be used with any. The batch of `shape` is of no account.
    ///
    /// # Panics
    /// When a slice has not the length that the shape tells.
    pub fn new(
        isa: Isa,
        shape: &Conv2dShape,
        weights: &[i8],
        zero_point: u8,
        epilogue: &Int8Epilogue<'_>,
    ) -> Self {
        Self::packed(Packing::best(Path::of(isa), shape), shape, weights, zero_point, epilogue)
    }

    /// As [`Self::new`], packed in a way that the convolution can be computed in, unless it is depthwise.
    pub(super) fn packed(
        packing: Packing,
        shape: &Conv2dShape,
        weights: &[i8],
        zero_point: u8,
        epilogue: &Int8Epilogue<'_>,
    ) -> Self {
        let layout = shape.weight_layout();
        assert_eq!(weights.len(), layout.keras_len(), "a convolution's weights");
        let depthwise = is_depthwise(shape.channels, shape.filters, shape.groups);
        let places = if depthwise { (0..shape.filters).collect() } else { panel_places(shape) };
        let len = places.len().next_multiple_of(PANEL);
        let place = |of: &[f32]| {
            assert_eq!(of.len(), shape.filters, "a number for each filter");
            let mut placed: Vec<f32> =
                places.iter().map(|&filter| of.get(filter).copied().unwrap_or(0.0)).collect();
            placed.resize(len, 0.0);
            placed
        };
        let mut start = vec![0_i32; len];
        for (start, &filter) in start.iter_mut().zip(&places).filter(|(_, filter)| **filter < shape.filters) {
            let sum: i32 = weights.iter().skip(filter).step_by(shape.filters).map(|w| i32::from(*w)).sum();
            *start = sum.wrapping_mul(-i32::from(zero_point));
        }
        let weights = match packing {
            _ if depthwise => Weights::Channels(weights.to_vec()),
            Packing::Quads => Weights::Quads(pack::<Quads>(shape, weights)),
            Packing::Pairs => Weights::Pairs(pack::<Pairs>(shape, weights)),
            Packing::Squares => Weights::Squares(winograd::transform(shape, weights)),
        };
        let Int8Epilogue { scale, bias, low, high } = *epilogue;
        Self { weights, start, scale: place(scale), bias: place(bias), low: place(low), high: place(high) }
    }
}

/// The filter at each place of all panels; `usize::MAX` where a panel is filled up.
fn panel_places(shape: &Conv2dShape) -> Vec<usize> {
    let filters = shape.filters / shape.groups;
    let places = filters.next_multiple_of(PANEL);
    (0..shape.groups * places)
        .map(|place| {
            let (group, filter) = (place / places, place % places);
            if filter < filters { group * filters + filter } else { usize::MAX }
        })
        .collect()
}

fn pack<O: Operand>(shape: &Conv2dShape, weights: &[i8]) -> Vec<O::Weight> {
    let (runs, together) = (Runs::of(shape), O::TOGETHER);
    let filters = shape.filters / shape.groups;
    let (panels, panel_len) = (filters.div_ceil(PANEL), runs.panel_len(together));
    let mut packed = vec![O::Weight::default(); shape.groups * panels * panel_len];
    for run in 0..runs.rows * runs.columns {
        for number in 0..runs.len {
            let depth = run * runs.len + number;
            let at = (run * runs.steps(together) + number / together) * PANEL * together + number % together;
            let row = &weights[depth * shape.filters..][..shape.filters];
            for (filter, w) in row.iter().enumerate() {
                let (group, filter) = (filter / filters, filter % filters);
                let panel = group * panels + filter / PANEL;
                packed[panel * panel_len + at + filter % PANEL * together] = O::Weight::from(*w);
            }
        }
    }
    packed
}
