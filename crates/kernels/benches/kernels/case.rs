//! What a benchmark runs on.

use std::env;
use std::sync::LazyLock;

use divvy_kernels::{Cpu, Isa};

/// The processor that was asked for: `DIVVY_ISA` (the best of the machine) and `DIVVY_THREADS` (1).
pub(crate) static CPU: LazyLock<Cpu> = LazyLock::new(|| {
    let isa = env::var("DIVVY_ISA").map_or_else(
        |_| Isa::best(),
        |name| {
            let present: Vec<_> = Isa::present().into_iter().map(Isa::name).collect();
            Isa::by_name(&name)
                .unwrap_or_else(|| panic!("DIVVY_ISA={name}: this machine has {}", present.join(", ")))
        },
    );
    let threads = env::var("DIVVY_THREADS").map_or(1, |text| {
        let threads = text.parse().ok().filter(|threads| (1..=1024).contains(threads));
        threads.unwrap_or_else(|| panic!("DIVVY_THREADS={text}: give a number from 1 to 1024"))
    });
    Cpu::with_isa(isa, threads)
});

/// Something with a name that benchmarks print.
#[derive(Clone)]
pub(crate) struct Case<S> {
    pub(crate) name: String,
    pub(crate) shape: S,
}

impl<S> std::fmt::Display for Case<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// The cases whose name contains `DIVVY_LAYER`; all without it.
pub(crate) fn chosen<S>(cases: Vec<Case<S>>) -> Vec<Case<S>> {
    let wanted = env::var("DIVVY_LAYER").unwrap_or_default();
    cases.into_iter().filter(|case| case.name.contains(&wanted)).collect()
}

/// Numbers from -0.5 to 0.5.
pub(crate) fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1000) as f32 / 1000.0 - 0.5).collect()
}

/// Bytes of so many `f32`.
pub(crate) fn bytes(numbers: usize) -> divan::counter::BytesCount {
    divan::counter::BytesCount::new(numbers * size_of::<f32>())
}
