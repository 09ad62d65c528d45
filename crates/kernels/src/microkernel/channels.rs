//! Sums over windows in which channels keep to themselves: depthwise convolution, forward and backward to the data.
//!
//! Nothing is broadcast: each lane is a channel, multiplied with its own weight. A tile is a vector of channels of some outputs of a
//! row, or of two rows whose windows overlap. Each pixel is loaded once for all outputs of the tile that see it. Channels pass by first,
//! then columns, then rows, in the order in which they lie in memory, so that the processor sees what it will be asked for. The image is read in
//! place: outputs whose windows reach beyond its edge are computed one by one, from the taps within.

use std::ops::Range;

use super::target::{Last, begin, finish};
use super::unrolled::unrolled;
use super::windows::Windows;
use super::{Grid, Start, Strides, Target};
use crate::simd::{Kernel, Simd};

/// The widest tile.
pub(super) const MAX_COLUMNS: usize = 8;

/// Pixels of a row that the widest tile of five taps, two pixels apart, sees; one of seven taps sees fewer.
const MOST_PIXELS: usize = 2 * (MAX_COLUMNS - 1) + 5;

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
        let most = widest(S::REGISTERS);
        let shares_rows = self.rows.step == 1 && self.rows.spacing == 1;
        let mut row = self.band.start;
        while row < self.band.end {
            let pair = shares_rows && row + 1 < self.band.end;
            for strip in strips(self.columns, most) {
                self.strip(simd, row, pair, strip);
            }
            row += if pair { 2 } else { 1 };
        }
    }
}

