//! Several trainings at once: how many, who hears of them, and how all are stopped.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use serde::Serialize;

use crate::error::TrainError;
use crate::event::Event;

/// How many trainings go on side by side, and on how many threads each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct AtOnce {
    /// Trainings.
    pub trainings: usize,
    /// Threads of each.
    pub threads: usize,
}

impl AtOnce {
    /// What brings `trainings` to their end soonest on `threads`, where at most `most` go on side by side.
    pub(super) fn soonest(trainings: usize, threads: usize, most: usize) -> Self {
        let time = |at_once: usize| trainings.div_ceil(at_once) as f64 / speed(threads / at_once);
        let possible = 1..=most.min(trainings).min(threads).max(1);
        let soonest = possible.min_by(|a, b| time(*a).total_cmp(&time(*b)).then(b.cmp(a))).unwrap_or(1);
        Self { trainings: soonest, threads: (threads / soonest).max(1) }
    }
}

/// How fast so many threads train beside one: two 1.8 times as fast, as two trainings at a time on a thread each gained up to a tenth on two cores
/// (docs/folds.md).
fn speed(threads: usize) -> f64 {
    (threads.max(1) as f64).powf(0.85)
}

/// Who hears of the events of all, each with the number of its piece of the work.
type Told<'a> = dyn FnMut(usize, &Event) + Send + 'a;

/// Those who do several pieces of work side by side.
struct Crew<'a> {
    told: Mutex<&'a mut Told<'a>>,
    /// What the caller asks for.
    stop: &'a AtomicBool,
    /// What all heed: the caller asks to stop, or one of them has failed.
    halt: AtomicBool,
}

impl Crew<'_> {
    /// Lets all know where the caller asks to stop; whether they are to.
    fn is_halted(&self) -> bool {
        self.halt.fetch_or(self.stop.load(Ordering::Relaxed), Ordering::Relaxed);
        self.halt.load(Ordering::Relaxed)
    }
}

/// One piece of the work, and those who do it.
pub(super) struct Piece<'a> {
    pub(super) number: usize,
    crew: &'a Crew<'a>,
}

impl Piece<'_> {
    /// Tells the caller of an event, who may ask to stop upon it.
    pub(super) fn tell(&self, event: &Event) {
        self.crew.told.lock().unwrap_or_else(PoisonError::into_inner)(self.number, event);
        self.crew.is_halted();
    }

    /// What is set when it is to end.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.crew.halt
    }
}

/// How often it is looked whether the caller asks to stop while nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Does `work` for each number below `count`, so many at once, and gives what came of it in their order. `told` hears the events of all, one after the other.
///
/// # Errors
/// Where one fails all are stopped; the error is its, of several that of the first in order. [`TrainError::Interrupted`] or its like after `stop` was set.
pub(super) fn all<T: Send>(
    count: usize,
    at_once: usize,
    work: impl Fn(&Piece<'_>) -> Result<T, TrainError> + Sync,
    told: &mut Told<'_>,
    stop: &AtomicBool,
) -> Result<Vec<T>, TrainError> {
    let crew = Crew { told: Mutex::new(told), stop, halt: AtomicBool::new(false) };
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while !crew.is_halted() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let came = work(&Piece { number, crew: &crew });
            crew.halt.fetch_or(came.is_err(), Ordering::Relaxed);
            done.push((number, came));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        while !workers.iter().all(ScopedJoinHandle::is_finished) {
            thread::sleep(LOOK_EVERY);
            crew.is_halted();
        }
        let joined =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect::<Vec<_>>()
    });
    let has_failed =
        |came: &Result<T, TrainError>| came.as_ref().is_err_and(|error| !error.is_interruption());
    done.sort_by_key(|(number, came)| (!has_failed(came), *number));
    let results = done.into_iter().map(|(_, came)| came).collect::<Result<Vec<T>, _>>()?;
    if results.len() == count { Ok(results) } else { Err(TrainError::Interrupted) }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    fn never() -> AtomicBool {
        AtomicBool::new(false)
    }

    #[test]
    fn as_many_go_on_side_by_side_as_end_soonest() {
        let soonest = |trainings, threads, most| {
            let AtOnce { trainings, threads } = AtOnce::soonest(trainings, threads, most);
            [trainings, threads]
        };
        assert_eq!(soonest(10, 2, 10), [2, 1]);
        // The last of three would be alone, on one of two threads.
        assert_eq!(soonest(3, 2, 10), [1, 2]);
        assert_eq!(soonest(10, 16, 10), [5, 3]);
        assert_eq!(soonest(2, 16, 10), [2, 8]);
        assert_eq!(soonest(10, 16, 3), [2, 8]);
        for (trainings, threads, most) in [(10, 2, 1), (10, 2, 0), (10, 1, 10)] {
            assert_eq!(soonest(trainings, threads, most), [1, threads]);
        }
    }

    #[test]
    fn results_come_in_order_from_those_who_work_side_by_side() {
        let (both, heard) = (Barrier::new(2), Mutex::new(Vec::new()));
        let work = |piece: &Piece<'_>| {
            // Comes to no end where one waits for the other.
            both.wait();
            piece.tell(&Event::Note { text: piece.number.to_string() });
            Ok(10 * piece.number)
        };
        let mut told = |number: usize, event: &Event| {
            assert_eq!(event, &Event::Note { text: number.to_string() });
            heard.lock().unwrap().push(number);
        };
        assert_eq!(all(6, 2, work, &mut told, &never()).unwrap(), [0, 10, 20, 30, 40, 50]);
        let mut heard = heard.into_inner().unwrap();
        heard.sort_unstable();
        assert_eq!(heard, [0, 1, 2, 3, 4, 5]);
    }

    /// Works until it is asked to stop.
    fn wait(piece: &Piece<'_>) -> Result<(), TrainError> {
        while !piece.stop().load(Ordering::Relaxed) {
            thread::yield_now();
        }
        Err(TrainError::Interrupted)
    }

    #[test]
    fn a_failure_stops_all_and_is_told() {
        let work = |piece: &Piece<'_>| match piece.number {
            1 => Err(TrainError::Ensemble { reason: "it is the second".to_owned() }),
            _ => wait(piece),
        };
        let failed = all(4, 2, work, &mut |_, _| {}, &never()).unwrap_err();
        assert!(matches!(failed, TrainError::Ensemble { .. }), "{failed}");
    }

    #[test]
    fn all_stop_when_they_are_asked_to() {
        let stop = never();
        let asks = |piece: &Piece<'_>| {
            if piece.number == 1 {
                piece.tell(&Event::Note { text: String::new() });
            }
            wait(piece)
        };
        let mut told = |_: usize, _: &Event| stop.store(true, Ordering::Relaxed);
        let stopped = all(4, 2, asks, &mut told, &stop).unwrap_err();
        assert!(matches!(stopped, TrainError::Interrupted), "{stopped}");
        // By someone else, while nothing happens.
        let stop = never();
        let stopped = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(LOOK_EVERY);
                stop.store(true, Ordering::Relaxed);
            });
            all(4, 2, wait, &mut |_, _| {}, &stop).unwrap_err()
        });
        assert!(matches!(stopped, TrainError::Interrupted), "{stopped}");
    }
}
