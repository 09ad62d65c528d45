//! What windows and weights are made of: numbers, or pairs of bf16.

use std::ops::Range;

use super::correlation::{Block, Correlation, Map};
use super::view::View;
use crate::disjoint::Disjoint;
use crate::packing::PANEL;
use crate::simd::ProductKernel;
use crate::{Bf16, Cpu};

/// What the sums over windows are computed with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operands {
    /// Images and weights as they are.
    Numbers,
    /// Both rounded to bf16, two neighbouring channels a pair, of which there must be an even number. A pair takes the place of a
    /// number in windows and in weights.
    Pairs(Bf16),
}

impl Operands {
    /// The windows over the source as the operands see it.
    pub(super) fn windows(self, c: &Correlation) -> Correlation {
        match self {
            Self::Numbers => *c,
            Self::Pairs(_) => {
                assert!(c.depth().is_multiple_of(Bf16::NUMBERS), "{} channels in pairs", c.depth());
                let channels = c.source.channels / Bf16::NUMBERS;
                Correlation { source: Map { channels, ..c.source }, ..*c }
            }
        }
    }

    /// Elements of scratch that [`Self::view`] needs for blocks of so many images and rows of outputs, with all channels.
    pub(super) fn halo_len(self, windows: &Correlation, images: usize, rows: usize) -> usize {
        match self {
            Self::Numbers => windows.halo_len(images, rows),
            Self::Pairs(_) => windows.source_len(images, rows),
        }
    }

    /// The source of a block, of which only the given channels are of interest, counted as the operands are.
    pub(super) fn view<'a>(
        self,
        windows: &Correlation,
        x: &'a [f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
    ) -> View<'a> {
        match self {
            Self::Numbers => windows.view(x, block, channels, scratch),
            Self::Pairs(bf16) => windows.framed(bf16, x, block, channels, scratch),
        }
    }

    /// Runs a loop of products of the operands.
    pub(super) fn run<K: ProductKernel>(self, cpu: &Cpu, kernel: K) -> K::Output {
        match self {
            Self::Numbers => cpu.isa().call(kernel),
            Self::Pairs(bf16) => bf16.call(kernel),
        }
    }
}

/// Pairs that one task makes.
const PAIRS: usize = 4 * 1024;

/// Rounds packed weights, two neighbouring channels of each filter a pair: `[...][channel][PANEL]` becomes `[...][channel / 2][PANEL]`.
pub(super) fn pair_weights(cpu: &Cpu, bf16: Bf16, w: &[f32], pairs: &mut [f32]) {
    assert_eq!(w.len(), Bf16::NUMBERS * pairs.len(), "weights of pairs");
    let (len, pairs) = (pairs.len(), Disjoint::new(pairs));
    cpu.team().run(len.div_ceil(PAIRS), |_, task| {
        let range = task * PAIRS..len.min((task + 1) * PAIRS);
        let w = &w[Bf16::NUMBERS * range.start..];
        // SAFETY: each task is run once and has a range of its own.
        let pairs = unsafe { pairs.part(range) };
        for (w, to) in w.chunks_exact(Bf16::NUMBERS * PANEL).zip(pairs.chunks_exact_mut(PANEL)) {
            let (low, high) = w.split_at(PANEL);
            bf16.interleave(low, high, to);
        }
    });
}
