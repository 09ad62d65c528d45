//! Sums over windows in which channels keep to themselves: depthwise convolution, forward and backward to the data.
//!
//! Nothing is broadcast: each lane is a channel, multiplied with its own weight. A tile is a vector of channels of some outputs of a
//! row. For each row of taps, its weights are loaded once, and each pixel once for all outputs that see it. The image is read in
//! place: outputs whose windows reach beyond its edge are computed one by one, from the taps within.

use std::ops::Range;

use super::target::{begin, finish};
use super::windows::Windows;
use super::{Grid, Start, Strides, Target, even_pieces};
use crate::fetch::fetch;
use crate::simd::{Kernel, Simd};

/// Elements of the image that a tile's windows cover, for all channels that are computed in turn: 36 KiB, so that the next row
/// of outputs finds them in the first-level cache.
pub(super) const NEAR: usize = 9 * 1024;

/// The widest tile.
pub(super) const MAX_COLUMNS: usize = 8;

/// Multiplies what windows see of one image, channel by channel.
pub(crate) struct ChannelSweep<'a> {
    pub rows: Windows,
    pub columns: Windows,
    /// The rows of outputs to compute.
    pub band: Range<usize>,
    /// The image, from the first channel of its first pixel on.
    pub source: &'a [f32],
    pub source_strides: Strides,
    /// From the first channel of the first tap on.
    pub weights: &'a [f32],
    /// From the weight of one tap to that of the next.
    pub weight_stride: usize,
    pub start: Start<'a>,
    /// The channels to compute, of the outputs from the band's first on.
    pub target: Target<'a>,
}

/// `count` columns of outputs, `every` apart.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    pub(super) first: usize,
    pub(super) every: usize,
    pub(super) count: usize,
    /// Whether their windows lie within the image, as far as columns go. Then `count` is 1, 2, 4 or 8, and the first pixel of each
    /// window is the second of the one before, or where windows are two apart, the third.
    pub(super) whole: bool,
}

/// All columns of outputs. Where taps are `spacing` apart, the outputs of a strip are so too.
#[inline(always)]
pub(super) fn strips(columns: Windows, most: usize) -> impl Iterator<Item = Strip> {
    let whole = columns.whole();
    let every = if columns.step == 1 { columns.spacing } else { 1 };
    let phases = (0..every.min(whole.len())).map(move |phase| whole.start + phase);
    let tiles = phases.flat_map(move |mut first| {
        std::iter::from_fn(move || {
            let left = (whole.end.max(first) - first).div_ceil(every);
            let count = 1 << left.min(most).checked_ilog2()?;
            let strip = Strip { first, every, count, whole: true };
            first += count * every;
            Some(strip)
        })
    });
    let edge = |first, end| Strip { first, every: 1, count: end - first, whole: false };
    std::iter::once(edge(0, whole.start))
        .chain(tiles)
        .chain(std::iter::once(edge(whole.end, columns.outputs)))
}

