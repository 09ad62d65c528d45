//! What it costs to hand tasks to a team and to wait for them.

use std::hint::black_box;
use std::time::Duration;

use super::clock::shortest;
use crate::Cpu;

/// How long it is measured.
const BUDGET: Duration = Duration::from_millis(60);

/// Runs in a row, as the kernels of a step follow each other; the shortest of many such rows is taken.
const RUNS: usize = 100;

/// The seconds that one run of a team costs beside the work in it: a task of some microseconds for each thread, and the barrier at
/// the end. Close to 0 on one thread, where there is none.
pub fn barrier_seconds(cpu: &Cpu) -> f64 {
    let alone = shortest(BUDGET / 4, || (0..RUNS).for_each(|_| work()));
    let shared = shortest(BUDGET, || {
        for _ in 0..RUNS {
            cpu.team().run(cpu.threads(), |_, _| work());
        }
    });
    (shared - alone).max(0.0) / RUNS as f64
}

/// Some microseconds of arithmetic that touches no memory.
fn work() {
    let mut number = black_box(1_u64);
    for _ in 0..4_000 {
        number = black_box(number.wrapping_mul(6_364_136_223_846_793_005));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_takes_less_than_a_millisecond() {
        for threads in [1, 2] {
            let seconds = barrier_seconds(&Cpu::new(threads));
            // No promise of speed: what waits for a timer of the system, rather than for the others, takes longer.
            assert!((0.0..0.05).contains(&seconds), "{threads}: {seconds}");
        }
    }
}
