//! What tests of kernels have in common: numbers to try, every way to run them, and how close is close enough.

use std::sync::OnceLock;

use crate::{Cpu, Isa};

/// `len` numbers between -1 and 1 that depend on the seed alone, a tenth of them zeros.
pub(crate) fn numbers(len: usize, seed: u64) -> Vec<f32> {
    // Steele, Lea and Flood 2014: SplitMix64.
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let number =
        |bits: u64| if bits.is_multiple_of(10) { 0.0 } else { (bits >> 40) as f32 / (1 << 23) as f32 - 1.0 };
    (0..len).map(|_| number(next())).collect()
}

pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}

pub(crate) fn magnitudes(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x.abs()).collect()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Every instruction set of this machine with 1, 2 and 3 threads.
fn cpus() -> &'static [[Cpu; 3]] {
    static CPUS: OnceLock<Vec<[Cpu; 3]>> = OnceLock::new();
    CPUS.get_or_init(|| {
        Isa::present().into_iter().map(|isa| [1, 2, 3].map(|threads| Cpu::with_isa(isa, threads))).collect()
    })
}

/// Runs a kernel on every instruction set with 1, 2 and 3 threads, which must give the same bits. `kernel` gets outputs and scratch
/// full of NaN, of the lengths that `lens` tells for a number of threads. Returns the outputs by instruction set.
pub(crate) fn on_every_cpu(
    lens: impl Fn(usize) -> (usize, usize),
    kernel: impl Fn(&Cpu, &mut [f32], &mut [f32]),
) -> Vec<(&'static str, Vec<f32>)> {
    let run = |cpu: &Cpu| {
        let (output, scratch) = lens(cpu.threads());
        let (mut output, mut scratch) = (vec![f32::NAN; output], vec![f32::NAN; scratch]);
        kernel(cpu, &mut output, &mut scratch);
        output
    };
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let of_isa = |[one, two, three]: &[Cpu; 3]| {
        let output = run(one);
        for cpu in [two, three] {
            assert!(bits(&run(cpu)) == bits(&output), "{} threads give other bits than 1", cpu.threads());
        }
        (one.isa().name(), output)
    };
    cpus().iter().map(of_isa).collect()
}

/// Asserts that sums are right to within rounding: `sizes` are the sums of the terms' magnitudes.
pub(crate) fn assert_sums(what: &str, outputs: &[(&str, Vec<f32>)], truth: &[f64], sizes: &[f64]) {
    for (isa, output) in outputs {
        assert_eq!(output.len(), truth.len(), "{what} on {isa}");
        for (i, ((y, truth), size)) in output.iter().zip(truth).zip(sizes).enumerate() {
            let off = (f64::from(*y) - truth).abs();
            assert!(off <= 2e-6 * size + 1e-30, "{what} on {isa}: element {i} is {y}, not {truth}");
        }
    }
}
