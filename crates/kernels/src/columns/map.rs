//! A function of each element and of some numbers of its channel.

use super::{Grid, Piece};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::simd::{Kernel, Simd};

/// A function of `IN` elements and of `P` numbers of their channel, that gives `OUT` numbers.
pub(crate) trait OfChannel<const IN: usize, const P: usize, const OUT: usize>: Copy + Sync {
    fn apply<S: Simd>(self, simd: S, x: [S::V; IN], of_channel: [S::V; P]) -> [S::V; OUT];
}

/// What a function is applied to.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    /// These elements.
    Slice(&'a [f32]),
    /// What lies in the first output, which is written over.
    Output,
}

/// Sets each element of `outputs` to what `f` makes of the elements of `inputs` at the same place and of the numbers that
/// `of_channel` gives for its channel.
///
/// # Panics
/// When a slice is not as long as the matrix.
pub(crate) fn map_channels<const IN: usize, const P: usize, const OUT: usize, F: OfChannel<IN, P, OUT>>(
    cpu: &Cpu,
    grid: Grid,
    f: F,
    of_channel: impl Fn(usize) -> [f32; P] + Sync,
    inputs: [Input<'_>; IN],
    outputs: [&mut [f32]; OUT],
) {
    let fits = |input: &Input<'_>| !matches!(input, Input::Slice(x) if x.len() != grid.len());
    assert!(inputs.iter().all(fits), "inputs of {} elements", grid.len());
    assert!(outputs.iter().all(|y| y.len() == grid.len()), "outputs of {} elements", grid.len());
    let outputs = outputs.map(Disjoint::new);
    cpu.team().run_in(grid.order, grid.pieces(), |_, index| {
        let piece = grid.piece(index);
        let pattern = piece.pattern(&of_channel);
        let outputs = outputs.each_ref().map(|y| y.pointer(piece.extent()));
        cpu.isa().call(MapPiece {
            f,
            piece,
            of_column: pattern.each_ref().map(|columns| columns.as_ptr()),
            inputs: inputs.map(|input| match input {
                Input::Slice(x) => x[piece.extent()].as_ptr(),
                Input::Output => outputs[0].cast_const(),
            }),
            outputs,
        });
    });
}

/// One piece: `of_column` points to a number of each column, `inputs` and `outputs` to the piece's first element. No
/// other task has the piece's elements of `outputs`; an input may be an output, since each element is read before it is written.
struct MapPiece<F, const IN: usize, const P: usize, const OUT: usize> {
    f: F,
    piece: Piece,
    of_column: [*const f32; P],
    inputs: [*const f32; IN],
    outputs: [*mut f32; OUT],
}

impl<F: OfChannel<IN, P, OUT>, const IN: usize, const P: usize, const OUT: usize> Kernel
    for MapPiece<F, IN, P, OUT>
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Piece { rows, stride, width, tail, .. } = self.piece;
        for row in 0..rows {
            // SAFETY: a whole row of the piece.
            unsafe { self.row(simd, row * stride, width) };
        }
        // SAFETY: the columns after the last whole row, of which there are fewer than `width`.
        unsafe { self.row(simd, rows * stride, tail) };
    }
}

impl<F: OfChannel<IN, P, OUT>, const IN: usize, const P: usize, const OUT: usize> MapPiece<F, IN, P, OUT> {
    /// # Safety
    /// `columns` elements from `start` on are the first columns of a row of the piece.
    #[inline(always)]
    unsafe fn row<S: Simd>(&self, simd: S, start: usize, columns: usize) {
        let whole = columns - columns % S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            // SAFETY: LANES columns from `at` on are within the row.
            unsafe { self.vector(simd, start, at, S::LANES) };
        }
        if whole < columns {
            // SAFETY: the rest of the row, fewer than LANES.
            unsafe { self.vector(simd, start, whole, columns - whole) };
        }
    }

    /// # Safety
    /// `n` columns from `at` on are within the row that begins at `start`; `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn vector<S: Simd>(&self, simd: S, start: usize, at: usize, n: usize) {
        let mut of_channel = [simd.zero(); P];
        for (v, from) in of_channel.iter_mut().zip(self.of_column) {
            // SAFETY: there is a number for each column.
            *v = unsafe { simd.load_first(from.add(at), n) };
        }
        let mut x = [simd.zero(); IN];
        for (v, from) in x.iter_mut().zip(self.inputs) {
            // SAFETY: the caller promises that these are elements of the piece.
            *v = unsafe { simd.load_first(from.add(start + at), n) };
        }
        for (y, to) in self.f.apply(simd, x, of_channel).into_iter().zip(self.outputs) {
            // SAFETY: as above.
            unsafe { simd.store_first(y, to.add(start + at), n) };
        }
    }
}
