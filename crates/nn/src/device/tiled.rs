//! Running the first operations of a plan a few pictures at a time, each part of the batch on one thread.

use divvy_kernels::Buffer;

use super::access::{Access, Stored};
use super::{Device, Known, Memory, Randomness};
use crate::parameters::Parameters;
use crate::plan::Plan;
use crate::plan::tiling::Tiling;

/// The memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Worker {
    arena: Buffer,
    scratch: Buffer,
}

impl Device {
    /// Makes room for so many parts of a batch.
    pub(super) fn prepare_tiled(&mut self, tiling: &Tiling, parts: usize) {
        let threads = self.cpu.threads();
        self.workers.resize_with(threads.max(self.workers.len()), Worker::default);
        for worker in &mut self.workers {
            worker.arena.grow(tiling.plan.arena_len());
            worker.scratch.grow(tiling.plan.scratch_len(1));
        }
        self.carried.grow(parts * tiling.carried_len());
    }

    /// How the first operations of a plan are run a few pictures at a time. Where times are taken none are: operations are then run
    /// over the whole batch, one after the other.
    pub(crate) fn tiling<'p>(&self, plan: &'p Plan) -> Option<&'p Tiling> {
        plan.tiling().filter(|_| self.laps.is_none())
    }

    /// Runs the operations of a plan's [tiling](Self::tiling), if it has one, on a batch of pictures.
    pub(crate) fn run_tiled(
        &mut self,
        plan: &Plan,
        images: &[f32],
        constants: Known<'_>,
        parameters: &Parameters,
    ) {
        let Some(tiling) = self.tiling(plan) else { return };
        let (table, (values, statistics)) = (parameters.table(), parameters.slices());
        let part = tiling.plan.buffer(tiling.plan.ends().images);
        let len = tiling.carried_len();
        let parts = plan.batch() / tiling.plan.batch();
        assert_eq!(images.len(), parts * part.len(), "pictures for the whole batch");
        let cpu = &self.cpu;
        cpu.for_chunks_with(&mut self.workers, &mut self.carried[..parts * len], len, |worker, at, out| {
            worker.arena[part.clone()].copy_from_slice(&images[at * part.len()..][..part.len()]);
            let mut memory = Memory {
                cpu,
                plan: &tiling.plan,
                arena: &mut worker.arena,
                scratch: &mut worker.scratch,
                constants,
                parameters: Stored {
                    values: Access::Read(values),
                    statistics: Access::Read(statistics),
                    table,
                },
                gradients: &mut [],
                randomness: Randomness { seed: 0, step: 0 },
                loss_weights: None,
                updates: None,
            };
            memory.run(0..tiling.plan.steps().len());
            let mut out = out;
            for &id in &tiling.carried {
                let left = &worker.arena[tiling.plan.buffer(id)];
                let (to, rest) = out.split_at_mut(left.len());
                to.copy_from_slice(left);
                out = rest;
            }
        });
        self.gather(plan, tiling, parts);
    }

    /// Puts together what the parts have left.
    fn gather(&mut self, plan: &Plan, tiling: &Tiling, parts: usize) {
        let len = tiling.carried_len();
        let mut first = 0;
        for &id in &tiling.carried {
            let part = tiling.plan.buffer(id).len();
            let whole = &mut self.arena[plan.buffer(id)];
            let carried = &self.carried;
            self.cpu.for_chunks(&mut whole[..parts * part], part, |at, to| {
                to.copy_from_slice(&carried[at * len + first..][..part]);
            });
            first += part;
        }
    }
}
