//! Convolutions of channels that keep to themselves: nothing is broadcast, each lane is a channel with its own weight.

use super::path::{ByteKernel, ByteSimd};
use super::tile::{Finish, Sums};
use crate::microkernel::{Grid, Strides, Taps};

/// Pixels that are computed together, so that a weight that was read is used as often.
const ROWS: usize = 4;

/// Multiplies what a window sees from each pixel of a grid, channel by channel, for one panel of channels.
pub(super) struct ChannelSweep<'a> {
    pub(super) grid: Grid,
    /// From the panel's first channel of the first pixel that the first window sees.
    pub(super) source: &'a [u8],
    pub(super) strides: Strides,
    /// Windows of single pixels; their `len` is 1.
    pub(super) taps: Taps,
    /// From the panel's first channel on.
    pub(super) weights: &'a [i8],
    /// From the weight of one tap to that of the next.
    pub(super) weight_stride: usize,
    /// What sums begin with.
    pub(super) start: &'a [i32],
    pub(super) finish: Finish<'a>,
}

impl ByteKernel for ChannelSweep<'_> {
    #[inline(always)]
    fn run<S: ByteSimd>(self, simd: S) {
        if self.grid.len() == 0 {
            return;
        }
        self.check();
        let mut sums = Sums::new();
        for row in 0..self.grid.rows {
            let mut column = 0;
            while column < self.grid.columns {
                if self.grid.columns - column >= ROWS {
                    // SAFETY: `check` has shown that every pixel's windows lie within the source.
                    unsafe { self.pixels::<S, ROWS>(simd, row, column, &mut sums) };
                    column += ROWS;
                } else {
                    // SAFETY: `check` has shown that every pixel's windows lie within the source.
                    unsafe { self.pixels::<S, 1>(simd, row, column, &mut sums) };
                    column += 1;
                }
            }
        }
    }
}

impl ChannelSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { grid, source, strides, taps, weights, weight_stride, start, finish } = self;
        finish.check();
        let last = (taps.rows - 1) * taps.row_stride + (taps.columns - 1) * taps.column_stride;
        assert!(
            strides.last(*grid) + last + finish.columns <= source.len(),
            "windows reach beyond the source"
        );
        let last = (taps.rows * taps.columns - 1) * weight_stride;
        assert!(last + finish.columns <= weights.len(), "fewer weights than taps");
        assert!(start.len() >= finish.columns.next_multiple_of(16), "a start for each place of a panel");
    }

    /// All channels of `R` neighbouring pixels.
    ///
    /// # Safety
    /// The sweep was checked, and the pixels are of its grid.
    #[inline(always)]
    unsafe fn pixels<S: ByteSimd, const R: usize>(&self, simd: S, row: usize, column: usize, out: &mut Sums) {
        let first = row * self.strides.row + column * self.strides.pixel;
        for place in (0..self.finish.columns).step_by(S::LANES) {
            let count = S::LANES.min(self.finish.columns - place);
            // SAFETY: the start has whole vectors; the caller promises the taps at every pixel, and their weights are there.
            unsafe {
                let mut sums = [[simd.integers(self.start.as_ptr().add(place))]; R];
                let mut weights = self.weights.as_ptr().add(place);
                for tap_row in 0..self.taps.rows {
                    for tap_column in 0..self.taps.columns {
                        let tap = tap_row * self.taps.row_stride + tap_column * self.taps.column_stride;
                        let w = simd.signed(weights, count);
                        for (r, [sum]) in sums.iter_mut().enumerate() {
                            let at = first + tap + r * self.strides.pixel + place;
                            // Of the pixels' two halves the upper is zero.
                            let x = simd.unsigned(self.source.as_ptr().add(at), count);
                            *sum = simd.add_products(*sum, x, w);
                        }
                        weights = weights.wrapping_add(self.weight_stride);
                    }
                }
                out.put(simd, &sums);
                self.finish.finish(simd, out, R, row * self.grid.columns + column, place);
            }
        }
    }
}
