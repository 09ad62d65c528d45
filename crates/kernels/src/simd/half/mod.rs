//! Pairs of numbers of 16 bits, side by side in the place of one `f32`.
//!
//! A product of two pairs is two products at once, so that a loop over pairs does two multiplications where one over `f32` does one. What a
//! pair is made of is rounded to the nearest, halves to even, as IEEE 754 has it.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod bf16;
#[cfg(target_arch = "x86_64")]
mod f16;
mod scale;

use super::{Isa, ProductKernel};
#[cfg(target_arch = "x86_64")]
use bf16::Avx512Bf16;
#[cfg(target_arch = "x86_64")]
use f16::Avx512F16;
pub(crate) use scale::Scale;

/// How 16 bits are a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HalfFormat {
    /// The upper half of an `f32`: 8 bits of precision and its range. Products are exact in `f32`, and so are summed; numbers below `f32`'s
    /// normal range are zeros.
    Bf16,
    /// IEEE 754's binary16: 11 bits of precision, up to 65,504 and down to 6e-8. Sums are of this format too, for some tens of products, and are
    /// added up in `f32`. Maps and their gradients, which may lie beyond that range, are scaled by a power of two so that the largest
    /// number of a block lies between 1 and 2: what scaling the loss does for all layers at once (Micikevicius and others 2018, "Mixed
    /// precision training") is done for each, and no step need be thrown away. Weights are taken as they are.
    F16,
}

impl HalfFormat {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Bf16, Self::F16];

    /// `bf16` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }
}

/// Proof that this machine multiplies pairs of numbers of a format ([`Isa::half`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Half(Token);

/// The instructions for it. Of other architectures none are known here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Token {
    #[cfg(target_arch = "x86_64")]
    Bf16(Avx512Bf16),
    #[cfg(target_arch = "x86_64")]
    F16(Avx512F16),
}

impl Isa {
    /// The instructions on pairs of a format that go with this instruction set, if this machine has them.
    pub fn half(self, format: HalfFormat) -> Option<Half> {
        match (self.0, format) {
            #[cfg(target_arch = "x86_64")]
            (super::Token::Avx512(token), HalfFormat::Bf16) => {
                Avx512Bf16::detect(token).map(|token| Half(Token::Bf16(token)))
            }
            #[cfg(target_arch = "x86_64")]
            (super::Token::Avx512(token), HalfFormat::F16) => {
                Avx512F16::detect(token).map(|token| Half(Token::F16(token)))
            }
            _ => None,
        }
    }

    /// The instructions on pairs of any format that go with this instruction set.
    pub fn halves(self) -> impl Iterator<Item = Half> {
        HalfFormat::ALL.into_iter().filter_map(move |format| self.half(format))
    }
}

/// Calls a method of the instructions.
macro_rules! with_token {
    ($half:expr, |$token:ident| $call:expr) => {
        match $half.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Bf16($token) => $call,
            #[cfg(target_arch = "x86_64")]
            Token::F16($token) => $call,
        }
    };
}

impl Half {
    /// Numbers of a pair.
    pub(crate) const NUMBERS: usize = 2;

