//! Maxima and means of windows of bytes.

use std::ops::Range;

use super::{Int8Affine, to_byte};
use crate::simd::{Kernel, Simd};
use crate::{Cpu, PoolShape};

/// Channels that are summed up together: their sums stay in the first-level cache.
const STRIP: usize = 64;
/// Bytes of input that make a task, at the least.
const CHUNK: usize = 16 * 1024;

/// The largest byte of each window of `x`, `[batch, height, width, channels]`; pixels beyond the map count for nothing.
///
/// # Panics
/// When a slice has not the length that the shape tells, or a window may lie beyond the map.
pub fn int8_max_pool(cpu: &Cpu, shape: &PoolShape, x: &[u8], y: &mut [u8]) {
    visit(cpu, shape, x, y, |windows, y| cpu.isa().call(Largest { windows, y }));
}

/// The mean of each window of `x`, `[batch, height, width, channels]`, as `mean * scale + bias`; pixels beyond the map count for
/// nothing. A window has at most 2^24 pixels.
///
/// # Panics
/// When a slice has not the length that the shape tells, or a window may lie beyond the map.
pub fn int8_avg_pool(cpu: &Cpu, shape: &PoolShape, affine: Int8Affine, x: &[u8], y: &mut [u8]) {
    visit(cpu, shape, x, y, |windows, y| cpu.isa().call(Mean { windows, affine, y }));
}

/// Cuts the output into tasks of whole rows.
fn visit(cpu: &Cpu, shape: &PoolShape, x: &[u8], y: &mut [u8], work: impl Fn(Windows<'_>, &mut [u8]) + Sync) {
    shape.assert_valid();
    assert_eq!(x.len(), shape.input_len(), "a pooling's input");
    assert_eq!(y.len(), shape.output_len(), "a pooling's output");
    let row = shape.out_width() * shape.channels;
    let input = shape.strides.0 * shape.width * shape.channels;
    let at_once = (CHUNK / input.max(1)).max(1);
    cpu.team()
        .for_chunks(y, row * at_once, |task, y| work(Windows { shape, x, first_row: task * at_once }, y));
}

/// Windows from a row of the output on, counted through all maps.
struct Windows<'a> {
    shape: &'a PoolShape,
    x: &'a [u8],
    first_row: usize,
}

/// The bytes that a window sees: rows of neighbouring pixels.
struct Window<'a> {
    shape: &'a PoolShape,
    x: &'a [u8],
    rows: Range<usize>,
    columns: Range<usize>,
}

impl<'a> Windows<'a> {
    /// Calls `work` with each window and its pixel of the output.
    #[inline(always)]
    fn for_each(&self, y: &mut [u8], work: impl Fn(&Window<'a>, &mut [u8])) {
        let shape = self.shape;
        let (width, channels) = (shape.out_width(), shape.channels);
        for (row, y) in y.chunks_exact_mut(width * channels).enumerate() {
            let row = self.first_row + row;
            let (image, row) = (row / shape.out_height(), row % shape.out_height());
            let map = shape.height * shape.width * channels;
            let x = &self.x[image * map..][..map];
            let rows = clip(row * shape.strides.0, shape.window.0, shape.padding.top, shape.height);
            for (column, y) in y.chunks_exact_mut(channels).enumerate() {
                let columns = clip(column * shape.strides.1, shape.window.1, shape.padding.left, shape.width);
                work(&Window { shape, x, rows: rows.clone(), columns }, y);
            }
        }
    }
}

impl<'a> Window<'a> {
    /// Its pixels, row by row.
    #[inline(always)]
    fn pixels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a, '_> {
        let channels = self.shape.channels;
        let row_len = self.shape.width * channels;
        self.rows.clone().flat_map(move |row| {
            let from = row * row_len + self.columns.start * channels;
            self.x[from..from + self.columns.len() * channels].chunks_exact(channels)
        })
    }
}

/// The pixels of the map that are in the window from `start` on, counted in the padded map.
#[inline(always)]
fn clip(start: usize, window: usize, before: usize, size: usize) -> Range<usize> {
    start.saturating_sub(before)..(start + window).saturating_sub(before).min(size)
}

struct Largest<'a> {
    windows: Windows<'a>,
    y: &'a mut [u8],
}

impl Kernel for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.windows.for_each(self.y, |window, y| {
            y.fill(0);
            for pixel in window.pixels() {
                y.iter_mut().zip(pixel).for_each(|(y, x)| *y = (*y).max(*x));
            }
        });
    }
}

struct Mean<'a> {
    windows: Windows<'a>,
    affine: Int8Affine,
    y: &'a mut [u8],
}

impl Kernel for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Int8Affine { scale, bias } = self.affine;
        self.windows.for_each(self.y, |window, y| {
            let factor = scale / (window.rows.len() * window.columns.len()) as f32;
            for (strip, y) in y.chunks_mut(STRIP).enumerate() {
                let mut sums = [0_u32; STRIP];
                for pixel in window.pixels() {
                    let pixel = &pixel[strip * STRIP..][..y.len()];
                    sums.iter_mut().zip(pixel).for_each(|(sum, x)| *sum += u32::from(*x));
                }
                y.iter_mut().zip(sums).for_each(|(y, sum)| *y = to_byte(sum as f32 * factor + bias));
            }
        });
    }
}
