//! Sums over 3x3 windows times transformed weights.

use std::ops::Range;

use super::tiles::{Lift, LiftInput, Lower, Planes, Source, Tiles};
use super::transform::{Input, LinearMap, Output};
use super::{BLOCK, Blocks, WinogradTile, weight_planes, with_sides, zeros_len};
use crate::Cpu;
use crate::conv::correlation::{Correlation, Panel};
use crate::conv::moments::Outputs;
use crate::conv::{ConvOutput, Epilogue};
use crate::disjoint::Disjoint;
use crate::microkernel::{MatrixStrides, PlaneSweep, TASKS};
use crate::packing::PANEL;

/// Tiles of a task at the least, where there are as many: a full tile of the microkernel for every time that weights are fetched.
const TILES: usize = 14;

/// How the work is cut into tasks: by tiles and by panels of filters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    tiles: usize,
    panels: usize,
}

impl Cut {
    fn of(c: &Correlation, tiles: &Tiles, planes: usize) -> Self {
        let most = (BLOCK / (planes * (c.source.channels + PANEL))).max(TILES);
        let blocks = tiles.len().div_ceil(most).max(TASKS.min(tiles.len() / TILES)).max(1);
        let panels = c.panels().div_ceil((TASKS / 2).div_ceil(blocks).min(c.panels()));
        Self { tiles: tiles.len().div_ceil(blocks), panels }
    }

    fn blocks(&self, tiles: &Tiles) -> usize {
        tiles.len().div_ceil(self.tiles)
    }

    fn parts(&self, c: &Correlation) -> usize {
        c.panels().div_ceil(self.panels)
    }

    fn task(&self, c: &Correlation, tiles: &Tiles, task: usize) -> (Range<usize>, Range<usize>) {
        let piece = |index: usize, size: usize, total: usize| index * size..total.min((index + 1) * size);
        let parts = self.parts(c);
        (piece(task / parts, self.tiles, tiles.len()), piece(task % parts, self.panels, c.panels()))
    }

    /// The planes of a task's squares and of one panel's products.
    fn planes(&self, c: &Correlation) -> [Planes; 2] {
        [Planes::new(self.tiles, c.source.channels), Planes::new(self.tiles, PANEL)]
    }

    /// Elements of scratch of one member of the team.
    fn worker(&self, c: &Correlation, planes: usize) -> usize {
        zeros_len(c.source.channels) + self.planes(c).iter().map(|of| of.len(planes)).sum::<usize>()
    }
}

pub(in crate::conv) fn blocks(c: &Correlation, tile: WinogradTile) -> Blocks {
    let tiles = Tiles::of(c, tile.side());
    let cut = Cut::of(c, &tiles, tile.planes());
    Blocks { count: cut.blocks(&tiles), passes: cut.parts(c), parts: 0, sums: 0 }
}

/// Elements of scratch that [`run`] needs on so many threads.
pub(in crate::conv) fn scratch(c: &Correlation, tile: WinogradTile, threads: usize) -> usize {
    let tiles = Tiles::of(c, tile.side());
    if tiles.len() * c.panels() == 0 {
        return 0;
    }
    threads * Cut::of(c, &tiles, tile.planes()).worker(c, tile.planes())
}

/// Writes what `epilogue` makes of the sums over all windows of `x` to `output`; `u` are the transformed weights.
pub(in crate::conv) fn run(
    cpu: &Cpu,
    c: &Correlation,
    tile: WinogradTile,
    x: &[f32],
    u: &[f32],
    epilogue: &Epilogue<'_>,
    output: ConvOutput<'_>,
    scratch: &mut [f32],
) {
    with_sides!(tile, run_with(cpu, c, x, u, epilogue, output, scratch));
}

fn run_with<const OUT: usize, const IN: usize>(
    cpu: &Cpu,
    c: &Correlation,
    x: &[f32],
    u: &[f32],
    epilogue: &Epilogue<'_>,
    output: ConvOutput<'_>,
    scratch: &mut [f32],
) where
    Input: LinearMap<IN, IN>,
    Output: LinearMap<IN, OUT>,
{
    let tiles = Tiles::of(c, OUT);
    if tiles.len() * c.panels() == 0 {
        return;
    }
    let cut = Cut::of(c, &tiles, IN * IN);
    let ([squares, products], weights) = (cut.planes(c), weight_planes(c));
    let worker = cut.worker(c, IN * IN);
    let (outputs, workers) = (Outputs::new(c, output), Disjoint::new(scratch));
    cpu.team().run(cut.blocks(&tiles) * cut.parts(c), |member, task| {
        let (range, panels) = cut.task(c, &tiles, task);
        // SAFETY: each member has a part of its own.
        let scratch = unsafe { workers.part(member * worker..(member + 1) * worker) };
        let (zeros, scratch) = scratch.split_at_mut(zeros_len(c.source.channels));
        let (lifted, scratch) = scratch.split_at_mut(squares.len(IN * IN));
        zeros.fill(0.0);
        let source =
            Source { images: x, map: c.source, origin: c.origin, channels: 0..c.source.channels, zeros };
        let lift = Lift { tiles, range: range.clone(), source, planes: squares, target: lifted };
        cpu.isa().call(LiftInput::<IN>(lift));
        for panel in panels.clone() {
            let Panel { filter, filters, .. } = c.panel(panel);
            let of_panel = &u[panel * weights.len(IN * IN)..];
            cpu.isa().call(PlaneSweep {
                planes: IN * IN,
                rows: range.len(),
                depth: squares.channels,
                source: lifted,
                strides: MatrixStrides { plane: squares.stride(), row: squares.channels, number: 1 },
                panels: of_panel,
                panel_stride: weights.stride(),
                target: scratch,
                target_stride: products.stride(),
                columns: filters,
                add: false,
            });
            cpu.isa().call(Lower::<OUT, IN> {
                tiles,
                range: range.clone(),
                planes: products,
                products: scratch,
                target: &outputs.y,
                map: c.target,
                filters: filter..filter + filters,
                start: epilogue.start(filter, filters),
                after: epilogue.after(filter, filter, filters),
            });
        }
        // SAFETY: the outputs are the task's own, and so is this part of the moments, for the filters of its panels.
        unsafe { outputs.gather(cpu, task / cut.parts(c), tiles.pixels(range), c.filters_of(&panels)) };
    });
}
