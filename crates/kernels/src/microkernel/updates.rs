//! Tiles whose rows are a dense layer's weights: their gradients go from the registers into what becomes of them.

use super::{Ahead, even_pieces, multiply, tile_rows, with_rows};
use crate::elementwise::Elementwise;
use crate::fetch::fetch;
use crate::packing::PANEL;
use crate::simd::{Kernel, Simd};

/// Adds up the gradients of neighbouring weights, for one panel of outputs, over rows of the batch, and replaces `OUT` numbers of
/// each weight by what `rule` makes of them and of the gradient.
pub(crate) struct UpdateSweep<'a, F, const OUT: usize> {
    pub rule: F,
    /// Rows of the batch.
    pub batch: usize,
    /// What the weights are multiplied with: a number of each, `stride` from one row of the batch to the next.
    pub source: &'a [f32],
    pub stride: usize,
    /// The outputs' gradients, `[batch][PANEL]`; zero beyond the panel's outputs.
    pub outputs: &'a [f32],
    /// How many outputs the panel has.
    pub width: usize,
    /// `[weights][PANEL]`, each.
    pub slices: [&'a mut [f32]; OUT],
    /// What the next sweep will read, laid out as the slices, from its first elements on; it is fetched meanwhile.
    pub next: &'a [*const f32],
}

/// Numbers of a cache line.
const LINE: usize = 16;

impl<F: Elementwise<1, OUT>, const OUT: usize> Kernel for UpdateSweep<'_, F, OUT> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        self.check();
        let mut column = 0;
        while column < PANEL {
            // Columns that the panel does not use have gradients of zero, without adding up.
            let batch = if column < self.width { self.batch } else { 0 };
            if self.width.saturating_sub(column) > S::LANES {
                self.strip::<S, 2>(simd, column, batch);
                column += 2 * S::LANES;
            } else {
                self.strip::<S, 1>(simd, column, batch);
                column += S::LANES;
            }
        }
    }
}

#[expect(clippy::needless_range_loop, reason = "iterators over arrays of vectors do not melt into the loop")]
impl<F: Elementwise<1, OUT>, const OUT: usize> UpdateSweep<'_, F, OUT> {
    fn weights(&self) -> usize {
        self.slices[0].len() / PANEL
    }

    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let weights = self.weights();
        assert!(self.batch > 0 && weights > 0, "an empty sweep");
        assert!((self.batch - 1) * self.stride + weights <= self.source.len(), "weights beyond the source");
        assert!(self.batch * PANEL <= self.outputs.len(), "fewer outputs than rows of the batch");
        assert!(self.slices.iter().all(|slice| slice.len() == weights * PANEL), "slices of one length");
    }

    /// `N` vectors of columns from `column` on, summed over so many rows of the batch.
    #[inline(always)]
    fn strip<S: Simd, const N: usize>(&mut self, simd: S, column: usize, batch: usize) {
        let mut first = 0;
        for rows in even_pieces(self.weights(), tile_rows(S::REGISTERS, N)) {
            // SAFETY: `check` has shown that `rows` weights from `first` on are in every row of the batch, and a panel is a whole
            // number of strips.
            with_rows!(rows, S, N, |R| unsafe { self.tile::<S, R, N>(simd, first, column, batch) });
            first += rows;
        }
    }

    /// # Safety
    /// The sweep was checked and has so many rows of the batch; `first + R` is at most the number of weights, and `N` vectors from
    /// `column` on lie within a panel.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const N: usize>(
        &mut self,
        simd: S,
        first: usize,
        column: usize,
        batch: usize,
    ) {
        let mut sums = [[simd.zero(); N]; R];
        let mut source = [self.source.as_ptr().wrapping_add(first); R];
        for (r, weight) in source.iter_mut().enumerate() {
            *weight = weight.wrapping_add(r);
        }
        let outputs = self.outputs.as_ptr().wrapping_add(column);
        // SAFETY: the last row of the batch has the tile's weights and outputs, as checked.
        unsafe { multiply(simd, &mut sums, source, self.stride, outputs, batch, Ahead::nothing(outputs)) };
        #[expect(
            clippy::needless_range_loop,
            reason = "iterators over arrays of vectors are not melted into the loop"
        )]
        for r in 0..R {
            let at = (first + r) * PANEL + column;
            for next in self.next {
                for line in (0..N * S::LANES).step_by(LINE) {
                    fetch(next.wrapping_add(at + line));
                }
            }
            for n in 0..N {
                // SAFETY: as above.
                unsafe { self.replace(simd, at + n * S::LANES, sums[r][n]) };
            }
        }
    }

    /// # Safety
    /// A vector from `at` on lies within the slices.
    #[inline(always)]
    unsafe fn replace<S: Simd>(&mut self, simd: S, at: usize, gradient: S::V) {
        let mut numbers = [simd.zero(); OUT];
        for i in 0..OUT {
            // SAFETY: promised by the caller.
            numbers[i] = unsafe { simd.load_ptr(self.slices[i].as_ptr().add(at)) };
        }
        let numbers = self.rule.apply(simd, [gradient], numbers);
        for i in 0..OUT {
            // SAFETY: promised by the caller.
            unsafe { simd.store_ptr(numbers[i], self.slices[i].as_mut_ptr().add(at)) };
        }
    }
}
