//! How far a training is.

use std::time::{Duration, Instant};

/// How far a training is, in steps or in time.
pub(crate) struct Clock {
    length: Limit,
    started: Instant,
    /// When the first step began, which is when the learning rate's schedule starts.
    first_step: Instant,
}

enum Limit {
    Steps(u64),
    Time(Duration),
}

impl Clock {
    /// A training of `steps` steps that `started` then.
    pub(crate) fn steps(steps: u64, started: Instant) -> Self {
        Self { length: Limit::Steps(steps), started, first_step: Instant::now() }
    }

    /// A training that is over when `time` has passed since `started`.
    pub(crate) fn time(time: Duration, started: Instant) -> Self {
        Self { length: Limit::Time(time), started, first_step: Instant::now() }
    }

    /// The place in the schedule before step `step` (from 0): done, and of how much. Steps, or milliseconds.
    pub(crate) fn position(&self, step: u64) -> (f64, f64) {
        match self.length {
            Limit::Steps(steps) => (step as f64, steps as f64),
            Limit::Time(time) => {
                let whole = time.saturating_sub(self.first_step - self.started).as_secs_f64() * 1e3;
                ((self.first_step.elapsed().as_secs_f64() * 1e3).min(whole), whole)
            }
        }
    }

    /// The share that is done once `step` steps were taken.
    pub(crate) fn progress(&self, step: u64) -> f64 {
        let (done, whole) = self.position(step);
        if whole > 0.0 { (done / whole).min(1.0) } else { 1.0 }
    }

    /// Seconds until the end, if it goes on at the present pace.
    pub(crate) fn seconds_left(&self, step: u64) -> f64 {
        let progress = self.progress(step);
        if progress > 0.0 {
            self.first_step.elapsed().as_secs_f64() * (1.0 - progress) / progress
        } else {
            0.0
        }
    }

    /// Whether time is up, given that `reserve` is needed for what comes after the last step. A training by steps ends with its
    /// last epoch instead.
    pub(crate) fn is_up(&self, reserve: Duration) -> bool {
        matches!(self.length, Limit::Time(time) if self.started.elapsed() + reserve >= time)
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_time_never_ends_them() {
        let clock = Clock::steps(200, Instant::now());
        assert_eq!(clock.position(50), (50.0, 200.0));
        assert_eq!(clock.progress(50), 0.25);
        assert_eq!(clock.progress(999), 1.0);
        assert!(!clock.is_up(Duration::from_hours(1000)));
    }

    #[test]
    fn time_counts_from_the_start_and_leaves_a_reserve() {
        let started = Instant::now();
        let clock = Clock::time(Duration::from_hours(1), started);
        let (done, whole) = clock.position(7);
        assert!(done < whole && (3_599_000.0..=3_600_000.0).contains(&whole));
        assert!(!clock.is_up(Duration::ZERO));
        assert!(clock.is_up(Duration::from_hours(1)));
    }

    #[test]
    fn a_time_that_loading_has_used_up_is_over_at_once() {
        let started = Instant::now();
        std::thread::sleep(Duration::from_millis(3));
        let clock = Clock::time(Duration::from_millis(1), started);
        assert_eq!(clock.progress(0), 1.0);
        assert!(clock.is_up(Duration::ZERO));
    }
}
