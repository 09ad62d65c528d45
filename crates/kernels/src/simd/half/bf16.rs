//! AVX-512 BF16: the sum of two products at once, added to an `f32`.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::x86_64::*;

use super::Scale;
use super::avx512::{self, Join};
use crate::simd::avx512::Avx512;
use crate::simd::{Product, ProductKernel};

/// Proof that the CPU has AVX-512 BF16 beside what [`Avx512`] proves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Avx512Bf16(Avx512);

impl Avx512Bf16 {
    pub(super) fn detect(avx512: Avx512) -> Option<Self> {
        is_x86_feature_detected!("avx512bf16").then_some(Self(avx512))
    }

    /// Nothing is scaled, as the range is that of `f32`.
    #[inline]
    pub(super) fn call<K: ProductKernel>(self, scale: Scale, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")]
        fn compiled<K: ProductKernel>(token: Avx512Bf16, kernel: K) -> K::Output {
            kernel.run_with(token.0, token)
        }
        debug_assert_eq!(scale, Scale::ONE, "a scale of bf16");
        // SAFETY: the token exists only where `detect` found these features.
        unsafe { compiled(self, kernel) }
    }
}

avx512::rounds!(Avx512Bf16, "avx512f,avx512bw,avx512bf16");

impl Join for Avx512Bf16 {
    #[inline(always)]
    fn join(self, low: __m512, high: __m512) -> __m512i {
        // SAFETY: the token proves AVX-512 BF16; both types are 512 bits of any value.
        unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) }
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
