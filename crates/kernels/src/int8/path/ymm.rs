//! AVX2, with and without AVX-VNNI: eight lanes.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::x86_64::*;
use std::fmt::Debug;

use super::{ByteKernel, ByteSimd};

/// AVX2 vectors whose bytes are multiplied as `D` does it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ymm<D>(D);

/// Four products a lane on AVX2 registers. Holding a value proves AVX2 and what the way needs besides.
pub(crate) trait Multiply: Copy + Debug + Send + Sync + 'static {
    type W: Copy;
    type X: Copy;
    const ROWS: usize;

    fn prepare_weights(self, w: __m256i) -> Self::W;
    fn prepare_quad(self, x: __m256i) -> Self::X;
    fn dot(self, sums: __m256i, x: Self::X, w: Self::W) -> __m256i;
}

/// Proof that the CPU has AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Widened(());

impl Widened {
    pub(super) fn detect() -> Option<Ymm<Self>> {
        is_x86_feature_detected!("avx2").then_some(Ymm(Self(())))
    }
}

impl Multiply for Widened {
    /// The weights of even and of odd numbers, 16 bits each.
    type W = [__m256i; 2];
    type X = [__m256i; 2];
    /// Eight sums, four vectors of weights and two of pixels are 14 of 16 registers.
    const ROWS: usize = 4;

    #[inline(always)]
    fn prepare_weights(self, w: __m256i) -> [__m256i; 2] {
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w)), _mm256_srai_epi16::<8>(w)] }
    }

    #[inline(always)]
    fn prepare_quad(self, x: __m256i) -> [__m256i; 2] {
        // SAFETY: the token proves AVX2.
        unsafe { [_mm256_and_si256(x, _mm256_set1_epi16(0xFF)), _mm256_srli_epi16::<8>(x)] }
    }

    #[inline(always)]
    fn dot(self, sums: __m256i, x: [__m256i; 2], w: [__m256i; 2]) -> __m256i {
        // SAFETY: the token proves AVX2.
        unsafe {
            let sums = _mm256_add_epi32(sums, _mm256_madd_epi16(x[0], w[0]));
            _mm256_add_epi32(sums, _mm256_madd_epi16(x[1], w[1]))
        }
    }
}

/// Proof that the CPU has AVX2 and AVX-VNNI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvxVnni(());

impl AvxVnni {
    pub(super) fn detect() -> Option<Ymm<Self>> {
        let found = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni");
        found.then_some(Ymm(Self(())))
    }
}

impl Multiply for AvxVnni {
    type W = __m256i;
    type X = __m256i;
    /// Twelve sums, two vectors of weights and one of pixels are 15 of 16 registers.
    const ROWS: usize = 6;

    #[inline(always)]
    fn prepare_weights(self, w: __m256i) -> __m256i {
        w
    }

    #[inline(always)]
    fn prepare_quad(self, x: __m256i) -> __m256i {
        x
    }

    #[inline(always)]
    fn dot(self, sums: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: the token proves AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(sums, x, w) }
    }
}

impl Ymm<Widened> {
    #[inline]
    pub(super) fn call<K: ByteKernel>(self, kernel: K) {
        #[target_feature(enable = "avx2")]
        fn compiled<K: ByteKernel>(token: Ymm<Widened>, kernel: K) {
            kernel.run(token);
        }
        // SAFETY: the token exists only where `detect` found the feature.
        unsafe { compiled(self, kernel) }
    }
}

impl Ymm<AvxVnni> {
    #[inline]
    pub(super) fn call<K: ByteKernel>(self, kernel: K) {
        #[target_feature(enable = "avx2,avxvnni")]
        fn compiled<K: ByteKernel>(token: Ymm<AvxVnni>, kernel: K) {
            kernel.run(token);
        }
        // SAFETY: the token exists only where `detect` found these features.
        unsafe { compiled(self, kernel) }
    }
}

impl<D: Multiply> ByteSimd for Ymm<D> {
    type I = __m256i;
    type F = __m256;
    type W = D::W;
    type X = D::X;
    const LANES: usize = 8;
    const ROWS: usize = D::ROWS;
    /// Twelve sums, two vectors of weights and one of pixels are 15 of 16 registers.
    const ROWS_OF_PAIRS: usize = 6;

    #[inline(always)]
    unsafe fn weights(self, from: *const i8) -> D::W {
        // SAFETY: the token proves AVX2; the caller promises 32 bytes.
        self.0.prepare_weights(unsafe { _mm256_loadu_si256(from.cast()) })
    }

    #[inline(always)]
    unsafe fn quad(self, from: *const u8) -> D::X {
        // SAFETY: the token proves AVX2; the caller promises 4 bytes.
        self.0.prepare_quad(unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) })
    }

    #[inline(always)]
    fn dot(self, sums: __m256i, x: D::X, w: D::W) -> __m256i {
        self.0.dot(sums, x, w)
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> __m256i {
        // SAFETY: the token proves AVX2; the caller promises 8 integers.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_integers(self, v: __m256i, to: *mut i32) {
        // SAFETY: the token proves AVX2; the caller promises room for 8 integers.
        unsafe { _mm256_storeu_si256(to.cast(), v) }
    }

    #[inline(always)]
    unsafe fn floats(self, from: *const f32) -> __m256 {
        // SAFETY: the token proves AVX2; the caller promises 8 numbers.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn unsigned(self, from: *const u8, n: usize) -> __m256i {
        // SAFETY: the token proves AVX2; the caller promises n bytes.
        unsafe { _mm256_cvtepu8_epi32(some_bytes(from, n)) }
    }

    #[inline(always)]
    unsafe fn signed(self, from: *const i8, n: usize) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_cvtepi8_epi32(some_bytes(from.cast(), n)) }
    }

    #[inline(always)]
    unsafe fn pair(self, from: *const i16) -> __m256i {
        // SAFETY: the token proves AVX2; the caller promises two integers.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    fn add_products(self, sums: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(x, w)) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn to_float(self, x: __m256i) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_cvtepi32_ps(x) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_mul_ps(a, b) }
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
    unsafe fn store_bytes(self, v: __m256, to: *mut u8, n: usize) {
        // SAFETY: the token proves AVX2; the caller promises room for n bytes.
        unsafe {
            let wide = _mm256_cvtps_epi32(v);
            let halves = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256::<1>(wide));
            let bytes = _mm_packus_epi16(halves, halves);
            if n == 8 {
                _mm_storel_epi64(to.cast(), bytes);
            } else {
                let bytes = _mm_cvtsi128_si64(bytes).to_ne_bytes();
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, n);
            }
        }
    }

    #[inline(always)]
    unsafe fn store_floats(self, v: __m256, to: *mut f32, n: usize) {
        // SAFETY: the token proves AVX2; the caller promises room for n numbers.
        unsafe {
            if n == 8 {
                _mm256_storeu_ps(to, v);
            } else {
                let mut lanes = [0.0; 8];
                _mm256_storeu_ps(lanes.as_mut_ptr(), v);
                std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n);
            }
        }
    }
}

/// `n` bytes, 1 to 8, and zeros.
///
/// # Safety
/// The CPU has AVX2, and the bytes are there to be read.
#[inline(always)]
unsafe fn some_bytes(from: *const u8, n: usize) -> __m128i {
    // SAFETY: promised by the caller.
    unsafe {
        if n == 8 {
            return _mm_loadl_epi64(from.cast());
        }
        let mut bytes = [0_u8; 8];
        std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), n);
        _mm_cvtsi64_si128(i64::from_ne_bytes(bytes))
    }
}
