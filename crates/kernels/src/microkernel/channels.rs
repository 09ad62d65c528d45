//! Tiles of channels that keep to themselves: depthwise convolution.
//!
//! Nothing is broadcast: each lane is a channel, multiplied with its own weight.

use super::cursor::{Cursor, Pixels};
use super::taps::Taps;
use super::target::{begin, finish, load_columns};
use super::{Grid, Start, Strides, Target, even_pieces, tile_rows, with_rows};
use crate::simd::{Kernel, Simd};

/// Multiplies what a window sees from each pixel of a grid, channel by channel.
pub(crate) struct ChannelSweep<'a> {
    pub grid: Grid,
    /// The image, from the first channel of the first pixel that the first window sees.
    pub source: &'a [f32],
    pub strides: Strides,
    /// Windows of single pixels; their `len` is 1.
    pub taps: Taps,
    /// From the first channel of the first tap on.
    pub weights: &'a [f32],
    /// From the weight of one tap to that of the next.
    pub weight_stride: usize,
    pub start: Start<'a>,
    pub target: Target<'a>,
}

impl Kernel for ChannelSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        if self.grid.len() == 0 {
            return;
        }
        self.check();
        let channels = self.target.columns;
        let mut channel = 0;
        while channel < channels {
            match channels - channel {
                rest if rest >= 2 * S::LANES => self.strip::<S, 2, true>(simd, &mut channel),
                rest if rest >= S::LANES => self.strip::<S, 1, true>(simd, &mut channel),
                _ => self.strip::<S, 1, false>(simd, &mut channel),
            }
        }
    }
}

impl ChannelSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { grid, source, strides, taps, weights, weight_stride, start, target } = self;
        assert!(taps.depth() > 0 && taps.len == 1, "windows of single pixels");
        assert!(
            strides.last(*grid) + taps.last() + target.columns <= source.len(),
            "windows reach beyond the image"
        );
        assert!(
            (taps.depth() - 1) * weight_stride + target.columns <= weights.len(),
            "fewer weights than taps"
        );
        target.check(*grid, *start);
    }

    /// Computes `N` vectors of channels from `channel` on, or less than one where they are not `FULL`.
    #[inline(always)]
    fn strip<S: Simd, const N: usize, const FULL: bool>(&self, simd: S, channel: &mut usize) {
        let first = *channel;
        let count = (N * S::LANES).min(self.target.columns - first);
        let start = self.start.columns(first, count);
        let source = (self.source.as_ptr().wrapping_add(first), self.strides);
        let target = (self.target.first.wrapping_add(first), self.target.strides);
        let mut cursor = Cursor::new(self.grid, source, target);
        for rows in even_pieces(self.grid.len(), tile_rows(S::REGISTERS, N)) {
            let pixels = cursor.take(rows);
            // SAFETY: `check` has shown that each pixel's windows lie within the source, the taps within the weights, and
            // the channels within the target, which is this sweep's alone.
            with_rows!(rows, S, N, |R| unsafe {
                self.tile::<S, R, N, FULL>(simd, &pixels, first, count, start)
            });
        }
        *channel += count;
    }

    /// # Safety
    /// The sweep was checked, and the pixels are those of `count` channels from `first` on.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const N: usize, const FULL: bool>(
        &self,
        simd: S,
        pixels: &Pixels,
        first: usize,
        count: usize,
        start: Start<'_>,
    ) {
        let taps = self.taps;
        // SAFETY: the caller promises `count` numbers at every pixel's target.
        let mut sums = unsafe { begin::<S, R, N>(simd, start, &pixels.target, count) };
        for row in 0..taps.rows {
            let mut from = [pixels.source[0]; R];
            for r in 0..R {
                from[r] = pixels.source[r].wrapping_add(row * taps.row_stride);
            }
            let weights = self.weights.as_ptr().wrapping_add(row * taps.columns * self.weight_stride + first);
            let lanes =
                Lanes { step: taps.column_stride, stride: self.weight_stride, len: taps.columns, count };
            // SAFETY: the caller promises that this row of every pixel's window lies within the image, and its weights.
            unsafe { multiply_lanes::<S, R, N, FULL>(simd, &mut sums, from, weights, lanes) };
        }
        // SAFETY: as above.
        unsafe { finish(simd, &sums, &pixels.target, count) };
    }
}

/// Adds up the gradients of some channels' weights, for a row of taps, over pixels.
pub(crate) struct ChannelWeightSweep<'a> {
    /// Pixels, by row and column.
    pub rows: usize,
    pub columns: usize,
    /// The image, from what the first tap's first channel is multiplied with at the first pixel.
    pub source: &'a [f32],
    pub row_stride: usize,
    pub pixel_stride: usize,
    /// From one tap to the next.
    pub tap_stride: usize,
    /// The outputs' gradients, from the first channel of the first pixel on.
    pub outputs: &'a [f32],
    pub output_row_stride: usize,
    pub output_stride: usize,
    /// `[taps][channels]`; added to.
    pub gradient: &'a mut [f32],
    pub channels: usize,
}

