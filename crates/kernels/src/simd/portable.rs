//! Arrays of eight, for processors without a token of their own.

use super::{Simd, WIDEST};

/// The portable token: any machine will do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Portable;

const LANES: usize = 8;

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = [f32; LANES];
    type U = [u32; LANES];
    const LANES: usize = LANES;
    /// Eight numbers are two registers of the x86-64 and 64-bit Arm baselines, of which there are 16 at the least.
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load_ptr(self, from: *const f32) -> Self::V {
        // SAFETY: the caller promises LANES readable numbers.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_ptr(self, v: Self::V, to: *mut f32) {
        // SAFETY: the caller promises room for LANES numbers.
        unsafe { to.cast::<Self::V>().write_unaligned(v) }
    }

    #[inline(always)]
    fn load_some(self, from: &[f32]) -> Self::V {
        std::array::from_fn(|i| from.get(i).copied().unwrap_or(0.0))
    }

    #[inline(always)]
    fn store_some(self, v: Self::V, to: &mut [f32]) {
        to.iter_mut().zip(v).for_each(|(to, x)| *to = x);
    }

    #[inline(always)]
    unsafe fn load_bytes(self, from: *const u8) -> Self::V {
        // SAFETY: the caller promises LANES readable bytes.
        unsafe { from.cast::<[u8; LANES]>().read() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn store_bytes(self, v: Self::V, to: *mut u8) {
        // SAFETY: the caller promises room for LANES bytes.
        unsafe { to.cast::<[u8; LANES]>().write(v.map(|x| x as u8)) };
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Not `f32::mul_add`: without an instruction for it, that is a call into the C library for each number.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn min(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    fn round(self, a: Self::V) -> Self::V {
        // Adding and taking away 1.5 * 2^23 leaves no room for a fraction; exact for |a| < 2^22, which is all it is used for.
        const SHIFT: f32 = 12_582_912.0;
        a.map(|x| (x + SHIFT) - SHIFT)
    }

    #[inline(always)]
    fn select_gt(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] > b[i] { yes[i] } else { no[i] })
    }

    #[inline(always)]
    fn select_eq(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] == b[i] { yes[i] } else { no[i] })
    }

    #[inline(always)]
    fn exp2_int(self, n: Self::V) -> Self::V {
        n.map(|n| f32::from_bits(((n as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    fn transpose(self, vectors: &mut [Self::V; WIDEST]) {
        let columns: [Self::V; LANES] = std::array::from_fn(|i| std::array::from_fn(|j| vectors[j][i]));
        vectors[..LANES].copy_from_slice(&columns);
    }

    #[inline(always)]
    fn splat_u32(self, x: u32) -> Self::U {
        [x; LANES]
    }

    #[inline(always)]
    fn count_from(self, x: u32) -> Self::U {
        std::array::from_fn(|i| x.wrapping_add(i as u32))
    }

    #[inline(always)]
    fn xor(self, a: Self::U, b: Self::U) -> Self::U {
        std::array::from_fn(|i| a[i] ^ b[i])
    }

    #[inline(always)]
    fn multiply_wide(self, a: Self::U, by: u32) -> (Self::U, Self::U) {
        let products = a.map(|a| u64::from(a) * u64::from(by));
        (products.map(|product| (product >> 32) as u32), products.map(|product| product as u32))
    }

    #[inline(always)]
    fn low_half(self, a: Self::U) -> Self::V {
        a.map(|a| (a & 0xFFFF) as f32)
    }

    #[inline(always)]
    fn high_half(self, a: Self::U) -> Self::V {
        a.map(|a| (a >> 16) as f32)
    }
}
