//! The gradient of weights of which each belongs to one channel: depthwise convolution backward to the weights.
//!
//! A tile is a vector of channels of some outputs of a row. Their gradients stay in registers while the rows of taps pass by; for
//! each of these, each pixel is loaded once for all of its weights. The image is read in place, as in [`super::channels`].

use std::ops::Range;

use super::channels::{MAX_COLUMNS, Strip, strips, with_tile};
use super::windows::Windows;
use super::{Grid, Strides, even_pieces};
use crate::fetch::fetch;
use crate::simd::{Kernel, Simd};

/// Elements of the image that a tile's windows cover, for all channels that are computed in turn: 36 KiB, so that the next row
/// of outputs finds them in the first-level cache.
const NEAR: usize = 9 * 1024;

/// Adds up the gradients of all channels' weights over some rows of outputs of one image.
pub(crate) struct ChannelWeightSweep<'a> {
    pub rows: Windows,
    pub columns: Windows,
    /// The rows of outputs to add up.
    pub band: Range<usize>,
    /// The image.
    pub source: &'a [f32],
    pub source_strides: Strides,
    /// The outputs' gradients, from the image's first on.
    pub outputs: &'a [f32],
    pub output_strides: Strides,
    pub channels: usize,
    /// `[taps][channels]`; added to.
    pub gradient: &'a mut [f32],
}

/// `0..channels` in parts of whole vectors of which `pixels` stay near, and one of less than a vector.
#[inline(always)]
fn parts(channels: usize, lanes: usize, pixels: usize) -> impl Iterator<Item = Range<usize>> {
    let vectors = channels / lanes;
    let most = (NEAR / pixels.max(1) / lanes).max(1);
    let rest = vectors * lanes..channels;
    even_pieces(vectors, most)
        .scan(0, move |next, vectors| {
            let part = *next..*next + vectors * lanes;
            *next = part.end;
            Some(part)
        })
        .chain((!rest.is_empty()).then_some(rest))
}

/// Outputs of the widest tile that the registers hold, beside a row of sums and a pixel.
const fn widest(registers: usize) -> usize {
    if registers < 16 { MAX_COLUMNS / 2 } else { MAX_COLUMNS }
}

impl Kernel for ChannelWeightSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.band.is_empty() || self.columns.outputs == 0 || self.gradient.is_empty() {
            return;
        }
        self.check();
        let Windows { taps, step, .. } = self.columns;
        let most = widest(S::REGISTERS);
        let pixels = self.rows.taps * (taps + most * step.min(taps));
        for part in parts(self.channels, S::LANES, pixels) {
            let vectors = part.len().is_multiple_of(S::LANES);
            for strip in strips(self.columns, most) {
                let done = strip.whole
                    && vectors
                    && with_tile!(self.columns, strip.count, widest(S::REGISTERS), |K, STEP, P| self
                        .tiles::<S, K, STEP, P>(simd, strip, part.clone()));
                if !done {
                    self.one_by_one(simd, strip, part.clone());
                }
            }
        }
    }
}

