//! Arrays of eight, for processors without a path of their own.

use super::ByteSimd;

/// The portable token: any processor will do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortableBytes;

const LANES: usize = 8;

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl ByteSimd for PortableBytes {
    type I = [i32; LANES];
    type F = [f32; LANES];
    /// The first weight of every lane, the second of every lane and so on, so that loops go along the lanes.
    type W = [[i16; LANES]; 4];
    type X = [i16; 4];
    const LANES: usize = LANES;
    const ROWS: usize = 2;
    const ROWS_OF_PAIRS: usize = 2;

    #[inline(always)]
    unsafe fn weights(self, from: *const i8) -> Self::W {
        // SAFETY: the caller promises four weights a lane.
        let read = unsafe { from.cast::<[[i8; 4]; LANES]>().read() };
        std::array::from_fn(|k| std::array::from_fn(|lane| i16::from(read[lane][k])))
    }

    #[inline(always)]
    unsafe fn quad(self, from: *const u8) -> Self::X {
        // SAFETY: the caller promises four bytes.
        unsafe { from.cast::<[u8; 4]>().read() }.map(i16::from)
    }

    #[inline(always)]
    fn dot(self, sums: Self::I, x: Self::X, w: Self::W) -> Self::I {
        std::array::from_fn(|lane| {
            let product = |k: usize| i32::from(x[k]) * i32::from(w[k][lane]);
            sums[lane].wrapping_add(product(0) + product(1) + product(2) + product(3))
        })
    }

    #[inline(always)]
    unsafe fn integers(self, from: *const i32) -> Self::I {
        // SAFETY: the caller promises LANES integers.
        unsafe { from.cast::<Self::I>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_integers(self, v: Self::I, to: *mut i32) {
        // SAFETY: the caller promises room for LANES integers.
        unsafe { to.cast::<Self::I>().write_unaligned(v) }
    }

    #[inline(always)]
    unsafe fn floats(self, from: *const f32) -> Self::F {
        // SAFETY: the caller promises LANES numbers.
        unsafe { from.cast::<Self::F>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn unsigned(self, from: *const u8, n: usize) -> Self::I {
        // SAFETY: the caller promises n bytes.
        std::array::from_fn(|i| if i < n { i32::from(unsafe { *from.add(i) }) } else { 0 })
    }

    #[inline(always)]
    unsafe fn signed(self, from: *const i8, n: usize) -> Self::I {
        // SAFETY: the caller promises n bytes.
        std::array::from_fn(|i| if i < n { i32::from(unsafe { *from.add(i) }) } else { 0 })
    }

    #[inline(always)]
    unsafe fn pair(self, from: *const i16) -> Self::I {
        // SAFETY: the caller promises two integers.
        [unsafe { from.cast::<i32>().read_unaligned() }; LANES]
    }

    #[inline(always)]
    fn add_products(self, sums: Self::I, x: Self::I, w: Self::I) -> Self::I {
        // Which half lies first in memory is the same of both.
        let (lower, upper) = (|it: i32| i32::from(it as i16), |it: i32| it >> 16);
        std::array::from_fn(|i| {
            let products = (lower(x[i]) * lower(w[i])).wrapping_add(upper(x[i]) * upper(w[i]));
            sums[i].wrapping_add(products)
        })
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [x; LANES]
    }

    #[inline(always)]
    fn to_float(self, x: Self::I) -> Self::F {
        x.map(|x| x as f32)
    }

    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn store_bytes(self, v: Self::F, to: *mut u8, n: usize) {
        for (i, v) in v.iter().enumerate().take(n) {
            // SAFETY: the caller promises room for n bytes.
            unsafe { *to.add(i) = crate::int8::rounded(*v) };
        }
    }

    #[inline(always)]
    unsafe fn store_floats(self, v: Self::F, to: *mut f32, n: usize) {
        for (i, v) in v.iter().enumerate().take(n) {
            // SAFETY: the caller promises room for n numbers.
            unsafe { *to.add(i) = *v };
        }
    }
}
