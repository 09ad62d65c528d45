//! Sums, or other folds, of each channel over the rows.

use super::{Grid, PANEL, Piece, in_vectors};
use crate::Cpu;
use crate::simd::{Kernel, Simd};
use crate::team::Order;

/// A fold of `IN` elements at a time into `OUT` numbers of each column, given `P` numbers of the column.
pub(crate) trait Fold<const IN: usize, const P: usize, const OUT: usize>: Copy + Sync {
    /// What the numbers are before the first element.
    const START: f32;

    fn step<S: Simd>(self, simd: S, so_far: [S::V; OUT], x: [S::V; IN], of_column: [S::V; P]) -> [S::V; OUT];
}

/// Channels that are totalled together.
const BLOCK: usize = 16;

/// Adds up.
#[derive(Clone, Copy)]
pub(crate) struct Sum;

impl Fold<1, 0, 1> for Sum {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(self, simd: S, [sum]: [S::V; 1], [x]: [S::V; 1], _: [S::V; 0]) -> [S::V; 1] {
        [simd.add(sum, x)]
    }
}

/// Numbers of scratch that [`column_sums`] needs for `sums` sums of each channel.
pub(crate) fn column_sums_scratch(grid: Grid, sums: usize) -> usize {
    grid.pieces() * sums * grid.width()
}

/// Adds up each channel of one matrix: `f` within a piece, in `f32`, the last piece first, for what was written last is in a cache
/// still; the pieces in their order, in `f64`. `of_channel` gives
/// the numbers of a channel that `f` asks for.
///
/// # Panics
/// When a slice is not as long as the matrix, or `scratch` shorter than [`column_sums_scratch`].
pub(crate) fn column_sums<'a, const IN: usize, const P: usize, const OUT: usize, F: Fold<IN, P, OUT>>(
    cpu: &Cpu,
    grid: Grid,
    f: F,
    of_channel: impl Fn(usize) -> [f32; P] + Sync,
    inputs: [&[f32]; IN],
    scratch: &'a mut [f32],
) -> Totals<'a, OUT> {
    assert!(inputs.iter().all(|x| x.len() == grid.len()), "inputs of {} elements", grid.len());
    let needed = column_sums_scratch(grid, OUT);
    assert!(scratch.len() >= needed, "scratch of {} numbers where {needed} are needed", scratch.len());
    let partial = &mut scratch[..needed];
    cpu.team().for_chunks_in(Order::LastToFirst, partial, OUT * grid.width(), |index, partial| {
        let piece = grid.piece(index);
        let pattern = piece.pattern(&of_channel);
        let mut sums = partial.chunks_exact_mut(grid.width());
        let mut sums: [&mut [f32]; OUT] = std::array::from_fn(|_| sums.next().unwrap_or_default());
        let of_column = pattern.each_ref().map(<[f32; PANEL]>::as_slice);
        fold_piece(cpu, f, piece, of_column, inputs, sums.each_mut().map(|sums| &mut **sums));
        for sums in sums {
            piece.narrow(sums);
        }
    });
    Totals { grid, partial }
}

/// The sums of each piece, `OUT` rows of them, ready to be added.
pub(crate) struct Totals<'a, const OUT: usize> {
    grid: Grid,
    partial: &'a [f32],
}

impl<const OUT: usize> Totals<'_, OUT> {
    /// Calls `take` with each channel and its sums.
    pub(crate) fn for_each(&self, mut take: impl FnMut(usize, [f64; OUT])) {
        let grid = self.grid;
        for panel in 0..grid.panels() {
            let first = grid.piece(panel * grid.bands());
            for block in (0..first.channels()).step_by(BLOCK) {
                let totals = self.block(panel, block);
                for i in 0..BLOCK.min(first.channels() - block) {
                    take(first.channel + block + i, totals.map(|sums| sums[i]));
                }
            }
        }
    }

    /// The sums of the channels from `block` on of a panel.
    fn block(&self, panel: usize, block: usize) -> [[f64; BLOCK]; OUT] {
        let (bands, width) = (self.grid.bands(), self.grid.width());
        let mut totals = [[0.0; BLOCK]; OUT];
        for piece in self.partial.chunks_exact(OUT * width).skip(panel * bands).take(bands) {
            for (totals, sums) in totals.iter_mut().zip(piece.chunks_exact(width)) {
                totals.iter_mut().zip(&sums[block..]).for_each(|(total, sum)| *total += f64::from(*sum));
            }
        }
        totals
    }
}

