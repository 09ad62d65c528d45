//! Depth first: the first operations of an inference, from end to end, for a few pictures at a time.
//!
//! Maps are largest near the pictures and weights near the logits. As long as an operation's weights are small beside its maps, a
//! thread carries its pictures through one operation after the other while they are in its cache, and reads the weights once
//! for each; behind that, the whole batch goes through each operation, and the weights are read once.

use super::op::BufferId;
use super::{Mode, Op, Part, Plan, PlanOptions};
use crate::network::Network;
use crate::parameters::ParameterTable;

/// Numbers that a thread's pictures may take at a time, of several pictures: 1 MiB.
const NEAR: usize = 256 * 1024;
/// The fewest parts of a batch: enough to share among the threads of a desktop.
const PARTS: usize = 8;

/// The part of a plan that is run a few pictures at a time.
#[derive(Clone, Debug)]
pub(crate) struct Tiling {
    /// The operations that are run so, compiled for those pictures; they and their buffers have the numbers of the whole batch's.
    pub(crate) plan: Plan,
    /// What they leave for those behind.
    pub(crate) carried: Vec<BufferId>,
    /// Whether operations behind them read the pictures, too.
    pub(crate) leaves_images: bool,
}

impl Tiling {
    /// How the operations of `whole` are best run, if not all over the whole batch.
    pub(super) fn of(
        whole: &Plan,
        network: &Network,
        table: &ParameterTable,
        options: PlanOptions,
    ) -> Option<Self> {
        let batch = whole.batch();
        let operands =
            |op: &Op| -> usize { op.operands().all().map(|id| whole.buffer(id).len() / batch).sum() };
        let weights =
            |op: &Op| -> usize { op.parameters().into_iter().map(|id| table.range(id).len()).sum() };
        let is_local = |op: &Op| weights(op) <= 2 * operands(op);
        let steps = whole.steps().iter().take_while(|step| is_local(&step.op)).count();
        let local = &whole.steps()[..steps];
        if local.iter().filter(|step| matches!(step.op, Op::Conv2d { .. })).count() < 2 {
            return None;
        }
        let largest = local.iter().map(|step| operands(&step.op)).max()?;
        let most = (NEAR / largest.max(1)).max(1);
        let divides = |pictures: &usize| batch.is_multiple_of(*pictures) && batch / pictures >= PARTS;
        let pictures = (1..=most).rev().find(divides)?;
        let written = |id: &BufferId| local.iter().any(|step| step.op.operands().writes.contains(id));
        let behind = || whole.steps()[steps..].iter().flat_map(|step| step.op.operands().reads);
        let leaves_images = behind().any(|id| id == whole.ends().images);
        let mut carried: Vec<_> = behind().chain([whole.ends().logits]).filter(written).collect();
        carried.sort_unstable();
        carried.dedup();
        let part = Part::First { steps, carried: &carried };
        let plan = Plan::compile_part(network, table, Mode::Infer, pictures, options, part);
        Some(Self { plan, carried, leaves_images })
    }

    /// The numbers that running a batch so takes beside the memory of the whole plan, on so many threads.
    pub(crate) fn memory_len(&self, batch: usize, threads: usize) -> usize {
        let parts = batch / self.plan.batch();
        threads * (self.plan.arena_len() + self.plan.scratch_len(1)) + parts * self.carried_len()
    }

    /// The numbers that each part leaves.
    pub(crate) fn carried_len(&self) -> usize {
        self.carried.iter().map(|&id| self.plan.buffer(id).len()).sum()
    }
}
