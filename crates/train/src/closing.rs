//! What comes after the last epoch, and how long it takes.

use std::time::Duration;

use divvy_data::Split;
use divvy_model::Views;

use crate::familiarize;
use crate::report::{PARTS, SHOWN_IN_ALL};

/// The parts of each picture that a report covers in turn to check its map, at the most.
const COVERED: usize = PARTS * PARTS;

/// What is done with a run once its training is over, for which a length in minutes leaves room.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Afterwards {
    /// Nothing.
    #[default]
    Nothing,
    /// Its report on its own pictures is made ([`report_run`](crate::report_run)).
    Report,
}

/// What comes after the last epoch: the model learns what its training pictures look like, and a report may be made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Closing {
    /// Pictures that go through the network, each as often as it does.
    looks: usize,
    /// Pictures that are read from their files, each as often as it is.
    reads: usize,
}

impl Closing {
    /// What comes after a training on pictures that are divided so.
    pub(crate) fn of(split: &Split, views: Views, afterwards: Afterwards) -> Self {
        let [learnt, held_against] = familiarize::chosen(split);
        let familiarizing = learnt.len() + held_against.len();
        match afterwards {
            Afterwards::Nothing => Self { looks: familiarizing, reads: 0 },
            Afterwards::Report => {
                let (test, validation) = (split.test.len(), split.validation.len());
                let measured = if test > 0 { test } else { validation };
                let asked = if test > 0 { test + validation } else { validation };
                // Each is answered for and held against the training pictures, and those measured on are read once more, at their own size.
                let report =
                    asked * (views.count() + 1) + measured.min(SHOWN_IN_ALL) * COVERED * views.count();
                Self { looks: familiarizing + report, reads: asked + measured }
            }
        }
    }

    /// How long it takes where a picture goes through the network and is read in these times.
    pub(crate) fn time(self, look: Duration, read: Duration) -> Duration {
        let times = |time: Duration, count: usize| time.as_secs_f64() * count as f64;
        // What no duration can hold is longer than any training.
        let seconds = times(look, self.looks) + times(read, self.reads);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(train: usize, validation: usize, test: usize) -> Split {
        let part = |from: usize, count: usize| (from..from + count).collect();
        Split {
            train: part(0, train),
            validation: part(train, validation),
            test: part(train + validation, test),
        }
    }

    #[test]
    fn so_many_pictures_are_looked_at_after_the_last_epoch() {
        let looks = |split: &Split, afterwards| Closing::of(split, Views::Mirrored, afterwards).looks;
        assert_eq!(looks(&split(5000, 1500, 0), Afterwards::Nothing), 2000 + 1000);
        assert_eq!(looks(&split(80, 20, 50), Afterwards::Nothing), 100);
        // Two sides and the features of 20 validation pictures; and of 50 test pictures, too.
        assert_eq!(looks(&split(80, 20, 0), Afterwards::Report), 100 + 3 * 20 + 2 * 20 * 16);
        assert_eq!(looks(&split(80, 20, 50), Afterwards::Report), 100 + 3 * 70 + 2 * 50 * 16);
    }

    #[test]
    fn the_time_is_that_of_all_looks_and_reads() {
        let closing = Closing::of(&split(80, 20, 50), Views::Single, Afterwards::Report);
        assert_eq!(closing.reads, 70 + 50);
        let time = closing.time(Duration::from_millis(10), Duration::from_millis(3));
        assert_eq!(time, Duration::from_millis(10 * (100 + 2 * 70 + 50 * 16) + 3 * 120));
        assert_eq!(closing.time(Duration::MAX, Duration::ZERO), Duration::MAX);
    }
}
