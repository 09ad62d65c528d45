//! Copies of a few columns of a batch.
//!
//! The rows of a wide layer's input often lie a power of two apart, where the caches have room for a dozen of them at
//! once. A copy of some columns has neighbouring rows close together, and is read many times.

use std::ops::Range;

/// Columns of a copy.
pub(super) const COLUMNS: usize = 1024;
/// Rows of a copy at the most.
pub(super) const ROWS: usize = 64;
/// From one row of a copy to the next: not a power of two either.
pub(super) const STRIDE: usize = COLUMNS + 16;

/// Elements of the largest copy of a batch.
pub(super) fn copy_len(batch: usize) -> usize {
    batch.min(ROWS) * STRIDE
}

/// Copies at most [`COLUMNS`] columns of at most [`ROWS`] rows of `x`, which has `width` columns.
pub(super) fn copy(x: &[f32], width: usize, rows: Range<usize>, columns: Range<usize>, to: &mut [f32]) {
    for (row, to) in rows.zip(to.chunks_exact_mut(STRIDE)) {
        to[..columns.len()].copy_from_slice(&x[row * width..][columns.clone()]);
    }
}

/// Cuts `range` into pieces of `len`, the last of which may be shorter.
pub(super) fn pieces(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len).map(move |start| start..end.min(start + len))
}