/// `0..channels` in parts of whole vectors of which `pixels` stay near, and one of less than a vector.
#[inline(always)]
pub(super) fn parts(channels: usize, lanes: usize, pixels: usize) -> impl Iterator<Item = Range<usize>> {
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

/// Makes a call with the taps of a row, the pixels from one output to the next and the outputs of a tile as constants, and evaluates
/// to what it returns; to `false` where there is no tile for such windows.
macro_rules! with_tile {
    ($columns:expr, $count:expr, $most:expr, |$k:ident, $step:ident, $p:ident| $call:expr) => {
        match ($columns.taps, $columns.step, $columns.spacing) {
            (1, 1, _) => with_tile!(@width $count, $most, $k 1, $step 1, |$p| $call),
            (2, 1, _) => with_tile!(@width $count, $most, $k 2, $step 1, |$p| $call),
            (3, 1, _) => with_tile!(@width $count, $most, $k 3, $step 1, |$p| $call),
            (5, 1, _) => with_tile!(@width $count, $most, $k 5, $step 1, |$p| $call),
            (7, 1, _) => with_tile!(@width $count, $most, $k 7, $step 1, |$p| $call),
            (3, 2, 1) => with_tile!(@width $count, $most, $k 3, $step 2, |$p| $call),
            (5, 2, 1) => with_tile!(@width $count, $most, $k 5, $step 2, |$p| $call),
            _ => false,
        }
    };
    (@width $count:expr, $most:expr, $k:ident $taps:literal, $step:ident $pixels:literal, |$p:ident| $call:expr) => {{
        const $k: usize = $taps;
        const $step: usize = $pixels;
        with_tile!(@count $count, $most, |$p| $call, 1 2 4 8)
    }};
    (@count $count:expr, $most:expr, |$p:ident| $call:expr, $($n:literal)*) => {
        match $count {
            $($n if const { $n <= $most } => {
                const $p: usize = $n;
                $call
            })*
            _ => false,
        }
    };
}
pub(super) use with_tile;

impl Kernel for ChannelSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        if self.band.is_empty() || self.columns.outputs == 0 {
            return;
        }
        self.check();
        let Windows { taps, step, .. } = self.columns;
        let most = widest(S::REGISTERS);
        let pixels = self.rows.taps * (taps + (most - 1) * step.min(taps));
        for part in parts(self.target.columns, S::LANES, pixels) {
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

/// Outputs of the widest tile that the registers hold, beside a row of weights or of their sums and a pixel.
pub(super) const fn widest(registers: usize) -> usize {
    if registers < 16 { MAX_COLUMNS / 2 } else { MAX_COLUMNS }
}

impl ChannelSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { rows, columns, band, source, source_strides, weights, weight_stride, start, target } =
            self;
        assert!(band.end <= rows.outputs, "a band of rows beyond the outputs");
        let image = Grid { images: 1, rows: rows.extent, columns: columns.extent };
        assert!(source_strides.last(image) + target.columns <= source.len(), "an image too short");
        let taps = rows.taps * columns.taps;
        assert!(
            taps == 0 || (taps - 1) * weight_stride + target.columns <= weights.len(),
            "fewer weights than taps"
        );
        target.check(Grid { images: 1, rows: band.len(), columns: columns.outputs }, *start);
    }

    /// Where an output is written.
    #[inline(always)]
    fn place(&self, row: usize, column: usize) -> *mut f32 {
        let Strides { row: down, pixel: right, .. } = self.target.strides;
        self.target.first.wrapping_add((row - self.band.start) * down + column * right)
    }

    /// The pixel under the given taps of an output, which lies within the image.
    #[inline(always)]
    fn pixel(&self, (row, row_tap): (usize, usize), (column, column_tap): (usize, usize)) -> *const f32 {
        let down = self.rows.place(row, row_tap) * self.source_strides.row.cast_signed();
        let right = self.columns.place(column, column_tap) * self.source_strides.pixel.cast_signed();
        self.source.as_ptr().wrapping_offset(down + right)
    }

    #[inline(always)]
    fn weights(&self, row_tap: usize, column_tap: usize) -> *const f32 {
        self.weights.as_ptr().wrapping_add((row_tap * self.columns.taps + column_tap) * self.weight_stride)
    }

    /// Whole vectors of channels of `P` outputs of each row. Tells that it has done them.
    #[inline(always)]
    fn tiles<S: Simd, const K: usize, const STEP: usize, const P: usize>(
        &self,
        simd: S,
        strip: Strip,
        part: Range<usize>,
    ) -> bool {
        for row in self.band.clone() {
            let taps = self.rows.inside(row);
            for channel in part.clone().step_by(S::LANES) {
                // SAFETY: `check` has shown that the image, the weights and the target hold all that windows within the image
                // see and write; a whole strip's windows are within as far as columns go, and `taps` are as far as rows go.
                unsafe { self.tile::<S, K, STEP, P>(simd, row, &taps, strip, channel) };
            }
        }
        true
    }

    /// A vector of channels of `P` outputs, with some rows of taps.
    ///
    /// # Safety
    /// The sweep was checked, the rows of taps lie within the image, and the strip is a whole one; `K` and `STEP` are those of the
    /// columns and `P` is its count.
    #[inline(always)]
    unsafe fn tile<S: Simd, const K: usize, const STEP: usize, const P: usize>(
        &self,
        simd: S,
        row: usize,
        taps: &Range<usize>,
        strip: Strip,
        channel: usize,
    ) {
        let right = strip.every * self.target.strides.pixel;
        let first = self.place(row, strip.first).wrapping_add(channel);
        let targets: [*mut f32; P] = std::array::from_fn(|output| first.wrapping_add(output * right));
        let start = self.start.columns(channel, S::LANES);
        // SAFETY: the caller promises a vector of channels at each output.
        let mut sums = unsafe { begin::<S, P, 1>(simd, start, &targets, S::LANES) };
        let right = self.columns.spacing * self.source_strides.pixel;
        // What the next row's windows see and this row's do not: that it will be needed is not to be seen from what is read before.
        for new in 0..self.rows.step {
            let next = self.pixel((row, self.rows.taps + new), (strip.first, 0)).wrapping_add(channel);
            (0..P * STEP).for_each(|pixel| fetch(next.wrapping_add(pixel * right)));
        }
        for tap in taps.clone() {
            let first = self.weights(tap, 0).wrapping_add(channel);
            let mut weights = [simd.zero(); K];
            for (q, weight) in weights.iter_mut().enumerate() {
                // SAFETY: the caller promises a vector of weights for each tap.
                *weight = unsafe { simd.load_ptr(first.wrapping_add(q * self.weight_stride)) };
            }
            let from = self.pixel((row, tap), (strip.first, 0)).wrapping_add(channel);
            for (p, [sum]) in sums.iter_mut().enumerate() {
                for (q, weight) in weights.iter().enumerate() {
                    // SAFETY: the caller promises that the tap lies within the image for each output. What several outputs see
                    // is loaded once: the compiler finds the addresses to be the same.
                    let x = unsafe { simd.load_ptr(from.wrapping_add((p * STEP + q) * right)) };
                    *sum = simd.mul_add(x, *weight, *sum);
                }
            }
        }
        // SAFETY: as above.
        unsafe { finish(simd, &sums, &targets, S::LANES, &self.target.last(channel)) };
    }

    /// Some channels of a strip's outputs of each row, whose windows may reach beyond the image.
    #[inline(always)]
    fn one_by_one<S: Simd>(&self, simd: S, strip: Strip, part: Range<usize>) {
        for column in (strip.first..).step_by(strip.every).take(strip.count) {
            let column_taps = self.columns.inside(column);
            for row in self.band.clone() {
                let row_taps = self.rows.inside(row);
                for channel in part.clone().step_by(S::LANES) {
                    let count = S::LANES.min(part.end - channel);
                    // SAFETY: `check` has shown that the image, the weights and the target hold these channels of all that
                    // windows within the image see and write, and these taps are within.
                    unsafe { self.one(simd, (row, &row_taps), (column, &column_taps), channel, count) };
                }
            }
        }
    }

    /// `count` channels of one output, from some of its taps.
    ///
    /// # Safety
    /// The sweep was checked, the taps lie within the image, and there are 1 to `LANES` such channels.
    #[inline(always)]
    unsafe fn one<S: Simd>(
        &self,
        simd: S,
        (row, row_taps): (usize, &Range<usize>),
        (column, column_taps): (usize, &Range<usize>),
        channel: usize,
        count: usize,
    ) {
        let target = [self.place(row, column).wrapping_add(channel)];
        // SAFETY: the caller promises `count` channels at the output.
        let mut sums = unsafe { begin::<S, 1, 1>(simd, self.start.columns(channel, count), &target, count) };
        for row_tap in row_taps.clone() {
            for column_tap in column_taps.clone() {
                let pixel = self.pixel((row, row_tap), (column, column_tap)).wrapping_add(channel);
                let weight = self.weights(row_tap, column_tap).wrapping_add(channel);
                // SAFETY: the caller promises that the tap lies within the image, and its weights.
                unsafe {
                    let (x, weight) = (simd.load_first(pixel, count), simd.load_first(weight, count));
                    sums[0][0] = simd.mul_add(x, weight, sums[0][0]);
                }
            }
        }
        // SAFETY: as above.
        unsafe { finish(simd, &sums, &target, count, &self.target.last(channel)) };
    }
}
