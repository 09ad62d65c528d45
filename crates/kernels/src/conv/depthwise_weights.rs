//! The gradient of a depthwise convolution to its weights.

use super::Conv2dShape;
use super::backward_weights::{blocks, pieces};
use super::correlation::{Correlation, Panel};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::ChannelWeightSweep;
use crate::packing::PANEL;

/// Tasks to aim at.
const TASKS: usize = 16;
/// Elements of a block's source: half of the first-level cache.
const BLOCK_SOURCE: usize = 4 * 1024;

/// How the work is cut into tasks: by panels of channels, and by parts of the batch's rows of outputs.
struct Cut {
    panels: usize,
    parts: usize,
    /// Rows of outputs of a block.
    rows: usize,
    taps: usize,
}

impl Cut {
    fn of(c: &Correlation) -> Self {
        let row = c.covered(1).1 * PANEL;
        Self {
            panels: c.panels(),
            parts: TASKS.div_ceil(c.panels()).min(c.batch * c.outputs.0),
            rows: (BLOCK_SOURCE / row / c.step.0).clamp(1, c.outputs.0),
            taps: c.taps.0 * c.taps.1,
        }
    }

    /// Elements of one task's gradient, `[taps][channels of the panel]`.
    fn gradient_len(&self) -> usize {
        self.taps * PANEL
    }

    fn halo_len(&self, c: &Correlation) -> usize {
        c.halo_len(1, self.rows, PANEL)
    }
}

pub(super) fn scratch(shape: &Conv2dShape, threads: usize) -> usize {
    if shape.output_len() == 0 {
        return 0;
    }
    let c = shape.correlation();
    let cut = Cut::of(&c);
    cut.panels * cut.parts * cut.gradient_len() + threads * cut.halo_len(&c)
}

pub(super) fn run(
    cpu: &Cpu,
    shape: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    let c = shape.correlation();
    let cut = Cut::of(&c);
    let (gradient_len, halo_len) = (cut.gradient_len(), cut.halo_len(&c));
    let (gradients, halos) = scratch.split_at_mut(cut.panels * cut.parts * gradient_len);
    {
        let (gradients, halos) = (Disjoint::new(gradients), Disjoint::new(halos));
        cpu.team().run(cut.panels * cut.parts, |member, task| {
            // SAFETY: each task is run once and has a gradient of its own; each member has a halo of its own.
            let (gradient, halo) = unsafe {
                (
                    gradients.part(task * gradient_len..(task + 1) * gradient_len),
                    halos.part(member * halo_len..(member + 1) * halo_len),
                )
            };
            let panel = c.panel(task % cut.panels);
            let gradient = &mut gradient[..cut.taps * panel.filters];
            gradient.fill(0.0);
            let rows = pieces(shape.batch * c.outputs.0, cut.parts, task / cut.panels);
            for block in blocks(rows, c.outputs.0, cut.rows) {
                add_block(cpu, &c, &block, panel, x, dy, gradient, halo);
            }
        });
    }
    sum_parts(&c, &cut, gradients, dw);
}

/// Adds a block's products to the gradient of a panel, one row of taps after the other.
fn add_block(
    cpu: &Cpu,
    c: &Correlation,
    block: &super::correlation::Block,
    panel: Panel,
    x: &[f32],
    dy: &[f32],
    gradient: &mut [f32],
    halo: &mut [f32],
) {
    let view = c.view(x, block, panel.channel..panel.channel + panel.filters, halo);
    let (window, steps, outputs) = (c.window(view.strides), c.steps(view.strides), c.target_strides());
    for (row, gradient) in gradient.chunks_exact_mut(window.columns * panel.filters).enumerate() {
        cpu.isa().call(ChannelWeightSweep {
            rows: block.rows.len(),
            columns: c.outputs.1,
            source: &view.data[row * window.row_stride..],
            row_stride: steps.row,
            pixel_stride: steps.pixel,
            tap_stride: window.column_stride,
            outputs: &dy[c.target_offset(block) + panel.filter..],
            output_row_stride: outputs.row,
            output_stride: outputs.pixel,
            gradient,
            channels: panel.filters,
        });
    }
}

/// Adds up the parts, in order, into `[taps][channels]`.
fn sum_parts(c: &Correlation, cut: &Cut, gradients: &[f32], dw: &mut [f32]) {
    dw.fill(0.0);
    for (task, gradient) in gradients.chunks_exact(cut.gradient_len()).enumerate() {
        let Panel { filter, filters, .. } = c.panel(task % cut.panels);
        for (to, from) in dw.chunks_exact_mut(c.target.channels).zip(gradient.chunks_exact(filters)) {
            to[filter..filter + filters].iter_mut().zip(from).for_each(|(sum, x)| *sum += *x);
        }
    }
}
