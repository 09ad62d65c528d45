//! Sums over windows times weights: what the forward pass and the backward pass to the data have in common.

use std::iter::once;
use std::ops::Range;

use super::correlation::{Block, Correlation, Panel};
use super::moments::{BLOCK_OUTPUTS, Outputs};
use super::operands::Operands;
use super::view::Reading;
use super::zones::Zone;
use super::{ConvOutput, Epilogue};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{PixelSweep, TASKS, Target, tasks_for};
use crate::packing::PANEL;

/// Elements of a block's source: 512 KiB, which stay in the second-level cache while all panels of weights pass by.
const BLOCK_SOURCE: usize = 128 * 1024;
/// Pixels a block has at the least: a few tiles for every time that weights are fetched.
const BLOCK_PIXELS: usize = 56;
/// Weights of the next panel that are fetched at the end of one: what it begins with.
const NEXT: usize = 6 * 1024;

/// How the work is cut into tasks: by images, by rows of outputs, by panels of weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut {
    reading: Reading,
    /// Images, rows of outputs and panels of a task.
    images: usize,
    rows: usize,
    panels: usize,
}

impl Cut {
    /// Tasks are as large as the cache allows, but as many as that number of threads asks for if possible. What there is more of,
    /// weights or source, is divided first, since each task reads all of the other.
    fn of(operands: Operands, c: &Correlation, threads: usize) -> Self {
        let tasks = match operands {
            Operands::Numbers => tasks_for(threads),
            // Each block of pairs may be scaled by its own largest number.
            Operands::Pairs(_) => TASKS,
        };
        Self::of_source(operands, c).divided(c, tasks)
    }

    /// The same where moments are gathered, a part for each block: the outputs of a task stay in the cache, too, and nothing depends on
    /// the threads.
    fn with_moments(operands: Operands, c: &Correlation) -> Self {
        let (image, row) = (c.output_len(c.outputs.0), c.output_len(1));
        let whole = Self::of_source(operands, c);
        let cut = match BLOCK_OUTPUTS / image {
            0 => Self { images: 1, rows: whole.rows.min((BLOCK_OUTPUTS / row).max(1)), ..whole },
            most => Self { images: whole.images.min(most), ..whole },
        };
        cut.divided(c, TASKS)
    }

    fn divided(self, c: &Correlation, tasks: usize) -> Self {
        let mut cut = self;
        let source = cut.source_len(c);
        if c.panels() * c.panel_len() > source {
            cut.divide_panels(c, tasks);
        }
        cut.divide_pixels(c, tasks);
        cut.divide_panels(c, tasks);
        cut
    }

    /// As many images, or rows of one, as the cache has room for.
    fn of_source(operands: Operands, c: &Correlation) -> Self {
        let (reading, panels) = (operands.reading(c), c.panels());
        let image = c.source_len(reading, 1, c.outputs.0);
        if image <= BLOCK_SOURCE {
            let images = (BLOCK_SOURCE / image).min(c.batch);
            return Self { reading, images, rows: c.outputs.0, panels };
        }
        Self { reading, images: 1, rows: c.rows_within(BLOCK_SOURCE), panels }
    }

    fn divide_panels(&mut self, c: &Correlation, tasks: usize) {
        let missing = tasks.div_ceil(self.blocks(c));
        self.panels = self.panels.min(c.panels().div_ceil(missing));
    }

    fn divide_pixels(&mut self, c: &Correlation, tasks: usize) {
        let missing = tasks.div_ceil(c.panels().div_ceil(self.panels));
        if self.blocks(c) >= missing {
            return;
        }
        self.images = c.batch.div_ceil(missing);
        if c.batch < missing {
            let least = BLOCK_PIXELS.div_ceil(c.outputs.1);
            self.rows = (c.batch * c.outputs.0).div_ceil(missing).max(least).min(self.rows);
        }
    }

    fn blocks(&self, c: &Correlation) -> usize {
        c.batch.div_ceil(self.images) * c.outputs.0.div_ceil(self.rows)
    }

    fn tasks(&self, c: &Correlation) -> usize {
        self.blocks(c) * self.parts(c)
    }

    fn task(&self, c: &Correlation, task: usize) -> (Block, Range<usize>) {
        let piece = |index: usize, size: usize, total: usize| index * size..total.min((index + 1) * size);
        let (bands, parts) = (c.outputs.0.div_ceil(self.rows), self.parts(c));
        let block = Block {
            images: piece(task / (bands * parts), self.images, c.batch),
            rows: piece(task / parts % bands, self.rows, c.outputs.0),
        };
        (block, piece(task % parts, self.panels, c.panels()))
    }

    /// How often each block's source is read.
    fn parts(&self, c: &Correlation) -> usize {
        c.panels().div_ceil(self.panels)
    }

