//! Factors and offsets of channels.

use super::assert_per_channel;
use crate::Cpu;
use crate::columns::{Grid, Input, OfChannel, map_channels};
use crate::simd::Simd;

/// `y = x * scale + shift`, by channel.
///
/// # Panics
/// When a slice's length does not fit `rows` and `channels`.
pub fn scale_shift_forward(
    cpu: &Cpu,
    rows: usize,
    channels: usize,
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    y: &mut [f32],
) {
    assert_per_channel(channels, &[scale, shift]);
    let grid = Grid::new(rows, channels);
    map_channels(cpu, grid, ScaleShift, |c| [scale[c], shift[c]], [Input::Slice(x)], [y]);
}

/// `dx = dy * scale`, by channel: the backward pass of [`scale_shift_forward`] with respect to its input.
///
/// # Panics
/// When a slice's length does not fit `rows` and `channels`.
pub fn scale_shift_backward(
    cpu: &Cpu,
    rows: usize,
    channels: usize,
    dy: &[f32],
    scale: &[f32],
    dx: &mut [f32],
) {
    assert_per_channel(channels, &[scale]);
    map_channels(cpu, Grid::new(rows, channels), Scale, |c| [scale[c]], [Input::Slice(dy)], [dx]);
}

#[derive(Clone, Copy)]
struct ScaleShift;

impl OfChannel<1, 2, 1> for ScaleShift {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [scale, shift]: [S::V; 2]) -> [S::V; 1] {
        [simd.mul_add(x, scale, shift)]
    }
}

#[derive(Clone, Copy)]
struct Scale;

impl OfChannel<1, 1, 1> for Scale {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [scale]: [S::V; 1]) -> [S::V; 1] {
        [simd.mul(x, scale)]
    }
}
