//! How much arithmetic the machine does at most.

use std::hint::black_box;
use std::time::Duration;

use super::clock::shortest;
use super::narrow::NarrowProduct;
use crate::simd::{HalfFormat, Product, ProductKernel, Simd};
use crate::{Cpu, Isa};

/// How long each rate is measured.
const BUDGET: Duration = Duration::from_millis(60);

/// Rounds of a task: some 200 microseconds, against which handing it out is nothing.
const ROUNDS: usize = 50_000;

/// Multiplications and additions of `f32`, counted as two, that all threads together do in a second.
pub fn fma_rate(cpu: &Cpu) -> f64 {
    let per_task = cpu.isa().call(Fma(1));
    let seconds = shortest(BUDGET, || {
        cpu.team().run(cpu.threads(), |_, _| {
            black_box(cpu.isa().call(Fma(ROUNDS)));
        });
    });
    (per_task * ROUNDS * cpu.threads()) as f64 / seconds
}

/// Multiplications and additions, counted as two, of narrow numbers that all threads together do in a second, with the
/// registers of the [`Cpu`]'s instruction set; none where the processor has no instruction for it.
pub fn narrow_rate(cpu: &Cpu, product: NarrowProduct) -> Option<f64> {
    let instruction = product.instruction(cpu.isa())?;
    let seconds = shortest(BUDGET, || {
        cpu.team().run(cpu.threads(), |_, _| {
            black_box(instruction.run(ROUNDS));
        });
    });
    Some((instruction.run(1) * ROUNDS * cpu.threads()) as f64 / seconds)
}

/// What one thread does in a second with `f32`, and with pairs of 16 bits each, by [`fma_rate`] and [`narrow_rate`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct HalfRates {
    /// Multiplications and additions of `f32`, counted as two.
    pub f32: f64,
    /// The same of the pairs.
    pub half: f64,
}

impl HalfRates {
    /// Measures for some ten milliseconds; none where the processor has no instruction that goes with `isa`.
    pub fn measure(isa: Isa, format: HalfFormat) -> Option<Self> {
        const BUDGET: Duration = Duration::from_millis(5);
        let pairs = NarrowProduct::Half(format).instruction(isa)?;
        let products = || {
            black_box(pairs.run(ROUNDS));
        };
        let half = (pairs.run(1) * ROUNDS) as f64 / shortest(BUDGET, products);
        let fma = || {
            black_box(isa.call(Fma(ROUNDS)));
        };
        let f32 = (isa.call(Fma(1)) * ROUNDS) as f64 / shortest(BUDGET, fma);
        Some(Self { f32, half })
    }
}

/// So many rounds of multiply-adds in independent chains; the operations of one round, where products are of single numbers.
pub(super) struct Fma(pub(super) usize);

impl ProductKernel for Fma {
    type Output = usize;

    #[inline(always)]
    fn run_with<S: Simd, P: Product<S>>(self, simd: S, product: P) -> usize {
        // A multiply-add takes four cycles and two begin in each, so eight hide its latency. The accumulators and two operands must
        // fit the registers, of which the portable vectors take two each.
        if S::REGISTERS < 16 {
            chains::<S, P, 6>(simd, product, self.0)
        } else {
            chains::<S, P, 12>(simd, product, self.0)
        }
    }
}

#[inline(always)]
fn chains<S: Simd, P: Product<S>, const CHAINS: usize>(simd: S, product: P, rounds: usize) -> usize {
    // Two halves of f16, and as one number or in bf16 some 3e-5: what is added up approaches 1, or stays about there, and neither overflows nor
    // becomes denormal. Each product is of the one before, or a compiler would make it once for all.
    let halves = f32::from_bits(0x3800_3800);
    let (factor, term) = (simd.splat(black_box(halves)), simd.splat(black_box(halves)));
    let mut sums = [simd.splat(black_box(halves)); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = product.add_to(term, *sum, factor);
        }
    }
    let total = sums.into_iter().fold(simd.zero(), |a, b| simd.add(a, b));
    black_box(simd.sum(total));
    2 * CHAINS * S::LANES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_positive_and_narrow_numbers_are_optional() {
        for isa in Isa::present() {
            for threads in [1, 2] {
                let cpu = Cpu::with_isa(isa, threads);
                let rate = fma_rate(&cpu);
                assert!(rate.is_finite() && rate > 1e6, "{}: {rate}", isa.name());
                for product in NarrowProduct::ALL {
                    let rate = narrow_rate(&cpu, product);
                    assert!(
                        rate.is_none_or(|rate| rate.is_finite() && rate > 1e6),
                        "{}: {rate:?}",
                        isa.name()
                    );
                }
            }
        }
        let portable = Cpu::with_isa(Isa::PORTABLE, 1);
        assert!(NarrowProduct::ALL.into_iter().all(|product| narrow_rate(&portable, product).is_none()));
    }

    #[test]
    fn rates_of_halves_are_told_where_there_is_such_an_instruction() {
        for isa in Isa::present() {
            for format in HalfFormat::ALL {
                let rates = HalfRates::measure(isa, format);
                assert_eq!(rates.is_some(), isa.half(format).is_some(), "{}", isa.name());
                assert!(rates.is_none_or(|HalfRates { f32, half }| f32 > 1e6 && half > 1e6), "{rates:?}");
            }
        }
    }

    #[test]
    fn a_round_counts_two_operations_a_lane_and_chain() {
        for isa in Isa::present() {
            let expected = match isa.name() {
                "avx512" => 2 * 12 * 16,
                "avx2" => 2 * 12 * 8,
                _ => 2 * 6 * 8,
            };
            assert_eq!(isa.call(Fma(1)), expected, "{}", isa.name());
        }
    }
}
