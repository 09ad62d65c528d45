//! The gradient to the weights, summed in the transformed space.
//!
//! A task carries a part of the batch's tiles, a block at a time, and adds their products to its own sums over tiles, for some panels of
//! filters; at its end the sums are carried back to a copy of the gradient, and the copies are added up in order.

use std::ops::Range;

use super::tiles::{Lift, LiftInput, LiftOutputs, LowerWeights, Planes, Source, Tiles};
use super::transform::{Input, LinearMap, OutputTransposed, WeightsTransposed};
use super::{BLOCK, Blocks, WinogradTile, weight_planes, with_sides, zeros_len};
use crate::Cpu;
use crate::conv::backward_weights::pieces;
use crate::conv::correlation::{Correlation, Panel};
use crate::conv::partial::{PARTS, Partial, Partials};
use crate::microkernel::{MatrixStrides, PlaneSweep};
use crate::packing::PANEL;

/// Elements of a task's sums: 640 KiB.
const SUMS: usize = 160 * 1024;

/// How the work is cut into tasks, and a task into blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    /// Parts of the batch's tiles.
    parts: usize,
    /// Panels of a task.
    panels: usize,
    /// Tiles of a block.
    tiles: usize,
    /// Elements of a panel's gradient, and of its sums.
    panel_len: usize,
    sums_len: usize,
}

impl Cut {
    fn of(c: &Correlation, tiles: &Tiles, planes: usize) -> Self {
        let sums_len = weight_planes(c).len(planes);
        let panels = (SUMS / sums_len).clamp(1, c.panels());
        let most = (BLOCK / (planes * (c.depth() + PANEL))).max(8);
        let parts = PARTS.div_ceil(c.panels().div_ceil(panels)).min(tiles.len().div_ceil(8));
        let tiles = tiles.len().div_ceil(parts);
        Self {
            parts,
            panels,
            tiles: tiles.div_ceil(tiles.div_ceil(most)),
            panel_len: c.panel_len(),
            sums_len,
        }
    }

    fn partials(&self, c: &Correlation, planes: usize) -> Partials {
        Partials {
            parts: self.parts,
            panels: c.panels(),
            panel_len: self.panel_len,
            panels_at_once: self.panels,
            task_scratch: self.task_scratch(c, planes),
        }
    }

    /// The planes of a block's squares and of one panel's gradients.
    fn planes(&self, c: &Correlation) -> [Planes; 2] {
        [Planes::new(self.tiles, c.depth()), Planes::new(self.tiles, PANEL)]
    }

    /// Elements of scratch of a task.
    fn task_scratch(&self, c: &Correlation, planes: usize) -> usize {
        let blocks: usize = self.planes(c).iter().map(|of| of.len(planes)).sum();
        zeros_len(c.depth().max(PANEL)) + blocks + self.panels * self.sums_len
    }
}

pub(in crate::conv) fn blocks(c: &Correlation, tile: WinogradTile) -> Blocks {
    let tiles = Tiles::of(c, tile.side());
    let cut = Cut::of(c, &tiles, tile.planes());
    let count = cut.parts * tiles.len().div_ceil(cut.parts).div_ceil(cut.tiles);
    let passes = cut.partials(c, tile.planes()).tasks();
    Blocks { count, passes, parts: cut.parts, sums: cut.panels * cut.sums_len }
}

pub(in crate::conv) fn scratch(c: &Correlation, tile: WinogradTile, threads: usize) -> usize {
    let tiles = Tiles::of(c, tile.side());
    let cut = Cut::of(c, &tiles, tile.planes());
    cut.partials(c, tile.planes()).scratch(threads)
}

/// Writes the gradient, packed, of windows that have outputs.
pub(in crate::conv) fn run(
    cpu: &Cpu,
    c: &Correlation,
    tile: WinogradTile,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    with_sides!(tile, run_with(cpu, c, x, dy, dw, scratch));
}

fn run_with<const OUT: usize, const IN: usize>(
    cpu: &Cpu,
    c: &Correlation,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
) where
    Input: LinearMap<IN, IN>,
    OutputTransposed: LinearMap<OUT, IN>,
    WeightsTransposed: LinearMap<IN, 3>,
{
    let tiles = Tiles::of(c, OUT);
    let cut = Cut::of(c, &tiles, IN * IN);
    cut.partials(c, IN * IN).sum(cpu, dw, scratch, |Partial { part, panels, gradient, scratch }| {
        let of_part = pieces(tiles.len(), cut.parts, part);
        Part { c, tiles, cut, x, dy, panels }.add_up::<OUT, IN>(cpu, of_part, gradient, scratch);
    });
}

/// Some panels of filters over some tiles.
struct Part<'a> {
    c: &'a Correlation,
    tiles: Tiles,
    cut: Cut,
    x: &'a [f32],
    dy: &'a [f32],
    panels: Range<usize>,
}

impl Part<'_> {
    fn add_up<const OUT: usize, const IN: usize>(
        &self,
        cpu: &Cpu,
        tiles: Range<usize>,
        gradient: &mut [f32],
        scratch: &mut [f32],
    ) where
        Input: LinearMap<IN, IN>,
        OutputTransposed: LinearMap<OUT, IN>,
        WeightsTransposed: LinearMap<IN, 3>,
    {
        let (c, cut) = (self.c, self.cut);
        let [squares, outputs] = cut.planes(c);
        let (zeros, scratch) = scratch.split_at_mut(zeros_len(c.depth().max(PANEL)));
        let (lifted_squares, scratch) = scratch.split_at_mut(squares.len(IN * IN));
        let (lifted_outputs, sums) = scratch.split_at_mut(outputs.len(IN * IN));
        zeros.fill(0.0);
        let mut first = tiles.start;
        while first < tiles.end {
            let range = first..tiles.end.min(first + cut.tiles);
            let source =
                Source { images: self.x, map: c.source, origin: c.origin, channels: 0..c.depth(), zeros };
            let lift = Lift {
                tiles: self.tiles,
                range: range.clone(),
                source,
                planes: squares,
                target: &mut *lifted_squares,
            };
            cpu.isa().call(LiftInput::<IN>(lift));
            for (panel, sums) in self.panels.clone().zip(sums.chunks_exact_mut(cut.sums_len)) {
                let Panel { filter, filters, .. } = c.panel(panel);
                let source = Source {
                    images: self.dy,
                    map: c.target,
                    origin: (0, 0),
                    channels: filter..filter + filters,
                    zeros,
                };
                if filters < PANEL {
                    lifted_outputs.fill(0.0);
                }
                let lift = Lift {
                    tiles: self.tiles,
                    range: range.clone(),
                    source,
                    planes: outputs,
                    target: &mut *lifted_outputs,
                };
                cpu.isa().call(LiftOutputs::<OUT, IN>(lift));
                cpu.isa().call(PlaneSweep {
                    planes: IN * IN,
                    rows: c.depth(),
                    depth: range.len(),
                    source: lifted_squares,
                    strides: MatrixStrides { plane: squares.stride(), row: 1, number: squares.channels },
                    panels: lifted_outputs,
                    panel_stride: outputs.stride(),
                    target: sums,
                    target_stride: weight_planes(c).stride(),
                    columns: PANEL,
                    add: first > tiles.start,
                });
            }
            first = range.end;
        }
        for (gradient, sums) in gradient.chunks_exact_mut(cut.panel_len).zip(sums.chunks_exact(cut.sums_len))
        {
            cpu.isa().call(LowerWeights::<IN> { planes: weight_planes(c), sums, gradient });
        }
    }
}
