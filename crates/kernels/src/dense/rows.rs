//! Copies of a few columns of a batch.
//!
//! The rows of a wide layer's input often lie a power of two apart, where the caches have room for a dozen of them at
//! once. A copy of some columns has its rows close together, and is read many times.

use std::ops::Range;

/// Rows of a copy at the most.
pub(super) const ROWS: usize = 64;

/// From one row of a copy of so many columns to the next: no power of two either.
pub(super) fn stride(columns: usize) -> usize {
    columns + 16
}

/// Elements of the largest copy of a batch, with so many columns.
pub(super) fn copy_len(batch: usize, columns: usize) -> usize {
    batch.min(ROWS) * stride(columns)
}

/// Copies some columns of at most [`ROWS`] rows of `x`, which has `width` columns, to rows that lie `stride` apart.
pub(super) fn copy(
    x: &[f32],
    width: usize,
    rows: Range<usize>,
    columns: &Range<usize>,
    stride: usize,
    to: &mut [f32],
) {
    for (row, to) in rows.zip(to.chunks_mut(stride)) {
        to[..columns.len()].copy_from_slice(&x[row * width..][columns.clone()]);
    }
}

/// Cuts `range` into pieces of `len`, the last of which may be shorter.
pub(super) fn pieces(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len).map(move |start| start..end.min(start + len))
}
