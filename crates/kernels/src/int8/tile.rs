//! The innermost loop: a tile of pixels times a panel of filters, held in registers until its sums are bytes.

use super::filters::Runs;
use super::operand::{Operand, rows_of};
use super::path::{ByteKernel, ByteSimd};
use crate::fetch::fetch;
use crate::microkernel::{Grid, Strides, Taps, even_pieces, in_strips};
use crate::packing::PANEL;

/// Evaluates a call with `const R: usize`, chosen at run time from 1 to the rows of a path's tile, a constant. Higher tiles are not even
/// compiled.
macro_rules! with_rows {
    ($rows:expr, $most:expr, |$r:ident| $call:expr) => {
        with_rows!($rows, $most, |$r| $call, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    ($rows:expr, $most:expr, |$r:ident| $call:expr, $($n:literal)*) => {
        match $rows {
            $($n if const { $n <= $most } => {
                const $r: usize = $n;
                $call
            })*
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}

pub(super) use with_rows;

/// Where results go. Whoever makes one promises that the elements it is used for are there and nobody else's.
#[derive(Clone, Copy)]
pub(super) enum Out {
    Bytes(*mut u8),
    Floats(*mut f32),
}

/// What becomes of a panel's sums, a number for each place of the panel, and where it goes.
pub(super) struct Finish<'a> {
    pub(super) scale: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) low: &'a [f32],
    pub(super) high: &'a [f32],
    /// The elements of the first pixel.
    pub(super) out: Out,
    /// In the same places as `out`.
    pub(super) residual: Option<(*const u8, f32)>,
    /// At most [`PANEL`].
    pub(super) columns: usize,
    /// From one pixel's elements to the next one's; pixels of a grid follow each other without a gap.
    pub(super) stride: usize,
}

impl Finish<'_> {
    /// Everything the raw pointers rely on, but for what whoever made `out` and `residual` promises.
    pub(super) fn check(&self) {
        assert!(self.columns > 0 && self.columns <= PANEL, "{} columns of a panel", self.columns);
        for numbers in [self.scale, self.bias, self.low, self.high] {
            assert!(numbers.len() >= PANEL, "a number for each place of a panel");
        }
    }

    /// Finishes the sums of `rows` pixels from the `pixel`th of the grid on, in the panel's places from `place` on.
    ///
    /// # Safety
    /// The finish was checked; the pixels are of the grid that it was made for, and some of the columns from `place` on are
    /// the panel's.
    #[inline(always)]
    pub(super) unsafe fn finish<S: ByteSimd>(
        &self,
        simd: S,
        sums: &Sums,
        rows: usize,
        pixel: usize,
        place: usize,
    ) {
        assert!(rows <= MAX_ROWS, "sums of {rows} rows");
        let end = self.columns.min(place + sums.width);
        for first in (place..end).step_by(S::LANES) {
            let count = S::LANES.min(end - first);
            // SAFETY: `check` has shown that there is a number for each place of the panel, and vectors end with it.
            let [scale, bias, low, high] = unsafe {
                [self.scale, self.bias, self.low, self.high]
                    .map(|numbers| simd.floats(numbers.as_ptr().add(first)))
            };
            let (low, high) = match self.out {
                // What is stored as a byte is between 0 and 255.
                Out::Bytes(_) => (within_byte(simd, low), within_byte(simd, high)),
                Out::Floats(_) => (low, high),
            };
            for r in 0..rows {
                let at = (pixel + r) * self.stride + first;
                // SAFETY: a row of sums is as wide as what was computed together.
                let sum = unsafe { simd.integers(sums.rows[r].as_ptr().add(first - place)) };
                let mut value = simd.add(simd.mul(simd.to_float(sum), scale), bias);
                if let Some((residual, factor)) = self.residual {
                    // SAFETY: the residual has the same elements as the output.
                    let other = simd.to_float(unsafe { simd.unsigned(residual.add(at), count) });
                    value = simd.add(value, simd.mul(other, simd.splat(factor)));
                }
                value = simd.min(simd.max(value, low), high);
                match self.out {
                    // SAFETY: promised by whoever made `out`.
                    Out::Bytes(out) => unsafe { simd.store_bytes(value, out.add(at), count) },
                    // SAFETY: promised by whoever made `out`.
                    Out::Floats(out) => unsafe { simd.store_floats(value, out.add(at), count) },
                }
            }
        }
    }
}

/// The nearest number from 0 to 255.
#[inline(always)]
fn within_byte<S: ByteSimd>(simd: S, x: S::F) -> S::F {
    simd.min(simd.max(x, simd.splat(0.0)), simd.splat(255.0))
}

/// Rows of the highest tile of any path.
pub(super) const MAX_ROWS: usize = 14;

/// The sums of a tile on their way from registers to bytes. They go through memory, which stays in the first-level cache: were the
/// code that makes bytes of them inlined for each register, the compiler would keep them all in memory, in the innermost loop too.
pub(super) struct Sums {
    rows: [[i32; PANEL]; MAX_ROWS],
    /// How many of a row are in use.
    width: usize,
}

impl Sums {
    pub(super) fn new() -> Self {
        Self { rows: [[0; PANEL]; MAX_ROWS], width: 0 }
    }

    /// All rows, of which the first `width` sums are in use from now on.
    pub(super) fn rows_of(&mut self, width: usize) -> &mut [[i32; PANEL]; MAX_ROWS] {
        assert!(width <= PANEL, "a row of {width} sums");
        self.width = width;
        &mut self.rows
    }

    #[inline(always)]
    pub(super) fn put<S: ByteSimd, const R: usize, const N: usize>(
        &mut self,
        simd: S,
        sums: &[[S::I; N]; R],
    ) {
        const { assert!(R <= MAX_ROWS && N * S::LANES <= PANEL) };
        self.width = N * S::LANES;
        for (row, sums) in self.rows.iter_mut().zip(sums) {
            for (n, sum) in sums.iter().enumerate() {
                // SAFETY: N vectors have room in a row, asserted above.
                unsafe { simd.store_integers(*sum, row.as_mut_ptr().add(n * S::LANES)) };
            }
        }
    }
}

/// Multiplies what a window sees from each pixel of a grid with one panel of weights.
pub(super) struct Sweep<'a, O: Operand> {
    pub(super) grid: Grid,
    /// From the first number that the first pixel's window sees.
    pub(super) source: &'a [O::Pixel],
    pub(super) strides: Strides,
    pub(super) taps: Taps,
    pub(super) runs: Runs,
    pub(super) weights: &'a [O::Weight],
    /// What sums begin with.
    pub(super) start: &'a [i32],
    pub(super) finish: Finish<'a>,
}

