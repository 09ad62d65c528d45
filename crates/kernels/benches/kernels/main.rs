//! How fast each kernel is on this machine.
//!
//! ```text
//! cargo bench -p divvy-kernels                        # all, on the best instruction set and one thread
//! cargo bench -p divvy-kernels -- conv::forward       # those whose name contains it (a regular expression)
//! DIVVY_LAYER=classic DIVVY_THREADS=2 DIVVY_ISA=avx2 cargo bench -p divvy-kernels -- conv
//! ```
//! What matrix-like kernels do is counted in items, a multiplication or an addition each, so that Gitem/s are GFLOP/s; what the others read
//! and write is counted in bytes. An unknown instruction set is told, with those that the machine has. Compare with the limits that
//! `divvy bench machine` prints.

mod case;
mod chain;
mod conv;
mod dense;
mod fused;
mod heads;
mod int8;
mod memory;
mod optimize;
mod pools;
mod team;

fn main() {
    divan::main();
}
