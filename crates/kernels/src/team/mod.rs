//! A resident team of threads that runs the tasks of one kernel at a time.
//!
//! A training step is some fifty kernels of 10 microseconds to 10 milliseconds, each of which ends with a barrier. So
//! threads stay awake between kernels for a short while (they spin, then yield, then park), and taking a task is one atomic operation on
//! memory that is the thread's own until others have nothing left to do ([`Shares`]). Results do not depend on which
//! thread runs which task, because a task's output depends on the task alone.

mod shares;

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::disjoint::Disjoint;
use crate::flush::FlushDenormals;

pub(crate) use shares::Order;
use shares::Shares;

/// How often a thread looks for work without a pause: some 50 microseconds, more than what lies between two kernels.
const SPINS: usize = 3_000;
/// How long it then goes on looking, and lets others have the processor in between, before it parks: more than what lies between two
/// pictures or two steps. To wake it takes 100 microseconds on a virtual machine.
const PATIENCE: Duration = Duration::from_millis(1);

thread_local! {
    /// Set on a thread while it runs a task: a kernel called from inside a task runs on that thread alone.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

/// Threads that wait for kernels. The thread that calls `run` is one of them.
pub struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// Held by the caller for the length of a run: one kernel at a time.
    turn: Mutex<()>,
}

/// What the members of a team see of each other.
struct Shared {
    /// See [`State`].
    state: AtomicU64,
    job: UnsafeCell<Option<Job>>,
    shares: Shares,
    parked: Vec<AtomicBool>,
    stop: AtomicBool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// The number of the present run, whether helpers may still join it, and how many have joined and not left.
///
/// The caller closes a run when no task is left and waits only for those who joined. A helper that the system has not let run
/// in the meantime costs nothing, which matters where other programs use the processor too.
#[derive(Clone, Copy)]
struct State(u64);

impl State {
    const OPEN: u64 = 1 << 16;
    const MEMBERS: u64 = Self::OPEN - 1;
    const RUN: u64 = Self::OPEN << 1;

    fn run(self) -> u64 {
        self.0 / Self::RUN
    }

    fn is_open(self) -> bool {
        self.0 & Self::OPEN != 0
    }

    fn members(self) -> u64 {
        self.0 & Self::MEMBERS
    }

    /// The state at the start of the run after this one.
    fn next_run(self) -> u64 {
        ((self.run() + 1) * Self::RUN) | Self::OPEN
    }
}

/// One run: what to do for each task, as (member, task). The true lifetime is that of the call to `run`.
#[derive(Clone, Copy)]
struct Job {
    work: *const (dyn Fn(usize, usize) + Sync),
    order: Order,
}

// SAFETY: `job` is written only by the thread that holds `turn`, while the last run is closed and has no members, and read only
// by helpers that have joined an open run, which the writer awaits before it writes again. The pointer in it is to a `Sync`
// closure. All else is atomic or locked.
unsafe impl Sync for Shared {}
// SAFETY: as above; the closure is only called, never moved or dropped, by other threads.
unsafe impl Send for Shared {}

impl Team {
    /// The most threads of a team: what a state has room to count.
    const MAX_THREADS: usize = 1 << 15;

