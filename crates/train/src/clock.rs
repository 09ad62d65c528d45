//! How far a training is, and how long it has taken: by the steady clock, which no setting of the time moves.

use std::time::{Duration, Instant};

/// The time that a training has taken, in this process and in those before it that it was interrupted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    begun: Instant,
    before: Duration,
}

impl Stopwatch {
    /// For a training that begins now.
    pub(crate) fn start() -> Self {
        Self { begun: Instant::now(), before: Duration::ZERO }
    }

    /// For a training that has taken so long before this stopwatch was started.
    pub(crate) fn after(self, before: Duration) -> Self {
        Self { before, ..self }
    }

    /// The time taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.before.saturating_add(self.begun.elapsed())
    }
}

/// How far a training is, in steps or in time.
pub(crate) struct Clock {
    length: Limit,
    stopwatch: Stopwatch,
    /// When the first step began, which is when the learning rate's schedule starts.
    first_step: Duration,
    /// How long what comes after the last step will take.
    reserve: Duration,
}

enum Limit {
    Steps(u64),
    Time(Duration),
}

impl Clock {
    /// A training of `steps` steps, of which the first begins now.
    pub(crate) fn steps(steps: u64, stopwatch: Stopwatch) -> Self {
        Self::new(Limit::Steps(steps), stopwatch)
    }

    /// A training that is over when it has taken `time`, and whose first step begins now.
    pub(crate) fn time(time: Duration, stopwatch: Stopwatch) -> Self {
        Self::new(Limit::Time(time), stopwatch)
    }

    fn new(length: Limit, stopwatch: Stopwatch) -> Self {
        Self { length, stopwatch, first_step: stopwatch.elapsed(), reserve: Duration::ZERO }
    }

    /// Keeps so much time for what comes after the last step, as far as that is known now. Where time decides, steps, and the schedule of the learning rate,
    /// end as much earlier; half of the time is theirs in any case, as without them there is nothing that could come after.
    pub(crate) fn keep_back(&mut self, reserve: Duration) {
        self.reserve = reserve;
    }

    /// When the first step began.
    pub(crate) fn first_step(&self) -> Duration {
        self.first_step
    }

    /// Corrects when the first step began.
    pub(crate) fn begin_steps_at(&mut self, first_step: Duration) {
        self.first_step = first_step;
    }

    /// The place in the schedule before step `step` (from 0): done, and of how much. Steps, or milliseconds.
    pub(crate) fn position(&self, step: u64) -> (f64, f64) {
        match self.length {
            Limit::Steps(steps) => (step as f64, steps as f64),
            Limit::Time(time) => {
                let whole = self.end_of_steps(time).saturating_sub(self.first_step).as_secs_f64() * 1e3;
                ((self.in_steps() * 1e3).min(whole), whole)
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
        let in_steps = if progress > 0.0 { self.in_steps() * (1.0 - progress) / progress } else { 0.0 };
        in_steps + self.reserve.as_secs_f64()
    }

    /// Whether no time is left but what is kept for what comes after the last step. A training by steps ends with its last epoch
    /// instead.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.length, Limit::Time(time) if self.elapsed() >= self.end_of_steps(time))
    }

    /// When steps end in a training that is over at `time`.
    fn end_of_steps(&self, time: Duration) -> Duration {
        time.saturating_sub(self.reserve.min(time.saturating_sub(self.first_step) / 2))
    }

    /// The time taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.stopwatch.elapsed()
    }

    /// Seconds since the first step began.
    fn in_steps(&self) -> f64 {
        self.elapsed().saturating_sub(self.first_step).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_time_never_ends_them() {
        let mut clock = Clock::steps(200, Stopwatch::start());
        clock.keep_back(Duration::from_hours(1000));
        assert_eq!(clock.position(50), (50.0, 200.0));
        assert_eq!(clock.progress(50), 0.25);
        assert_eq!(clock.progress(999), 1.0);
        assert!(!clock.is_up());
    }

    #[test]
    fn time_counts_from_the_start_and_leaves_a_reserve() {
        let mut clock = Clock::time(Duration::from_hours(1), Stopwatch::start());
        let (done, whole) = clock.position(7);
        assert!(done < whole && (3_599_000.0..=3_600_000.0).contains(&whole));
        assert!(!clock.is_up());
        // The schedule is at its end when the steps are, and what comes then is still to be waited for.
        clock.keep_back(Duration::from_mins(20));
        let (_, whole) = clock.position(7);
        assert!((2_399_000.0..=2_400_000.0).contains(&whole) && !clock.is_up(), "{whole}");
        assert!(clock.seconds_left(0) >= 1200.0, "{}", clock.seconds_left(0));
        clock.keep_back(Duration::from_hours(9));
        let (_, whole) = clock.position(7);
        assert!((1_799_000.0..=1_800_000.0).contains(&whole) && !clock.is_up(), "{whole}");
    }

    #[test]
    fn a_time_that_loading_has_used_up_is_over_at_once() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(3));
        let clock = Clock::time(Duration::from_millis(1), stopwatch);
        assert_eq!(clock.progress(0), 1.0);
        assert!(clock.is_up());
    }

    #[test]
    fn time_that_was_taken_before_an_interruption_counts() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let mut clock = Clock::time(minutes(10), Stopwatch::start().after(minutes(6)));
        clock.begin_steps_at(minutes(2));
        let (done, whole) = clock.position(0);
        assert_eq!(whole, 480_000.0);
        assert!((240_000.0..240_500.0).contains(&done), "{done}");
        assert!((0.5..0.51).contains(&clock.progress(0)));
        clock.keep_back(minutes(3));
        assert!(!clock.is_up());
        clock.keep_back(minutes(4));
        assert!(clock.is_up());
    }

    #[test]
    fn no_time_on_record_is_too_long_to_be_added_to() {
        let mut clock = Clock::time(Duration::from_secs(1), Stopwatch::start().after(Duration::MAX));
        assert!(clock.is_up());
        clock.keep_back(Duration::MAX);
        assert!(clock.is_up() && clock.seconds_left(0) > 1e9);
        assert_eq!(clock.progress(0), 1.0);
    }
}
