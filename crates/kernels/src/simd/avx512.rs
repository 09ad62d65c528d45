//! AVX-512: sixteen lanes, thirty-two registers.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::{Kernel, Simd, WIDEST};

/// Proof that the CPU has AVX-512 F, BW, DQ and VL, and AVX2 and FMA.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Avx512(());

/// AMD's "performance optimization identifiers": bits 2 and 3 of the first register tell that arithmetic is 256 or 512 bits wide (AMD64
/// Architecture Programmer's Manual, volume 3, appendix E).
const OPTIMIZATION: u32 = 0x8000_001A;

impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }

    /// Whether the processor computes a vector in two halves, as Zen 4 does.
    pub(crate) fn is_in_halves() -> bool {
        static IN_HALVES: OnceLock<bool> = OnceLock::new();
        // Every question traps into the hypervisor where there is one.
        *IN_HALVES.get_or_init(|| {
            let vendor = __cpuid(0);
            let is_amd =
                [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD";
            is_amd && __cpuid(0x8000_0000).eax >= OPTIMIZATION && {
                let [half, whole] = [2, 3].map(|bit| __cpuid(OPTIMIZATION).eax & (1 << bit) != 0);
                half && !whole
            }
        })
    }

    #[inline]
    pub(crate) fn call<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn compiled<K: Kernel>(token: Avx512, kernel: K) -> K::Output {
            kernel.run(token)
        }
        // SAFETY: the token exists only where `detect` found these features.
        unsafe { compiled(self, kernel) }
    }
}

/// A mask of the first `n` lanes.
#[inline(always)]
pub(crate) fn first(n: usize) -> __mmask16 {
    ((1_u32 << n.min(16)) - 1) as __mmask16
}

impl Simd for Avx512 {
    type V = __m512;
    type U = __m512i;
    const LANES: usize = 16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> __m512 {
        // SAFETY: the token proves AVX-512 F; the caller promises 16 readable numbers.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: __m512, to: *mut f32) {
        // SAFETY: the token proves AVX-512 F; the caller promises room for 16 numbers.
        unsafe { _mm512_storeu_ps(to, v) }
    }

    #[inline(always)]
    fn load_some(self, from: &[f32]) -> __m512 {
        // SAFETY: the token proves AVX-512 F; the mask keeps lanes beyond the slice from being read.
        unsafe { _mm512_maskz_loadu_ps(first(from.len()), from.as_ptr()) }
    }

    #[inline(always)]
    fn store_some(self, v: __m512, to: &mut [f32]) {
        // SAFETY: the token proves AVX-512 F; the mask keeps lanes beyond the slice from being written.
        unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr(), first(to.len()), v) }
    }

    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> __m512 {
        // SAFETY: the token proves AVX-512 F; the caller promises 16 readable bytes.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, v: __m512, to: *mut u8) {
        // SAFETY: the token proves AVX-512 F; the caller promises room for 16 bytes.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v))) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_fmadd_ps(a, b, c) }
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
    fn sqrt(self, a: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_sqrt_ps(a) }
    }

    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }

    #[inline(always)]
    fn select_gt(self, a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    fn select_eq(self, a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), no, yes) }
    }

    #[inline(always)]
    fn exp2_int(self, n: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512 F. The bits of 2^n are n + 127 in the exponent field.
        unsafe {
            let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
        }
    }

    #[inline(always)]
    fn transpose(self, v: &mut [__m512; WIDEST]) {
        // SAFETY: the token proves AVX-512 F.
        unsafe {
            // In each 128 bits, for each four vectors: pairs of numbers, then fours, one of each vector.
            for i in (0..16).step_by(4) {
                let pairs = [
                    _mm512_unpacklo_ps(v[i], v[i + 1]),
                    _mm512_unpacklo_ps(v[i + 2], v[i + 3]),
                    _mm512_unpackhi_ps(v[i], v[i + 1]),
                    _mm512_unpackhi_ps(v[i + 2], v[i + 3]),
                ]
                .map(|pair| _mm512_castps_pd(pair));
                v[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(pairs[0], pairs[1]));
                v[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pairs[0], pairs[1]));
                v[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pairs[2], pairs[3]));
                v[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pairs[2], pairs[3]));
            }
            // Then the 128 bits of vectors that are four apart are transposed as if they were numbers.
            for j in 0..4 {
                let even = [
                    _mm512_shuffle_f32x4::<0x88>(v[j], v[j + 4]),
                    _mm512_shuffle_f32x4::<0x88>(v[j + 8], v[j + 12]),
                ];
                let odd = [
                    _mm512_shuffle_f32x4::<0xDD>(v[j], v[j + 4]),
                    _mm512_shuffle_f32x4::<0xDD>(v[j + 8], v[j + 12]),
                ];
                v[j] = _mm512_shuffle_f32x4::<0x88>(even[0], even[1]);
                v[j + 4] = _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]);
                v[j + 8] = _mm512_shuffle_f32x4::<0xDD>(even[0], even[1]);
                v[j + 12] = _mm512_shuffle_f32x4::<0xDD>(odd[0], odd[1]);
            }
        }
    }

    #[inline(always)]
    fn splat_u32(self, x: u32) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_set1_epi32(x.cast_signed()) }
    }

    #[inline(always)]
    fn count_from(self, x: u32) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe {
            let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            _mm512_add_epi32(_mm512_set1_epi32(x.cast_signed()), lanes)
        }
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn multiply_wide(self, a: __m512i, by: u32) -> (__m512i, __m512i) {
        // SAFETY: the token proves AVX-512 F. The instruction multiplies the even lanes; the odd ones are moved there first.
        unsafe {
            let by = _mm512_set1_epi32(by.cast_signed());
            let even = _mm512_mul_epu32(a, by);
            let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), by);
            let high = _mm512_mask_shuffle_epi32::<0b11_11_01_01>(odd, 0x5555, even);
            let low = _mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xAAAA, odd);
            (high, low)
        }
    }

    #[inline(always)]
    fn low_half(self, a: __m512i) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_cvtepi32_ps(_mm512_and_si512(a, _mm512_set1_epi32(0xFFFF))) }
    }

    #[inline(always)]
    fn high_half(self, a: __m512i) -> __m512 {
        // SAFETY: the token proves AVX-512 F.
        unsafe { _mm512_cvtepi32_ps(_mm512_srli_epi32::<16>(a)) }
    }
}
