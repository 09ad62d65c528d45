//! The maximum or the mean of all pixels.

use super::{PoolShape, avg_pool_backward, max_pool_backward, max_pool_forward};
use crate::columns::{Grid, PANEL, Sum, fold_piece};
use crate::elementwise::CHUNK;
use crate::{Cpu, Padding};

/// `y[b, c] = mean x[b, p, c]` over the pixels p.
///
/// # Panics
/// When the slices do not fit `[batch, pixels, channels]` and `[batch, channels]`, or there are no pixels.
pub fn global_avg_pool_forward(
    cpu: &Cpu,
    batch: usize,
    pixels: usize,
    channels: usize,
    x: &[f32],
    y: &mut [f32],
) {
    let shape = whole_map(batch, pixels, channels);
    shape.assert_valid();
    assert_eq!(x.len(), shape.input_len(), "global average pooling's input");
    assert_eq!(y.len(), shape.output_len(), "global average pooling's output");
    let map = pixels * channels;
    let maps_at_once = (CHUNK / map.max(1)).max(1);
    cpu.team().for_chunks(y, maps_at_once * channels, |task, y| {
        let maps = x.chunks_exact(map).skip(task * maps_at_once);
        for (x, y) in maps.zip(y.chunks_exact_mut(channels)) {
            means(cpu, Grid::new(pixels, channels), x, y);
        }
    });
}

/// The backward pass of [`global_avg_pool_forward`]: `dx[b, p, c] = dy[b, c] / pixels`.
///
/// # Panics
/// When the slices do not fit the numbers, or there are no pixels.
pub fn global_avg_pool_backward(
    cpu: &Cpu,
    batch: usize,
    pixels: usize,
    channels: usize,
    dy: &[f32],
    dx: &mut [f32],
) {
    avg_pool_backward(cpu, &whole_map(batch, pixels, channels), dy, dx);
}

/// `y[b, c] = max x[b, p, c]` over the pixels p.
///
/// # Panics
/// When the slices do not fit `[batch, pixels, channels]` and `[batch, channels]`, or there are no pixels.
pub fn global_max_pool_forward(
    cpu: &Cpu,
    batch: usize,
    pixels: usize,
    channels: usize,
    x: &[f32],
    y: &mut [f32],
) {
    max_pool_forward(cpu, &whole_map(batch, pixels, channels), x, y);
}

/// The backward pass of [`global_max_pool_forward`], from its input and its output: the first pixel that is the maximum
/// takes the gradient.
///
/// # Panics
/// When the slices do not fit the numbers, or there are no pixels.
pub fn global_max_pool_backward(
    cpu: &Cpu,
    batch: usize,
    pixels: usize,
    channels: usize,
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    max_pool_backward(cpu, &whole_map(batch, pixels, channels), x, y, dy, dx);
}

/// Global pooling is pooling with one window, the whole map; its pixels may as well lie in one row.
fn whole_map(batch: usize, pixels: usize, channels: usize) -> PoolShape {
    let window = (1, pixels);
    PoolShape { batch, height: 1, width: pixels, channels, window, strides: window, padding: Padding::NONE }
}

/// The means of the channels of one map: a map may have so many pixels that their sum needs `f64`.
fn means(cpu: &Cpu, grid: Grid, x: &[f32], y: &mut [f32]) {
    let mut sums = [0.0; PANEL];
    let mut totals = [0.0_f64; PANEL];
    let pixels = x.len() / y.len();
    for (panel, y) in y.chunks_mut(PANEL).enumerate() {
        let totals = &mut totals[..y.len()];
        totals.fill(0.0);
        for band in 0..grid.bands() {
            let piece = grid.piece(panel * grid.bands() + band);
            fold_piece(cpu, Sum, piece, [], [x], [&mut sums]);
            piece.narrow(&mut sums);
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += f64::from(sum));
        }
        y.iter_mut().zip(totals).for_each(|(mean, total)| *mean = (*total / pixels as f64) as f32);
    }
}
