//! Placing buffers in one arena: those that are never alive at the same time may share memory.

use std::ops::Range;

/// The operations, first to last, during which a buffer's content matters, and its length in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Interval {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) len: usize,
}

impl Interval {
    /// That of a buffer which no operation touches.
    pub(super) fn never(len: usize) -> Self {
        Self { first: usize::MAX, last: 0, len }
    }

    fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Numbers in a cache line: no two buffers share one, and vector loads of a buffer's start are aligned.
const LINE: usize = 16;

/// An offset for each buffer and the arena's length, in numbers.
///
/// Greedy by size (Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020): from the largest
/// buffer to the smallest, each goes to the lowest gap between those placed before that it meets in time.
pub(crate) fn place(intervals: &[Interval]) -> (Vec<Range<usize>>, usize) {
    let mut order: Vec<usize> = (0..intervals.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(intervals[i].len), i));
    let mut placed: Vec<usize> = Vec::with_capacity(order.len());
    let mut offsets = vec![0; intervals.len()];
    for i in order {
        offsets[i] = lowest_gap(i, &placed, intervals, &offsets);
        let at = placed.partition_point(|&j| offsets[j] <= offsets[i]);
        placed.insert(at, i);
    }
    let ranges: Vec<_> = offsets.iter().zip(intervals).map(|(&start, it)| start..start + it.len).collect();
    let is_alive = |it: &Interval| it.first <= it.last;
    let alive = ranges.iter().zip(intervals).filter(|(_, it)| is_alive(it));
    let arena = alive.map(|(range, _)| range.end).max().unwrap_or(0);
    (ranges, arena)
}

/// The lowest offset at which buffer `i` meets none of `placed`, which are in order of their offsets.
fn lowest_gap(i: usize, placed: &[usize], intervals: &[Interval], offsets: &[usize]) -> usize {
    let mut start = 0;
    for &j in placed.iter().filter(|&&j| intervals[j].meets(&intervals[i])) {
        if start + intervals[i].len <= offsets[j] {
            break;
        }
        start = start.max((offsets[j] + intervals[j].len).next_multiple_of(LINE));
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffers_alive_together_never_overlap(
            raw in prop::collection::vec((0_usize..20, 0_usize..6, 0_usize..500), 1..40)
        ) {
            let intervals: Vec<_> =
                raw.into_iter().map(|(first, length, len)| Interval { first, last: first + length, len }).collect();
            let (ranges, arena) = place(&intervals);
            for i in 0..ranges.len() {
                prop_assert_eq!(ranges[i].len(), intervals[i].len);
                prop_assert!(ranges[i].end <= arena);
                for j in 0..i {
                    let apart = ranges[i].end <= ranges[j].start || ranges[j].end <= ranges[i].start;
                    prop_assert!(apart || !intervals[i].meets(&intervals[j]));
                }
            }
            let loosest: usize = intervals.iter().map(|it| it.len.next_multiple_of(LINE)).sum();
            prop_assert!(arena <= loosest);
        }
    }

    #[test]
    fn a_chain_needs_two_buffers() {
        let chain: Vec<_> = (0..10).map(|i| Interval { first: i, last: i + 1, len: 64 }).collect();
        assert_eq!(place(&chain).1, 128);
    }
}
