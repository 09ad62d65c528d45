//! Dense backward to the input.
//!
//! `dxᵀ = w dyᵀ`: here it is `dyᵀ` that is packed into panels, of 32 rows of the batch, and the packed weights that are read
//! number by number, each block of them once and where it lies.

use super::DenseShape;
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{Grid, PixelSweep, Start, Strides, Taps, Target};
use crate::packing::PANEL;

/// Elements of `dyᵀ` for 32 rows of the batch, `[outputs, filled up to whole panels][PANEL rows]`.
pub(super) fn panel_len(shape: &DenseShape) -> usize {
    shape.panels() * PANEL * PANEL
}

pub(super) fn batch_panels(shape: &DenseShape) -> usize {
    shape.batch.div_ceil(PANEL)
}

/// Adds what a panel's weights of some inputs make of `dyᵀ` to the gradients of these inputs, or sets them, where the panel
/// is the first: `[panel of the batch][input][PANEL rows]`. The weights that come next are fetched meanwhile.
pub(super) fn add_panel(
    cpu: &Cpu,
    shape: &DenseShape,
    panel: usize,
    weights: &[f32],
    next: &[f32],
    transposed: &[f32],
    tile: &mut [f32],
) {
    let tile = Disjoint::new(tile);
    for block in 0..batch_panels(shape) {
        let rows = PANEL.min(shape.batch - block * PANEL);
        // SAFETY: `tile` is borrowed here, and each sweep is done before the next begins.
        let target = unsafe { Target::new(&tile, block * weights.len(), PIXELS, rows) };
        let start = if panel == 0 { Start::Zero } else { Start::Target };
        let dy = &transposed[block * panel_len(shape) + panel * PANEL * PANEL..][..PANEL * PANEL];
        cpu.isa().call(sweep(weights, next, dy, start, target));
    }
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
        taps: Taps::run(PANEL),
        weights: dy,
        next,
        start,
        in_turn: false,
        target,
    }
}

/// Packs `dyᵀ`, `[panel of the batch][output][PANEL rows]`, with zeros for outputs and rows that there are not.
pub(super) fn transpose(cpu: &Cpu, shape: &DenseShape, dy: &[f32], to: &mut [f32]) {
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
