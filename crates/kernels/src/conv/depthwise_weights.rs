//! The gradient of a depthwise convolution to its weights.

use super::Conv2dShape;
use super::backward_weights::{blocks, pieces};
use super::correlation::Correlation;
use super::partial::{PARTS, Partials};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::ChannelWeightSweep;

/// Elements of a block's source: 256 KiB.
const BLOCK_SOURCE: usize = 64 * 1024;

/// How the work is cut into tasks: by parts of the batch's rows of outputs.
struct Cut {
    partials: Partials,
    /// Rows of outputs of a block.
    rows: usize,
}

impl Cut {
    fn of(c: &Correlation) -> Self {
        let partials = Partials {
            parts: PARTS.min(c.batch * c.outputs.0),
            len: c.taps.0 * c.taps.1 * c.source.channels,
        };
        Self { partials, rows: c.rows_within(BLOCK_SOURCE) }
    }

    fn halo_len(&self, c: &Correlation) -> usize {
        c.halo_len(1, self.rows)
    }
}

pub(super) fn scratch(shape: &Conv2dShape, threads: usize) -> usize {
    if shape.output_len() == 0 {
        return 0;
    }
    let c = shape.correlation();
    let cut = Cut::of(&c);
    cut.partials.scratch() + threads * cut.halo_len(&c)
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
    let Partials { parts, len } = cut.partials;
    let (partials, halos) = scratch.split_at_mut(cut.partials.scratch());
    let (halos, halo_len) = (Disjoint::new(halos), cut.halo_len(&c));
    cut.partials.sum(cpu, dw, partials, |partials| {
        cpu.team().run(parts, |member, part| {
            // SAFETY: each task is run once and has a partial of its own; each member has a halo of its own.
            let (gradient, halo) = unsafe {
                (
                    partials.part(part * len..(part + 1) * len),
                    halos.part(member * halo_len..(member + 1) * halo_len),
                )
            };
            gradient.fill(0.0);
            for block in blocks(pieces(c.batch * c.outputs.0, parts, part), c.outputs.0, cut.rows) {
                let view = c.view(x, &block, 0..c.source.channels, halo);
                cpu.isa().call(ChannelWeightSweep {
                    grid: c.grid(&block),
                    source: view.channel(0),
                    strides: c.steps(view.strides),
                    taps: c.window(view.strides),
                    outputs: &dy[c.target_offset(&block)..],
                    output_strides: c.target_strides(),
                    gradient,
                });
            }
        });
    });
}
