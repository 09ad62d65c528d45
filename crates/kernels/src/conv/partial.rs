//! Gradients to weights, which several tasks share: each adds up a part of the batch, and the parts are added in order.

use std::ops::Range;

use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::team::Order;

/// Parts of a batch to aim at: fewer than there are tasks elsewhere, since each has a copy of the gradient to clear and to add.
pub(super) const PARTS: usize = 16;

/// How a gradient is summed: a task adds up some of its panels over a part of the batch, in a copy of its own. Where the batch is
/// one part, that is the gradient itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Partials {
    /// Parts of the batch.
    pub parts: usize,
    pub panels: usize,
    /// Elements of a panel.
    pub panel_len: usize,
    /// Panels of a task.
    pub panels_at_once: usize,
    /// Elements of scratch that a task needs.
    pub task_scratch: usize,
}

/// What one task adds up.
pub(super) struct Partial<'a> {
    /// Which part of the batch.
    pub part: usize,
    pub panels: Range<usize>,
    /// These panels, with whatever was there before.
    pub gradient: &'a mut [f32],
    pub scratch: &'a mut [f32],
}

/// Elements that one task adds up.
const SUM_CHUNK: usize = 4 * 1024;

impl Partials {
    /// Elements of the gradient.
    fn len(self) -> usize {
        self.panels * self.panel_len
    }

    /// Elements of the copies of the gradient.
    fn copies_len(self) -> usize {
        if self.parts > 1 { self.parts * self.len() } else { 0 }
    }

    /// Tasks for each part of the batch.
    pub(super) fn tasks(self) -> usize {
        self.panels.div_ceil(self.panels_at_once)
    }

    /// Elements of scratch that [`Self::sum`] needs on so many threads.
    pub(super) fn scratch(self, threads: usize) -> usize {
        self.copies_len() + threads * self.task_scratch
    }

    /// Lets `write` write the gradient of each part of the batch, and adds them up.
    pub(super) fn sum(
        self,
        cpu: &Cpu,
        gradient: &mut [f32],
        scratch: &mut [f32],
        write: impl Fn(Partial<'_>) + Sync,
    ) {
        let (copies, scratch) = scratch.split_at_mut(self.copies_len());
        if self.parts <= 1 {
            return self.write(cpu, gradient, scratch, write);
        }
        self.write(cpu, copies, scratch, write);
        cpu.team().for_chunks(gradient, SUM_CHUNK, |chunk, gradient| {
            let start = chunk * SUM_CHUNK;
            gradient.copy_from_slice(&copies[start..start + gradient.len()]);
            for part in 1..self.parts {
                let part = &copies[part * self.len() + start..][..gradient.len()];
                gradient.iter_mut().zip(part).for_each(|(sum, x)| *sum += *x);
            }
        });
    }

    /// Writes all parts, `[parts][panels][panel_len]`.
    fn write(self, cpu: &Cpu, copies: &mut [f32], scratch: &mut [f32], write: impl Fn(Partial<'_>) + Sync) {
        let (copies, scratch) = (Disjoint::new(copies), Disjoint::new(scratch));
        let tasks = self.tasks();
        cpu.team().run_in(Order::LastToFirst, self.parts * tasks, |member, task| {
            let (part, first) = (task / tasks, task % tasks * self.panels_at_once);
            let panels = first..self.panels.min(first + self.panels_at_once);
            let place = |panel: usize| (part * self.panels + panel) * self.panel_len;
            let own = member * self.task_scratch..(member + 1) * self.task_scratch;
            // SAFETY: each task is run once and has panels of a part of its own; each member has scratch of its own.
            let (gradient, scratch) =
                unsafe { (copies.part(place(panels.start)..place(panels.end)), scratch.part(own)) };
            write(Partial { part, panels, gradient, scratch });
        });
    }
}
