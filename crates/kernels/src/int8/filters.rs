//! Packed weights, and what is done to the sums that they make.

use crate::Conv2dShape;
use crate::packing::{PANEL, is_depthwise};

/// Bytes that are multiplied and added up by one instruction in each lane.
pub(super) const QUAD: usize = 4;

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
///
/// ```text
/// [group][panel][run of bytes that windows see][quad of bytes][32 filters][4 bytes]
/// ```
///
/// Runs are filled up to whole quads, and panels to 32 filters, with zeros. Depthwise weights are `[kernel row][kernel
/// column][channel]`.
#[derive(Clone, Debug)]
pub struct Int8Filters {
    pub(super) weights: Vec<i8>,
    /// What sums begin with, so that `x - zero point` is multiplied where the kernel reads `x`. A place for each filter of
    /// every panel, as in those below.
    pub(super) start: Vec<i32>,
    pub(super) scale: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
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

    /// Quads of a run.
    pub(super) fn quads(self) -> usize {
        self.len.div_ceil(QUAD)
    }

    /// Bytes of the weights of one panel.
    pub(super) fn panel_len(self) -> usize {
        self.rows * self.columns * self.quads() * PANEL * QUAD
    }
}

impl Int8Filters {
    /// Packs `weights`, in Keras's layout (`[kernel rows, kernel columns, channels / groups, filters]`), for inputs whose zero
    /// point is `zero_point`. The batch of `shape` is of no account.
    ///
    /// # Panics
    /// When a slice has not the length that the shape tells.
    pub fn new(shape: &Conv2dShape, weights: &[i8], zero_point: u8, epilogue: &Int8Epilogue<'_>) -> Self {
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
        let weights = if depthwise { weights.to_vec() } else { pack(shape, weights) };
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

fn pack(shape: &Conv2dShape, weights: &[i8]) -> Vec<i8> {
    let runs = Runs::of(shape);
    let filters = shape.filters / shape.groups;
    let panels = filters.div_ceil(PANEL);
    let mut packed = vec![0; shape.groups * panels * runs.panel_len()];
    for run in 0..runs.rows * runs.columns {
        for byte in 0..runs.len {
            let depth = run * runs.len + byte;
            let at = ((run * runs.quads() + byte / QUAD) * PANEL) * QUAD + byte % QUAD;
            let row = &weights[depth * shape.filters..][..shape.filters];
            for (filter, w) in row.iter().enumerate() {
                let (group, filter) = (filter / filters, filter % filters);
                let panel = group * panels + filter / PANEL;
                packed[panel * runs.panel_len() + at + filter % PANEL * QUAD] = *w;
            }
        }
    }
    packed
}
