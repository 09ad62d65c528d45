//! Memory: what there is, what was taken, and whether a plan fits, asked before memory is taken: a system that hands out more than it has
//! would end the program instead of refusing.

use std::fs;

use thiserror::Error;

use crate::network::Network;
use crate::optimizer::Optimizer;
use crate::parameters::ParameterTable;
use crate::plan::{Mode, Plan, PlanOptions};

/// A network and batch that need more memory than the machine has left.
#[derive(Clone, Copy, PartialEq, Debug, Error)]
#[error(
    "a batch of {batch} needs {:.1} GiB of memory, this machine has {:.1} GiB free",
    gibi(*.needed),
    gibi(*.free)
)]
pub struct OutOfMemory {
    /// The pictures in the batch.
    pub batch: usize,
    /// Bytes for buffers, parameters, gradients and optimizer state.
    pub needed: u64,
    /// Bytes that programs could get.
    pub free: u64,
}

fn gibi(bytes: u64) -> f64 {
    bytes as f64 / (1_u64 << 30) as f64
}

/// Bytes that `network` needs to be trained by an optimizer, or to be used where there is none, with batches of `batch` pictures by plans that
/// are compiled for `options` and run on `threads` threads: buffers, parameters, gradients and optimizer state. Nothing is allocated.
pub fn needed_memory(
    network: &Network,
    optimizer: Option<&Optimizer>,
    batch: usize,
    options: PlanOptions,
    threads: usize,
) -> u64 {
    let mode = if optimizer.is_some() { Mode::Train } else { Mode::Infer };
    let table = ParameterTable::new(network.graph());
    let plan = Plan::compile(network, &table, mode, batch, options);
    // Training keeps a gradient beside each parameter, and what the optimizer remembers.
    let copies = optimizer.map_or(1, |optimizer| 2 + optimizer.kept());
    bytes_of(&plan, threads) + (copies * table.trained_len() * size_of::<f32>()) as u64
}

/// Bytes that a plan takes while it runs.
pub(crate) fn bytes_of(plan: &Plan, threads: usize) -> u64 {
    let tiled = plan.tiling().map_or(0, |tiling| tiling.memory_len(plan.batch(), threads));
    let numbers = plan.arena_len() + plan.scratch_len(threads) + plan.constants_len() + tiled;
    (numbers * size_of::<f32>()) as u64
}

/// Refuses what needs more bytes than are free, for batches of `batch` pictures.
///
/// # Errors
/// [`OutOfMemory`]. Where the system does not tell what is free, nothing is refused.
pub fn check_free(needed: u64, batch: usize) -> Result<(), OutOfMemory> {
    match free_memory() {
        Some(free) if needed > free => Err(OutOfMemory { batch, needed, free }),
        _ => Ok(()),
    }
}

/// Bytes that a program could take without others being pushed out, where the system tells (Linux).
pub fn free_memory() -> Option<u64> {
    bytes("/proc/meminfo", "MemAvailable:")
}

/// The bytes of memory that this process holds now, where the system tells (Linux).
pub fn held_memory() -> Option<u64> {
    bytes("/proc/self/status", "VmRSS:")
}

/// The most bytes of memory that this process has held so far, where the system tells (Linux).
pub fn peak_memory() -> Option<u64> {
    bytes("/proc/self/status", "VmHWM:")
}

/// A figure from one of Linux's own files.
fn bytes(file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kibi: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibi.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, Head, Task};

    #[test]
    fn a_batch_beyond_any_memory_is_refused() {
        let head = Head::for_task(Task::Binary, None, 2).unwrap();
        let graph = Architecture::by_name("classic").unwrap().graph([64, 64, 3], &head).unwrap();
        let network = Network::new(graph, Task::Binary).unwrap();
        let check = |optimizer: &Optimizer, batch| {
            check_free(needed_memory(&network, Some(optimizer), batch, PlanOptions::default(), 1), batch)
        };
        let adam = Optimizer::adam();
        assert_eq!(check(&adam, 1), Ok(()));
        if cfg!(target_os = "linux") {
            let refused = check(&adam, 1 << 30).unwrap_err();
            assert!(refused.needed > 1 << 40);
            let averaged = check(&adam.average(0.99), 1 << 30).unwrap_err();
            let trained = ParameterTable::new(network.graph()).trained_len();
            assert_eq!(averaged.needed - refused.needed, 4 * trained as u64);
        }
    }

    #[test]
    fn what_was_held_at_most_grows_with_what_is_held() {
        if cfg!(target_os = "linux") {
            const TAKEN: usize = 64 << 20;
            let before = peak_memory().unwrap();
            let held = std::hint::black_box(vec![1_u8; TAKEN]);
            let after = peak_memory().unwrap();
            drop(held);
            assert!(after >= TAKEN as u64 && after >= before, "{before} and then {after}");
        }
    }
}