impl<O: Operand> ByteKernel for Sweep<'_, O> {
    #[inline(always)]
    fn run<S: ByteSimd>(self, simd: S) {
        if self.grid.len() == 0 {
            return;
        }
        self.check();
        in_strips!(self.finish.columns, S, |N, place| self.strip::<S, N>(simd, place));
    }
}

impl<O: Operand> Sweep<'_, O> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { grid, source, strides, taps, runs, weights, start, finish } = self;
        let depth = runs.steps(O::TOGETHER) * O::TOGETHER;
        let last = (taps.rows - 1) * taps.row_stride + (taps.columns - 1) * taps.column_stride + depth;
        assert!(strides.last(*grid) + last <= source.len(), "windows reach beyond the source");
        assert!(weights.len() >= taps.rows * taps.columns * depth * PANEL, "fewer weights than taps");
        assert!(start.len() >= PANEL, "a start for each place of a panel");
        finish.check();
    }

    /// Computes `N` vectors of the panel's places from `place` on.
    #[inline(always)]
    fn strip<S: ByteSimd, const N: usize>(&self, simd: S, place: usize) {
        let (total, most) = (self.grid.len(), const { rows_of::<O, S>() });
        let tiles = total.div_ceil(most);
        let mut walk = Walk { sweep: self, row: 0, column: 0 };
        let mut sums = Sums::new();
        let mut pixel = 0;
        for (tile, rows) in even_pieces(total, most).enumerate() {
            let ahead = self.ahead(place + N * S::LANES, tile, tiles);
            // SAFETY: `check` has shown that each pixel's windows lie within the source and the taps within the weights.
            with_rows!(rows, rows_of::<O, S>(), |R| unsafe {
                self.tile::<S, R, N>(simd, &walk.take::<R>(), &mut sums, place, ahead);
            });
            // SAFETY: the finish was checked, and the pixels are of the grid.
            unsafe { self.finish.finish(simd, &sums, rows, pixel, place) };
            pixel += rows;
        }
    }

    /// What one of so many tiles fetches of the weights from the next place on, or of the next panel's.
    #[inline(always)]
    fn ahead(&self, place: usize, tile: usize, tiles: usize) -> Ahead<O::Weight> {
        let step = PANEL * O::TOGETHER;
        let steps = self.taps.rows * self.taps.columns * self.runs.steps(O::TOGETHER);
        let next = if place < PANEL { place * O::TOGETHER } else { steps * step };
        Ahead::share(self.weights.as_ptr().wrapping_add(next), (steps, step), tile, tiles)
    }

    /// # Safety
    /// The sweep was checked, `sources` are where the windows of `R` of its pixels begin, and the panel has columns
    /// from `place` on.
    #[inline(always)]
    unsafe fn tile<S: ByteSimd, const R: usize, const N: usize>(
        &self,
        simd: S,
        sources: &[*const O::Pixel; R],
        out: &mut Sums,
        place: usize,
        mut ahead: Ahead<O::Weight>,
    ) {
        // SAFETY: there is a start for each place of the panel.
        let first: [S::I; N] =
            std::array::from_fn(|n| unsafe { simd.integers(self.start.as_ptr().add(place + n * S::LANES)) });
        let mut sums = [first; R];
        let steps = self.runs.steps(O::TOGETHER);
        let mut weights = self.weights.as_ptr().wrapping_add(place * O::TOGETHER);
        for row in 0..self.taps.rows {
            for column in 0..self.taps.columns {
                let offset = row * self.taps.row_stride + column * self.taps.column_stride;
                let mut from = *sources;
                for from in &mut from {
                    *from = from.wrapping_add(offset);
                }
                // SAFETY: the caller promises the numbers of this run at every pixel, and their weights.
                unsafe { multiply::<O, S, R, N, PANEL>(simd, &mut sums, &from, weights, steps, ahead) };
                ahead.at = ahead.at.wrapping_add(steps * ahead.step);
                weights = weights.wrapping_add(steps * PANEL * O::TOGETHER);
            }
        }
        out.put(simd, &sums);
    }
}

