//! Work on many things at once.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Threads that share work, and who is told of it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Crew<'a> {
    /// At least one works.
    pub(crate) threads: usize,
    /// Called after each thing, from any thread, with how many are done and how many there are.
    pub(crate) progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// Work stops soon after this is set.
    pub(crate) cancel: Option<&'a AtomicBool>,
}

impl Crew<'_> {
    /// `work(0)`, `work(1)` and so on up to `count` of them, in that order, whichever thread had which; `None` when cancelled.
    pub(crate) fn map<T: Send>(self, count: usize, work: impl Fn(usize) -> T + Sync) -> Option<Vec<T>> {
        let is_cancelled = || self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let run = || {
            let mut results = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count || is_cancelled() {
                    return results;
                }
                results.push((index, work(index)));
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if let Some(progress) = self.progress {
                    progress(done, count);
                }
            }
        };
        let mut results: Vec<(usize, T)> = thread::scope(|scope| {
            let workers: Vec<_> =
                (0..self.threads.clamp(1, count.max(1))).map(|_| scope.spawn(run)).collect();
            let join = |worker: thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            workers.into_iter().flat_map(join).collect()
        });
        results.sort_unstable_by_key(|(index, _)| *index);
        (!is_cancelled()).then(|| results.into_iter().map(|(_, result)| result).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn results_are_in_order_whatever_the_threads() {
        for threads in [0, 1, 3, 50] {
            let crew = Crew { threads, ..Crew::default() };
            let slow_at_first = |index: usize| {
                thread::sleep(Duration::from_micros(if index < 3 { 300 } else { 0 }));
                index * index
            };
            let expected = (0..40).map(|index| index * index).collect();
            assert_eq!(crew.map(40, slow_at_first), Some(expected));
            assert_eq!(crew.map(0, |_| ()), Some(Vec::new()));
        }
    }

    #[test]
    #[should_panic(expected = "the fourth")]
    fn a_panic_is_the_callers() {
        Crew { threads: 2, ..Crew::default() }.map(9, |index| assert_ne!(index, 3, "the fourth"));
    }
}
