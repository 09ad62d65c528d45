//! Vectors of bytes and of the 32-bit sums of their products, one token for each way in which processors multiply them.
//!
//! | path | needs | how four products are added |
//! |---|---|---|
//! | `avx512-vnni` | AVX-512 with VNNI | `vpdpbusd`, 64 products an instruction |
//! | `avx-vnni` | AVX2 with AVX-VNNI | `vpdpbusd`, 32 products |
//! | `avx2` | AVX2 | even and odd bytes widened to 16 bits, `vpmaddwd` on each: `vpmaddubsw` would saturate |
//! | `portable` | any processor | plain loops |
//!
//! Integer sums are exact on all, and what is done to them afterwards in `f32` is the same sequence of operations, none of them
//! fused: every path gives the same bits.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(target_arch = "x86_64")]
mod ymm;

use crate::Isa;
#[cfg(target_arch = "x86_64")]
use avx512::Avx512Vnni;
use portable::PortableBytes;
#[cfg(target_arch = "x86_64")]
use ymm::{AvxVnni, Widened, Ymm};

/// A way to multiply bytes that this machine has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path {
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni(Avx512Vnni),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(Ymm<AvxVnni>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Ymm<Widened>),
    Portable(PortableBytes),
}

impl Path {
    /// The best that an instruction set allows.
    pub(crate) fn of(isa: Isa) -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = if isa.name() == "avx512" { Avx512Vnni::detect().map(Self::Avx512Vnni) } else { None };
            let narrow = || {
                let vnni = AvxVnni::detect().map(Self::AvxVnni);
                vnni.or_else(|| Widened::detect().map(Self::Avx2))
            };
            if let Some(path) = wide.or_else(|| if isa == Isa::PORTABLE { None } else { narrow() }) {
                return path;
            }
        }
        let _ = isa;
        Self::Portable(PortableBytes)
    }

    /// Whether one instruction multiplies bytes and adds their products.
    pub(crate) fn has_vnni(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(_) | Self::AvxVnni(_) => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => false,
            Self::Portable(_) => false,
        }
    }

    /// All that this machine has.
    #[cfg(test)]
    pub(super) fn present() -> Vec<Self> {
        [
            #[cfg(target_arch = "x86_64")]
            Avx512Vnni::detect().map(Self::Avx512Vnni),
            #[cfg(target_arch = "x86_64")]
            AvxVnni::detect().map(Self::AvxVnni),
            #[cfg(target_arch = "x86_64")]
            Widened::detect().map(Self::Avx2),
            Some(Self::Portable(PortableBytes)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Runs `kernel` compiled for this path.
    #[inline]
    pub(crate) fn call<K: ByteKernel>(self, kernel: K) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni(token) => token.call(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(token) => token.call(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => token.call(kernel),
            Self::Portable(token) => kernel.run(token),
        }
    }
}

/// A loop over bytes that can be compiled for every path. Implementations, and all that they call with a token, are
/// `#[inline(always)]`.
pub(crate) trait ByteKernel {
    fn run<S: ByteSimd>(self, simd: S);
}

/// The operations of one path. Holding a value proves that the processor has them.
pub(crate) trait ByteSimd: Copy + Send + Sync + 'static {
    /// [`Self::LANES`] 32-bit integers.
    type I: Copy;
    /// As many `f32`.
    type F: Copy;
    /// Four weights for each lane, as [`Self::dot`] takes them.
    type W: Copy;
    /// Four pixels' bytes in every lane, as [`Self::dot`] takes them.
    type X: Copy;
    const LANES: usize;
    /// Rows of a tile of two vectors' width: with what goes into them they fit the registers.
    const ROWS: usize;
    /// The same of a tile of sums of [`Self::add_products`].
    const ROWS_OF_PAIRS: usize;

    /// Reads four weights for each lane.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn weights(self, from: *const i8) -> Self::W;

    /// Reads four bytes into every lane.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn quad(self, from: *const u8) -> Self::X;

    /// The sums with four products more in each lane, wrapping around.
    fn dot(self, sums: Self::I, x: Self::X, w: Self::W) -> Self::I;

    /// Reads integers, one a lane.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn integers(self, from: *const i32) -> Self::I;

    /// Writes integers, one a lane.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn store_integers(self, v: Self::I, to: *mut i32);

    /// Reads numbers, one a lane.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn floats(self, from: *const f32) -> Self::F;

    /// Reads `n` bytes, 1 to `LANES`, one a lane; the other lanes are zero.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn unsigned(self, from: *const u8, n: usize) -> Self::I;

    /// As [`Self::unsigned`], of bytes with a sign.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn signed(self, from: *const i8, n: usize) -> Self::I;

    /// Reads two 16-bit integers into every lane.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn pair(self, from: *const i16) -> Self::I;

    /// The sums with two products more in each lane, of the lower and of the upper 16 bits, which have a sign; wrapping around.
    fn add_products(self, sums: Self::I, x: Self::I, w: Self::I) -> Self::I;

    fn splat(self, x: f32) -> Self::F;
    /// The nearest number; halves to even.
    fn to_float(self, x: Self::I) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a < b ? a : b`.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a > b ? a : b`.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;

    /// Writes the first `n` lanes, 1 to `LANES`, of numbers from 0 to 255, rounded to the nearest; halves to even.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn store_bytes(self, v: Self::F, to: *mut u8, n: usize);

    /// Writes the first `n` lanes, 1 to `LANES`.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn store_floats(self, v: Self::F, to: *mut f32, n: usize);
}
