//! AVX-512 FP16: two multiply-adds of binary16 in the place of one of `f32`.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::x86_64::*;

use super::Scale;
use super::avx512::{self, Join};
use crate::simd::avx512::Avx512;
use crate::simd::{Product, ProductKernel};

/// Proof that the CPU has AVX-512 FP16 beside what [`Avx512`] proves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Avx512F16(Avx512);

/// Products of pairs, each number of which was scaled: sums are brought back when they are widened.
#[derive(Clone, Copy, Debug)]
struct Scaled {
    undo: f32,
}

/// Products that a sum takes before it is widened. Each rounds the sum to 11 bits; widening takes as long as four products.
const CHAIN: usize = 64;

impl Avx512F16 {
    pub(super) fn detect(avx512: Avx512) -> Option<Self> {
        is_x86_feature_detected!("avx512fp16").then_some(Self(avx512))
    }

    #[inline]
    pub(super) fn call<K: ProductKernel>(self, scale: Scale, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512fp16,avx2,fma")]
        fn compiled<K: ProductKernel>(token: Avx512F16, product: Scaled, kernel: K) -> K::Output {
            kernel.run_with(token.0, product)
        }
        // SAFETY: the token exists only where `detect` found these features.
        unsafe { compiled(self, Scaled { undo: scale.undo() }, kernel) }
    }

    /// The largest size of a number in these runs; that of none is 0.
    #[inline]
    #[expect(clippy::unused_self, reason = "the token is the proof that the CPU can")]
    pub(super) fn largest<'a>(self, runs: impl Iterator<Item = &'a [f32]>) -> f32 {
        #[target_feature(enable = "avx512f")]
        fn compiled<'a>(runs: impl Iterator<Item = &'a [f32]>) -> f32 {
            // SAFETY: this is compiled for all that it needs.
            unsafe { avx512::largest(runs) }
        }
        // SAFETY: the token exists only where `detect` found these features.
        unsafe { compiled(runs) }
    }
}

avx512::rounds!(Avx512F16, "avx512f,avx512bw,avx512fp16");

impl Join for Avx512F16 {
    #[inline(always)]
    fn join(self, low: __m512, high: __m512) -> __m512i {
        // SAFETY: the token proves AVX-512 FP16.
        unsafe {
            let half = |x: __m512| _mm256_castph_si256(_mm512_cvtxps_ph(x));
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(low)), half(high))
        }
    }
}

impl Product<Avx512> for Scaled {
    /// A tile of twelve rows: widening takes some, too.
    const REGISTERS: usize = 28;
    const CHAIN: Option<usize> = Some(CHAIN);

    #[inline(always)]
    fn add_to(self, sum: __m512, a: __m512, b: __m512) -> __m512 {
        // SAFETY: there is such a product only where the CPU has AVX-512 FP16.
        unsafe {
            let sum = _mm512_fmadd_ph(_mm512_castps_ph(a), _mm512_castps_ph(b), _mm512_castps_ph(sum));
            _mm512_castph_ps(sum)
        }
    }

    #[inline(always)]
    fn widen(self, total: __m512, chain: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe {
            let bits = _mm512_castps_si512(chain);
            // Each with its neighbour, in both their places.
            let turned = _mm512_castsi512_ph(_mm512_rol_epi32::<16>(bits));
            let sums = _mm512_castph_si512(_mm512_add_ph(_mm512_castps_ph(chain), turned));
            let wide = _mm512_cvtxph_ps(_mm256_castsi256_ph(_mm512_cvtepi32_epi16(sums)));
            _mm512_fmadd_ps(wide, _mm512_set1_ps(self.undo), total)
        }
    }
}
