//! The sums of a tile while products are added.

use super::{Ahead, multiply, multiply_in_turn};
use crate::packing::PANEL;
use crate::simd::{Product, Simd};

/// A tile's sums. Those of a product that is narrower than `f32` are taken into wider ones once so many products were added
/// ([`Product::CHAIN`]).
pub(super) struct Sums<S: Simd, P, const R: usize, const N: usize> {
    of: (S, P),
    total: [[S::V; N]; R],
    /// What is not in the total yet; nothing where products are added to it at once.
    chain: [[S::V; N]; R],
    /// Products that were added to the chain.
    added: usize,
}

impl<S: Simd, P: Product<S>, const R: usize, const N: usize> Sums<S, P, R, N> {
    /// What products are added to.
    #[inline(always)]
    pub(super) fn new(of: (S, P), start: [[S::V; N]; R]) -> Self {
        Self { of, total: start, chain: [[of.0.zero(); N]; R], added: 0 }
    }

    /// `sum[r][n] += sum over k of a[r][k * step] * b[k][n]`.
    ///
    /// # Safety
    /// `a[r]` can be read at `k * step`, and `b` at `k * PANEL` for `N` vectors, for every `k < len`.
    #[inline(always)]
    pub(super) unsafe fn multiply(
        &mut self,
        a: [*const f32; R],
        step: usize,
        b: *const f32,
        len: usize,
        mut ahead: Ahead,
    ) {
        let Some(most) = P::CHAIN else {
            // SAFETY: promised by the caller.
            return unsafe { multiply(self.of, &mut self.total, a, step, b, len, ahead) };
        };
        let mut first = 0;
        while first < len {
            let run = (len - first).min(most - self.added);
            let a = a.map(|row| row.wrapping_add(first * step));
            let b = b.wrapping_add(first * PANEL);
            // SAFETY: promised by the caller: this is a part of it.
            unsafe { multiply(self.of, &mut self.chain, a, step, b, run, ahead) };
            ahead.advance(run);
            first += run;
            self.added += run;
            if self.added == most {
                self.widen();
            }
        }
    }

    /// The same in another order, which is faster for tiles of few vectors.
    ///
    /// # Safety
    /// As for [`Self::multiply`].
    #[inline(always)]
    pub(super) unsafe fn multiply_in_turn(
        &mut self,
        a: [*const f32; R],
        step: usize,
        b: *const f32,
        len: usize,
        ahead: Ahead,
    ) {
        // SAFETY: promised by the caller.
        unsafe {
            match P::CHAIN {
                None => multiply_in_turn(self.of, &mut self.total, a, step, b, len, ahead),
                Some(_) => self.multiply(a, step, b, len, ahead),
            }
        }
    }

    /// Takes the chain into the total.
    #[inline(always)]
    fn widen(&mut self) {
        let (simd, product) = self.of;
        for (total, chain) in self.total.iter_mut().zip(&mut self.chain) {
            for (total, chain) in total.iter_mut().zip(chain) {
                *total = product.widen(*total, *chain);
                *chain = simd.zero();
            }
        }
        self.added = 0;
    }

    /// The sums.
    #[inline(always)]
    pub(super) fn total(mut self) -> [[S::V; N]; R] {
        if P::CHAIN.is_some() && self.added > 0 {
            self.widen();
        }
        self.total
    }
}
