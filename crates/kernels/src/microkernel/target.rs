//! What sums start from and where they go.

use std::marker::PhantomData;

use super::{Grid, Strides};
use crate::Rectifier;
use crate::disjoint::Disjoint;
use crate::rectifier::Bounds;
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

/// What becomes of sums before they are stored: `activation(sum * scale + shift + residual) * scale' + shift'`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct After<'a> {
    /// A scale and a shift for each column.
    pub before: Option<[&'a [f32]; 2]>,
    /// Added, from the first pixel's first column on; it lies as the target does.
    pub residual: Option<&'a [f32]>,
    pub activation: Option<Rectifier>,
    /// A scale and a shift for each column.
    pub behind: Option<[&'a [f32]; 2]>,
}

impl<'a> After<'a> {
    fn is_nothing(&self) -> bool {
        self.before.is_none() && self.residual.is_none() && self.activation.is_none() && self.behind.is_none()
    }

    /// The same for the columns from `first` on.
    #[inline(always)]
    fn at_column(&self, first: usize) -> Self {
        let of_columns = |affine: [&'a [f32]; 2]| affine.map(|of| &of[first..]);
        After {
            before: self.before.map(of_columns),
            residual: self.residual.map(|residual| &residual[first..]),
            activation: self.activation,
            behind: self.behind.map(of_columns),
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
    after: After<'a>,
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
        let first = slice.pointer(offset..slice.len());
        Self { first, room, strides, columns, after: After::default(), slice: PhantomData }
    }

    /// The same, with something done to the sums before they are stored.
    pub(crate) fn after(self, after: After<'a>) -> Self {
        Self { after, ..self }
    }

    /// Everything that writing to a grid's pixels and starting from `start` relies on.
    pub(super) fn check(&self, grid: Grid, start: Start<'_>) {
        assert!(self.strides.last(grid) + self.columns <= self.room, "pixels beyond the target");
        if let Start::Bias(bias) = start {
            assert!(bias.len() >= self.columns, "fewer biases than columns");
        }
        if let Some(residual) = self.after.residual {
            assert!(self.strides.last(grid) + self.columns <= residual.len(), "pixels beyond the residual");
        }
        for affine in [self.after.before, self.after.behind].into_iter().flatten() {
            assert!(affine.iter().all(|of| of.len() >= self.columns), "fewer scales than columns");
        }
    }

    /// How a tile of the columns from `column` on is stored, when nothing more is added to it.
    #[inline(always)]
    pub(super) fn last(&self, column: usize) -> Option<Last<'a>> {
        let first = self.first.wrapping_add(column).cast_const();
        (!self.after.is_nothing()).then(|| Last { first, after: self.after.at_column(column) })
    }
}

/// What is done to a tile's finished sums.
#[derive(Clone, Copy)]
pub(super) struct Last<'a> {
    /// The first column of the target's first pixel.
    first: *const f32,
    after: After<'a>,
}

impl Last<'_> {
    /// What becomes of the `n`-th vector of a pixel's sums.
    ///
    /// # Safety
    /// The target was checked, the pixel is one of its grid's, and there is at least one column in the vector.
    #[inline(always)]
    unsafe fn apply<S: Simd>(&self, simd: S, sum: S::V, pixel: *mut f32, n: usize, columns: usize) -> S::V {
        let After { before, residual, activation, behind } = self.after;
        let mut sum = sum;
        // SAFETY: the residual reaches as far as the target, and there are as many scales and shifts as columns, as checked.
        unsafe {
            if let Some([scale, shift]) = before {
                let scale = load_columns(simd, scale.as_ptr(), n, columns);
                sum = simd.mul_add(sum, scale, load_columns(simd, shift.as_ptr(), n, columns));
            }
            if let Some(residual) = residual {
                let offset = pixel.addr().wrapping_sub(self.first.addr()) / size_of::<f32>();
                let residual = residual.as_ptr().wrapping_add(offset);
                sum = simd.add(sum, load_columns(simd, residual, n, columns));
            }
            sum = Bounds::of(activation).keep(simd, sum);
            if let Some([scale, shift]) = behind {
                let scale = load_columns(simd, scale.as_ptr(), n, columns);
                sum = simd.mul_add(sum, scale, load_columns(simd, shift.as_ptr(), n, columns));
            }
        }
        sum
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

/// Writes the sums of a tile, after what is done to them last if there is something.
///
/// # Safety
/// Each of the first `R` pixels has room for `columns` numbers, which nobody else uses; what is done last is of their target.
#[inline(always)]
pub(super) unsafe fn finish<S: Simd, const R: usize, const N: usize>(
    simd: S,
    sums: &[[S::V; N]; R],
    pixels: &[*mut f32],
    columns: usize,
    last: Option<&Last<'_>>,
) {
    for (sums, pixel) in sums.iter().zip(pixels) {
        for (n, sum) in sums.iter().enumerate() {
            // SAFETY: promised by the caller.
            unsafe { store_columns(simd, *sum, *pixel, n, columns) };
        }
    }
    // From the first-level cache rather than before the sums are stored: sums that a branch stands between would not stay in
    // registers.
    if let Some(last) = last {
        for pixel in &pixels[..R] {
            for n in 0..N {
                // SAFETY: promised by the caller.
                unsafe {
                    let sum = last.apply(simd, load_columns(simd, *pixel, n, columns), *pixel, n, columns);
                    store_columns(simd, sum, *pixel, n, columns);
                }
            }
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
