//! How long each fold may take of the time that all have.

use std::time::Duration;

use crate::closing::Afterwards;
use crate::config::Length;

/// How often a report does with the pictures of a fold what is done when that is over: it asks about them twice.
const REPORT: u32 = 2;
/// The least time that a fold is given: a length of none is no length.
const LEAST: Duration = Duration::from_millis(100);

/// The time that is left to the folds that are still to come, or the length that each has.
pub(super) struct Share {
    length: Length,
    folds: u32,
    left: u32,
    spent: Duration,
    /// How long the last fold took for what comes after its training.
    after: Duration,
    /// What comes after all.
    afterwards: Afterwards,
}

impl Share {
    /// For so many folds, where some time is spent already.
    pub(super) fn new(length: Length, folds: usize, spent: Duration, afterwards: Afterwards) -> Self {
        let folds = folds as u32;
        Self { length, folds, left: folds, spent, after: Duration::ZERO, afterwards }
    }

    /// The length of the next fold: of a time for all an equal part of what is left, without what comes after each training and after all.
    pub(super) fn next(&self) -> Length {
        let Length::Minutes(minutes) = self.length else { return self.length };
        let kept = match self.afterwards {
            Afterwards::Nothing => Duration::ZERO,
            Afterwards::Report => self.after.saturating_mul(REPORT * self.folds),
        };
        let left = Duration::from_secs_f64(60.0 * minutes).saturating_sub(self.spent);
        // Half of it is for training in any case.
        let left = left.saturating_sub(kept.min(left / 2)) / self.left.max(1);
        Length::Minutes(left.saturating_sub(self.after).max(LEAST).as_secs_f64() / 60.0)
    }

    /// A fold is over, whose training took the time given and what came after it that `after`.
    pub(super) fn take(&mut self, training: Duration, after: Duration) {
        self.spent = self.spent.saturating_add(training).saturating_add(after);
        self.after = after;
        self.left = self.left.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(length: Length) -> f64 {
        let Length::Minutes(minutes) = length else { panic!("{length:?}") };
        (minutes * 60.0 * 1e6).round() / 1e6
    }

    #[test]
    fn all_folds_together_take_the_time_that_was_given() {
        let mut share = Share::new(Length::Minutes(2.1), 4, Duration::from_secs(6), Afterwards::Nothing);
        let mut spent = 6.0;
        // The first fold does not know yet what comes after it.
        for (expected, after) in [(30.0, 3), (26.0, 3), (26.0, 1), (30.0, 1)] {
            assert_eq!(seconds(share.next()), expected);
            share.take(Duration::from_secs_f64(expected), Duration::from_secs(after));
            spent += expected + after as f64;
        }
        assert_eq!(spent, 126.0);
    }

    #[test]
    fn there_is_time_for_a_report_once_it_is_known_what_that_takes() {
        let mut share = Share::new(Length::Minutes(2.0), 4, Duration::ZERO, Afterwards::Report);
        let mut spent = 0.0;
        // With 2 seconds for the pictures of a fold the report takes 16: 120 - 32 - 16 are left for three folds.
        for expected in [30.0, 22.0, 22.0, 22.0] {
            assert_eq!(seconds(share.next()), expected);
            share.take(Duration::from_secs_f64(expected), Duration::from_secs(2));
            spent += expected + 2.0;
        }
        assert_eq!(spent + 16.0, 120.0);
    }

    #[test]
    fn a_time_that_is_used_up_leaves_a_moment_and_epochs_are_those_of_each_fold() {
        let share = Share::new(Length::Minutes(1.0), 2, Duration::from_secs(90), Afterwards::Report);
        assert_eq!(seconds(share.next()), 0.1);
        let share = Share::new(Length::Epochs(3), 5, Duration::ZERO, Afterwards::Report);
        assert_eq!(share.next(), Length::Epochs(3));
    }
}
