//! Sums over a batch that several tasks share: each adds up a part, and the parts are added in order.

use crate::Cpu;
use crate::disjoint::Disjoint;

/// Parts of a batch to aim at: fewer than there are tasks elsewhere, since each has a copy of the gradient to clear and to add.
pub(super) const PARTS: usize = 16;

/// Copies of a gradient, one for each part of the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Partials {
    pub parts: usize,
    /// Elements of the gradient.
    pub len: usize,
}

/// Elements that one task adds up.
const SUM_CHUNK: usize = 4 * 1024;

impl Partials {
    /// Elements of scratch; the first part is the gradient itself where there is no other.
    pub(super) fn scratch(self) -> usize {
        if self.parts > 1 { self.parts * self.len } else { 0 }
    }

    /// Lets `fill` write all parts, `[parts][len]`, and adds them up.
    pub(super) fn sum(
        self,
        cpu: &Cpu,
        gradient: &mut [f32],
        scratch: &mut [f32],
        fill: impl FnOnce(&Disjoint<'_, f32>),
    ) {
        if self.parts <= 1 {
            fill(&Disjoint::new(gradient));
            return;
        }
        fill(&Disjoint::new(scratch));
        cpu.team().for_chunks(gradient, SUM_CHUNK, |chunk, gradient| {
            let start = chunk * SUM_CHUNK;
            gradient.copy_from_slice(&scratch[start..start + gradient.len()]);
            for part in 1..self.parts {
                let part = &scratch[part * self.len + start..][..gradient.len()];
                gradient.iter_mut().zip(part).for_each(|(sum, x)| *sum += *x);
            }
        });
    }
}
