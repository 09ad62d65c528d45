//! What the mean and the variance of channels over some rows follow from.

use std::ops::Range;

use super::in_vectors;
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::simd::{Kernel, Simd};

/// Numbers of each channel: how many samples there are, a number near their mean, and the sums of their differences from it and of the squares of
/// these, which keep their digits where the mean is large.
pub(crate) const MOMENTS: usize = 4;

/// Rows whose mean is near enough to that of all.
const NEAR: usize = 8;
/// Rows whose sums are added up before they are added to those of others: of so few, little is lost to rounding.
const FEW: usize = 64;

/// Writes the moments of some columns of a matrix `[rows, stride]` over some of its rows to `out`.
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

/// A sum and what it has lost to rounding (Knuth's two-sum).
#[derive(Clone, Copy)]
struct Compensated<V> {
    sum: V,
    lost: V,
}

impl<V: Copy> Compensated<V> {
    #[inline(always)]
    fn zero<S: Simd<V = V>>(simd: S) -> Self {
        Self { sum: simd.zero(), lost: simd.zero() }
    }

    #[inline(always)]
    fn add<S: Simd<V = V>>(&mut self, simd: S, number: V) {
        let sum = simd.add(self.sum, number);
        let added = simd.sub(sum, self.sum);
        let lost = simd.add(simd.sub(self.sum, simd.sub(sum, added)), simd.sub(number, added));
        *self = Self { sum, lost: simd.add(self.lost, lost) };
    }

    #[inline(always)]
    fn total<S: Simd<V = V>>(self, simd: S) -> V {
        simd.add(self.sum, self.lost)
    }
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
        // SAFETY: the macro walks within the columns.
        in_vectors!(columns, S, |W, at, n| unsafe { self.columns::<S, W>(simd, at, n) });
    }
}

impl<R: Iterator<Item = Range<usize>> + Clone> ColumnMoments<'_, R> {
    /// The moments of `W` vectors of columns. `n` is the lanes that count, where `W` is 1.
    ///
    /// # Safety
    /// There are `W` vectors of `n` columns from `at` on; `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn columns<S: Simd, const W: usize>(&mut self, simd: S, at: usize, n: usize) {
        let near = {
            let first = self.rows.clone().next().unwrap_or_default();
            let some = first.start..first.end.min(first.start + NEAR);
            let share = simd.splat(1.0 / some.len() as f32);
            let mut sums = [simd.zero(); W];
            for row in some {
                // SAFETY: the row is one of the matrix, and the caller promises that the columns are.
                let x = unsafe { self.load::<S, W>(simd, row, at, n) };
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum = simd.add(*sum, x));
            }
            sums.map(|sum| simd.mul(sum, share))
        };
        let (mut sums, mut squares) = ([Compensated::zero(simd); W], [Compensated::zero(simd); W]);
        for run in self.rows.clone() {
            for first in run.clone().step_by(FEW) {
                let (mut of_few, mut squares_of_few) = ([simd.zero(); W], [simd.zero(); W]);
                for row in first..run.end.min(first + FEW) {
                    // SAFETY: as above.
                    let x = unsafe { self.load::<S, W>(simd, row, at, n) };
                    for w in 0..W {
                        let off = simd.sub(x[w], near[w]);
                        of_few[w] = simd.add(of_few[w], off);
                        squares_of_few[w] = simd.mul_add(off, off, squares_of_few[w]);
                    }
                }
                for w in 0..W {
                    sums[w].add(simd, of_few[w]);
                    squares[w].add(simd, squares_of_few[w]);
                }
            }
        }
        let samples = simd.splat(self.samples as f32);
        for w in 0..W {
            let moments = [samples, near[w], sums[w].total(simd), squares[w].total(simd)];
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
