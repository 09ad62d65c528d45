//! How long the content of each buffer matters, and so where it lies.

use std::ops::Range;

use super::Step;
use super::chain::Chained;
use super::lower::BufferSpec;
use super::place::{Interval, place};

/// Where each buffer lies in one arena, and the arena's length, in numbers.
///
/// An operation that can write over what it reads does so where nothing reads that afterwards: the lines that it
/// writes are in the cache then.
pub(super) fn lay_out(
    steps: &[Step],
    buffers: &[BufferSpec],
    chains: &[Chained],
) -> (Vec<Range<usize>>, usize) {
    let mut intervals = intervals(steps, buffers, chains);
    let mut holders: Vec<usize> = (0..buffers.len()).collect();
    for (time, step) in steps.iter().enumerate() {
        let Some((read, written)) = step.op.in_place() else { continue };
        let (holder, follows) = (holders[read.0], intervals[written.0]);
        let is_last_read = intervals[holder].last == time && follows.first == time;
        if is_last_read && intervals[holder].len == follows.len {
            intervals[holder].last = follows.last;
            intervals[written.0] = Interval::never(follows.len);
            holders[written.0] = holder;
        }
    }
    let (places, arena) = place(&intervals);
    (holders.into_iter().map(|holder| places[holder].clone()).collect(), arena)
}

/// The time during which each buffer's content matters. The operations of a chain are run all at once.
fn intervals(steps: &[Step], buffers: &[BufferSpec], chains: &[Chained]) -> Vec<Interval> {
    let at_once =
        |time: usize| chains.iter().map(|chained| &chained.steps).find(|steps| steps.contains(&time));
    let mut intervals: Vec<_> = buffers.iter().map(|buffer| Interval::never(buffer.len)).collect();
    for (time, step) in steps.iter().enumerate() {
        let (first, last) = at_once(time).map_or((time, time), |steps| (steps.start, steps.end - 1));
        for id in step.op.operands().all() {
            let it = &mut intervals[id.0];
            (it.first, it.last) = (it.first.min(first), it.last.max(last));
        }
    }
    for (it, buffer) in intervals.iter_mut().zip(buffers).filter(|(_, buffer)| buffer.external) {
        *it = Interval { first: 0, last: steps.len(), len: buffer.len };
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::super::op::BufferId;
    use super::super::testing::{compiled, named};
    use super::super::{Mode, Op};

    const NAMES: [&str; 5] = ["classic", "lenet5", "mobilenet_v2", "resnet9", "resnet18"];

    /// Walks the operations and notes of each number of the arena which buffer was written there last.
    #[test]
    fn what_is_read_is_what_was_written() {
        for (name, mode) in NAMES.iter().flat_map(|name| [Mode::Train, Mode::Infer].map(|mode| (name, mode)))
        {
            let plan = compiled(&named(name, 32), mode, 2);
            let mut content: Vec<Option<BufferId>> = vec![None; plan.arena_len()];
            let given = [Some(plan.ends().images), plan.ends().loss.map(|ends| ends.targets)];
            for id in given.into_iter().flatten() {
                content[plan.buffer(id)].fill(Some(id));
            }
            for (at, step) in plan.steps().iter().enumerate() {
                let operands = step.op.operands();
                for id in operands.reads {
                    let is_there = content[plan.buffer(id)].iter().all(|&content| content == Some(id));
                    assert!(is_there, "{name}, {mode:?}: {} {at} reads {id:?}", step.op.name());
                }
                for id in operands.writes {
                    content[plan.buffer(id)].fill(Some(id));
                }
            }
        }
    }

    /// Each batch norm of `mobilenet_v2` writes over the gradient that it reads, but where that is a shortcut's, too.
    #[test]
    fn gradients_are_written_over_those_that_nothing_reads_any_more() {
        let plan = compiled(&named("mobilenet_v2", 32), Mode::Train, 2);
        let norms = plan.steps().iter().filter_map(|step| match step.op {
            Op::BatchNormBackward { dy, dx, .. } => Some(plan.buffer(dy) == plan.buffer(dx)),
            _ => None,
        });
        let norms: Vec<bool> = norms.collect();
        let shortcuts = 10;
        assert_eq!((norms.len(), norms.iter().filter(|in_place| !**in_place).count()), (52, shortcuts));
    }
}