impl ChannelWeightSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { rows, columns, band, source, source_strides, outputs, output_strides, .. } = self;
        let channels = self.channels;
        assert_eq!(self.gradient.len(), rows.taps * columns.taps * channels, "a gradient of all weights");
        assert!(band.end <= rows.outputs, "a band of rows beyond the outputs");
        let image = Grid { images: 1, rows: rows.extent, columns: columns.extent };
        assert!(source_strides.last(image) + channels <= source.len(), "an image too short");
        let grid = Grid { images: 1, rows: band.end, columns: columns.outputs };
        assert!(output_strides.last(grid) + channels <= outputs.len(), "fewer outputs than pixels");
    }

    /// The pixel under the given taps of an output, which lies within the image.
    #[inline(always)]
    fn pixel(&self, (row, row_tap): (usize, usize), (column, column_tap): (usize, usize)) -> *const f32 {
        let down = self.rows.place(row, row_tap) * self.source_strides.row.cast_signed();
        let right = self.columns.place(column, column_tap) * self.source_strides.pixel.cast_signed();
        self.source.as_ptr().wrapping_offset(down + right)
    }

    #[inline(always)]
    fn output(&self, row: usize, column: usize) -> *const f32 {
        self.outputs.as_ptr().wrapping_add(row * self.output_strides.row + column * self.output_strides.pixel)
    }

    #[inline(always)]
    fn gradient(&mut self, row_tap: usize, column_tap: usize) -> *mut f32 {
        let tap = row_tap * self.columns.taps + column_tap;
        self.gradient.as_mut_ptr().wrapping_add(tap * self.channels)
    }

    /// What whole vectors of channels of `P` outputs of each row add. Tells whether it has done them: windows of one or two columns,
    /// which no common network has, are not worth the code.
    #[inline(always)]
    fn tiles<S: Simd, const K: usize, const STEP: usize, const P: usize>(
        &mut self,
        simd: S,
        strip: Strip,
        part: Range<usize>,
    ) -> bool {
        if K < 3 {
            return false;
        }
        for row in self.band.clone() {
            let taps = self.rows.inside(row);
            for channel in part.clone().step_by(S::LANES) {
                // SAFETY: `check` has shown that the image, the outputs and the gradient hold all that windows within the
                // image see; a whole strip's are within as far as columns go, and `taps` are as far as rows go.
                unsafe { self.tile::<S, K, STEP, P>(simd, row, &taps, strip, channel) };
            }
        }
        true
    }

    /// What a vector of channels of `P` outputs adds to the weights of some rows of taps.
    ///
    /// # Safety
    /// The sweep was checked, the rows of taps lie within the image, and the strip is a whole one; `K` and `STEP` are those of the
    /// columns and `P` is its count.
    #[inline(always)]
    unsafe fn tile<S: Simd, const K: usize, const STEP: usize, const P: usize>(
        &mut self,
        simd: S,
        row: usize,
        taps: &Range<usize>,
        strip: Strip,
        channel: usize,
    ) {
        let right = strip.every * self.output_strides.pixel;
        let first = self.output(row, strip.first).wrapping_add(channel);
        let mut outputs = [simd.zero(); P];
        for (p, output) in outputs.iter_mut().enumerate() {
            // SAFETY: the caller promises a vector of channels at each output.
            *output = unsafe { simd.load_ptr(first.wrapping_add(p * right)) };
        }
        let right = self.columns.spacing * self.source_strides.pixel;
        // What the next row's windows see and this row's do not.
        for new in 0..self.rows.step {
            let next = self.pixel((row, self.rows.taps + new), (strip.first, 0)).wrapping_add(channel);
            (0..P * STEP).for_each(|pixel| fetch(next.wrapping_add(pixel * right)));
        }
        let channels = self.channels;
        for tap in taps.clone() {
            let gradient = self.gradient(tap, 0).wrapping_add(channel);
            let mut sums = [simd.zero(); K];
            for (q, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the caller promises a vector of weights for each tap.
                *sum = unsafe { simd.load_ptr(gradient.wrapping_add(q * channels)) };
            }
            let from = self.pixel((row, tap), (strip.first, 0)).wrapping_add(channel);
            for (p, output) in outputs.iter().enumerate() {
                for (q, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: the caller promises that the tap lies within the image for each output. What several outputs see
                    // is loaded once: the compiler finds the addresses to be the same.
                    let x = unsafe { simd.load_ptr(from.wrapping_add((p * STEP + q) * right)) };
                    *sum = simd.mul_add(x, *output, *sum);
                }
            }
            for (q, sum) in sums.into_iter().enumerate() {
                // SAFETY: as above, and the gradient is this sweep's alone.
                unsafe { simd.store_ptr(sum, gradient.wrapping_add(q * channels)) };
            }
        }
    }

    /// What some channels of a strip's outputs of each row add, whose windows may reach beyond the image.
    #[inline(always)]
    fn one_by_one<S: Simd>(&mut self, simd: S, strip: Strip, part: Range<usize>) {
        for column in (strip.first..).step_by(strip.every).take(strip.count) {
            let column_taps = self.columns.inside(column);
            for row in self.band.clone() {
                for row_tap in self.rows.inside(row) {
                    for column_tap in column_taps.clone() {
                        // SAFETY: `check` has shown that the image, the outputs and the gradient hold these channels of all that
                        // windows within the image see, and this tap is within.
                        unsafe { self.one(simd, (row, row_tap), (column, column_tap), part.clone()) };
                    }
                }
            }
        }
    }

    /// What some channels of one output add to one tap's weights.
    ///
    /// # Safety
    /// The sweep was checked, the tap lies within the image, and there are such channels.
    #[inline(always)]
    unsafe fn one<S: Simd>(
        &mut self,
        simd: S,
        row: (usize, usize),
        column: (usize, usize),
        part: Range<usize>,
    ) {
        let (output, pixel) = (self.output(row.0, column.0), self.pixel(row, column));
        let gradient = self.gradient(row.1, column.1);
        for channel in part.clone().step_by(S::LANES) {
            let count = S::LANES.min(part.end - channel);
            // SAFETY: the caller promises these channels, of which there are `count`; the gradient is this sweep's alone.
            unsafe {
                let dy = simd.load_first(output.wrapping_add(channel), count);
                let x = simd.load_first(pixel.wrapping_add(channel), count);
                let gradient = gradient.wrapping_add(channel);
                let sum = simd.mul_add(x, dy, simd.load_first(gradient, count));
                simd.store_first(sum, gradient, count);
            }
        }
    }
}
