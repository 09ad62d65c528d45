//! What sums of products are made of.

use super::path::ByteSimd;

/// Numbers of a pixel and weights, and how some of them are multiplied together in each lane.
pub(super) trait Operand: Copy {
    /// A number of a pixel.
    type Pixel: Copy + From<u8> + Send + Sync;
    /// A weight.
    type Weight: Copy + Default + From<i8>;
    /// The numbers that are multiplied together, in every lane.
    type Pixels<S: ByteSimd>: Copy;
    /// As many weights for each lane.
    type Weights<S: ByteSimd>: Copy;
    /// How many numbers are multiplied together.
    const TOGETHER: usize;

    /// Bytes as numbers of pixels, where they are read as they are.
    fn in_place(bytes: &[u8]) -> Option<&[Self::Pixel]>;

    /// Reads a lane's numbers into every lane.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn pixels<S: ByteSimd>(simd: S, from: *const Self::Pixel) -> Self::Pixels<S>;

    /// Reads weights for each lane.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn weights<S: ByteSimd>(simd: S, from: *const Self::Weight) -> Self::Weights<S>;

    /// The sums with the lane's products more, wrapping around.
    fn dot<S: ByteSimd>(simd: S, sums: S::I, x: Self::Pixels<S>, w: Self::Weights<S>) -> S::I;
}

/// Bytes, four together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quads;

/// Integers of 16 bits, two together: where no instruction multiplies bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pairs;

/// Rows of a tile of two vectors' width.
pub(super) const fn rows_of<O: Operand, S: ByteSimd>() -> usize {
    if O::TOGETHER == Quads::TOGETHER { S::ROWS } else { S::ROWS_OF_PAIRS }
}

impl Operand for Quads {
    type Pixel = u8;
    type Weight = i8;
    type Pixels<S: ByteSimd> = S::X;
    type Weights<S: ByteSimd> = S::W;
    const TOGETHER: usize = 4;

    fn in_place(bytes: &[u8]) -> Option<&[u8]> {
        Some(bytes)
    }

    #[inline(always)]
    unsafe fn pixels<S: ByteSimd>(simd: S, from: *const u8) -> S::X {
        // SAFETY: promised by the caller.
        unsafe { simd.quad(from) }
    }

    #[inline(always)]
    unsafe fn weights<S: ByteSimd>(simd: S, from: *const i8) -> S::W {
        // SAFETY: promised by the caller.
        unsafe { simd.weights(from) }
    }

    #[inline(always)]
    fn dot<S: ByteSimd>(simd: S, sums: S::I, x: S::X, w: S::W) -> S::I {
        simd.dot(sums, x, w)
    }
}

impl Operand for Pairs {
    type Pixel = i16;
    type Weight = i16;
    type Pixels<S: ByteSimd> = S::I;
    type Weights<S: ByteSimd> = S::I;
    const TOGETHER: usize = 2;

    fn in_place(_: &[u8]) -> Option<&[i16]> {
        None
    }

    #[inline(always)]
    unsafe fn pixels<S: ByteSimd>(simd: S, from: *const i16) -> S::I {
        // SAFETY: promised by the caller.
        unsafe { simd.pair(from) }
    }

    #[inline(always)]
    unsafe fn weights<S: ByteSimd>(simd: S, from: *const i16) -> S::I {
        // SAFETY: the caller promises two weights a lane.
        unsafe { simd.integers(from.cast()) }
    }

    #[inline(always)]
    fn dot<S: ByteSimd>(simd: S, sums: S::I, x: S::I, w: S::I) -> S::I {
        simd.add_products(sums, x, w)
    }
}
