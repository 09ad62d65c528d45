//! The shortest of many runs.

use std::time::{Duration, Instant};

/// Runs that are made however long they take.
const FEWEST: usize = 3;

/// The seconds of the shortest of the runs that fit into `budget`; never 0.
pub(super) fn shortest(budget: Duration, mut run: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let (mut best, mut runs) = (Duration::MAX, 0);
    while runs < FEWEST || begun.elapsed() < budget {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
        runs += 1;
    }
    best.max(Duration::from_nanos(1)).as_secs_f64()
}
