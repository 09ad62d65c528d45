//! Dot products of narrow numbers, one token for each instruction: what int8 and bf16 networks could be computed with.

use crate::Isa;

/// A dot product of narrow numbers that is summed in wide ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DotProduct {
    /// Unsigned times signed bytes, summed in 32-bit integers (VNNI).
    Int8,
    /// Pairs of bf16, summed in `f32`.
    Bf16,
}

impl DotProduct {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Int8, Self::Bf16];

    /// `int8` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Bf16 => "bf16",
        }
    }

    /// The instruction for it on registers of `isa`, if the processor has one.
    pub(super) fn instruction(self, isa: Isa) -> Option<Instruction> {
        #[cfg(target_arch = "x86_64")]
        return match (self, isa.name()) {
            (Self::Int8, "avx512") => x86::Vnni512::detect().map(Instruction::Vnni512),
            (Self::Int8, "avx2") => x86::Vnni256::detect().map(Instruction::Vnni256),
            (Self::Bf16, "avx512") => x86::Bf16::detect().map(Instruction::Bf16),
            _ => None,
        };
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = isa;
            None
        }
    }
}

/// An instruction that was found on this processor.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    #[cfg(target_arch = "x86_64")]
    Vnni512(x86::Vnni512),
    #[cfg(target_arch = "x86_64")]
    Vnni256(x86::Vnni256),
    #[cfg(target_arch = "x86_64")]
    Bf16(x86::Bf16),
}

impl Instruction {
    /// Multiplications and additions of one round.
    pub(super) fn operations(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512(_) => 2 * 64 * x86::CHAINS,
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256(_) => 2 * 32 * x86::CHAINS,
            #[cfg(target_arch = "x86_64")]
            Self::Bf16(_) => 2 * 32 * x86::CHAINS,
        }
    }

    /// So many rounds on independent accumulators.
    pub(super) fn run(self, rounds: usize) {
        #[cfg(not(target_arch = "x86_64"))]
        let _ = rounds;
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni512(token) => token.run(rounds),
            #[cfg(target_arch = "x86_64")]
            Self::Vnni256(token) => token.run(rounds),
            #[cfg(target_arch = "x86_64")]
            Self::Bf16(token) => token.run(rounds),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "every name in it says what it is")]
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// Independent accumulators: with two operands they fit sixteen registers, and hide a latency of five cycles.
    pub(in super::super) const CHAINS: usize = 12;

    /// A token of an instruction, and its loop on `CHAINS` accumulators.
    macro_rules! instruction {
        ($(#[$doc:meta])* $token:ident, $features:literal, [$($needs:tt),+], $start:expr, $step:expr) => {
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(in super::super) struct $token(());

            impl $token {
                pub(in super::super) fn detect() -> Option<Self> {
                    let found = $(is_x86_feature_detected!($needs))&&+;
                    found.then_some(Self(()))
                }

                pub(in super::super) fn run(self, rounds: usize) {
                    #[target_feature(enable = $features)]
                    fn compiled(rounds: usize) {
                        let (start, step) = ($start, $step);
                        let mut sums = [black_box(start()); CHAINS];
                        for _ in 0..rounds {
                            for sum in &mut sums {
                                *sum = step(*sum);
                            }
                        }
                        black_box(sums);
                    }
                    // SAFETY: the token exists only where `detect` found these features.
                    unsafe { compiled(rounds) }
                }
            }
        };
    }

    instruction!(
        /// Proof that the CPU has AVX-512 VNNI.
        Vnni512,
        "avx512f,avx512vnni",
        ["avx512f", "avx512vnni"],
        || _mm512_setzero_si512(),
        {
            let (a, b) = (black_box(_mm512_set1_epi8(1)), black_box(_mm512_set1_epi8(-1)));
            move |sum| _mm512_dpbusd_epi32(sum, a, b)
        }
    );
    instruction!(
        /// Proof that the CPU has AVX-VNNI.
        Vnni256,
        "avx2,avxvnni",
        ["avx2", "avxvnni"],
        || _mm256_setzero_si256(),
        {
            let (a, b) = (black_box(_mm256_set1_epi8(1)), black_box(_mm256_set1_epi8(-1)));
            move |sum| _mm256_dpbusd_avx_epi32(sum, a, b)
        }
    );
    instruction!(
        /// Proof that the CPU has AVX-512 BF16.
        Bf16,
        "avx512f,avx512bf16",
        ["avx512f", "avx512bf16"],
        || _mm512_setzero_ps(),
        {
            // The bits of zero: sums stay numbers however long this runs.
            let zero = black_box(_mm512_cvtne2ps_pbh(_mm512_setzero_ps(), _mm512_setzero_ps()));
            move |sum| _mm512_dpbf16_ps(sum, zero, zero)
        }
    );
}
