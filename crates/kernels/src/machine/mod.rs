//! What this machine can do at most: the peak rate of arithmetic, the bandwidth of each level of memory, the price of a barrier.
//!
//! A kernel is judged against these. Together they are the roofline (Williams, Waterman and Patterson, "Roofline: an insightful
//! visual performance model for multicore architectures", 2009): no operation takes less time than its arithmetic at the peak rate,
//! nor less than its bytes at the bandwidth of the memory that holds them. Everything is measured with the threads and the
//! instruction set of a [`Cpu`](crate::Cpu), and always the best of many short runs: what slows a run down is other programs.

mod arithmetic;
mod barrier;
mod caches;
mod clock;
mod limits;
mod memory;
mod narrow;

pub use arithmetic::{HalfRates, fma_rate, narrow_rate};
pub use barrier::barrier_seconds;
pub use caches::Caches;
pub use limits::{Level, LevelLimits, Limits};
pub use memory::{Access, bandwidth};
pub use narrow::NarrowProduct;
