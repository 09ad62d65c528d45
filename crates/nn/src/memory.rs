//! Memory: what there is, what was taken, and whether a plan fits, asked before memory is taken: a system that hands out more than it has
//! would end the program instead of refusing.

use std::fs;
use std::path::Path;

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

/// Bytes that an engine needs which an optimizer trains as `trained` and which in between is asked for logits as `asked`, the same layers for pictures of another size
/// perhaps, both with batches of `batch` pictures: the two plans share their buffers, and each has constants of its own. Nothing is allocated.
pub fn needed_memory_to_train(
    trained: &Network,
    asked: &Network,
    optimizer: &Optimizer,
    batch: usize,
    options: PlanOptions,
    threads: usize,
) -> u64 {
    let table = ParameterTable::new(trained.graph());
    let plans = [(trained, Mode::Train), (asked, Mode::Infer)]
        .map(|(network, mode)| Plan::compile(network, &table, mode, batch, options));
    let most = |of: fn(&Plan, usize) -> usize| plans.iter().map(|plan| of(plan, threads)).max().unwrap_or(0);
    let shared = most(|plan, _| plan.arena_len()) + most(Plan::scratch_len);
    let own: usize = plans.iter().map(|plan| plan.constants_len() + tiled_len(plan, threads)).sum();
    let copies = 2 + optimizer.kept();
    ((shared + own + copies * table.trained_len()) * size_of::<f32>()) as u64
}

/// Numbers that a plan takes for the operations that are run a few pictures at a time.
fn tiled_len(plan: &Plan, threads: usize) -> usize {
    plan.tiling().map_or(0, |tiling| tiling.memory_len(plan.batch(), threads))
}

/// Bytes that a plan takes while it runs.
pub(crate) fn bytes_of(plan: &Plan, threads: usize) -> u64 {
    let numbers =
        plan.arena_len() + plan.scratch_len(threads) + plan.constants_len() + tiled_len(plan, threads);
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

/// Bytes that a program could take without others being pushed out, where the system tells (Linux): of the machine, and of what the program's group may have, as in
/// a container.
pub fn free_memory() -> Option<u64> {
    let machine = bytes("/proc/meminfo", "MemAvailable:")?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(free_of_groups(Path::new("/sys/fs/cgroup"), &groups).map_or(machine, |group| group.min(machine)))
}

/// What is left of the least that a control group (version 2) and those around it may have; none where no limit is set. `groups` is the program's
/// `/proc/self/cgroup`.
fn free_of_groups(root: &Path, groups: &str) -> Option<u64> {
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    root.join(own).ancestors().take_while(|group| group.starts_with(root)).filter_map(free_of_group).min()
}

/// What a control group may have beyond what it holds. Pages of files that were not read of late are given up first, and so are free.
fn free_of_group(group: &Path) -> Option<u64> {
    let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
    let most = number("memory.max")?;
    let statistics = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let of_files = statistics.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse().ok());
    let held = number("memory.current")?.saturating_sub(of_files.unwrap_or(0));
    Some(most.saturating_sub(held))
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
    fn a_group_has_what_it_and_those_around_it_leave() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |file: &str, text: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(free_of_groups(root, "0::/\n"), None, "no limit");
        write("a/b/memory.max", "max\n");
        write("a/b/memory.current", "900\n");
        assert_eq!(free_of_groups(root, "1:cpu:/x\n0::/a/b\n"), None);
        write("a/memory.max", "5000\n");
        write("a/memory.current", "1000\n");
        assert_eq!(free_of_groups(root, "0::/a/b\n"), Some(4000), "that of the group around it");
        write("a/b/memory.max", "2000\n");
        write("a/b/memory.stat", "anon 600\ninactive_file 300\nactive_file 0\n");
        assert_eq!(free_of_groups(root, "0::/a/b\n"), Some(1400));
        write("a/b/memory.current", "9000\n");
        assert_eq!(free_of_groups(root, "0::/a/b\n"), Some(0));
        assert_eq!(free_of_groups(root, "8:memory:/a/b\n"), None, "version 1 has no such line");
    }

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