    /// A team of `threads` members (at least one), the caller included.
    pub fn new(threads: usize) -> Self {
        let helpers = threads.clamp(1, Self::MAX_THREADS) - 1;
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            job: UnsafeCell::new(None),
            shares: Shares::new(helpers + 1),
            parked: (0..helpers).map(|_| AtomicBool::new(false)).collect(),
            stop: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        // Where the system grants fewer threads than asked for, the team is as large as it grants.
        let helpers = (0..helpers)
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                let thread = std::thread::Builder::new().name(format!("divvy-kernel-{}", index + 1));
                thread.spawn(move || shared.help(index)).ok()
            })
            .collect();
        Self { shared, helpers, turn: Mutex::new(()) }
    }

    /// The number of threads that a run is shared by: the members, the caller included; but one inside a task.
    pub fn threads(&self) -> usize {
        if IN_TASK.get() { 1 } else { self.helpers.len() + 1 }
    }

    /// Calls `work(member, task)` once for every task below `tasks`, on all members at once; returns when all are done.
    ///
    /// `member` is below [`Team::threads`] and differs between calls that run at the same time, so it can choose a part
    /// of some scratch. A panic in a task reaches the caller after all members have stopped.
    pub fn run(&self, tasks: usize, work: impl Fn(usize, usize) + Sync) {
        self.run_in(Order::FirstToLast, tasks, work);
    }

    /// The same, where each member goes through its tasks in that order.
    pub(crate) fn run_in(&self, order: Order, tasks: usize, work: impl Fn(usize, usize) + Sync) {
        let _flush = FlushDenormals::new();
        let shared = u32::try_from(tasks).ok().filter(|&tasks| tasks > 1 && self.threads() > 1);
        let Some(tasks) = shared else {
            // A member index of 0 is free to use when nothing else runs; inside a task the kernel has scratch of its own.
            let in_order = |task: usize| match order {
                Order::FirstToLast => task,
                Order::LastToFirst => tasks - 1 - task,
            };
            (0..tasks).for_each(|task| work(0, in_order(task)));
            return;
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let work: &(dyn Fn(usize, usize) + Sync) = &work;
        // SAFETY: only the lifetime changes. The run is closed, and its members awaited, before this function returns (even
        // when a task panics), so no helper calls `work` after it is gone.
        let work: *const (dyn Fn(usize, usize) + Sync) = unsafe { std::mem::transmute(work) };
        let job = Job { work, order };
        self.shared.shares.deal(tasks);
        self.open(job);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.shared.work_through(job, 0)));
        self.close();
        // A helper's is taken in any case: left behind, it would come out of the next run.
        let of_helper = self.shared.take_panic();
        if let Some(panic) = outcome.err().or(of_helper) {
            resume_unwind(panic);
        }
    }

    /// Cuts `out` into pieces of `len` elements (the last may be shorter) and calls `work(task, piece)` for each.
    pub(crate) fn for_chunks<T: Send>(
        &self,
        out: &mut [T],
        len: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        self.for_chunks_in(Order::FirstToLast, out, len, work);
    }

    /// The same, where each member goes through its pieces in that order.
    pub(crate) fn for_chunks_in<T: Send>(
        &self,
        order: Order,
        out: &mut [T],
        len: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let total = out.len();
        let out = Disjoint::new(out);
        self.run_in(order, total.div_ceil(len.max(1)), |_, task| {
            let start = task * len;
            // SAFETY: each task is run once and has a range of its own.
            work(task, unsafe { out.part(start..total.min(start + len)) });
        });
    }

    /// The same, where each member has a worker of its own.
    pub(crate) fn for_chunks_with<W: Send, T: Send>(
        &self,
        workers: &mut [W],
        out: &mut [T],
        len: usize,
        work: impl Fn(&mut W, usize, &mut [T]) + Sync,
    ) {
        assert!(workers.len() >= self.threads(), "{} workers for {} threads", workers.len(), self.threads());
        let total = out.len();
        let (workers, out) = (Disjoint::new(workers), Disjoint::new(out));
        self.run(total.div_ceil(len.max(1)), |member, task| {
            let start = task * len;
            // SAFETY: each task is run once and has a range of its own; a member runs one task at a time.
            let (worker, out) =
                unsafe { (workers.part(member..member + 1), out.part(start..total.min(start + len))) };
            work(&mut worker[0], task, out);
        });
    }

    /// Starts a run that helpers can join.
    fn open(&self, job: Job) {
        let shared = &self.shared;
        // SAFETY: this thread holds `turn`, the last run is closed and without members, so nobody reads the cell.
        unsafe { *shared.job.get() = Some(job) };
        let state = State(shared.state.load(Ordering::Relaxed));
        shared.state.store(state.next_run(), Ordering::SeqCst);
        for (helper, parked) in self.helpers.iter().zip(&shared.parked) {
            if parked.load(Ordering::SeqCst) {
                helper.thread().unpark();
            }
        }
    }

    /// Ends the run: nobody joins any more, and those who did have left.
    fn close(&self) {
        let state = &self.shared.state;
        let mut now = State(state.fetch_and(!State::OPEN, Ordering::AcqRel));
        let mut spins = 0;
        while now.members() != 0 {
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
            now = State(state.load(Ordering::Acquire));
        }
    }
}

