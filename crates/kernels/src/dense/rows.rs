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

/// Lists those of some columns of all rows of `x` in which a row is not zero, and copies them to rows that lie `stride` apart. Tells how many
/// they are.
pub(super) fn gather<const LIST: usize>(
    x: &[f32],
    width: usize,
    columns: &Range<usize>,
    stride: usize,
    to: &mut [f32],
    list: &mut [u16; LIST],
) -> usize {
    let rows = || x.chunks_exact(width).map(|row| &row[columns.clone()]);
    let mut used = [false; LIST];
    for row in rows() {
        used.iter_mut().zip(row).for_each(|(used, x)| *used |= *x != 0.0);
    }
    let mut listed = 0;
    for (column, used) in used[..columns.len()].iter().enumerate() {
        list[listed] = column as u16;
        listed += usize::from(*used);
    }
    for (row, to) in rows().zip(to.chunks_mut(stride)) {
        to.iter_mut().zip(&list[..listed]).for_each(|(to, column)| *to = row[usize::from(*column)]);
    }
    listed
}

/// Cuts `range` into pieces of `len`, the last of which may be shorter.
pub(super) fn pieces(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(len).map(move |start| start..end.min(start + len))
}
