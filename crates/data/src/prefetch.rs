//! Work done ahead of time by threads and handed over in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Results of `work(0)`, `work(1)`, ... in that order, computed by threads that run ahead by at most a window.
///
/// Dropping it stops the threads after the job at hand and waits for them. A panic in a job panics in the consumer.
pub(crate) struct Prefetch<T> {
    shared: Arc<Shared<T>>,
    workers: Vec<JoinHandle<()>>,
    /// How long the consumer waited for results.
    waited: Duration,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// A result was stored, or a worker died.
    stored: Condvar,
    /// A result was taken, or the consumer is gone.
    taken: Condvar,
    jobs: usize,
    window: usize,
}

struct State<T> {
    next_job: usize,
    next_result: usize,
    ready: BTreeMap<usize, T>,
    stopped: bool,
    worker_died: bool,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts `threads` workers (at least one) on `jobs` jobs.
    pub(crate) fn start(
        jobs: usize,
        threads: usize,
        work: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Self {
        let threads = threads.clamp(1, jobs.max(1));
        let state =
            State { next_job: 0, next_result: 0, ready: BTreeMap::new(), stopped: false, worker_died: false };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            stored: Condvar::new(),
            taken: Condvar::new(),
            jobs,
            window: window(threads),
        });
        let work = Arc::new(work);
        let workers = (0..threads)
            .map(|_| {
                let (shared, work) = (Arc::clone(&shared), Arc::clone(&work));
                thread::spawn(move || shared.run(&*work))
            })
            .collect();
        Self { shared, workers, waited: Duration::ZERO }
    }
}

impl<T> Prefetch<T> {
    /// How long the consumer waited for results in all, the first included.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }
}

/// How many jobs may be under way or waiting: one for each thread, one in the consumer's hands, one spare.
pub(crate) fn window(threads: usize) -> usize {
    threads + 2
}

impl<T> Shared<T> {
    /// Every change under the lock is a single step, so that the state is sound whoever panicked.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, work: &impl Fn(usize) -> T) {
        let guard = DeathNotice { shared: self };
        while let Some(job) = self.next_job() {
            let result = work(job);
            self.lock().ready.insert(job, result);
            self.stored.notify_all();
        }
        std::mem::forget(guard);
    }

    fn next_job(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.stopped || state.next_job == self.jobs {
                return None;
            }
            if state.next_job < state.next_result + self.window {
                state.next_job += 1;
                return Some(state.next_job - 1);
            }
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Dropped only when a job unwinds: without notice the consumer would wait for ever for that job's result.
struct DeathNotice<'a, T> {
    shared: &'a Shared<T>,
}

impl<T> Drop for DeathNotice<'_, T> {
    fn drop(&mut self) {
        self.shared.lock().worker_died = true;
        self.shared.stored.notify_all();
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let mut state = self.shared.lock();
        loop {
            if state.next_result == self.shared.jobs {
                return None;
            }
            let wanted = state.next_result;
            if let Some(result) = state.ready.remove(&wanted) {
                state.next_result += 1;
                self.shared.taken.notify_all();
                return Some(result);
            }
            assert!(!state.worker_died, "a worker thread panicked; its message stands above");
            let begun = Instant::now();
            state = self.shared.stored.wait(state).unwrap_or_else(PoisonError::into_inner);
            self.waited += begun.elapsed();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.jobs - self.shared.lock().next_result;
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Prefetch<T> {}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.taken.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has been reported by `next`, or its result is no longer wanted.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for threads in [0, 1, 2, 7] {
            let results: Vec<usize> = Prefetch::start(40, threads, |job| {
                // Later jobs of a window finish first.
                thread::sleep(Duration::from_micros(300 * (job % 3 == 0) as u64));
                job * job
            })
            .collect();
            assert_eq!(results, (0..40).map(|job| job * job).collect::<Vec<_>>());
        }
    }

    #[test]
    fn workers_run_ahead_by_no_more_than_the_window() {
        let started = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&started);
        let mut prefetch = Prefetch::start(1000, 3, move |job| {
            counter.fetch_add(1, Ordering::SeqCst);
            job
        });
        for taken in 1..20 {
            prefetch.next();
            thread::sleep(Duration::from_millis(2));
            assert!(started.load(Ordering::SeqCst) <= taken + window(3));
        }
    }

    #[test]
    fn dropping_early_ends_the_threads() {
        let work = Arc::new(());
        let held = Arc::clone(&work);
        let mut prefetch = Prefetch::start(1_000_000, 2, move |job| (job, Arc::clone(&held)));
        assert_eq!(prefetch.next().map(|(job, _)| job), Some(0));
        drop(prefetch);
        assert_eq!(Arc::strong_count(&work), 1, "all clones of the workers are gone");
    }

    #[test]
    #[should_panic(expected = "a worker thread panicked")]
    fn a_panic_in_a_job_reaches_the_consumer() {
        Prefetch::start(10, 2, |job| assert_ne!(job, 4)).for_each(drop);
    }

    #[test]
    fn the_time_waited_is_that_of_the_consumer() {
        let slow = |_| thread::sleep(Duration::from_millis(20));
        let mut behind = Prefetch::start(3, 1, slow);
        behind.by_ref().for_each(drop);
        assert!(behind.waited() >= Duration::from_millis(40), "{:?}", behind.waited());

        let mut ahead = Prefetch::start(2, 1, |_| ());
        thread::sleep(Duration::from_millis(200));
        ahead.by_ref().for_each(drop);
        assert!(ahead.waited() < Duration::from_millis(100), "{:?}", ahead.waited());
    }

    #[test]
    fn no_jobs_give_no_results() {
        assert_eq!(Prefetch::start(0, 2, |job| job).len(), 0);
        assert_eq!(Prefetch::start(0, 2, |job| job).next(), None);
    }
}