impl Shared {
    /// The life of a helper: wait for a run, take part in it, leave it; until the team is dropped.
    fn help(&self, index: usize) {
        let _flush = FlushDenormals::new();
        let mut seen = 0;
        loop {
            seen = self.await_run_after(seen, index);
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            if !self.join() {
                continue;
            }
            // SAFETY: this helper has joined an open run, so its job was written before, and is not written again before the
            // helper has left, which is the subtraction below.
            if let Some(job) = unsafe { *self.job.get() }
                && let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work_through(job, index + 1)))
            {
                *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
            }
            self.state.fetch_sub(1, Ordering::Release);
        }
    }

    /// Becomes a member of the present run, if it is still open.
    fn join(&self) -> bool {
        let join = |state: u64| State(state).is_open().then_some(state + 1);
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, join).is_ok()
    }

    /// Waits until there is a run other than `seen`; its number.
    fn await_run_after(&self, seen: u64, index: usize) -> u64 {
        let present = |order| State(self.state.load(order)).run();
        for _ in 0..SPINS {
            let now = present(Ordering::Acquire);
            if now != seen {
                return now;
            }
            std::hint::spin_loop();
        }
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            let now = present(Ordering::Acquire);
            if now != seen {
                return now;
            }
            std::thread::yield_now();
        }
        // The flag is set before the last look: whoever opens a run after that look sees the flag and unparks.
        self.parked[index].store(true, Ordering::SeqCst);
        loop {
            let now = present(Ordering::SeqCst);
            if now != seen {
                self.parked[index].store(false, Ordering::Relaxed);
                return now;
            }
            std::thread::park();
        }
    }

    fn work_through(&self, job: Job, member: usize) {
        IN_TASK.set(true);
        let _reset = ResetInTask;
        // SAFETY: the closure lives until `run` returns, which waits for every member to leave this function.
        let work = unsafe { &*job.work };
        while let Some(task) = self.shares.take(member, job.order) {
            work(member, task as usize);
        }
    }

    fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Clears [`IN_TASK`] when a member leaves a run, by a panic too.
struct ResetInTask;

impl Drop for ResetInTask {
    fn drop(&mut self) {
        IN_TASK.set(false);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // A run without tasks wakes those who wait for one.
        self.shared.state.fetch_add(State::RUN, Ordering::SeqCst);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            // A helper cannot panic outside `catch_unwind`; were it to, there is nothing left to tell.
            let _ = helper.join();
        }
    }
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Team").field("threads", &self.threads()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, AtomicUsize};

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 3, 5] {
            let team = Team::new(threads);
            let orders = [Order::FirstToLast, Order::LastToFirst];
            for (tasks, order) in
                [0, 1, 2, 7, 64, 1000].into_iter().flat_map(|n| orders.map(|order| (n, order)))
            {
                let counts: Vec<AtomicU32> = (0..tasks).map(|_| AtomicU32::new(0)).collect();
                team.run_in(order, tasks, |member, task| {
                    assert!(member < threads);
                    counts[task].fetch_add(1, Ordering::Relaxed);
                });
                assert!(
                    counts.iter().all(|c| c.load(Ordering::Relaxed) == 1),
                    "{threads} threads, {tasks} tasks, {order:?}"
                );
            }
        }
    }

    #[test]
    fn one_thread_goes_through_tasks_in_the_order_asked_for() {
        for (order, expected) in [(Order::FirstToLast, [0, 1, 2, 3]), (Order::LastToFirst, [3, 2, 1, 0])] {
            let tasks = Mutex::new(Vec::new());
            Team::new(1).run_in(order, 4, |_, task| tasks.lock().unwrap().push(task));
            assert_eq!(tasks.into_inner().unwrap(), expected);
        }
    }

    #[test]
    fn parked_helpers_wake_up() {
        let team = Team::new(3);
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let sum = AtomicUsize::new(0);
            team.run(100, |_, task| {
                sum.fetch_add(task, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 4950);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_team_usable() {
        let team = Team::new(3);
        // One of them panics, or all do, on each thread: after some time, so that each has a task.
        let one = |task: usize| assert_ne!(task, 17);
        let all = |_: usize| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            panic!("on purpose")
        };
        for panics in [&one as &(dyn Fn(usize) + Sync), &all] {
            let outcome = catch_unwind(AssertUnwindSafe(|| team.run(50, |_, task| panics(task))));
            assert!(outcome.is_err());
            let ran = AtomicUsize::new(0);
            team.run(50, |_, _| {
                ran.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(ran.into_inner(), 50);
        }
    }

    #[test]
    fn a_run_inside_a_task_stays_on_its_thread() {
        let team = Team::new(2);
        let ran = AtomicUsize::new(0);
        team.run(8, |_, _| {
            assert_eq!(team.threads(), 1);
            team.run(8, |_, _| {
                ran.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(ran.into_inner(), 64);
    }

    #[test]
    fn chunks_cover_the_slice() {
        let team = Team::new(2);
        let mut out = vec![0_u32; 103];
        team.for_chunks(&mut out, 10, |task, piece| piece.iter_mut().for_each(|x| *x += task as u32 + 1));
        let expected: Vec<u32> = (0..103).map(|i| i / 10 + 1).collect();
        assert_eq!(out, expected);
    }
}
