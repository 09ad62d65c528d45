//! How much arithmetic the machine does at most.

use std::hint::black_box;
use std::time::Duration;

use super::clock::shortest;
use super::dot::DotProduct;
use crate::simd::{Product, ProductKernel, Simd};
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

/// Multiplications and additions, counted as two, of a dot product of narrow numbers that all threads together do in a second, with the
/// registers of the [`Cpu`]'s instruction set; none where the processor has no instruction for it.
pub fn dot_rate(cpu: &Cpu, product: DotProduct) -> Option<f64> {
    let dot = product.instruction(cpu.isa())?;
    let seconds = shortest(BUDGET, || {
        cpu.team().run(cpu.threads(), |_, _| {
            black_box(dot.run(ROUNDS));
        });
    });
    Some((dot.run(1) * ROUNDS * cpu.threads()) as f64 / seconds)
}

/// What one thread does in a second with `f32`, and with pairs of bf16, by [`fma_rate`] and [`dot_rate`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bf16Rates {
    /// Multiplications and additions of `f32`, counted as two.
    pub f32: f64,
    /// The same of bf16, summed in `f32`.
    pub bf16: f64,
}

impl Bf16Rates {
    /// Measures for some ten milliseconds; none where the processor has no instruction that goes with `isa`.
    pub fn measure(isa: Isa) -> Option<Self> {
        const BUDGET: Duration = Duration::from_millis(5);
        let dot = DotProduct::Bf16.instruction(isa)?;
        let dots = || {
            black_box(dot.run(ROUNDS));
        };
        let bf16 = (dot.run(1) * ROUNDS) as f64 / shortest(BUDGET, dots);
        let fma = || {
            black_box(isa.call(Fma(ROUNDS)));
        };
        let f32 = (isa.call(Fma(1)) * ROUNDS) as f64 / shortest(BUDGET, fma);
        Some(Self { f32, bf16 })
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
    // The numbers approach 1, as pairs of bf16 too: they neither overflow nor become denormal. Each product is of the one before, or a
    // compiler would make it once for all.
    let (factor, term) = (simd.splat(black_box(0.5)), simd.splat(black_box(0.5)));
    let mut sums = [simd.splat(black_box(2.0)); CHAINS];
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
                for product in DotProduct::ALL {
                    let rate = dot_rate(&cpu, product);
                    assert!(
                        rate.is_none_or(|rate| rate.is_finite() && rate > 1e6),
                        "{}: {rate:?}",
                        isa.name()
                    );
                }
            }
        }
        let portable = Cpu::with_isa(Isa::PORTABLE, 1);
        assert!(DotProduct::ALL.into_iter().all(|product| dot_rate(&portable, product).is_none()));
    }

    #[test]
    fn rates_of_bf16_are_those_of_where_there_is_such_an_instruction() {
        for isa in Isa::present() {
            let rates = Bf16Rates::measure(isa);
            assert_eq!(rates.is_some(), isa.bf16().is_some(), "{}", isa.name());
            assert!(rates.is_none_or(|Bf16Rates { f32, bf16 }| f32 > 1e6 && bf16 > 1e6), "{rates:?}");
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
