//! The gradient of a convolution to its weights where images have few outputs.
//!
//! The rows of such a map are too short to add products along. So sums run from image to image, one place of the map after the other,
//! and for each weight only over the places from which it is seen: what lies beyond the image is left out.

use std::ops::Range;

use super::backward_weights::pieces;
use super::correlation::{Correlation, Panel};
use super::partial::{PARTS, Partial, Partials};
use crate::Cpu;
use crate::microkernel::WeightSweep;
use crate::packing::PANEL;

/// Outputs of a block, about: 16 KiB of a panel's gradients.
const BLOCK_OUTPUTS: usize = 128;

/// How the work is cut into tasks: by panels of filters, and by parts of the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    parts: usize,
    /// Images of a block.
    images: usize,
}

impl Cut {
    fn of(c: &Correlation) -> Self {
        let images = BLOCK_OUTPUTS / (c.outputs.0 * c.outputs.1);
        Self { parts: PARTS.div_ceil(c.panels()).min(c.batch), images: images.min(c.batch) }
    }

    fn partials(&self, c: &Correlation) -> Partials {
        Partials {
            parts: self.parts,
            panels: c.panels(),
            panel_len: c.panel_len(),
            panels_at_once: 1,
            task_scratch: self.images * c.outputs.0 * c.outputs.1 * PANEL,
        }
    }
}

/// Whether there are more images to a block than outputs to a row; there is an output.
pub(super) fn is_faster(c: &Correlation) -> bool {
    Cut::of(c).images > c.outputs.1
}

/// Elements of scratch that [`run`] needs on so many threads.
pub(super) fn scratch(c: &Correlation, threads: usize) -> usize {
    Cut::of(c).partials(c).scratch(threads)
}

pub(super) fn run(cpu: &Cpu, c: &Correlation, x: &[f32], dy: &[f32], dw: &mut [f32], scratch: &mut [f32]) {
    let cut = Cut::of(c);
    cut.partials(c).sum(cpu, dw, scratch, |Partial { part, panels, gradient, scratch: outputs }| {
        let panel = c.panel(panels.start);
        let images = pieces(c.batch, cut.parts, part);
        for first in images.clone().step_by(cut.images) {
            let block = first..images.end.min(first + cut.images);
            let outputs = pack(c, panel, dy, &block, outputs);
            add(cpu, c, panel, x, &block, outputs, gradient, first > images.start);
        }
    });
}

/// A panel's gradients of the outputs of some images, `[place][image][PANEL]`.
fn pack<'o>(
    c: &Correlation,
    panel: Panel,
    dy: &[f32],
    images: &Range<usize>,
    outputs: &'o mut [f32],
) -> &'o [f32] {
    let image_len = c.output_len(c.outputs.0);
    let dy = &dy[images.start * image_len..images.end * image_len];
    let outputs = &mut outputs[..images.len() * c.outputs.0 * c.outputs.1 * PANEL];
    for (place, outputs) in outputs.chunks_exact_mut(images.len() * PANEL).enumerate() {
        let filters = &dy[place * c.target.channels + panel.filter..];
        for (to, from) in outputs.chunks_exact_mut(PANEL).zip(filters.chunks(image_len)) {
            let (used, unused) = to.split_at_mut(panel.filters);
            used.copy_from_slice(&from[..panel.filters]);
            unused.fill(0.0);
        }
    }
    outputs
}

/// Adds the products of a block to a panel's gradient, or begins it with them.
fn add(
    cpu: &Cpu,
    c: &Correlation,
    panel: Panel,
    x: &[f32],
    images: &Range<usize>,
    outputs: &[f32],
    gradient: &mut [f32],
    begun: bool,
) {
    let (rows, columns) = c.windows();
    let strides = c.source.strides();
    for (tap, gradient) in gradient.chunks_exact_mut(c.depth() * PANEL).enumerate() {
        let (row_tap, column_tap) = (tap / c.taps.1, tap % c.taps.1);
        let (down, across) = (rows.seeing(row_tap), columns.seeing(column_tap));
        let mut begun = begun;
        for row in down.filter(|_| !across.is_empty()) {
            let pixel = (rows.place(row, row_tap) as usize, columns.place(across.start, column_tap) as usize);
            let first = images.start * strides.image + pixel.0 * strides.row + pixel.1 * strides.pixel;
            let place = row * c.outputs.1 + across.start;
            cpu.isa().call(WeightSweep {
                rows: across.len(),
                columns: images.len(),
                source: &x[first + panel.channel..],
                row_stride: c.steps(strides).pixel,
                pixel_stride: strides.image,
                outputs: &outputs[place * images.len() * PANEL..],
                width: panel.filters,
                gradient,
                add: begun,
            });
            begun = true;
        }
        if !begun {
            gradient.fill(0.0);
        }
    }
}
