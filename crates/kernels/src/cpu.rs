//! The processor as kernels see it: an instruction set and a team of threads.

use crate::{Half, Isa, Team};

/// An instruction set that was found on this machine and the threads that run kernels with it.
#[derive(Debug)]
pub struct Cpu {
    isa: Isa,
    half: Option<Half>,
    team: Team,
}

impl Cpu {
    /// The best instruction set of this machine with `threads` threads (0: as many as the machine has cores).
    pub fn new(threads: usize) -> Self {
        Self::with_isa(Isa::best(), threads)
    }

    /// A chosen instruction set with `threads` threads (0: as many as the machine has cores).
    pub fn with_isa(isa: Isa, threads: usize) -> Self {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        Self { isa, half: None, team: Team::new(threads) }
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// The same, where convolutions may round their operands to numbers of 16 bits if algorithms are chosen for it; by default they may not.
    pub fn with_half(self, half: Half) -> Self {
        Self { half: Some(half), ..self }
    }

    /// What convolutions may round their operands to, if they may.
    pub fn half(&self) -> Option<Half> {
        self.half
    }

    /// The threads in use.
    pub fn team(&self) -> &Team {
        &self.team
    }

    /// Cuts `out` into pieces of `len` elements (the last may be shorter) and calls `work(task, piece)` for each, on all threads.
    /// Kernels that are called meanwhile run on the thread that calls them.
    pub fn for_chunks<T: Send>(&self, out: &mut [T], len: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        self.team.for_chunks(out, len, work);
    }

    /// The same, where each thread has a worker of its own.
    ///
    /// # Panics
    /// When there are fewer workers than threads.
    pub fn for_chunks_with<W: Send, T: Send>(
        &self,
        workers: &mut [W],
        out: &mut [T],
        len: usize,
        work: impl Fn(&mut W, usize, &mut [T]) + Sync,
    ) {
        self.team.for_chunks_with(workers, out, len, work);
    }

    /// The number of threads that a kernel called here is run on: one inside a task. Scratch is laid out for one of each.
    pub fn threads(&self) -> usize {
        self.team.threads()
    }
}
