//! Several parts of one slice at once: some to be read, others to be written.

use std::ops::Range;

/// Parts that are written at once, at the most.
const WRITTEN: usize = 8;

/// The parts `reads`, which may overlap each other, and the parts `writes`.
///
/// # Panics
/// When a part that is written overlaps another, or there are more than eight.
#[expect(clippy::needless_pass_by_value, reason = "ranges are made on the spot, as those to read are")]
pub(crate) fn parts<const R: usize, const W: usize>(
    slice: &mut [f32],
    reads: [Range<usize>; R],
    writes: [Range<usize>; W],
) -> ([&[f32]; R], [&mut [f32]; W]) {
    let mut order: [usize; W] = std::array::from_fn(|i| i);
    order.sort_unstable_by_key(|&i| (writes[i].start, writes[i].end));
    // Between parts that are written lie those that are only read, each with where it starts.
    let mut written: [&mut [f32]; W] = std::array::from_fn(|_| &mut [][..]);
    let mut between: [(usize, &[f32]); WRITTEN] = [(0, &[]); WRITTEN];
    assert!(W < WRITTEN, "{W} parts to write");
    let (mut rest, mut start) = (slice, 0);
    for (gap, &i) in order.iter().enumerate() {
        let Range { start: from, end: to } = writes[i];
        assert!(from >= start && to >= from, "parts to write overlap");
        let (before, others) = rest.split_at_mut(from - start);
        let (part, after) = others.split_at_mut(to - from);
        between[gap] = (start, before);
        written[i] = part;
        (rest, start) = (after, to);
    }
    between[W] = (start, rest);
    let reads = reads.map(|range| {
        let holds =
            |&&(start, part): &&(usize, &[f32])| start <= range.start && range.end <= start + part.len();
        let found = between[..=W].iter().find(holds);
        let &(start, part) = found.expect("a part to read overlaps none to write");
        &part[range.start - start..range.end - start]
    });
    (reads, written)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::single_range_in_vec_init, reason = "one part is as good as several")]

    use super::*;

    #[test]
    fn parts_are_those_asked_for() {
        let mut slice: Vec<f32> = (0..20_u8).map(f32::from).collect();
        let (reads, writes) = parts(&mut slice, [0..3, 1..2, 18..20, 7..7], [10..12, 4..6]);
        assert_eq!(reads, [&[0.0, 1.0, 2.0][..], &[1.0], &[18.0, 19.0], &[]]);
        assert_eq!(writes, [&[10.0, 11.0][..], &[4.0, 5.0]]);
    }

    #[test]
    #[should_panic(expected = "overlaps none to write")]
    fn what_is_written_is_not_read() {
        parts(&mut [0.0; 10], [3..5], [4..6]);
    }

    #[test]
    #[should_panic(expected = "parts to write overlap")]
    fn what_is_written_is_written_once() {
        parts(&mut [0.0; 10], [], [4..6, 5..7]);
    }
}
