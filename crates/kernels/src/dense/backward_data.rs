//! Dense backward to the input.
//!
//! `dxᵀ = w dyᵀ`: here it is `dyᵀ` that is packed into panels, of 32 rows of the batch, and the packed weights that are read
//! number by number, each block of them once and where it lies.

use super::DenseShape;
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{Grid, PixelSweep, Start, Strides, Taps, Target};
use crate::packing::PANEL;

/// Inputs of a task.
const INPUTS: usize = 64;

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
        for (panel, dy) in transposed.chunks_exact(panel_len(shape)).enumerate() {
            let row = panel * PANEL;
            let rows = PANEL.min(shape.batch - row);
            // SAFETY: each member has a tile of its own, which is not borrowed while the sweep writes it.
            let target = unsafe { Target::new(&tiles, member * INPUTS * PANEL, PIXELS, rows) };
            cpu.isa().call(sweep(shape, &w[first * PANEL..], inputs, dy, target));
            // SAFETY: as above; the sweep is done.
            let tile = unsafe { tiles.part(member * INPUTS * PANEL..(member + 1) * INPUTS * PANEL) };
            for b in 0..rows {
                // SAFETY: each task has columns of its own, and takes one row of them at a time.
                let dx = unsafe {
                    dx.part((row + b) * shape.inputs + first..(row + b) * shape.inputs + first + inputs)
                };
                dx.iter_mut().zip(tile[b..].iter().step_by(PANEL)).for_each(|(to, from)| *to = *from);
            }
        }
    });
}

/// From one row of a panel to the next.
const PIXELS: Strides = Strides { image: 0, row: 0, pixel: PANEL };

/// Packed weights of so many inputs, all panels of them, times 32 columns of `dyᵀ`: an input is a pixel, and its window sees its
/// weights in every panel.
fn sweep<'a>(
    shape: &DenseShape,
    weights: &'a [f32],
    inputs: usize,
    dy: &'a [f32],
    target: Target<'a>,
) -> PixelSweep<'a> {
    PixelSweep {
        grid: Grid { images: 1, rows: 1, columns: inputs },
        source: weights,
        strides: PIXELS,
        taps: Taps {
            rows: 1,
            columns: shape.panels(),
            len: PANEL,
            row_stride: 0,
            column_stride: shape.inputs * PANEL,
        },
        weights: dy,
        start: Start::Zero,
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
