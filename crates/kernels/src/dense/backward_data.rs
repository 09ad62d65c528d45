//! Dense backward to the input.
//!
//! `dxᵀ = w dyᵀ`: here it is `dyᵀ` that is packed into panels, of 32 rows of the batch, and the packed weights that are read
//! number by number, each block of them once and where it lies.

use super::DenseShape;
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{Grid, PixelSweep, Start, Strides, Taps, Target};
use crate::packing::PANEL;

/// Inputs of a task: 16 KiB of a panel's weights.
const INPUTS: usize = 128;

/// Elements of `dyᵀ` for 32 rows of the batch, `[outputs, filled up to whole panels][PANEL rows]`.
fn panel_len(shape: &DenseShape) -> usize {
    shape.panels() * PANEL * PANEL
}

fn batch_panels(shape: &DenseShape) -> usize {
    shape.batch.div_ceil(PANEL)
}

pub(super) fn scratch(shape: &DenseShape, threads: usize) -> usize {
    batch_panels(shape) * panel_len(shape) + threads * INPUTS * PANEL
}

pub(super) fn run(cpu: &Cpu, shape: &DenseShape, dy: &[f32], w: &[f32], dx: &mut [f32], scratch: &mut [f32]) {
    let (transposed, tiles) = scratch.split_at_mut(batch_panels(shape) * panel_len(shape));
    transpose(cpu, shape, dy, transposed);
    let (dx, tiles) = (Disjoint::new(dx), Disjoint::new(tiles));
    cpu.team().run(shape.inputs.div_ceil(INPUTS), |member, task| {
        let first = task * INPUTS;
        let inputs = INPUTS.min(shape.inputs - first);
        let tile = member * INPUTS * PANEL..(member + 1) * INPUTS * PANEL;
        let weights = |panel: usize| &w[(panel * shape.inputs + first) * PANEL..][..inputs * PANEL];
        for (block, of_block) in transposed.chunks_exact(panel_len(shape)).enumerate() {
            let batch = block * PANEL..shape.batch.min((block + 1) * PANEL);
            for (panel, dy) in of_block.chunks_exact(PANEL * PANEL).enumerate() {
                let next = if panel + 1 < shape.panels() { weights(panel + 1) } else { &[] };
                // SAFETY: each member has a tile of its own, which is not borrowed while the sweep writes it.
                let target = unsafe { Target::new(&tiles, tile.start, PIXELS, batch.len()) };
                let start = if panel == 0 { Start::Zero } else { Start::Target };
                cpu.isa().call(sweep(weights(panel), next, dy, start, target));
            }
            // SAFETY: as above; the sweeps are done.
            let tile = unsafe { tiles.part(tile.clone()) };
            for (b, row) in batch.enumerate() {
                // SAFETY: each task has columns of its own, and takes one row of them at a time.
                let dx = unsafe { dx.part(row * shape.inputs + first..row * shape.inputs + first + inputs) };
                dx.iter_mut().zip(tile[b..].iter().step_by(PANEL)).for_each(|(to, from)| *to = *from);
            }
        }
    });
}

/// From one row of a panel to the next.
const PIXELS: Strides = Strides { image: 0, row: 0, pixel: PANEL };

/// A panel of some inputs' weights times 32 columns of `dyᵀ`: an input is a pixel.
fn sweep<'a>(
    weights: &'a [f32],
    next: &'a [f32],
    dy: &'a [f32],
    start: Start<'a>,
    target: Target<'a>,
) -> PixelSweep<'a> {
    PixelSweep {
        grid: Grid { images: 1, rows: 1, columns: weights.len() / PANEL },
        source: weights,
        strides: PIXELS,
        taps: Taps { rows: 1, columns: 1, len: PANEL, row_stride: 0, column_stride: 0 },
        weights: dy,
        next,
        start,
        target,
    }
}

/// Packs `dyᵀ`, `[panel of the batch][output][PANEL rows]`, with zeros for outputs and rows that there are not.
fn transpose(cpu: &Cpu, shape: &DenseShape, dy: &[f32], to: &mut [f32]) {
    cpu.team().for_chunks(to, PANEL * PANEL, |task, to| {
        let (first_row, first) = (task / shape.panels() * PANEL, task % shape.panels() * PANEL);
        let rows = PANEL.min(shape.batch - first_row);
        to.fill(0.0);
        for row in 0..rows {
            let from = &dy[(first_row + row) * shape.outputs..][first..shape.outputs.min(first + PANEL)];
            to[row..].iter_mut().step_by(PANEL).zip(from).for_each(|(to, from)| *to = *from);
        }
    });
}
