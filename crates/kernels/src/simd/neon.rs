//! NEON (Advanced SIMD) of 64-bit Arm: four lanes, thirty-two registers.

#[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
use std::arch::aarch64::*;

use super::{Kernel, Simd, WIDEST};

/// Proof that the CPU has NEON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Neon(());

impl Neon {
    pub(crate) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    #[inline]
    pub(crate) fn call<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn compiled<K: Kernel>(token: Neon, kernel: K) -> K::Output {
            kernel.run(token)
        }
        // SAFETY: the token exists only where `detect` found this feature.
        unsafe { compiled(self, kernel) }
    }
}

const LANES: usize = 4;

impl Simd for Neon {
    type V = float32x4_t;
    type U = uint32x4_t;
    const LANES: usize = LANES;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> float32x4_t {
        // SAFETY: the token proves NEON; the caller promises 4 readable numbers.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: float32x4_t, to: *mut f32) {
        // SAFETY: the token proves NEON; the caller promises room for 4 numbers.
        unsafe { vst1q_f32(to, v) }
    }

    #[inline(always)]
    fn load_some(self, from: &[f32]) -> float32x4_t {
        if let Some(from) = from.first_chunk::<LANES>() {
            // SAFETY: four numbers are there.
            return unsafe { self.load_ptr(from.as_ptr()) };
        }
        let mut lanes = [0.0; LANES];
        lanes[..from.len()].copy_from_slice(from);
        // SAFETY: as above.
        unsafe { self.load_ptr(lanes.as_ptr()) }
    }

    #[inline(always)]
    fn store_some(self, v: float32x4_t, to: &mut [f32]) {
        if let Some(to) = to.first_chunk_mut::<LANES>() {
            // SAFETY: there is room for four numbers.
            return unsafe { self.store_ptr(v, to.as_mut_ptr()) };
        }
        let mut lanes = [0.0; LANES];
        // SAFETY: as above.
        unsafe { self.store_ptr(v, lanes.as_mut_ptr()) };
        let len = to.len();
        to.copy_from_slice(&lanes[..len]);
    }

    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> float32x4_t {
        // SAFETY: the token proves NEON; the caller promises 4 readable bytes.
        unsafe {
            let bytes = vreinterpret_u8_u32(vdup_n_u32(from.cast::<u32>().read_unaligned()));
            vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))))
        }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, v: float32x4_t, to: *mut u8) {
        // SAFETY: the token proves NEON; the caller promises room for 4 bytes.
        unsafe {
            let halves = vmovn_u32(vcvtq_u32_f32(v));
            let bytes = vmovn_u16(vcombine_u16(halves, halves));
            to.cast::<u32>().write_unaligned(vget_lane_u32::<0>(vreinterpret_u32_u8(bytes)));
        }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vfmaq_f32(c, a, b) }
    }

    // Not `vminq_f32` and `vmaxq_f32`, which give NaN where either is not a number.
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.select_gt(b, a, a, b)
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.select_gt(a, b, a, b)
    }

    #[inline(always)]
    fn sqrt(self, a: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vsqrtq_f32(a) }
    }

    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vrndnq_f32(a) }
    }

    #[inline(always)]
    fn select_gt(self, a: float32x4_t, b: float32x4_t, yes: float32x4_t, no: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vbslq_f32(vcgtq_f32(a, b), yes, no) }
    }

    #[inline(always)]
    fn select_eq(self, a: float32x4_t, b: float32x4_t, yes: float32x4_t, no: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vbslq_f32(vceqq_f32(a, b), yes, no) }
    }

    #[inline(always)]
    fn exp2_int(self, n: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON. The bits of 2^n are n + 127 in the exponent field.
        unsafe {
            let exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        }
    }

    #[inline(always)]
    fn transpose(self, v: &mut [float32x4_t; WIDEST]) {
        // SAFETY: the token proves NEON.
        unsafe {
            // Pairs of numbers, one of each of two vectors; then pairs of such pairs.
            let [even_low, odd_low, even_high, odd_high] = [
                vtrn1q_f32(v[0], v[1]),
                vtrn2q_f32(v[0], v[1]),
                vtrn1q_f32(v[2], v[3]),
                vtrn2q_f32(v[2], v[3]),
            ]
            .map(|pair| vreinterpretq_f64_f32(pair));
            v[0] = vreinterpretq_f32_f64(vzip1q_f64(even_low, even_high));
            v[1] = vreinterpretq_f32_f64(vzip1q_f64(odd_low, odd_high));
            v[2] = vreinterpretq_f32_f64(vzip2q_f64(even_low, even_high));
            v[3] = vreinterpretq_f32_f64(vzip2q_f64(odd_low, odd_high));
        }
    }

    #[inline(always)]
    fn splat_u32(self, x: u32) -> uint32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vdupq_n_u32(x) }
    }

    #[inline(always)]
    fn count_from(self, x: u32) -> uint32x4_t {
        const COUNT: [u32; LANES] = [0, 1, 2, 3];
        // SAFETY: the token proves NEON; four numbers are there.
        unsafe { vaddq_u32(vdupq_n_u32(x), vld1q_u32(COUNT.as_ptr())) }
    }

    #[inline(always)]
    fn xor(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { veorq_u32(a, b) }
    }

    #[inline(always)]
    fn multiply_wide(self, a: uint32x4_t, by: u32) -> (uint32x4_t, uint32x4_t) {
        // SAFETY: the token proves NEON. Products of the lower and of the upper two lanes, 64 bits each; the odd halves are high.
        unsafe {
            let by = vdupq_n_u32(by);
            let lower = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a), vget_low_u32(by)));
            let upper = vreinterpretq_u32_u64(vmull_high_u32(a, by));
            (vuzp2q_u32(lower, upper), vuzp1q_u32(lower, upper))
        }
    }

    #[inline(always)]
    fn low_half(self, a: uint32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vcvtq_f32_u32(vandq_u32(a, vdupq_n_u32(0xFFFF))) }
    }

    #[inline(always)]
    fn high_half(self, a: uint32x4_t) -> float32x4_t {
        // SAFETY: the token proves NEON.
        unsafe { vcvtq_f32_u32(vshrq_n_u32::<16>(a)) }
    }
}
