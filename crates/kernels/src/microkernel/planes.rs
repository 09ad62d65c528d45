//! Matrices in planes: the products of Winograd's algorithm.

use super::target::{Start, begin, store};
use super::{Ahead, PASS, even_pieces, in_strips, multiply, tile_rows, with_rows};
use crate::packing::PANEL;
use crate::simd::{Kernel, OfNumbers, Simd};

/// How many elements apart the numbers of matrices lie, one matrix to a plane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MatrixStrides {
    pub plane: usize,
    pub row: usize,
    /// From one number of a row to the next.
    pub number: usize,
}

/// Multiplies the matrix of each plane with a panel of its own: `target[row] = sum over k of source[row][k] panel[k]`.
pub(crate) struct PlaneSweep<'a> {
    pub planes: usize,
    pub rows: usize,
    /// Numbers of a row.
    pub depth: usize,
    pub source: &'a [f32],
    pub strides: MatrixStrides,
    /// `[depth][PANEL]` in each plane.
    pub panels: &'a [f32],
    pub panel_stride: usize,
    /// `[rows][PANEL]` in each plane.
    pub target: &'a mut [f32],
    pub target_stride: usize,
    /// Columns that are wanted. Those beyond them are written up to the end of a vector.
    pub columns: usize,
    /// Whether to add to the target rather than overwrite it.
    pub add: bool,
}

impl Kernel for PlaneSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        self.check();
        for plane in 0..self.planes {
            for first in (0..self.depth).step_by(PASS) {
                in_strips!(self.columns, S, |N, column| self.strip::<S, N>(simd, plane, first, column));
            }
        }
    }
}

/// The numbers of a tile's rows that one pass multiplies, and what with.
#[derive(Clone, Copy)]
struct Pass {
    source: *const f32,
    strides: MatrixStrides,
    panel: *const f32,
    len: usize,
    ahead: Ahead,
}

impl PlaneSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { planes, rows, depth, strides, .. } = self;
        assert!(*planes > 0 && *rows > 0 && *depth > 0, "an empty sweep");
        assert!(self.columns <= PANEL, "{} columns of a panel", self.columns);
        let last = (planes - 1) * strides.plane + (rows - 1) * strides.row + (depth - 1) * strides.number;
        assert!(last < self.source.len(), "numbers beyond the source");
        assert!(
            (planes - 1) * self.panel_stride + depth * PANEL <= self.panels.len(),
            "fewer panels than planes"
        );
        assert!(
            (planes - 1) * self.target_stride + rows * PANEL <= self.target.len(),
            "rows beyond the target"
        );
    }

    /// Computes `N` vectors of columns of one plane from `column` on, of the numbers of a pass from `first` on.
    #[inline(always)]
    fn strip<S: Simd, const N: usize>(&mut self, simd: S, plane: usize, first: usize, column: usize) {
        let (most, strides) = (tile_rows(S::REGISTERS, N), self.strides);
        let len = PASS.min(self.depth - first);
        let panel = self.panels.as_ptr().wrapping_add(plane * self.panel_stride + first * PANEL + column);
        // What this pass will read of the next plane.
        let ahead =
            Ahead { at: panel.wrapping_add(self.panel_stride), step: PANEL / self.rows.div_ceil(most) };
        let source = self.source.as_ptr().wrapping_add(plane * strides.plane + first * strides.number);
        let mut pass = Pass { source, strides, panel, len, ahead };
        let mut target = self.target.as_mut_ptr().wrapping_add(plane * self.target_stride + column);
        let start = if self.add || first > 0 { Start::Target } else { Start::Zero };
        for rows in even_pieces(self.rows, most) {
            // SAFETY: `check` has shown that so many rows are in the source and in the target, all numbers of the pass in the panel,
            // and a panel is a whole number of strips.
            with_rows!(rows, S, N, |R| unsafe { tile::<S, R, N>(simd, pass, target, start) });
            pass.ahead.advance(len);
            pass.source = pass.source.wrapping_add(rows * strides.row);
            target = target.wrapping_add(rows * PANEL);
        }
    }
}

/// One tile: start, add up, store.
///
/// # Safety
/// `R` rows of the pass can be read, as many of the target be written by nobody else, and `N` vectors read for each number.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const N: usize>(
    simd: S,
    Pass { source, strides, panel, len, ahead }: Pass,
    target: *mut f32,
    start: Start<'_>,
) {
    let (mut from, mut to) = ([source; R], [target; R]);
    for (r, (from, to)) in from.iter_mut().zip(&mut to).enumerate() {
        *from = from.wrapping_add(r * strides.row);
        *to = to.wrapping_add(r * PANEL);
    }
    // SAFETY: promised by the caller.
    unsafe {
        let mut sums = begin::<S, R, N>(simd, start, &to, N * S::LANES);
        multiply((simd, OfNumbers(simd)), &mut sums, from, strides.number, panel, len, ahead);
        store(simd, &sums, &to, N * S::LANES);
    }
}
