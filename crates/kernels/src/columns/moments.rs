//! What the mean and the variance of channels over some rows follow from.

use std::ops::Range;

use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::simd::{Kernel, Simd};

/// Numbers of each channel: how many samples there are, their mean, and the sum of the squares of their differences from it.
pub(crate) const MOMENTS: usize = 3;

/// Rows that the first guess at a mean is made of.
const GUESS: usize = 8;

/// Writes the moments of some columns of a matrix `[rows, stride]` over some of its rows to `out`.
///
/// The squares are of differences from a guess, so they keep their digits where the mean is large.
///
/// # Safety
/// Nobody writes these columns of these rows meanwhile.
///
/// # Panics
/// When there are no rows, or more rows or columns than the matrix has, or than there is room for.
pub(crate) unsafe fn column_moments<R: Iterator<Item = Range<usize>> + Clone>(
    cpu: &Cpu,
    matrix: &Disjoint<'_, f32>,
    stride: usize,
    rows: R,
    columns: Range<usize>,
    out: [&mut [f32]; MOMENTS],
) {
    assert!(columns.end <= stride && out.iter().all(|to| to.len() == columns.len()), "columns {columns:?}");
    let last = rows.clone().map(|run| run.end).max().unwrap_or(0);
    let samples = rows.clone().map(|run| run.len()).sum();
    assert!(samples > 0, "moments of no rows");
    let first = matrix.pointer(0..last * stride).wrapping_add(columns.start);
    cpu.isa().call(ColumnMoments { first, stride, rows, samples, out });
}

/// `first` points to the first column of row 0.
struct ColumnMoments<'a, R> {
    first: *const f32,
    stride: usize,
    rows: R,
    samples: usize,
    out: [&'a mut [f32]; MOMENTS],
}

impl<R: Iterator<Item = Range<usize>> + Clone> Kernel for ColumnMoments<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let columns = self.out[0].len();
        let mut at = 0;
        while at + 4 * S::LANES <= columns {
            // SAFETY: four vectors of columns, checked just now.
            unsafe { self.columns::<S, 4>(simd, at, S::LANES) };
            at += 4 * S::LANES;
        }
        while at + S::LANES <= columns {
            // SAFETY: a vector of columns, checked just now.
            unsafe { self.columns::<S, 1>(simd, at, S::LANES) };
            at += S::LANES;
        }
        if at < columns {
            // SAFETY: the rest of the columns, fewer than a vector.
            unsafe { self.columns::<S, 1>(simd, at, columns - at) };
        }
    }
}

impl<R: Iterator<Item = Range<usize>> + Clone> ColumnMoments<'_, R> {
    /// The moments of `W` vectors of columns. `n` is the lanes that count, where `W` is 1.
    ///
    /// # Safety
    /// There are `W` vectors of `n` columns from `at` on; `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn columns<S: Simd, const W: usize>(&mut self, simd: S, at: usize, n: usize) {
        let guess = {
            let first = self.rows.clone().next().unwrap_or_default();
            let some = first.start..first.end.min(first.start + GUESS);
            let share = simd.splat(1.0 / some.len() as f32);
            let mut sums = [simd.zero(); W];
            for row in some {
                // SAFETY: the row is one of the matrix, and the caller promises that the columns are.
                let x = unsafe { self.load::<S, W>(simd, row, at, n) };
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum = simd.add(*sum, x));
            }
            sums.map(|sum| simd.mul(sum, share))
        };
        let (mut sums, mut squares) = ([simd.zero(); W], [simd.zero(); W]);
        for run in self.rows.clone() {
            for row in run {
                // SAFETY: as above.
                let x = unsafe { self.load::<S, W>(simd, row, at, n) };
                for w in 0..W {
                    let off = simd.sub(x[w], guess[w]);
                    sums[w] = simd.add(sums[w], off);
                    squares[w] = simd.mul_add(off, off, squares[w]);
                }
            }
        }
        let (samples, share) = (simd.splat(self.samples as f32), simd.splat(1.0 / self.samples as f32));
        for w in 0..W {
            let off = simd.mul(sums[w], share);
            let moments = [samples, simd.add(guess[w], off), simd.sub(squares[w], simd.mul(sums[w], off))];
            for (to, moment) in self.out.iter_mut().zip(moments) {
                // SAFETY: there is room for each column.
                unsafe { simd.store_first(moment, to.as_mut_ptr().add(at + w * S::LANES), n) };
            }
        }
    }

    /// `W` vectors of a row.
    ///
    /// # Safety
    /// The row is one of the matrix, and there are `W` vectors of `n` columns from `at` on; `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn load<S: Simd, const W: usize>(&self, simd: S, row: usize, at: usize, n: usize) -> [S::V; W] {
        let mut x = [simd.zero(); W];
        for (w, x) in x.iter_mut().enumerate() {
            // SAFETY: promised by the caller.
            *x = unsafe { simd.load_first(self.first.add(row * self.stride + at + w * S::LANES), n) };
        }
        x
    }
}
