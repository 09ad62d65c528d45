//! The gradient of a convolution to its weights.
//!
//! A task is one panel of filters over a part of the batch. It goes through its rows of outputs in blocks that
//! stay in the first-level cache, and adds each block's products to its own copy of the panel's gradient; the copies are then
//! added up in order. Where there are panels enough for every thread there is one copy, the gradient itself.

use std::ops::Range;

use super::Conv2dShape;
use super::across_images;
use super::correlation::{Block, Correlation, Panel};
use super::operands::Operands;
use super::partial::{PARTS, Partial, Partials};
use super::pixel_pairs::PixelPairs;
use super::view::{Reading, View};
use crate::microkernel::WeightSweep;
use crate::packing::PANEL;
use crate::simd::Scale;
use crate::{Cpu, Half};

/// Pixels, or pairs of them, of a block, about: 16 KiB of a panel's gradients.
const BLOCK_PIXELS: usize = 128;

/// How the work is cut into tasks: by panels of filters, and by parts of the batch's rows of outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    panels: usize,
    parts: usize,
    /// Rows of outputs of a block.
    rows: usize,
    /// Elements of a panel's gradient.
    panel_len: usize,
}

impl Cut {
    fn of(operands: Operands, shape: &Conv2dShape) -> Self {
        let panels = shape.groups * shape.group_filters().div_ceil(PANEL);
        let all_rows = shape.batch * shape.out_height();
        Self {
            panels,
            parts: PARTS.div_ceil(panels).min(all_rows),
            rows: (BLOCK_PIXELS / columns(operands, shape)).clamp(1, shape.out_height()),
            panel_len: shape.kernel.0 * shape.kernel.1 * shape.group_channels() * PANEL,
        }
    }

    fn partials(&self, operands: Operands, shape: &Conv2dShape) -> Partials {
        let (halo, outputs) = self.block_len(operands, shape);
        Partials {
            parts: self.parts,
            panels: self.panels,
            panel_len: self.panel_len,
            panels_at_once: 1,
            task_scratch: halo + outputs,
        }
    }

    /// Elements of a task's copies of a block: of the source with its halo, and of the panel's output gradients.
    fn block_len(&self, operands: Operands, shape: &Conv2dShape) -> (usize, usize) {
        let c = shape.correlation();
        let halo = match operands {
            Operands::Numbers => c.copy_len(c.whole_reading(), 1, self.rows) / shape.groups,
            Operands::Pairs(_) => PixelPairs::of(&c).source_len(&c, self.rows),
        };
        (halo, self.rows * columns(operands, shape) * PANEL)
    }
}

/// What a row of outputs has of the operands.
fn columns(operands: Operands, shape: &Conv2dShape) -> usize {
    match operands {
        Operands::Numbers => shape.out_width(),
        Operands::Pairs(_) => PixelPairs::of(&shape.correlation()).pairs,
    }
}

/// Elements of scratch that [`run`] needs on so many threads.
pub(super) fn scratch(operands: Operands, shape: &Conv2dShape, threads: usize) -> usize {
    if shape.output_len() == 0 {
        return 0;
    }
    if is_across_images(operands, shape) {
        return across_images::scratch(&shape.correlation(), threads);
    }
    Cut::of(operands, shape).partials(operands, shape).scratch(threads)
}

/// Pairs of pixels of the input and of the output's gradient that [`run`] makes.
pub(super) fn copied_pairs(shape: &Conv2dShape) -> usize {
    let (c, pairs) = (shape.correlation(), PixelPairs::of(&shape.correlation()));
    let panels = shape.groups * shape.group_filters().div_ceil(PANEL);
    let rows = shape.batch * shape.out_height();
    panels * rows * (shape.strides.0 * pairs.source_len(&c, 1) / c.covered(1).0 + pairs.pairs * PANEL)
}

/// Whether sums run from image to image.
fn is_across_images(operands: Operands, shape: &Conv2dShape) -> bool {
    operands == Operands::Numbers && across_images::is_faster(&shape.correlation())
}

/// Products that [`run`] adds up.
pub(super) fn products(shape: &Conv2dShape) -> u64 {
    let c = shape.correlation();
    c.products(if across_images::is_faster(&c) { Reading::Trimmed } else { c.whole_reading() })
}

/// Pairs are of pixels here, since the sums are over pixels.
pub(super) fn run(
    cpu: &Cpu,
    operands: Operands,
    shape: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    if is_across_images(operands, shape) {
        return across_images::run(cpu, &shape.correlation(), x, dy, dw, scratch);
    }
    let cut = Cut::of(operands, shape);
    let (halo_len, _) = cut.block_len(operands, shape);
    let c = shape.correlation();
    cut.partials(operands, shape).sum(cpu, dw, scratch, |Partial { part, panels, gradient, scratch }| {
        let (halo, outputs) = scratch.split_at_mut(halo_len);
        let panel = c.panel(panels.start);
        let mut gradient = Gradient { panel, values: gradient, begun: false };
        for block in blocks(pieces(shape.batch * c.outputs.0, cut.parts, part), c.outputs.0, cut.rows) {
            let factors = match operands {
                Operands::Numbers => Factors::numbers(&c, panel, [x, dy], &block, halo, outputs),
                Operands::Pairs(half) => Factors::pairs(half, &c, panel, [x, dy], &block, halo, outputs),
            };
            gradient.add(cpu, operands, &c, &factors);
        }
    });
}

