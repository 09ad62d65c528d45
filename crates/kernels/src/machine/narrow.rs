//! Products of narrow numbers: what int8, bf16 and f16 networks could be computed with.

use std::hint::black_box;

use super::arithmetic::Fma;
use crate::Isa;
use crate::int8::path::{ByteKernel, ByteSimd, Path};
use crate::simd::{Half, HalfFormat, Scale};

/// Products of narrow numbers, several in the place of one of `f32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NarrowProduct {
    /// Four of unsigned and signed bytes, summed in 32-bit integers (VNNI).
    Int8,
    /// Two of 16 bits, summed in `f32` or for a while in f16.
    Half(HalfFormat),
}

impl NarrowProduct {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Int8, Self::Half(HalfFormat::Bf16), Self::Half(HalfFormat::F16)];

    /// `int8`, `bf16` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Half(format) => format.name(),
        }
    }

    /// The instruction for it on registers of `isa`, if the processor has one.
    pub(super) fn instruction(self, isa: Isa) -> Option<Instruction> {
        match self {
            Self::Int8 => Some(Path::of(isa)).filter(|path| path.has_vnni()).map(Instruction::Int8),
            Self::Half(format) => isa.half(format).map(Instruction::Half),
        }
    }
}

/// An instruction that was found on this processor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    Int8(Path),
    Half(Half),
}

impl Instruction {
    /// So many rounds on independent accumulators; the multiplications and additions of one.
    pub(super) fn run(self, rounds: usize) -> usize {
        match self {
            Self::Int8(path) => {
                let mut operations = 0;
                path.call(Dot { rounds, operations: &mut operations });
                operations
            }
            Self::Half(half) => Half::NUMBERS * half.call(Scale::ONE, Fma(rounds)),
        }
    }
}

/// Independent accumulators: with two operands they fit sixteen registers, and hide a latency of five cycles.
const CHAINS: usize = 12;

/// Rounds of dot products of bytes.
struct Dot<'a> {
    rounds: usize,
    /// What one round does, told afterwards.
    operations: &'a mut usize,
}

impl ByteKernel for Dot<'_> {
    #[inline(always)]
    fn run<S: ByteSimd>(self, simd: S) {
        /// Lanes of the widest path.
        const WIDEST: usize = 16;
        let (x, w, mut sums) = (black_box([1_u8; 4]), black_box([-1_i8; 4 * WIDEST]), [0_i32; WIDEST]);
        const { assert!(S::LANES <= WIDEST) };
        // SAFETY: there are four bytes, and four weights and an integer for each lane.
        unsafe {
            let (x, w) = (simd.quad(x.as_ptr()), simd.weights(w.as_ptr()));
            let mut chains = [simd.integers(sums.as_ptr()); CHAINS];
            for _ in 0..self.rounds {
                for chain in &mut chains {
                    *chain = simd.dot(*chain, x, w);
                }
            }
            for chain in chains {
                simd.store_integers(chain, sums.as_mut_ptr());
                black_box(&sums);
            }
        }
        *self.operations = 2 * 4 * S::LANES * CHAINS;
    }
}
