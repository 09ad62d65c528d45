//! Tiles whose rows are weights: convolution and dense backward to the weights.

use super::sums::Sums;
use super::target::{Start, begin, store};
use super::{Ahead, even_pieces, in_strips, tile_rows, with_rows};
use crate::packing::PANEL;
use crate::simd::{Product, ProductKernel, Simd};

/// Adds up a run of neighbouring weights' gradients, for one panel of outputs, over pixels.
pub(crate) struct WeightSweep<'a> {
    /// Pixels, by row and column.
    pub rows: usize,
    pub columns: usize,
    /// The image, from what the first weight is multiplied with at the first pixel.
    pub source: &'a [f32],
    pub row_stride: usize,
    pub pixel_stride: usize,
    /// The outputs' gradients, `[rows][columns][PANEL]`; zero beyond the panel's outputs.
    pub outputs: &'a [f32],
    /// How many outputs the panel has; the gradient beyond them is zero.
    pub width: usize,
    /// `[weights][PANEL]`.
    pub gradient: &'a mut [f32],
    /// Whether to add to the gradient rather than overwrite it.
    pub add: bool,
}

impl ProductKernel for WeightSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run_with<S: Simd, P: Product<S>>(mut self, simd: S, product: P) {
        self.check();
        in_strips!(self.width, S, |N, column| self.strip::<S, P, N>((simd, product), column));
        let unused = self.width.next_multiple_of(S::LANES);
        if unused < PANEL && !self.add {
            self.clear(unused);
        }
    }
}

impl WeightSweep<'_> {
    fn weights(&self) -> usize {
        self.gradient.len() / PANEL
    }

    /// Everything the raw pointers below rely on.
    fn check(&self) {
        assert!(self.rows > 0 && self.columns > 0 && self.weights() > 0, "an empty sweep");
        assert!(self.width <= PANEL, "{} outputs of a panel", self.width);
        let last = (self.rows - 1) * self.row_stride + (self.columns - 1) * self.pixel_stride;
        assert!(last + self.weights() <= self.source.len(), "weights reach beyond the image");
        assert!(self.rows * self.columns * PANEL <= self.outputs.len(), "fewer outputs than pixels");
    }

    /// The gradients of a panel's unused columns, from `column` on, are zero.
    fn clear(&mut self, column: usize) {
        self.gradient.chunks_exact_mut(PANEL).for_each(|weight| weight[column..].fill(0.0));
    }

    /// Computes `N` vectors of columns from `column` on.
    #[inline(always)]
    fn strip<S: Simd, P: Product<S>, const N: usize>(&mut self, of: (S, P), column: usize) {
        let mut first = 0;
        for rows in even_pieces(self.weights(), tile_rows(P::REGISTERS, N)) {
            // SAFETY: `check` has shown that `rows` weights from `first` on lie within the image at every pixel, and a panel
            // is a whole number of strips.
            with_rows!(rows, P, N, |R| unsafe { self.tile::<S, P, R, N>(of, first, column) });
            first += rows;
        }
    }

    /// # Safety
    /// The sweep was checked, `first + R` is at most the number of weights, and `N` vectors from `column` on lie within a panel.
    #[inline(always)]
    unsafe fn tile<S: Simd, P: Product<S>, const R: usize, const N: usize>(
        &mut self,
        (simd, product): (S, P),
        first: usize,
        column: usize,
    ) {
        let mut gradient = [self.gradient[first * PANEL..(first + R) * PANEL].as_mut_ptr(); R];
        for (r, weight) in gradient.iter_mut().enumerate() {
            *weight = weight.wrapping_add(r * PANEL + column);
        }
        let start = if self.add { Start::Target } else { Start::Zero };
        // SAFETY: the caller promises `N` vectors of columns.
        let start = unsafe { begin::<S, R, N>(simd, start, &gradient, N * S::LANES) };
        let mut sums = Sums::new((simd, product), start);
        for row in 0..self.rows {
            let mut source = [self.source.as_ptr().wrapping_add(row * self.row_stride + first); R];
            for (r, weight) in source.iter_mut().enumerate() {
                *weight = weight.wrapping_add(r);
            }
            let outputs = self.outputs.as_ptr().wrapping_add(row * self.columns * PANEL + column);
            let ahead = Ahead::nothing(outputs);
            // SAFETY: the last pixel's numbers lie within the source and the outputs, as checked.
            unsafe { sums.multiply(source, self.pixel_stride, outputs, self.columns, ahead) };
        }
        // SAFETY: as above.
        unsafe { store(simd, &sums.total(), &gradient, N * S::LANES) };
    }
}
