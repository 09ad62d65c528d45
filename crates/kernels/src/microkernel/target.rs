//! What sums start from and where they go.

use std::marker::PhantomData;

use super::{Grid, Strides};
use crate::disjoint::Disjoint;
use crate::simd::Simd;

/// What sums are added to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// Nothing.
    Zero,
    /// One number for each column.
    Bias(&'a [f32]),
    /// What the target holds.
    Target,
}

impl Start<'_> {
    /// The same for some of the columns.
    #[inline(always)]
    pub(super) fn columns(self, first: usize, count: usize) -> Self {
        match self {
            Start::Bias(bias) => Start::Bias(&bias[first..first + count]),
            start => start,
        }
    }
}

/// Some columns of some pixels, to be written by one sweep while other sweeps write others.
pub(crate) struct Target<'a> {
    pub(super) first: *mut f32,
    /// Elements from `first` to the end of the slice.
    room: usize,
    pub(super) strides: Strides,
    pub(super) columns: usize,
    slice: PhantomData<&'a mut [f32]>,
}

impl<'a> Target<'a> {
    /// `columns` (at least one) neighbouring numbers of every pixel; the first pixel's begin at `offset`.
    ///
    /// # Safety
    /// For as long as the target is, nobody else reads or writes these columns of the pixels that it is used for.
    pub(crate) unsafe fn new(
        slice: &Disjoint<'a, f32>,
        offset: usize,
        strides: Strides,
        columns: usize,
    ) -> Self {
        assert!(columns > 0, "a target without columns");
        let room = slice.len() - offset;
        Self { first: slice.pointer(offset..slice.len()), room, strides, columns, slice: PhantomData }
    }

    /// Everything that writing to a grid's pixels and starting from `start` relies on.
    pub(super) fn check(&self, grid: Grid, start: Start<'_>) {
        assert!(self.strides.last(grid) + self.columns <= self.room, "pixels beyond the target");
        if let Start::Bias(bias) = start {
            assert!(bias.len() >= self.columns, "fewer biases than columns");
        }
    }
}

/// The sums of a tile of `R` pixels and `N` vectors, as they are before anything is added.
///
/// # Safety
/// Each of the first `R` pixels, and the bias if there is one, has `columns` numbers.
#[inline(always)]
pub(super) unsafe fn begin<S: Simd, const R: usize, const N: usize>(
    simd: S,
    start: Start<'_>,
    pixels: &[*mut f32],
    columns: usize,
) -> [[S::V; N]; R] {
    let mut sums = [[simd.zero(); N]; R];
    match start {
        Start::Zero => {}
        Start::Bias(bias) => {
            let mut of_pixel = [simd.zero(); N];
            for (n, sum) in of_pixel.iter_mut().enumerate() {
                // SAFETY: promised by the caller.
                *sum = unsafe { load_columns(simd, bias.as_ptr(), n, columns) };
            }
            sums = [of_pixel; R];
        }
        Start::Target => {
            for (sums, pixel) in sums.iter_mut().zip(pixels) {
                for (n, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: promised by the caller.
                    *sum = unsafe { load_columns(simd, *pixel, n, columns) };
                }
            }
        }
    }
    sums
}

/// Writes the sums of a tile.
///
/// # Safety
/// Each of the first `R` pixels has room for `columns` numbers, which nobody else uses.
#[inline(always)]
pub(super) unsafe fn finish<S: Simd, const R: usize, const N: usize>(
    simd: S,
    sums: &[[S::V; N]; R],
    pixels: &[*mut f32],
    columns: usize,
) {
    for (sums, pixel) in sums.iter().zip(pixels) {
        for (n, sum) in sums.iter().enumerate() {
            // SAFETY: promised by the caller.
            unsafe { store_columns(simd, *sum, *pixel, n, columns) };
        }
    }
}

/// The `n`-th vector of `columns` numbers, with zeros beyond them.
///
/// # Safety
/// The numbers can be read, and there is at least one in the vector.
#[inline(always)]
unsafe fn load_columns<S: Simd>(simd: S, from: *const f32, n: usize, columns: usize) -> S::V {
    let first = n * S::LANES;
    // SAFETY: the caller promises `columns` numbers, of which `first` come before the vector.
    unsafe { simd.load_first(from.add(first), S::LANES.min(columns - first)) }
}

/// Writes the `n`-th vector of `columns` numbers, or what part of it there is.
///
/// # Safety
/// The numbers can be written by nobody else meanwhile, and there is at least one in the vector.
#[inline(always)]
unsafe fn store_columns<S: Simd>(simd: S, v: S::V, to: *mut f32, n: usize, columns: usize) {
    let first = n * S::LANES;
    // SAFETY: the caller promises room for `columns` numbers, of which `first` come before the vector.
    unsafe { simd.store_first(v, to.add(first), S::LANES.min(columns - first)) };
}