    /// What a number is.
    pub fn format(self) -> HalfFormat {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Bf16(_) => HalfFormat::Bf16,
            #[cfg(target_arch = "x86_64")]
            Token::F16(_) => HalfFormat::F16,
        }
    }

    /// Runs `kernel` with products of pairs in place of products of numbers. Sums are those of the numbers as they were before `scale`.
    #[inline]
    pub(crate) fn call<K: ProductKernel>(self, scale: Scale, kernel: K) -> K::Output {
        with_token!(self, |token| token.call(scale, kernel))
    }

    /// The scale by which numbers of which these runs are made are best rounded.
    pub(crate) fn scale<'a>(self, runs: impl Iterator<Item = &'a [f32]>) -> Scale {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Token::Bf16(_) => Scale::ONE,
            #[cfg(target_arch = "x86_64")]
            Token::F16(token) => Scale::of(token.largest(runs)),
        }
    }

    /// Rounds numbers: each pair of neighbours becomes a pair.
    ///
    /// # Panics
    /// When there are not twice as many numbers as pairs.
    #[inline]
    pub(crate) fn round(self, scale: Scale, from: &[f32], to: &mut [f32]) {
        assert_eq!(from.len(), Self::NUMBERS * to.len(), "numbers of pairs");
        with_token!(self, |token| token.round(scale.factor(), from, to));
    }

    /// Rounds numbers: one of `low` and one of `high` become a pair.
    ///
    /// # Panics
    /// When there are not as many of both as there are pairs.
    #[inline]
    pub(crate) fn interleave(self, scale: Scale, low: &[f32], high: &[f32], to: &mut [f32]) {
        assert!(low.len() == to.len() && high.len() == to.len(), "numbers of pairs");
        with_token!(self, |token| token.interleave(scale.factor(), low, high, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::half::{nearest, numbers};
    use proptest::prelude::*;

    fn is_same(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
    }

    /// Any number that is not below `f32`'s normal range, nor rounds to one in bf16, and NaN.
    fn number() -> impl Strategy<Value = f32> {
        let bits = any::<u32>().prop_map(f32::from_bits);
        let half = any::<u16>().prop_map(|high| f32::from_bits(u32::from(high) << 16 | 0x8000));
        let of_f16 =
            (any::<bool>(), -27..18_i32, 0_u32..1 << 13).prop_map(|(is_negative, exponent, mantissa)| {
                // Eleven bits, and what decides how the last of them is rounded.
                let x = (f64::from(mantissa) / f64::from(1 << 13) + 1.0) * 2_f64.powi(exponent);
                if is_negative { -x as f32 } else { x as f32 }
            });
        let known = [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NAN,
            f32::MAX,
            65_504.0,
            65_519.99,
            65_520.0,
            6e-8,
            2e-8,
            -2.98e-8,
        ];
        prop_oneof![bits, half, of_f16, proptest::sample::select(known.to_vec())]
            .prop_filter("normal", |x| !x.is_subnormal() && x.to_bits() & 0x7FFF_FFFF != 0x007F_FFFF)
    }

    proptest! {
        #[test]
        fn numbers_are_rounded_to_the_nearest(numbers_of in proptest::collection::vec((number(), number()), 0..80)) {
            for half in Isa::best().halves() {
                let flat: Vec<f32> = numbers_of.iter().flat_map(|&(a, b)| [a, b]).collect();
                let (low, high): (Vec<f32>, Vec<f32>) = numbers_of.iter().copied().unzip();
                let (mut rounded, mut interleaved) = (vec![1.0; low.len()], vec![1.0; low.len()]);
                half.round(Scale::ONE, &flat, &mut rounded);
                half.interleave(Scale::ONE, &low, &high, &mut interleaved);
                for (i, (low, high)) in numbers_of.iter().copied().enumerate() {
                    let expected = [low, high].map(|x| nearest(half.format(), x));
                    for found in [rounded[i], interleaved[i]].map(|pair| numbers(half.format(), pair)) {
                        prop_assert!(
                            (0..2).all(|n| is_same(found[n], expected[n])),
                            "{:?}: {found:?}, not {expected:?}", half.format()
                        );
                    }
                }
            }
        }

        #[test]
        fn a_scale_brings_the_largest_between_one_and_two(
            numbers_of in proptest::collection::vec(-1e30_f32..1e30, 1..70),
            shrink in -120..0_i32,
        ) {
            let Some(half) = Isa::best().half(HalfFormat::F16) else { return Ok(()) };
            let small: Vec<f32> = numbers_of.iter().map(|x| x * 2_f32.powi(shrink)).collect();
            let largest = small.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            prop_assume!(largest >= f32::MIN_POSITIVE);
            let scale = half.scale([&small[..1], &small[1..]].into_iter());
            let scaled = largest * scale.factor();
            prop_assert!((1.0..2.0).contains(&scaled), "{largest} became {scaled}");
            prop_assert_eq!(scaled * scale.undo(), largest);
        }
    }

    #[test]
    fn other_instruction_sets_have_none() {
        assert_eq!(Isa::PORTABLE.halves().count(), 0);
        assert!(
            Isa::present()
                .into_iter()
                .filter(|isa| isa.halves().next().is_some())
                .all(|isa| isa.name() == "avx512")
        );
    }
}
