//! AVX-512 with VNNI: sixteen lanes, sixty-four products an instruction.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::x86_64::*;

use super::{ByteKernel, ByteSimd};
use crate::simd::first;

/// Proof that the CPU has AVX-512 F, BW, VL and VNNI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512Vnni(());

impl Avx512Vnni {
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni");
        found.then_some(Self(()))
    }

    #[inline]
    pub(super) fn call<K: ByteKernel>(self, kernel: K) {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
        fn compiled<K: ByteKernel>(token: Avx512Vnni, kernel: K) {
            kernel.run(token);
        }
        // SAFETY: the token exists only where `detect` found these features.
        unsafe { compiled(self, kernel) }
    }
}

impl ByteSimd for Avx512Vnni {
    type I = __m512i;
    type F = __m512;
    type W = __m512i;
    type X = __m512i;
    const LANES: usize = 16;
    /// 28 sums, two vectors of weights and one of pixels are 31 of 32 registers.
    const ROWS: usize = 14;
    const ROWS_OF_PAIRS: usize = 14;

    #[inline(always)]
    unsafe fn weights(self, from: *const i8) -> __m512i {
        // SAFETY: the token proves AVX-512 F; the caller promises 64 bytes.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn quad(self, from: *const u8) -> __m512i {
        // SAFETY: the token proves AVX-512 F; the caller promises 4 bytes.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 VNNI.
        unsafe { _mm512_dpbusd_epi32(sums, x, w) }
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> __m512i {
        // SAFETY: the token proves AVX-512 F; the caller promises 16 integers.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_integers(self, v: __m512i, to: *mut i32) {
        // SAFETY: the token proves AVX-512 F; the caller promises room for 16 integers.
        unsafe { _mm512_storeu_si512(to.cast(), v) }
    }

    #[inline(always)]
    unsafe fn floats(self, from: *const f32) -> __m512 {
        // SAFETY: the token proves AVX-512 F; the caller promises 16 numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn unsigned(self, from: *const u8, n: usize) -> __m512i {
        // SAFETY: the token proves AVX-512 F; the caller promises n bytes.
        unsafe { _mm512_cvtepu8_epi32(some_bytes(from, n)) }
    }

    #[inline(always)]
    unsafe fn signed(self, from: *const i8, n: usize) -> __m512i {
        // SAFETY: as above.
        unsafe { _mm512_cvtepi8_epi32(some_bytes(from.cast(), n)) }
    }

    #[inline(always)]
    unsafe fn pair(self, from: *const i16) -> __m512i {
        // SAFETY: the token proves AVX-512 F; the caller promises two integers.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    fn add_products(self, sums: __m512i, x: __m512i, w: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 VNNI.
        unsafe { _mm512_dpwssd_epi32(sums, x, w) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn to_float(self, x: __m512i) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, v: __m512, to: *mut u8, n: usize) {
        // SAFETY: the token proves AVX-512 F, BW and VL; the mask keeps bytes beyond n from being written.
        unsafe {
            let bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v));
            // Masked stores are much slower than others on some processors.
            if n == 16 {
                _mm_storeu_si128(to.cast(), bytes);
            } else {
                _mm_mask_storeu_epi8(to.cast(), first(n), bytes);
            }
        }
    }

    #[inline(always)]
    unsafe fn store_floats(self, v: __m512, to: *mut f32, n: usize) {
        // SAFETY: the token proves AVX-512 F; the mask keeps numbers beyond n from being written.
        unsafe { _mm512_mask_storeu_ps(to, first(n), v) }
    }
}

/// `n` bytes, 1 to 16, and zeros.
///
/// # Safety
/// The CPU has AVX-512 BW and VL, and the bytes are there to be read.
#[inline(always)]
unsafe fn some_bytes(from: *const u8, n: usize) -> __m128i {
    // SAFETY: promised by the caller; the mask keeps bytes beyond n from being read.
    unsafe {
        if n == 16 { _mm_loadu_si128(from.cast()) } else { _mm_maskz_loadu_epi8(first(n), from.cast()) }
    }
}
