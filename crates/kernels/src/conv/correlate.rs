//! Sums over windows times weights: what the forward pass and the backward pass to the data have in common.

use std::ops::Range;

use super::correlation::{Block, Correlation, Panel, View};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{ChannelSweep, Grid, PixelSweep, Start, Target};
use crate::packing::PANEL;

/// Elements of a block's source: 256 KiB, so that it is read from the second-level cache once for each panel of weights.
const BLOCK_SOURCE: usize = 64 * 1024;
/// Pixels a block has at the least: a few tiles for every time that weights are fetched.
const BLOCK_PIXELS: usize = 56;
/// Tasks to aim at: enough to keep any desktop's threads busy, few enough to cost nothing.
const TASKS: usize = 16;

/// How the work is cut into tasks: by images, by rows of outputs, by panels of weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    images: usize,
    rows: usize,
    panels: usize,
    /// Pieces of a batch, of an image, of the weights.
    pieces: (usize, usize, usize),
}

impl Cut {
    fn of(c: &Correlation) -> Self {
        let (covered_rows, covered_columns) = c.covered(c.outputs.0);
        let source_row = covered_columns * c.source.channels;
        let source_image = covered_rows * source_row;
        let (images, rows) = if source_image > BLOCK_SOURCE {
            let halo = covered_rows - (c.outputs.0 - 1) * c.step.0;
            let rows = (BLOCK_SOURCE / source_row).saturating_sub(halo) / c.step.0;
            (1, rows.clamp(1, c.outputs.0))
        } else if c.batch >= TASKS {
            ((BLOCK_SOURCE / source_image).clamp(1, c.batch / TASKS), c.outputs.0)
        } else {
            let least = BLOCK_PIXELS.div_ceil(c.outputs.1);
            let rows = (c.batch * c.outputs.0).div_ceil(TASKS);
            (1, rows.max(least).min(c.outputs.0))
        };
        let (batches, bands) = (c.batch.div_ceil(images), c.outputs.0.div_ceil(rows));
        let all = c.panels();
        let panels = all.div_ceil(TASKS.div_ceil(batches * bands).min(all));
        Self { images, rows, panels, pieces: (batches, bands, all.div_ceil(panels)) }
    }

    fn tasks(&self) -> usize {
        self.pieces.0 * self.pieces.1 * self.pieces.2
    }

    fn task(&self, c: &Correlation, task: usize) -> (Block, Range<usize>) {
        let piece = |index: usize, size: usize, total: usize| index * size..total.min((index + 1) * size);
        let (_, bands, parts) = self.pieces;
        let block = Block {
            images: piece(task / (bands * parts), self.images, c.batch),
            rows: piece(task / parts % bands, self.rows, c.outputs.0),
        };
        (block, piece(task % parts, self.panels, c.panels()))
    }

    fn halo_len(&self, c: &Correlation) -> usize {
        c.halo_len(self.images, self.rows, c.source.channels)
    }
}

fn is_empty(c: &Correlation) -> bool {
    c.batch * c.outputs.0 * c.outputs.1 * c.panels() == 0
}

/// Elements of scratch that [`correlate`] needs on so many threads.
pub(super) fn scratch(c: &Correlation, threads: usize) -> usize {
    if is_empty(c) { 0 } else { threads * Cut::of(c).halo_len(c) }
}

/// Writes the sums over all windows of `x`, plus a bias, to the places of `y` that `c` tells.
///
/// `weights` are packed, `[group][panel][taps.0][taps.1][depth][PANEL]`, or `[taps.0][taps.1][channels]` where depthwise.
pub(super) fn correlate(
    cpu: &Cpu,
    c: &Correlation,
    x: &[f32],
    weights: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    scratch: &mut [f32],
) {
    if is_empty(c) {
        return;
    }
    let cut = Cut::of(c);
    let halo_len = cut.halo_len(c);
    let (y, scratch) = (Disjoint::new(y), Disjoint::new(scratch));
    cpu.team().run(cut.tasks(), |member, task| {
        let (block, panels) = cut.task(c, task);
        // SAFETY: each member has a part of its own.
        let halo = unsafe { scratch.part(member * halo_len..(member + 1) * halo_len) };
        let view = c.view(x, &block, 0..c.source.channels, halo);
        for panel in panels {
            let Panel { filter, filters, .. } = c.panel(panel);
            let start = bias.map_or(Start::Zero, |bias| Start::Bias(&bias[filter..filter + filters]));
            let offset = c.target_offset(&block) + filter;
            // SAFETY: what is written are the panel's filters of the block's pixels; no other task has both.
            let target = unsafe { Target::new(&y, offset, c.target_strides(), filters) };
            sweep(cpu, c, c.grid(&block), &view, weights, panel, start, target);
        }
    });
}

/// Computes one panel of target channels of one block.
fn sweep(
    cpu: &Cpu,
    c: &Correlation,
    grid: Grid,
    view: &View<'_>,
    weights: &[f32],
    panel: usize,
    start: Start<'_>,
    target: Target<'_>,
) {
    let Panel { channel, filter, .. } = c.panel(panel);
    let source = &view.data[channel..];
    let (strides, taps) = (c.steps(view.strides), c.window(view.strides));
    if c.is_depthwise() {
        let (weights, weight_stride) = (&weights[filter..], c.target.channels);
        cpu.isa().call(ChannelSweep { grid, source, strides, taps, weights, weight_stride, start, target });
    } else {
        let panel_len = taps.depth() * PANEL;
        let weights = &weights[panel * panel_len..][..panel_len];
        cpu.isa().call(PixelSweep { grid, source, strides, taps, weights, start, target });
    }
}
