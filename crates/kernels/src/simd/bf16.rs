//! Pairs of bf16: the upper halves of two `f32`, side by side in the place of one.
//!
//! A product of two pairs is the sum of two products, so that a loop over pairs does two multiplications where one over `f32` does one.
//! Products are exact in `f32`, and so is what a pair is read from up to its rounding: to the nearest, halves to even, as IEEE 754
//! has it; numbers below `f32`'s normal range are zeros.

use super::{Isa, ProductKernel};

/// Proof that this machine multiplies pairs of bf16 ([`Isa::bf16`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bf16(Token);

#[cfg(target_arch = "x86_64")]
use x86::Avx512Bf16 as Token;

/// No other architecture's instructions for it are known here.
#[cfg(not(target_arch = "x86_64"))]
use std::convert::Infallible as Token;

impl Isa {
    /// The instructions on pairs of bf16 that go with this instruction set, if this machine has them.
    pub fn bf16(self) -> Option<Bf16> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            super::Token::Avx512(token) => Token::detect(token).map(Bf16),
            _ => None,
        }
    }
}

impl Bf16 {
    /// Numbers of a pair.
    pub(crate) const NUMBERS: usize = 2;

    /// Runs `kernel` with products of pairs in place of products of numbers.
    #[inline]
    pub(crate) fn call<K: ProductKernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        return self.0.call(kernel);
        #[cfg(not(target_arch = "x86_64"))]
        {
            drop(kernel);
            match self.0 {}
        }
    }

    /// Rounds numbers: each pair of neighbours becomes a pair.
    ///
    /// # Panics
    /// When there are not twice as many numbers as pairs.
    #[inline]
    pub(crate) fn round(self, from: &[f32], to: &mut [f32]) {
        assert_eq!(from.len(), Self::NUMBERS * to.len(), "numbers of pairs");
        #[cfg(target_arch = "x86_64")]
        self.0.round(from, to);
        #[cfg(not(target_arch = "x86_64"))]
        match self.0 {}
    }

    /// Rounds numbers: one of `low` and one of `high` become a pair.
    ///
    /// # Panics
    /// When there are not as many of both as there are pairs.
    #[inline]
    pub(crate) fn interleave(self, low: &[f32], high: &[f32], to: &mut [f32]) {
        assert!(low.len() == to.len() && high.len() == to.len(), "numbers of pairs");
        #[cfg(target_arch = "x86_64")]
        self.0.interleave(low, high, to);
        #[cfg(not(target_arch = "x86_64"))]
        match self.0 {}
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
    use std::arch::x86_64::*;

    use crate::simd::avx512::{Avx512, first};
    use crate::simd::{Product, ProductKernel};

    /// Numbers in a vector, and pairs.
    const LANES: usize = 16;

    /// Where the 16-bit numbers of two halves go, so that the first of each come first.
    const IN_TURN: [u16; 2 * LANES] = {
        let mut places = [0; 2 * LANES];
        let mut i = 0;
        while i < 2 * LANES {
            places[i] = (i / 2 + i % 2 * LANES) as u16;
            i += 1;
        }
        places
    };

    /// Proof that the CPU has AVX-512 BF16 beside what [`Avx512`] proves.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub(crate) struct Avx512Bf16(Avx512);

    impl Avx512Bf16 {
        pub(super) fn detect(avx512: Avx512) -> Option<Self> {
            is_x86_feature_detected!("avx512bf16").then_some(Self(avx512))
        }

        #[inline]
        pub(super) fn call<K: ProductKernel>(self, kernel: K) -> K::Output {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
            fn compiled<K: ProductKernel>(token: Avx512Bf16, kernel: K) -> K::Output {
                kernel.run_with(token.0, token)
            }
            // SAFETY: the token exists only where `detect` found these features.
            unsafe { compiled(self, kernel) }
        }

        #[inline]
        #[expect(clippy::unused_self, reason = "the token is the proof that the CPU can")]
        pub(super) fn round(self, from: &[f32], to: &mut [f32]) {
            #[target_feature(enable = "avx512f,avx512bf16")]
            fn compiled(from: &[f32], to: &mut [f32]) {
                for (from, to) in from.chunks(2 * LANES).zip(to.chunks_mut(LANES)) {
                    let after = from.len().saturating_sub(LANES);
                    let middle = from.as_ptr().wrapping_add(LANES);
                    // SAFETY: the masks keep lanes beyond the slices from being read and written.
                    unsafe {
                        let low = _mm512_maskz_loadu_ps(first(from.len()), from.as_ptr());
                        let high = _mm512_maskz_loadu_ps(first(after), middle);
                        let pairs = bits(_mm512_cvtne2ps_pbh(high, low));
                        _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), first(to.len()), pairs);
                    }
                }
            }
            // SAFETY: the token exists only where `detect` found these features.
            unsafe { compiled(from, to) }
        }

        #[inline]
        #[expect(clippy::unused_self, reason = "the token is the proof that the CPU can")]
        pub(super) fn interleave(self, low: &[f32], high: &[f32], to: &mut [f32]) {
            #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
            fn compiled(low: &[f32], high: &[f32], to: &mut [f32]) {
                let both = low.chunks(LANES).zip(high.chunks(LANES));
                // SAFETY: the places are as long as a vector.
                let places = unsafe { _mm512_loadu_si512(IN_TURN.as_ptr().cast()) };
                for ((low, high), to) in both.zip(to.chunks_mut(LANES)) {
                    // SAFETY: the masks keep lanes beyond the slices from being read and written.
                    unsafe {
                        let low = _mm512_maskz_loadu_ps(first(low.len()), low.as_ptr());
                        let high = _mm512_maskz_loadu_ps(first(high.len()), high.as_ptr());
                        let halves = bits(_mm512_cvtne2ps_pbh(high, low));
                        let pairs = _mm512_permutexvar_epi16(places, halves);
                        _mm512_mask_storeu_epi32(to.as_mut_ptr().cast(), first(to.len()), pairs);
                    }
                }
            }
            // SAFETY: the token exists only where `detect` found these features.
            unsafe { compiled(low, high, to) }
        }
    }

    impl Product<Avx512> for Avx512Bf16 {
        #[inline(always)]
        fn add_to(self, sum: __m512, a: __m512, b: __m512) -> __m512 {
            // SAFETY: the token proves AVX-512 BF16; a vector of pairs and one of numbers are the same bits.
            unsafe {
                let pairs = |x: __m512| std::mem::transmute::<__m512, __m512bh>(x);
                _mm512_dpbf16_ps(sum, pairs(a), pairs(b))
            }
        }
    }

    #[inline(always)]
    fn bits(x: __m512bh) -> __m512i {
        // SAFETY: both are 512 bits of any value.
        unsafe { std::mem::transmute(x) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::bf16::nearest;
    use proptest::prelude::*;

    /// The two numbers of a pair.
    fn numbers(pair: f32) -> [f32; 2] {
        [pair.to_bits() << 16, pair.to_bits() & 0xFFFF_0000].map(f32::from_bits)
    }

    fn is_same(a: f32, b: f32) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    /// Any number that is not below the normal range, and NaN.
    fn number() -> impl Strategy<Value = f32> {
        let bits = any::<u32>().prop_map(f32::from_bits);
        let half = any::<u16>().prop_map(|high| f32::from_bits(u32::from(high) << 16 | 0x8000));
        prop_oneof![bits, half, Just(0.0), Just(f32::INFINITY), Just(f32::NAN), Just(f32::MAX)]
            .prop_filter("normal", |x| !x.is_subnormal() && !nearest(*x).is_subnormal())
    }

    proptest! {
        #[test]
        fn numbers_are_rounded_to_the_nearest(numbers_of in proptest::collection::vec((number(), number()), 0..80)) {
            let Some(bf16) = Isa::best().bf16() else { return Ok(()) };
            let flat: Vec<f32> = numbers_of.iter().flat_map(|&(a, b)| [a, b]).collect();
            let (low, high): (Vec<f32>, Vec<f32>) = numbers_of.iter().copied().unzip();
            let (mut rounded, mut interleaved) = (vec![1.0; low.len()], vec![1.0; low.len()]);
            bf16.round(&flat, &mut rounded);
            bf16.interleave(&low, &high, &mut interleaved);
            for (i, (low, high)) in numbers_of.into_iter().enumerate() {
                let expected = [low, high].map(nearest);
                for found in [rounded[i], interleaved[i]].map(numbers) {
                    prop_assert!((0..2).all(|n| is_same(found[n], expected[n])), "{found:?}, not {expected:?}");
                }
            }
        }
    }

    #[test]
    fn other_instruction_sets_have_none() {
        assert_eq!(Isa::PORTABLE.bf16(), None);
        assert!(
            Isa::present().into_iter().filter(|isa| isa.bf16().is_some()).all(|isa| isa.name() == "avx512")
        );
    }
}
