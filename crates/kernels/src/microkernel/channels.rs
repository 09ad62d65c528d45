//! Tiles of channels that keep to themselves: depthwise convolution.
//!
//! Nothing is broadcast: each lane is a channel, multiplied with its own weight. A tile is a vector of channels of some pixels, or
//! of some taps' weights.

use super::cursor::{Cursor, Pixels};
use super::taps::Taps;
use super::target::{begin, finish};
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
        let source = (self.source.as_ptr(), self.strides);
        let target = (self.target.first, self.target.strides);
        let mut cursor = Cursor::new(self.grid, source, target);
        for rows in even_pieces(self.grid.len(), tile_rows(S::REGISTERS, VECTORS)) {
            let pixels = cursor.take(rows);
            // SAFETY: `check` has shown that each pixel's windows lie within the source, the taps within the weights, and
            // the channels within the target, which is this sweep's alone.
            with_rows!(rows, S, VECTORS, |R| unsafe { self.pixels::<S, R>(simd, &pixels) });
        }
    }
}

/// A tile is one vector wide, but only half as high as the registers would allow: the pointers to its rows need registers too.
const VECTORS: usize = 3;

impl ChannelSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { grid, source, strides, taps, weights, weight_stride, start, target } = self;
        assert!(taps.depth() > 0 && taps.len == 1, "windows of single pixels");
        let last = strides.last(*grid) + taps.last();
        assert!(last + target.columns <= source.len(), "windows reach beyond the image");
        let last = (taps.depth() - 1) * weight_stride;
        assert!(last + target.columns <= weights.len(), "fewer weights than taps");
        target.check(*grid, *start);
    }

    /// All channels of `R` pixels.
    ///
    /// # Safety
    /// The sweep was checked, and the pixels are of its grid.
    #[inline(always)]
    unsafe fn pixels<S: Simd, const R: usize>(&self, simd: S, pixels: &Pixels) {
        let channels = self.target.columns;
        let whole = channels / S::LANES * S::LANES;
        for channel in (0..whole).step_by(S::LANES) {
            // SAFETY: promised by the caller; there is a vector of channels.
            unsafe { self.tile::<S, R, true>(simd, pixels, channel, S::LANES) };
        }
        if whole < channels {
            // SAFETY: promised by the caller; there is less than a vector of channels.
            unsafe { self.tile::<S, R, false>(simd, pixels, whole, channels - whole) };
        }
    }

    /// `count` channels, from `first` on, of `R` pixels.
    ///
    /// # Safety
    /// The sweep was checked, the pixels are of its grid, and there are so many channels: a vector where `FULL`, else less.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const FULL: bool>(
        &self,
        simd: S,
        pixels: &Pixels,
        first: usize,
        count: usize,
    ) {
        let count = if FULL { S::LANES } else { count };
        let mut targets = [pixels.target[0]; R];
        for (target, pixel) in targets.iter_mut().zip(pixels.target) {
            *target = pixel.wrapping_add(first);
        }
        // SAFETY: the caller promises `count` numbers at every pixel's target.
        let mut sums = unsafe { begin::<S, R, 1>(simd, self.start.columns(first, count), &targets, count) };
        let mut weights = self.weights.as_ptr().wrapping_add(first);
        for row in 0..self.taps.rows {
            for column in 0..self.taps.columns {
                let offset = first + row * self.taps.row_stride + column * self.taps.column_stride;
                // SAFETY: the caller promises that the tap lies within the image at every pixel, and its weights.
                unsafe {
                    let weight = simd.load_first(weights, count);
                    for ([sum], pixel) in sums.iter_mut().zip(pixels.source) {
                        let x = simd.load_first(pixel.add(offset), count);
                        *sum = simd.mul_add(x, weight, *sum);
                    }
                }
                weights = weights.wrapping_add(self.weight_stride);
            }
        }
        // SAFETY: as above.
        unsafe { finish(simd, &sums, &targets, count, self.target.last(first).as_ref()) };
    }
}