/// Outputs of the widest tile of two rows that the registers hold, beside the pixels that a row of taps sees and a weight.
pub(super) const fn widest(registers: usize) -> usize {
    match registers {
        ..16 => MAX_COLUMNS / 4,
        16..32 => MAX_COLUMNS / 2,
        _ => MAX_COLUMNS,
    }
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

    /// The pixel under the given taps of an output, which may lie beyond the image.
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

    /// All channels of a strip's outputs in a row, or in a pair of rows.
    #[inline(always)]
    fn strip<S: Simd>(&self, simd: S, row: usize, pair: bool, strip: Strip) {
        let rows = row..row + 1 + usize::from(pair);
        let vectors = self.target.columns / S::LANES * S::LANES;
        if strip.whole {
            let taps = 0..self.columns.taps;
            let done = with_tile!(self.columns, strip.count, widest(S::REGISTERS), |K, STEP, P| self
                .tiles::<S, K, STEP, P>(simd, rows.clone(), strip, &taps, vectors));
            self.rest(simd, rows, strip, if done { vectors } else { 0 });
            return;
        }
        for column in strip.first..strip.first + strip.count {
            // A window that reaches beyond the image is one of fewer taps.
            let taps = self.columns.inside(column);
            let inside = Windows { taps: taps.len(), step: 1, ..self.columns };
            let strip = Strip { first: column, every: 1, count: 1, whole: false };
            let done = with_tile!(inside, 1, 1, |K, STEP, P| self.tiles::<S, K, STEP, P>(
                simd,
                rows.clone(),
                strip,
                &taps,
                vectors
            ));
            self.rest(simd, rows.clone(), strip, if done { vectors } else { 0 });
        }
    }

    /// The channels of a strip's outputs from `first` on, one output after another.
    #[inline(always)]
    fn rest<S: Simd>(&self, simd: S, rows: Range<usize>, strip: Strip, first: usize) {
        if first == self.target.columns {
            return;
        }
        for row in rows {
            for column in (strip.first..).step_by(strip.every).take(strip.count) {
                self.one_by_one(simd, row, column, first..self.target.columns);
            }
        }
    }

    /// Whole vectors of channels of `P` outputs of each row, with some of the columns of taps. Tells that it has done them.
    #[inline(always)]
    fn tiles<S: Simd, const K: usize, const STEP: usize, const P: usize>(
        &self,
        simd: S,
        rows: Range<usize>,
        strip: Strip,
        taps: &Range<usize>,
        channels: usize,
    ) -> bool {
        // Two rows at once where windows overlap: each pixel is then loaded for both.
        if const { STEP == 1 } && rows.len() == 2 {
            self.tiles_of::<S, K, STEP, P, 2>(simd, rows.start, strip, taps, channels);
        } else {
            for row in rows {
                self.tiles_of::<S, K, STEP, P, 1>(simd, row, strip, taps, channels);
            }
        }
        true
    }

    /// Whole vectors of channels of `P` outputs of each of `R` rows.
    #[inline(always)]
    fn tiles_of<S: Simd, const K: usize, const STEP: usize, const P: usize, const R: usize>(
        &self,
        simd: S,
        row: usize,
        strip: Strip,
        taps: &Range<usize>,
        channels: usize,
    ) {
        let mut row_taps = [[0; 2]; R];
        for (below, row_taps) in row_taps.iter_mut().enumerate() {
            let inside = self.rows.inside(row + below);
            *row_taps = [inside.start, inside.end];
        }
        // Two windows of which one begins a row below the other are one with a tap more.
        let seen = Windows { taps: self.rows.taps + (R - 1), ..self.rows }.inside(row);
        let walk = Walk::<R> {
            first: self.pixel((row, 0), (strip.first, taps.start)),
            down: self.rows.spacing * self.source_strides.row,
            right: self.columns.spacing * self.source_strides.pixel,
            taps: row_taps,
            seen: [seen.start, seen.end],
            weights: self.weights(0, taps.start),
            weight_row: self.columns.taps * self.weight_stride,
            weight_stride: self.weight_stride,
            target: self.place(row, strip.first),
            target_down: self.target.strides.row,
            target_right: strip.every * self.target.strides.pixel,
        };
        let (start, ending) = (self.start, self.target.ending());
        for channel in (0..channels).step_by(S::LANES) {
            let (start, last) = (start.columns(channel, S::LANES), ending.last(channel));
            // SAFETY: `check` has shown that the image, the weights and the target hold all that windows within the image see
            // and write; the columns of taps are within, and the rows that are seen are so too.
            unsafe { walk.tile::<S, K, STEP, P>(simd, channel, start, &last) };
        }
    }

    /// Some channels of one output, whose window may reach beyond the image.
    #[inline(always)]
    fn one_by_one<S: Simd>(&self, simd: S, row: usize, column: usize, channels: Range<usize>) {
        let taps = (self.rows.inside(row), self.columns.inside(column));
        for channel in channels.clone().step_by(S::LANES) {
            let count = S::LANES.min(channels.end - channel);
            // SAFETY: `check` has shown that the image, the weights and the target hold these channels of all that windows
            // within the image see and write, and these taps are within.
            unsafe { self.one(simd, (row, &taps.0), (column, &taps.1), channel, count) };
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
        let (down, right) =
            (self.rows.spacing * self.source_strides.row, self.columns.spacing * self.source_strides.pixel);
        let mut line = self.pixel((row, row_taps.start), (column, column_taps.start)).wrapping_add(channel);
        let mut weights = self.weights(row_taps.start, column_taps.start).wrapping_add(channel);
        for _ in row_taps.clone() {
            let (mut pixel, mut weight) = (line, weights);
            for _ in column_taps.clone() {
                // SAFETY: the caller promises that the tap lies within the image, and its weights.
                unsafe {
                    let (x, w) = (simd.load_first(pixel, count), simd.load_first(weight, count));
                    sums[0][0] = simd.mul_add(x, w, sums[0][0]);
                }
                (pixel, weight) = (pixel.wrapping_add(right), weight.wrapping_add(self.weight_stride));
            }
            line = line.wrapping_add(down);
            weights = weights.wrapping_add(self.columns.taps * self.weight_stride);
        }
        // SAFETY: as above.
        unsafe { finish(simd, &sums, &target, count, &self.target.last(channel)) };
    }
}

/// Where the tiles of a strip find what they read and write: all of it from the first channel on.
#[derive(Clone, Copy)]
struct Walk<const R: usize> {
    /// The pixel under the first tap of the first output, which may lie above the image.
    first: *const f32,
    /// From one row of taps to the next.
    down: usize,
    /// From one column of taps to the next.
    right: usize,
    /// The first row of taps that lies within the image and the one after the last, for each row of outputs.
    taps: [[usize; 2]; R],
    /// The same for the rows of all outputs together, counted from the first one's first row of taps: of pixels no others are read.
    seen: [usize; 2],
    /// The weights of the first tap.
    weights: *const f32,
    /// From those of one row of taps to the next.
    weight_row: usize,
    weight_stride: usize,
    /// The first output.
    target: *mut f32,
    /// From one row of outputs to the next, and from one output to the next.
    target_down: usize,
    target_right: usize,
}

impl<const R: usize> Walk<R> {
    /// A vector of channels of `P` outputs in each of `R` rows.
    ///
    /// # Safety
    /// In all rows that are seen, from the first column of the first output to the last one of the last, lies a vector of channels of
    /// the image; there are weights for it, and room in the outputs. `K` are the columns of taps, `STEP` lie between outputs. Where `R` is 2, the
    /// second row's windows lie one row of taps below the first one's.
    #[inline(always)]
    unsafe fn tile<S: Simd, const K: usize, const STEP: usize, const P: usize>(
        self,
        simd: S,
        channel: usize,
        start: Start<'_>,
        last: &Last<'_>,
    ) {
        let mut targets = [[self.target; P]; R];
        let mut sums = [[[simd.zero(); 1]; P]; R];
        unrolled!(R, |below| {
            unrolled!(P, |p| {
                let offset = channel + below * self.target_down + p * self.target_right;
                targets[below][p] = self.target.wrapping_add(offset);
            }, 0 1 2 3 4 5 6 7);
            // SAFETY: promised by the caller.
            sums[below] = unsafe { begin::<S, P, 1>(simd, start, &targets[below], S::LANES) };
        }, 0 1);
        let [mut seen, end] = self.seen;
        let mut from = self.first.wrapping_add(seen * self.down + channel);
        let mut weights = self.weights.wrapping_add(seen * self.weight_row + channel);
        while seen < end {
            let mut pixels = [simd.zero(); MOST_PIXELS];
            unrolled!((P - 1) * STEP + K, |at| {
                // SAFETY: promised by the caller.
                pixels[at] = unsafe { simd.load_ptr(from.wrapping_add(at * self.right)) };
            });
            unrolled!(R, |below| {
                let [first, end] = self.taps[below];
                if (first + below..end + below).contains(&seen) {
                    let weights = weights.wrapping_sub(below * self.weight_row);
                    unrolled!(K, |q| {
                        // SAFETY: promised by the caller.
                        let weight = unsafe { simd.load_ptr(weights.wrapping_add(q * self.weight_stride)) };
                        unrolled!(P, |p| {
                            let [sum] = &mut sums[below][p];
                            *sum = simd.mul_add(pixels[p * STEP + q], weight, *sum);
                        }, 0 1 2 3 4 5 6 7);
                    }, 0 1 2 3 4 5 6);
                }
            }, 0 1);
            seen += 1;
            from = from.wrapping_add(self.down);
            weights = weights.wrapping_add(self.weight_row);
        }
        unrolled!(R, |below| {
            // SAFETY: promised by the caller.
            unsafe { finish(simd, &sums[below], &targets[below], S::LANES, last) };
        }, 0 1);
    }
}