/// Folds the columns of one piece, from top to bottom: `out` has a number of each column, as has `of_column`.
///
/// # Panics
/// When `inputs` end before the piece does, or the others have fewer numbers than it has columns.
pub(crate) fn fold_piece<const IN: usize, const P: usize, const OUT: usize, F: Fold<IN, P, OUT>>(
    cpu: &Cpu,
    f: F,
    piece: Piece,
    of_column: [&[f32]; P],
    inputs: [&[f32]; IN],
    out: [&mut [f32]; OUT],
) {
    cpu.isa().call(FoldPiece {
        f,
        piece,
        of_column: of_column.map(|columns| columns[..piece.width].as_ptr()),
        inputs: inputs.map(|x| x[piece.extent()].as_ptr()),
        out: out.map(|columns| columns[..piece.width].as_mut_ptr()),
    });
}

/// `of_column` and `out` point to a number of each column, `inputs` to the piece's first element.
struct FoldPiece<F, const IN: usize, const P: usize, const OUT: usize> {
    f: F,
    piece: Piece,
    of_column: [*const f32; P],
    inputs: [*const f32; IN],
    out: [*mut f32; OUT],
}

impl<F: Fold<IN, P, OUT>, const IN: usize, const P: usize, const OUT: usize> Kernel
    for FoldPiece<F, IN, P, OUT>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // SAFETY: the macro walks within the columns.
        in_vectors!(self.piece.width, S, |W, at, n| unsafe { self.columns::<S, W>(simd, at, n) });
        for at in (0..self.piece.tail).step_by(S::LANES) {
            // SAFETY: columns of the tail, a vector or the rest.
            unsafe { self.tail(simd, at, S::LANES.min(self.piece.tail - at)) };
        }
    }
}

impl<F: Fold<IN, P, OUT>, const IN: usize, const P: usize, const OUT: usize> FoldPiece<F, IN, P, OUT> {
    /// Folds all rows of `W` vectors of columns in registers. `n` is the lanes that count, where `W` is 1.
    ///
    /// # Safety
    /// The columns from `at` on, `W` vectors of `n`, are within the piece; `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn columns<S: Simd, const W: usize>(&self, simd: S, at: usize, n: usize) {
        let mut folded = [[simd.splat(F::START); OUT]; W];
        let mut of_column = [[simd.zero(); P]; W];
        for (w, of_column) in of_column.iter_mut().enumerate() {
            // SAFETY: there is a number for each column.
            *of_column = unsafe { load_each(simd, self.of_column, at + w * S::LANES, n) };
        }
        for row in 0..self.piece.rows {
            for w in 0..W {
                let from = row * self.piece.stride + at + w * S::LANES;
                // SAFETY: the caller promises that these are columns of the piece, and the row is one of it.
                let x = unsafe { load_each(simd, self.inputs, from, n) };
                folded[w] = self.f.step(simd, folded[w], x, of_column[w]);
            }
        }
        for (w, folded) in folded.into_iter().enumerate() {
            for (v, to) in folded.into_iter().zip(self.out) {
                // SAFETY: there is room for each column.
                unsafe { simd.store_first(v, to.add(at + w * S::LANES), n) };
            }
        }
    }

    /// Folds the elements after the last whole row onto what their columns have so far.
    ///
    /// # Safety
    /// `n` elements from `at` on are within the tail; `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn tail<S: Simd>(&self, simd: S, at: usize, n: usize) {
        let out = self.out.map(<*mut f32>::cast_const);
        let from = self.piece.rows * self.piece.stride + at;
        // SAFETY: the tail has fewer columns than the piece, and its elements follow the whole rows.
        let (so_far, x, of_column) = unsafe {
            (
                load_each(simd, out, at, n),
                load_each(simd, self.inputs, from, n),
                load_each(simd, self.of_column, at, n),
            )
        };
        for (v, to) in self.f.step(simd, so_far, x, of_column).into_iter().zip(self.out) {
            // SAFETY: as above.
            unsafe { simd.store_first(v, to.add(at), n) };
        }
    }
}

/// # Safety
/// Each of the pointers has `n` readable numbers from `at` on; `n` is 1 to `LANES`.
#[inline(always)]
pub(crate) unsafe fn load_each<S: Simd, const N: usize>(
    simd: S,
    from: [*const f32; N],
    at: usize,
    n: usize,
) -> [S::V; N] {
    let mut vectors = [simd.zero(); N];
    for (v, from) in vectors.iter_mut().zip(from) {
        // SAFETY: the caller's promise.
        *v = unsafe { simd.load_first(from.add(at), n) };
    }
    vectors
}