/// Adds up the gradients of some channels' weights over pixels.
pub(crate) struct ChannelWeightSweep<'a> {
    pub grid: Grid,
    /// The image, from the first channel of the first pixel that the first window sees.
    pub source: &'a [f32],
    pub strides: Strides,
    /// Windows of single pixels; their `len` is 1.
    pub taps: Taps,
    /// The outputs' gradients, from the first channel of the first pixel on.
    pub outputs: &'a [f32],
    pub output_strides: Strides,
    /// `[taps][channels]`; added to.
    pub gradient: &'a mut [f32],
}

impl Kernel for ChannelWeightSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.grid.len() == 0 {
            return;
        }
        self.check();
        let channels = self.channels();
        let whole = channels / S::LANES * S::LANES;
        for channel in (0..whole).step_by(S::LANES) {
            self.strip::<S, true>(simd, channel, S::LANES);
        }
        if whole < channels {
            self.strip::<S, false>(simd, whole, channels - whole);
        }
    }
}

impl ChannelWeightSweep<'_> {
    fn channels(&self) -> usize {
        self.gradient.len() / self.taps.depth()
    }

    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { grid, source, strides, taps, outputs, output_strides, .. } = self;
        assert!(taps.depth() > 0 && taps.len == 1, "windows of single pixels");
        let channels = self.channels();
        assert!(
            strides.last(*grid) + taps.last() + channels <= source.len(),
            "windows reach beyond the image"
        );
        assert!(output_strides.last(*grid) + channels <= outputs.len(), "fewer outputs than pixels");
    }

    /// Computes `count` channels from `first` on: a vector where `FULL`, else less.
    #[inline(always)]
    fn strip<S: Simd, const FULL: bool>(&mut self, simd: S, first: usize, count: usize) {
        const N: usize = 1;
        let mut tap = 0;
        for taps in even_pieces(self.taps.depth(), tile_rows(S::REGISTERS, N)) {
            // SAFETY: `check` has shown that all taps of all channels lie within the image at every pixel.
            with_rows!(taps, S, N, |R| unsafe { self.tile::<S, R, FULL>(simd, tap, first, count) });
            tap += taps;
        }
    }

    /// # Safety
    /// The sweep was checked; there are `R` taps from `tap` on and `count` channels from `first` on, a vector where `FULL`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const FULL: bool>(
        &mut self,
        simd: S,
        tap: usize,
        first: usize,
        count: usize,
    ) {
        let count = if FULL { S::LANES } else { count };
        let channels = self.channels();
        let mut gradients = [self.gradient.as_mut_ptr(); R];
        let mut taps = [self.source.as_ptr().wrapping_add(first); R];
        for r in 0..R {
            let (row, column) = ((tap + r) / self.taps.columns, (tap + r) % self.taps.columns);
            gradients[r] = gradients[r].wrapping_add((tap + r) * channels + first);
            taps[r] = taps[r].wrapping_add(row * self.taps.row_stride + column * self.taps.column_stride);
        }
        // SAFETY: the gradient holds `channels` numbers for every tap.
        let mut sums = unsafe { begin::<S, R, 1>(simd, Start::Target, &gradients, count) };
        for image in 0..self.grid.images {
            for row in 0..self.grid.rows {
                for column in 0..self.grid.columns {
                    let (from, to) = (self.strides, self.output_strides);
                    let source = image * from.image + row * from.row + column * from.pixel;
                    let output = image * to.image + row * to.row + column * to.pixel + first;
                    // SAFETY: the caller promises that the taps lie within the image at every pixel, and the outputs are there.
                    unsafe {
                        let dy = simd.load_first(self.outputs.as_ptr().add(output), count);
                        for ([sum], tap) in sums.iter_mut().zip(taps) {
                            let x = simd.load_first(tap.add(source), count);
                            *sum = simd.mul_add(x, dy, *sum);
                        }
                    }
                }
            }
        }
        // SAFETY: as above.
        unsafe { finish(simd, &sums, &gradients, count, None) };
    }
}