impl Kernel for ChannelWeightSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        self.check();
        let mut channel = 0;
        while channel < self.channels {
            match self.channels - channel {
                rest if rest >= 2 * S::LANES => self.strip::<S, 2, true>(simd, &mut channel),
                rest if rest >= S::LANES => self.strip::<S, 1, true>(simd, &mut channel),
                _ => self.strip::<S, 1, false>(simd, &mut channel),
            }
        }
    }
}

impl ChannelWeightSweep<'_> {
    fn taps(&self) -> usize {
        self.gradient.len() / self.channels
    }

    /// Everything the raw pointers below rely on.
    fn check(&self) {
        assert!(self.rows > 0 && self.columns > 0 && self.channels > 0 && self.taps() > 0, "an empty sweep");
        let last =
            |row: usize, pixel: usize| (self.rows - 1) * row + (self.columns - 1) * pixel + self.channels;
        let window = (self.taps() - 1) * self.tap_stride;
        assert!(
            last(self.row_stride, self.pixel_stride) + window <= self.source.len(),
            "taps beyond the image"
        );
        assert!(
            last(self.output_row_stride, self.output_stride) <= self.outputs.len(),
            "fewer outputs than pixels"
        );
    }

    /// Computes `N` vectors of channels from `channel` on, or less than one where they are not `FULL`.
    #[inline(always)]
    fn strip<S: Simd, const N: usize, const FULL: bool>(&mut self, simd: S, channel: &mut usize) {
        let count = (N * S::LANES).min(self.channels - *channel);
        let mut tap = 0;
        for taps in even_pieces(self.taps(), tile_rows(S::REGISTERS, N)) {
            // SAFETY: `check` has shown that all taps of all channels lie within the image at every pixel.
            with_rows!(taps, S, N, |R| unsafe { self.tile::<S, R, N, FULL>(simd, tap, *channel, count) });
            tap += taps;
        }
        *channel += count;
    }

    /// # Safety
    /// The sweep was checked; there are `R` taps from `tap` on and `count` channels from `first` on.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const N: usize, const FULL: bool>(
        &mut self,
        simd: S,
        tap: usize,
        first: usize,
        count: usize,
    ) {
        let mut gradients = [self.gradient.as_mut_ptr(); R];
        for r in 0..R {
            gradients[r] = gradients[r].wrapping_add((tap + r) * self.channels + first);
        }
        // SAFETY: the gradient holds `channels` numbers for every tap.
        let mut sums = unsafe { begin::<S, R, N>(simd, Start::Target, &gradients, count) };
        for row in 0..self.rows {
            let source = self.source.as_ptr().wrapping_add(row * self.row_stride + first);
            let mut from = [source; R];
            for r in 0..R {
                from[r] = source.wrapping_add((tap + r) * self.tap_stride);
            }
            let outputs = self.outputs.as_ptr().wrapping_add(row * self.output_row_stride + first);
            let lanes =
                Lanes { step: self.pixel_stride, stride: self.output_stride, len: self.columns, count };
            // SAFETY: the caller promises that the taps lie within the image at every pixel, and the outputs are there.
            unsafe { multiply_lanes::<S, R, N, FULL>(simd, &mut sums, from, outputs, lanes) };
        }
        // SAFETY: as above.
        unsafe { finish(simd, &sums, &gradients, count) };
    }
}

/// What [`multiply_lanes`] goes through: `len` times `count` lanes, so far apart in `a` and in `b`.
#[derive(Clone, Copy)]
struct Lanes {
    step: usize,
    stride: usize,
    len: usize,
    count: usize,
}

/// `tile[r][n] += sum over k of a[r][k * step + n] * b[k * stride + n]`, for each of the lanes `n`.
///
/// # Safety
/// For every k below `len`, `count` numbers can be read there; `count` is `N` vectors where `FULL`, else less than one.
#[inline(always)]
unsafe fn multiply_lanes<S: Simd, const R: usize, const N: usize, const FULL: bool>(
    simd: S,
    tile: &mut [[S::V; N]; R],
    a: [*const f32; R],
    b: *const f32,
    lanes: Lanes,
) {
    let count = if FULL { N * S::LANES } else { lanes.count };
    for k in 0..lanes.len {
        for n in 0..N {
            // SAFETY: the caller promises `count` numbers.
            let y = unsafe { load_columns(simd, b.add(k * lanes.stride), n, count) };
            for r in 0..R {
                // SAFETY: as above.
                let x = unsafe { load_columns(simd, a[r].add(k * lanes.step), n, count) };
                tile[r][n] = simd.mul_add(x, y, tile[r][n]);
            }
        }
    }
}
