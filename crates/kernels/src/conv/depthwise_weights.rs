//! The gradient of a depthwise convolution to its weights.

use super::Conv2dShape;
use super::backward_weights::{blocks, pieces};
use super::correlation::Correlation;
use super::partial::{PARTS, Partial, Partials};
use crate::Cpu;
use crate::microkernel::ChannelWeightSweep;

/// The work is cut into tasks by parts of the batch's rows of outputs.
fn partials(c: &Correlation) -> Partials {
    Partials {
        parts: PARTS.min(c.batch * c.outputs.0),
        panels: 1,
        panel_len: c.taps.0 * c.taps.1 * c.source.channels,
        panels_at_once: 1,
        task_scratch: 0,
    }
}

pub(super) fn scratch(shape: &Conv2dShape) -> usize {
    if shape.output_len() == 0 { 0 } else { partials(&shape.correlation()).scratch(0) }
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
    let partials = partials(&c);
    let (source_strides, output_strides) = (c.source.strides(), c.target_strides());
    let (rows, columns) = c.windows();
    partials.sum(cpu, dw, scratch, |Partial { part, gradient, .. }| {
        gradient.fill(0.0);
        let all_rows = pieces(c.batch * c.outputs.0, partials.parts, part);
        for block in blocks(all_rows, c.outputs.0, c.outputs.0) {
            let image = block.images.start;
            cpu.isa().call(ChannelWeightSweep {
                rows,
                columns,
                band: block.rows,
                source: &x[image * source_strides.image..][..source_strides.image],
                source_strides,
                outputs: &dy[image * output_strides.image..][..output_strides.image],
                output_strides,
                channels: c.source.channels,
                gradient: &mut *gradient,
            });
        }
    });
}