/// The `index`-th of `count` pieces of `0..total`, as even as can be.
pub(super) fn pieces(total: usize, count: usize, index: usize) -> Range<usize> {
    index * total / count..(index + 1) * total / count
}

/// Cuts rows of outputs, counted through the whole batch, into blocks of at most `most` rows of one image.
pub(super) fn blocks(rows: Range<usize>, height: usize, most: usize) -> impl Iterator<Item = Block> {
    let mut row = rows.start;
    std::iter::from_fn(move || {
        let (image, first) = (row / height, row % height);
        let count = most.min(height - first).min(rows.end - row);
        row += count;
        (count > 0).then_some(Block { images: image..image + 1, rows: first..first + count })
    })
}

/// What is multiplied for a panel of filters and a block of outputs.
struct Factors<'a> {
    view: View<'a>,
    /// Rows of outputs, and what each has of the operands.
    rows: usize,
    columns: usize,
    /// Elements of the view from one of a row to the next.
    pixel_stride: usize,
    /// `[rows][columns][PANEL]`.
    outputs: &'a [f32],
    /// Of the products.
    scale: Scale,
}

impl<'a> Factors<'a> {
    fn numbers(
        c: &Correlation,
        panel: Panel,
        [x, dy]: [&'a [f32]; 2],
        block: &Block,
        halo: &'a mut [f32],
        outputs: &'a mut [f32],
    ) -> Self {
        let outputs = pack(c, panel, dy, block, outputs);
        let view = c.view(c.whole_reading(), x, block, panel.channel..panel.channel + c.depth(), halo);
        let (pixel_stride, scale) = (c.steps(view.strides).pixel, view.scale);
        Self { view, rows: block.rows.len(), columns: c.outputs.1, pixel_stride, outputs, scale }
    }

    fn pairs(
        half: Half,
        c: &Correlation,
        panel: Panel,
        [x, dy]: [&'a [f32]; 2],
        block: &Block,
        halo: &'a mut [f32],
        outputs: &'a mut [f32],
    ) -> Self {
        let pairs = PixelPairs::of(c);
        let (outputs, scale) = pairs.outputs(half, c, panel, dy, block, outputs);
        let view = pairs.view(half, c, x, block, panel.channel, halo);
        let (pixel_stride, scale) = (pairs.step * view.strides.pixel, scale.times(view.scale));
        Self { view, rows: block.rows.len(), columns: pairs.pairs, pixel_stride, outputs, scale }
    }
}

/// A panel of filters and its gradient.
struct Gradient<'a> {
    panel: Panel,
    values: &'a mut [f32],
    /// Whether there is something in it yet.
    begun: bool,
}

impl Gradient<'_> {
    /// Adds a block's products, one run of neighbouring weights after the other.
    fn add(&mut self, cpu: &Cpu, operands: Operands, c: &Correlation, factors: &Factors<'_>) {
        let Factors { view, rows, columns, pixel_stride, outputs, scale } = factors;
        let window = c.window(view.strides).merged();
        let row_stride = c.steps(view.strides).row;
        for (run, gradient) in self.values.chunks_exact_mut(window.len * PANEL).enumerate() {
            let (row, column) = (run / window.columns, run % window.columns);
            let sweep = WeightSweep {
                rows: *rows,
                columns: *columns,
                source: &view.channel(self.panel.channel)
                    [row * window.row_stride + column * window.column_stride..],
                row_stride,
                pixel_stride: *pixel_stride,
                outputs,
                width: self.panel.filters,
                gradient,
                add: self.begun,
            };
            operands.run(cpu, *scale, sweep);
        }
        self.begun = true;
    }
}

/// A panel's gradients of a block of outputs side by side, `[pixel][PANEL]`: in place where they are so already, else a copy. Read
/// in place, pixels that lie a power of two apart would compete for the same few lines of the cache.
fn pack<'o>(
    c: &Correlation,
    panel: Panel,
    dy: &'o [f32],
    block: &Block,
    outputs: &'o mut [f32],
) -> &'o [f32] {
    let outputs = &mut outputs[..block.rows.len() * c.outputs.1 * PANEL];
    let dy = &dy[c.target_offset(block.images.start, block.rows.start, 0)..];
    if panel.filters == PANEL && c.target.channels == PANEL {
        return &dy[..outputs.len()];
    }
    let pixels = dy.chunks_exact(c.target.channels);
    for (to, pixel) in outputs.chunks_exact_mut(PANEL).zip(pixels) {
        let (used, unused) = to.split_at_mut(panel.filters);
        used.copy_from_slice(&pixel[panel.filter..panel.filter + panel.filters]);
        unused.fill(0.0);
    }
    outputs
}
