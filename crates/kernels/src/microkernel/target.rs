//! What sums start from and where they go.

use std::marker::PhantomData;

use super::unrolled::unrolled;
use super::{Grid, Strides};
use crate::buffer::LINE;
use crate::disjoint::Disjoint;
use crate::packing::PANEL;
use crate::rectifier::Bounds;
use crate::simd::Simd;
use crate::{Rectifier, fetch};

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

impl After<'_> {
    pub(crate) fn is_nothing(&self) -> bool {
        self.before.is_none() && self.residual.is_none() && self.activation.is_none() && self.behind.is_none()
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

    /// Whether anything becomes of sums before they are stored.
    #[inline(always)]
    pub(super) fn finishes(&self) -> bool {
        !self.after.is_nothing()
    }

    /// What becomes of the sums of the columns from `column` on, when nothing more is added to them.
    #[inline(always)]
    pub(super) fn last(&self, column: usize) -> Last<'a> {
        self.ending().last(column)
    }

    /// What becomes of sums, apart from where they go: a copy, of which the compiler knows that no store changes it.
    #[inline(always)]
    pub(super) fn ending(&self) -> Ending<'a> {
        Ending { after: self.after, first: self.first.cast_const() }
    }
}

/// What becomes of a target's sums.
#[derive(Clone, Copy)]
pub(super) struct Ending<'a> {
    after: After<'a>,
    first: *const f32,
}

impl<'a> Ending<'a> {
    /// [`Target::last`]. Spelt out without closures, which the compiler would not always take in: it is called for each tile.
    #[inline(always)]
    #[expect(clippy::manual_map, reason = "a closure here was a call for each tile")]
    pub(super) fn last(self, column: usize) -> Last<'a> {
        let After { before, residual, activation, behind } = self.after;
        let [scale, shift] = match before {
            Some(affine) => affine_from(affine, column),
            None => [ONES.as_ptr(), ZEROS.as_ptr()],
        };
        let (bounds, none) = (Bounds::of(activation), Bounds::of(None));
        if residual.is_none() && behind.is_none() {
            return Last { scale, shift, bounds, further: None, of: PhantomData };
        }
        let further = Further {
            first: self.first,
            residual: residual.map(<[f32]>::as_ptr),
            bounds,
            behind: match behind {
                Some(affine) => Some(affine_from(affine, column)),
                None => None,
            },
        };
        Last { scale, shift, bounds: none, further: Some(further), of: PhantomData }
    }
}

/// The scales and shifts from a column on.
#[inline(always)]
fn affine_from([scale, shift]: [&[f32]; 2], column: usize) -> [*const f32; 2] {
    [scale.as_ptr().wrapping_add(column), shift.as_ptr().wrapping_add(column)]
}

/// The scales and shifts of a tile's columns where there are none.
static ONES: [f32; PANEL] = [1.0; PANEL];
static ZEROS: [f32; PANEL] = [0.0; PANEL];

/// What is done to a tile's finished sums.
#[derive(Clone, Copy)]
pub(super) struct Last<'a> {
    /// In registers: a scale and a shift for each column of a tile at the least, and bounds.
    scale: *const f32,
    shift: *const f32,
    bounds: Bounds,
    /// From the first-level cache. Were there a branch between sums and their storing, they would not stay in registers.
    further: Option<Further>,
    of: PhantomData<&'a [f32]>,
}

/// What is done to sums behind the scale and the shift.
#[derive(Clone, Copy)]
struct Further {
    /// The first column of the target's first pixel.
    first: *const f32,
    /// What is added to it.
    residual: Option<*const f32>,
    bounds: Bounds,
    behind: Option<[*const f32; 2]>,
}

impl Further {
    /// What becomes of the `n`-th vector of a pixel's sums.
    ///
    /// # Safety
    /// The target was checked, the pixel is one of its grid's, and there is at least one column in the vector.
    #[inline(always)]
    unsafe fn apply<S: Simd>(&self, simd: S, sum: S::V, pixel: *mut f32, n: usize, columns: usize) -> S::V {
        let mut sum = sum;
        // SAFETY: the residual reaches as far as the target, and there are as many scales and shifts as columns, as checked.
        unsafe {
            if let Some(residual) = self.residual {
                let offset = pixel.addr().wrapping_sub(self.first.addr()) / size_of::<f32>();
                let residual = residual.wrapping_add(offset);
                sum = simd.add(sum, load_columns(simd, residual, n, columns));
            }
            sum = self.bounds.keep(simd, sum);
            if let Some([scale, shift]) = self.behind {
                let scale = load_columns(simd, scale, n, columns);
                sum = simd.mul_add(sum, scale, load_columns(simd, shift, n, columns));
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

/// Asks for where `N` vectors of each of the first `R` pixels will be written, which is done while their sums are added up: pixels lie
/// apart, so that the processor does not see by itself where the next stores will go.
#[inline(always)]
pub(super) fn claim<S: Simd, const R: usize, const N: usize>(pixels: &[*mut f32]) {
    for pixel in &pixels[..R] {
        for column in (0..N * S::LANES).step_by(LINE) {
            fetch::claim(pixel.wrapping_add(column));
        }
    }
}

/// Writes the sums of a tile.
///
/// # Safety
/// Each of the first `R` pixels has room for `columns` numbers, which nobody else uses.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const R: usize, const N: usize>(
    simd: S,
    sums: &[[S::V; N]; R],
    pixels: &[*mut f32],
    columns: usize,
) {
    if columns != N * S::LANES {
        // SAFETY: promised by the caller.
        unsafe { store_some(simd, *sums, pixels, columns) };
        return;
    }
    unrolled!(R, |r| {
        for (n, sum) in sums[r].iter().enumerate() {
            // SAFETY: promised by the caller: all columns are wanted.
            unsafe { simd.store_ptr(*sum, pixels[r].add(n * S::LANES)) };
        }
    });
}

/// [`store`] where not all columns are wanted. It has sums of its own: those of the tile stay in registers, though these are indexed by
/// a variable.
///
/// # Safety
/// As for [`store`].
#[inline(always)]
unsafe fn store_some<S: Simd, const R: usize, const N: usize>(
    simd: S,
    sums: [[S::V; N]; R],
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

/// Writes what becomes of the sums of a tile.
///
/// # Safety
/// As for [`store`]; and what is done last is of the pixels' target, for `columns` columns.
#[inline(always)]
pub(super) unsafe fn finish<S: Simd, const R: usize, const N: usize>(
    simd: S,
    sums: &[[S::V; N]; R],
    pixels: &[*mut f32],
    columns: usize,
    last: &Last<'_>,
) {
    let (mut scale, mut shift) = ([simd.zero(); N], [simd.zero(); N]);
    for n in 0..N {
        // SAFETY: there are as many scales and shifts as columns, as checked.
        unsafe {
            scale[n] = load_columns(simd, last.scale, n, columns);
            shift[n] = load_columns(simd, last.shift, n, columns);
        }
    }
    let mut sums = *sums;
    unrolled!(R, |r| {
        for n in 0..N {
            sums[r][n] = last.bounds.keep(simd, simd.mul_add(sums[r][n], scale[n], shift[n]));
        }
    });
    // SAFETY: promised by the caller.
    unsafe { store(simd, &sums, pixels, columns) };
    if let Some(further) = &last.further {
        for pixel in &pixels[..R] {
            for n in 0..N {
                // SAFETY: promised by the caller.
                unsafe {
                    let sum = load_columns(simd, *pixel, n, columns);
                    store_columns(simd, further.apply(simd, sum, *pixel, n, columns), *pixel, n, columns);
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