/// Weights that are fetched while others are multiplied: from `at` on, so many of them further after each step.
#[derive(Clone, Copy)]
pub(super) struct Ahead<T> {
    at: *const T,
    step: usize,
}

impl<T> Ahead<T> {
    /// What one of so many tiles fetches of the weights from `next` on, of so many steps and so many weights to each.
    #[inline(always)]
    pub(super) fn share(next: *const T, (steps, step): (usize, usize), tile: usize, tiles: usize) -> Self {
        Self { at: next.wrapping_add(tile * steps / tiles * step), step: step / tiles }
    }
}

/// Adds the products of `R` sources with weights, `[step][WIDTH filters][numbers together]`, for so many steps.
///
/// # Safety
/// The numbers are there at every source, and `N` vectors of weights for each step.
#[inline(always)]
pub(super) unsafe fn multiply<O: Operand, S: ByteSimd, const R: usize, const N: usize, const WIDTH: usize>(
    simd: S,
    sums: &mut [[S::I; N]; R],
    from: &[*const O::Pixel; R],
    weights: *const O::Weight,
    steps: usize,
    ahead: Ahead<O::Weight>,
) {
    for step in 0..steps {
        fetch(ahead.at.wrapping_add(step * ahead.step).cast());
        // SAFETY: promised by the caller.
        let w: [O::Weights<S>; N] = std::array::from_fn(|n| unsafe {
            O::weights(simd, weights.add((step * WIDTH + n * S::LANES) * O::TOGETHER))
        });
        for (sums, from) in sums.iter_mut().zip(from) {
            // SAFETY: promised by the caller.
            let x = unsafe { O::pixels(simd, from.add(step * O::TOGETHER)) };
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = O::dot(simd, *sum, x, w);
            }
        }
    }
}

/// Walks through the pixels of a sweep's grid, a tile at a time.
struct Walk<'a, O: Operand> {
    sweep: &'a Sweep<'a, O>,
    row: usize,
    column: usize,
}

impl<O: Operand> Walk<'_, O> {
    /// Where the windows of the next `R` pixels begin.
    #[inline(always)]
    fn take<const R: usize>(&mut self) -> [*const O::Pixel; R] {
        let Sweep { grid, source, strides, .. } = self.sweep;
        let mut sources = [source.as_ptr(); R];
        for source in &mut sources {
            *source = source.wrapping_add(self.row * strides.row + self.column * strides.pixel);
            self.column += 1;
            if self.column == grid.columns {
                (self.row, self.column) = (self.row + 1, 0);
            }
        }
        sources
    }
}
