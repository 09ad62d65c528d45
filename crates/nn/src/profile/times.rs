//! Taking times.

use std::time::{Duration, Instant};

/// The times of the operations of one run, each from the end of the one before. Allocates only for a plan longer than any before.
#[derive(Debug)]
pub(crate) struct Laps {
    times: Vec<Duration>,
    last: Instant,
}

impl Default for Laps {
    fn default() -> Self {
        Self { times: Vec::new(), last: Instant::now() }
    }
}

impl Laps {
    /// Begins a run of so many operations.
    pub(crate) fn start(&mut self, operations: usize) {
        self.times.clear();
        // One more: the optimizer's.
        self.times.reserve(operations + 1);
        self.last = Instant::now();
    }

    /// Leaves out what happened since the last operation.
    pub(crate) fn go_on(&mut self) {
        self.last = Instant::now();
    }

    /// Ends an operation.
    pub(crate) fn lap(&mut self) {
        let now = Instant::now();
        self.times.push(now - self.last);
        self.last = now;
    }

    /// The operations that ended since the start.
    pub(crate) fn times(&self) -> &[Duration] {
        &self.times
    }
}

/// The times of several steps of one plan: of some as wholes, of others with those of each operation.
#[derive(Clone, Debug, Default)]
pub struct StepTimes {
    runs: Vec<Duration>,
    whole: Vec<Duration>,
    operations: Vec<Vec<Duration>>,
}

impl StepTimes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step that took `whole`, run while no times were taken of operations.
    pub fn record_run(&mut self, whole: Duration) {
        self.runs.push(whole);
    }

    /// Adds a step that took `whole`, of which `operations` took their parts ([`Engine::times`](crate::Engine::times)).
    ///
    /// # Panics
    /// When it has another number of operations than the steps before.
    pub fn record(&mut self, whole: Duration, operations: &[Duration]) {
        if self.whole.is_empty() {
            self.operations = vec![Vec::new(); operations.len()];
        }
        assert_eq!(self.operations.len(), operations.len(), "the steps of one plan have the same operations");
        self.whole.push(whole);
        self.operations.iter_mut().zip(operations).for_each(|(times, time)| times.push(*time));
    }

    /// The number of steps of which no times were taken.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The number of steps with the times of their operations.
    pub fn steps(&self) -> usize {
        self.whole.len()
    }

    /// The milliseconds of a step of which no times were taken, the median.
    pub(super) fn run_ms(&self) -> f64 {
        median_ms(&self.runs)
    }

    /// The milliseconds of a step with times, the median.
    pub(super) fn whole_ms(&self) -> f64 {
        median_ms(&self.whole)
    }

    /// The milliseconds of each operation, the median of each.
    pub(super) fn operations_ms(&self) -> Vec<f64> {
        self.operations.iter().map(|times| median_ms(times)).collect()
    }
}

/// The median in milliseconds; 0 of none.
fn median_ms(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let middle = times.len() / 2;
    let ms = |index: usize| times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    if times.len().is_multiple_of(2) {
        f64::midpoint(ms(middle.saturating_sub(1)), ms(middle))
    } else {
        ms(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_a_median_of_its_own() {
        let ms = Duration::from_millis;
        let mut times = StepTimes::new();
        assert_eq!((times.steps(), times.whole_ms()), (0, 0.0));
        times.record(ms(10), &[ms(1), ms(9)]);
        times.record(ms(30), &[ms(3), ms(2)]);
        assert_eq!((times.whole_ms(), times.operations_ms()), (20.0, vec![2.0, 5.5]));
        times.record(ms(40), &[ms(4), ms(4)]);
        assert_eq!((times.steps(), times.whole_ms(), times.operations_ms()), (3, 30.0, vec![3.0, 4.0]));
    }

    #[test]
    fn steps_without_times_of_operations_have_a_median_of_their_own() {
        let ms = Duration::from_millis;
        let mut times = StepTimes::new();
        times.record(ms(30), &[ms(20)]);
        assert_eq!((times.runs(), times.run_ms()), (0, 0.0));
        for it in [9, 5, 7] {
            times.record_run(ms(it));
        }
        assert_eq!((times.runs(), times.run_ms()), (3, 7.0));
        assert_eq!((times.steps(), times.whole_ms()), (1, 30.0));
    }
}
