//! What windows and weights are made of: numbers, or pairs of 16 bits each.

use std::ops::Range;

use super::correlation::{Block, Correlation, Map};
use super::view::{Reading, Rounded, View};
use crate::disjoint::Disjoint;
use crate::packing::PANEL;
use crate::simd::{ProductKernel, Scale};
use crate::{Cpu, Half};

/// What the sums over windows are computed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operands {
    /// Images and weights as they are.
    Numbers,
    /// Both rounded to 16 bits, two neighbouring channels a pair, of which there must be an even number. A pair takes the place of a
    /// number in windows and in weights.
    Pairs(Half),
}

impl Operands {
    /// The windows over the source as the operands see it.
    pub(super) fn windows(self, c: &Correlation) -> Correlation {
        match self {
            Self::Numbers => *c,
            Self::Pairs(_) => {
                assert!(c.depth().is_multiple_of(Half::NUMBERS), "{} channels in pairs", c.depth());
                let channels = c.source.channels / Half::NUMBERS;
                Correlation { source: Map { channels, ..c.source }, ..*c }
            }
        }
    }

    /// How they are read. Pairs are copies in any case, with the zeros around them: how their sums are rounded does not depend on what is
    /// left out.
    pub(super) fn reading(self, windows: &Correlation) -> Reading {
        match self {
            Self::Numbers => windows.reading(),
            Self::Pairs(_) => Reading::Framed,
        }
    }

    /// The source of a block, of which only the given channels are of interest, counted as the operands are.
    pub(super) fn view<'a>(
        self,
        windows: &Correlation,
        reading: Reading,
        x: &'a [f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
    ) -> View<'a> {
        match self {
            Self::Numbers => windows.view(reading, x, block, channels, scratch),
            Self::Pairs(half) => {
                let rounded = Rounded::of(half, windows.rows_seen(Half::NUMBERS, x, block));
                windows.copied(rounded, reading, x, block, channels, scratch)
            }
        }
    }

    /// Runs a loop of products of the operands, which were made with `scale`.
    pub(super) fn run<K: ProductKernel>(self, cpu: &Cpu, scale: Scale, kernel: K) -> K::Output {
        match self {
            Self::Numbers => cpu.isa().call(kernel),
            Self::Pairs(half) => half.call(scale, kernel),
        }
    }
}

/// Pairs that one task makes.
const PAIRS: usize = 4 * 1024;

/// Rounds packed weights, two neighbouring channels of each filter a pair: `[...][channel][PANEL]` becomes `[...][channel / 2][PANEL]`.
pub(super) fn pair_weights(cpu: &Cpu, half: Half, w: &[f32], pairs: &mut [f32]) {
    assert_eq!(w.len(), Half::NUMBERS * pairs.len(), "weights of pairs");
    let (len, pairs) = (pairs.len(), Disjoint::new(pairs));
    cpu.team().run(len.div_ceil(PAIRS), |_, task| {
        let range = task * PAIRS..len.min((task + 1) * PAIRS);
        let w = &w[Half::NUMBERS * range.start..];
        // SAFETY: each task is run once and has a range of its own.
        let pairs = unsafe { pairs.part(range) };
        for (w, to) in w.chunks_exact(Half::NUMBERS * PANEL).zip(pairs.chunks_exact_mut(PANEL)) {
            let (low, high) = w.split_at(PANEL);
            half.interleave(Scale::ONE, low, high, to);
        }
    });
}
