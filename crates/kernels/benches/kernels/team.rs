//! What it costs to hand out tasks and to wait for them: the resident team, and rayon beside it.
//!
//! A task is some microseconds of arithmetic, the same for both; `alone` is one task without any of it.

use std::hint::black_box;
use std::sync::LazyLock;

use divan::Bencher;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::case::CPU;

fn work() {
    let mut number = black_box(1_u64);
    for _ in 0..4_000 {
        number = black_box(number.wrapping_mul(6_364_136_223_846_793_005));
    }
}

#[divan::bench]
fn alone(bencher: Bencher<'_, '_>) {
    bencher.bench_local(work);
}

#[divan::bench]
fn resident_team(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| CPU.team().run(CPU.threads(), |_, _| work()));
}

/// The caller is one of rayon's threads, as it would be where a whole step runs in its pool.
static POOL: LazyLock<ThreadPool> = LazyLock::new(|| {
    let pool = ThreadPoolBuilder::new().num_threads(CPU.threads()).use_current_thread();
    pool.build().expect("the system grants threads")
});

#[divan::bench]
fn rayon_for_each(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        POOL.install(|| (0..CPU.threads()).into_par_iter().with_max_len(1).for_each(|_| work()));
    });
}

#[divan::bench]
fn rayon_scope(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        POOL.install(|| rayon::scope(|scope| (0..CPU.threads()).for_each(|_| scope.spawn(|_| work()))));
    });
}