    /// Elements of a block's source.
    fn source_len(&self, c: &Correlation) -> usize {
        c.source_len(self.reading, self.images, self.rows)
    }

    /// Elements that a block's source is copied to.
    fn copy_len(&self, c: &Correlation) -> usize {
        c.copy_len(self.reading, self.images, self.rows)
    }
}

fn is_empty(c: &Correlation) -> bool {
    c.batch * c.outputs.0 * c.outputs.1 * c.panels() == 0
}

/// Elements of scratch that [`correlate`] needs on so many threads.
pub(super) fn scratch(operands: Operands, c: &Correlation, threads: usize) -> usize {
    let c = &operands.windows(c);
    if is_empty(c) {
        return 0;
    }
    let cuts = [Cut::of(operands, c, threads), Cut::with_moments(operands, c)];
    let either = cuts.map(|cut| cut.copy_len(c));
    threads * either[0].max(either[1])
}

/// Parts of the moments that [`correlate`] gathers, of windows that are not none.
pub(super) fn parts(operands: Operands, c: &Correlation) -> usize {
    let c = &operands.windows(c);
    Cut::with_moments(operands, c).blocks(c)
}

/// Elements of the source that all tasks of several threads together copy, where each copies its own.
pub(super) fn copied(operands: Operands, c: &Correlation) -> usize {
    let c = &operands.windows(c);
    if is_empty(c) {
        return 0;
    }
    let cut = Cut::of(operands, c, usize::MAX);
    cut.blocks(c) * cut.parts(c) * cut.source_len(c)
}

/// Writes what `epilogue` makes of the sums over all windows of `x` to the places of `output` that `c` tells.
///
/// `weights` are packed, `[group][panel][taps.0][taps.1][depth][PANEL]`, and made of the operands.
pub(super) fn correlate(
    cpu: &Cpu,
    operands: Operands,
    c: &Correlation,
    x: &[f32],
    weights: &[f32],
    epilogue: &Epilogue<'_>,
    output: ConvOutput<'_>,
    scratch: &mut [f32],
) {
    let c = &operands.windows(c);
    if is_empty(c) {
        return;
    }
    let cut = if output.moments.is_some() {
        Cut::with_moments(operands, c)
    } else {
        Cut::of(operands, c, cpu.threads())
    };
    let copy_len = cut.copy_len(c);
    let (outputs, scratch) = (Outputs::new(c, output), Disjoint::new(scratch));
    cpu.team().run(cut.tasks(c), |member, task| {
        let (block, panels) = cut.task(c, task);
        // SAFETY: each member has a part of its own.
        let copy = unsafe { scratch.part(member * copy_len..(member + 1) * copy_len) };
        let view = operands.view(c, cut.reading, x, &block, c.channels(&panels), copy);
        let zones = c.zones(cut.reading, &block);
        for panel in panels.clone() {
            let (weights, next_panel) = weights[panel * c.panel_len()..].split_at(c.panel_len());
            let Panel { channel, filter, filters } = c.panel(panel);
            let from = |zone: &Zone| &weights[zone.weight_offset(c) * PANEL..];
            let mut zones = zones.clone().peekable();
            while let Some(zone) = zones.next() {
                let next = zones.peek().map_or(next_panel, from);
                // SAFETY: what is written are the panel's filters of the block's pixels, each of which is in one zone; no other
                // task has both.
                let target = unsafe { target(c, &outputs.y, &block, &zone, filter, filters, epilogue) };
                let sweep = PixelSweep {
                    grid: zone.grid(block.images.len()),
                    source: &view.channel(channel)[zone.source_offset(view.strides)..],
                    strides: c.steps(view.strides),
                    taps: zone.taps(c, view.strides),
                    weights: from(&zone),
                    next: &next[..next.len().min(NEXT)],
                    start: epilogue.start(filter, filters),
                    in_turn: false,
                    target,
                };
                operands.run(cpu, view.scale, sweep);
            }
        }
        // SAFETY: the outputs are the task's own, and so is this part of the moments, for the filters of its panels.
        unsafe { outputs.gather(cpu, task / cut.parts(c), once(c.pixels(&block)), c.filters_of(&panels)) };
    });
}

/// Some filters of the outputs of a block's zone.
///
/// # Safety
/// Nobody else uses them for as long as the target is.
unsafe fn target<'a>(
    c: &Correlation,
    y: &Disjoint<'a, f32>,
    block: &Block,
    zone: &Zone,
    filter: usize,
    filters: usize,
    epilogue: &Epilogue<'a>,
) -> Target<'a> {
    let offset = c.target_offset(block.images.start, zone.rows.start, zone.columns.start) + filter;
    // SAFETY: promised by the caller.
    let target = unsafe { Target::new(y, offset, c.target_strides(), filters) };
    target.after(epilogue.after(offset, filter, filters))
}
