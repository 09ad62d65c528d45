//! Tiles of a few rows of which only some numbers count: dense forward where much of the input is zero.
//!
//! What is zero adds nothing, and the weights that it would be multiplied with need not be read. With one row or a few, reading weights is
//! all that takes time.

use super::target::{begin, store};
use super::{Grid, Start, TURNS, Target, add_turns, in_strips, multiply_one};
use crate::fetch::fetch;
use crate::packing::PANEL;
use crate::simd::{Kernel, OfNumbers, Simd};

/// So many rows of the panel behind the one that is multiplied are fetched.
pub(crate) const AHEAD: usize = 32;

/// Rows that a sweep multiplies at the most.
pub(crate) const ROWS: usize = 2;

/// Multiplies one row or [`ROWS`] with those rows of a panel of weights that are on a list.
pub(crate) struct ListedSweep<'a> {
    /// The rows of the panel, and behind them [`AHEAD`] more that may be fetched and are not multiplied.
    pub list: &'a [u16],
    /// What they are multiplied with, one row after the other, `stride` apart.
    pub numbers: &'a [f32],
    pub stride: usize,
    /// Where these rows go.
    pub grid: Grid,
    /// `[depth][PANEL]`.
    pub weights: &'a [f32],
    pub start: Start<'a>,
    /// At most [`PANEL`] columns.
    pub target: Target<'a>,
}

impl Kernel for ListedSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.check();
        let columns = self.target.columns;
        if self.grid.images == 1 {
            in_strips!(columns, S, |N, column| self.tile::<S, 1, N>(simd, column));
        } else {
            in_strips!(columns, S, |N, column| self.tile::<S, ROWS, N>(simd, column));
        }
    }
}

impl ListedSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { list, numbers, stride, grid, weights, start, target } = self;
        let rows = grid.images;
        assert!(rows == 1 || rows == ROWS, "{rows} rows");
        assert_eq!(grid.len(), rows, "one row to an image");
        assert!((rows - 1) * stride + self.len() <= numbers.len(), "fewer numbers than are listed");
        let most = list.iter().copied().max().map_or(0, usize::from);
        assert!((most + 1) * PANEL <= weights.len(), "a row beyond the panel");
        assert!(target.columns <= PANEL, "{} columns of a panel", target.columns);
        target.check(*grid, *start);
    }

    /// Rows that are multiplied.
    fn len(&self) -> usize {
        self.list.len().checked_sub(AHEAD).expect("a list with what is fetched behind it")
    }

    /// `N` vectors of columns of `R` rows, from `column` on.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const N: usize>(&self, simd: S, column: usize) {
        let columns = (N * S::LANES).min(self.target.columns - column);
        let (mut from, mut to) = ([self.numbers.as_ptr(); R], [self.target.first.wrapping_add(column); R]);
        for (r, (from, to)) in from.iter_mut().zip(&mut to).enumerate() {
            *from = from.wrapping_add(r * self.stride);
            *to = to.wrapping_add(r * self.target.strides.image);
        }
        let (len, start) = (self.len(), self.start.columns(column, columns));
        let mut tiles = [[[simd.zero(); N]; R]; TURNS];
        // SAFETY: `check` has shown that the target has these columns for each row.
        tiles[0] = unsafe { begin::<S, R, N>(simd, start, &to, columns) };
        let in_turns = len / TURNS * TURNS;
        for first in (0..in_turns).step_by(TURNS) {
            for (turn, tile) in tiles.iter_mut().enumerate() {
                // SAFETY: this is one of the rows that are multiplied.
                unsafe { self.multiply(simd, tile, from, first + turn, column) };
            }
        }
        for k in in_turns..len {
            // SAFETY: as above.
            unsafe { self.multiply(simd, &mut tiles[0], from, k, column) };
        }
        let sums = add_turns(simd, &tiles);
        // SAFETY: as for `begin`; the target is this sweep's alone.
        unsafe { store(simd, &sums, &to, columns) };
    }

    /// Adds what the `k`-th row on the list gives.
    ///
    /// # Safety
    /// The sweep was checked, and `k` is one of the rows that are multiplied.
    #[inline(always)]
    unsafe fn multiply<S: Simd, const R: usize, const N: usize>(
        &self,
        simd: S,
        tile: &mut [[S::V; N]; R],
        from: [*const f32; R],
        k: usize,
        column: usize,
    ) {
        // SAFETY: the list has so many rows, and `AHEAD` more behind them.
        let [next, row] = [k + AHEAD, k].map(|k| usize::from(unsafe { *self.list.get_unchecked(k) }));
        let weights = self.weights.as_ptr().wrapping_add(column);
        fetch(weights.wrapping_add(next * PANEL));
        // SAFETY: `check` has shown that each row has as many numbers as are listed, and that a whole row of the panel lies where the list
        // tells, of which no strip goes beyond the end.
        unsafe { multiply_one((simd, OfNumbers(simd)), tile, from, k, weights.wrapping_add(row * PANEL)) };
    }
}
