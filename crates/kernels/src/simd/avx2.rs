//! AVX2 with FMA: eight lanes, sixteen registers.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::x86_64::*;

use super::{Kernel, Simd, WIDEST};

/// Proof that the CPU has AVX2 and FMA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }

    #[inline]
    pub(crate) fn call<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<K: Kernel>(token: Avx2, kernel: K) -> K::Output {
            kernel.run(token)
        }
        // SAFETY: the token exists only where `detect` found these features.
        unsafe { compiled(self, kernel) }
    }
}

/// A mask of the first `n` lanes: the sign bit of a lane says whether it takes part.
#[inline(always)]
fn first(n: usize) -> __m256i {
    const SIGNS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: called by the methods of a token only, so AVX2 is there; eight numbers from index 8 - min(n, 8) on are
    // within the sixteen.
    unsafe { _mm256_loadu_si256(SIGNS.as_ptr().add(8 - n.min(8)).cast()) }
}

impl Simd for Avx2 {
    type V = __m256;
    type U = __m256i;
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> __m256 {
        // SAFETY: the token proves AVX2; the caller promises 8 readable numbers.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: __m256, to: *mut f32) {
        // SAFETY: the token proves AVX2; the caller promises room for 8 numbers.
        unsafe { _mm256_storeu_ps(to, v) }
    }

    #[inline(always)]
    fn load_some(self, from: &[f32]) -> __m256 {
        // SAFETY: the token proves AVX2; the mask keeps lanes beyond the slice from being read.
        unsafe { _mm256_maskload_ps(from.as_ptr(), first(from.len())) }
    }

    #[inline(always)]
    fn store_some(self, v: __m256, to: &mut [f32]) {
        // SAFETY: the token proves AVX2; the mask keeps lanes beyond the slice from being written.
        unsafe { _mm256_maskstore_ps(to.as_mut_ptr(), first(to.len()), v) }
    }

    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> __m256 {
        // SAFETY: the token proves AVX2; the caller promises 8 readable bytes.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, v: __m256, to: *mut u8) {
        // SAFETY: the token proves AVX2; the caller promises room for 8 bytes.
        unsafe {
            let words = _mm256_cvtps_epi32(v);
            let halves =
                _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storel_epi64(to.cast(), _mm_packus_epi16(halves, halves));
        }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_sqrt_ps(a) }
    }

    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn select_gt(self, a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) }
    }

    #[inline(always)]
    fn select_eq(self, a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b)) }
    }

    #[inline(always)]
    fn exp2_int(self, n: __m256) -> __m256 {
        // SAFETY: the token proves AVX2. The bits of 2^n are n + 127 in the exponent field.
        unsafe {
            let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
        }
    }

    #[inline(always)]
    fn transpose(self, v: &mut [__m256; WIDEST]) {
        // SAFETY: the token proves AVX2.
        unsafe {
            // In each 128 bits, for each four vectors: pairs of numbers, then fours, one of each vector.
            for i in (0..8).step_by(4) {
                let pairs = [
                    _mm256_unpacklo_ps(v[i], v[i + 1]),
                    _mm256_unpacklo_ps(v[i + 2], v[i + 3]),
                    _mm256_unpackhi_ps(v[i], v[i + 1]),
                    _mm256_unpackhi_ps(v[i + 2], v[i + 3]),
                ]
                .map(|pair| _mm256_castps_pd(pair));
                v[i] = _mm256_castpd_ps(_mm256_unpacklo_pd(pairs[0], pairs[1]));
                v[i + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(pairs[0], pairs[1]));
                v[i + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(pairs[2], pairs[3]));
                v[i + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(pairs[2], pairs[3]));
            }
            // Then the 128 bits of vectors that are four apart change places.
            for j in 0..4 {
                let (low, high) = (v[j], v[j + 4]);
                v[j] = _mm256_permute2f128_ps::<0x20>(low, high);
                v[j + 4] = _mm256_permute2f128_ps::<0x31>(low, high);
            }
        }
    }

    #[inline(always)]
    fn splat_u32(self, x: u32) -> __m256i {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_epi32(x.cast_signed()) }
    }

    #[inline(always)]
    fn count_from(self, x: u32) -> __m256i {
        // SAFETY: the token proves AVX2.
        unsafe {
            let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            _mm256_add_epi32(_mm256_set1_epi32(x.cast_signed()), lanes)
        }
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn multiply_wide(self, a: __m256i, by: u32) -> (__m256i, __m256i) {
        // SAFETY: the token proves AVX2. The instruction multiplies the even lanes; the odd ones are moved there first.
        unsafe {
            let by = _mm256_set1_epi32(by.cast_signed());
            let even = _mm256_mul_epu32(a, by);
            let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), by);
            let high = _mm256_blend_epi32::<0xAA>(_mm256_srli_epi64::<32>(even), odd);
            let low = _mm256_blend_epi32::<0xAA>(even, _mm256_slli_epi64::<32>(odd));
            (high, low)
        }
    }

    #[inline(always)]
    fn low_half(self, a: __m256i) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_cvtepi32_ps(_mm256_and_si256(a, _mm256_set1_epi32(0xFFFF))) }
    }

    #[inline(always)]
    fn high_half(self, a: __m256i) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_cvtepi32_ps(_mm256_srli_epi32::<16>(a)) }
    }
}
