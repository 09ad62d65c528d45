//! Dense forward.
//!
//! The weights are cut by inputs first, so that a task reads one contiguous piece of every panel and copies its part of the
//! batch once; each such part has its own sums, which are then added in order. What parallelism is still
//! missing comes from cutting by panels.
//!
//! With a few rows, reading the weights is all that takes time. Then those of inputs that are zero in each row are not read: behind `ReLU`
//! about half of them.

use std::ops::Range;

use super::DenseShape;
use super::rows::{ROWS, copy, copy_len, gather, pieces, stride};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{
    Grid, LIST_AHEAD, LIST_ROWS, ListedSweep, PixelSweep, Start, Strides, TASKS, Taps, Target,
};
use crate::packing::PANEL;

/// Inputs that a copy of the batch holds: two pieces of 24 KiB of a panel's weights.
const COLUMNS: usize = 384;
/// Rows that are few, and inputs that a copy of them holds.
const FEW: usize = 4;
const COLUMNS_OF_FEW: usize = 1024;
/// Inputs of a part at the least: below, adding up the parts would show.
const PART_INPUTS: usize = 512;

/// How the work is cut into tasks.
#[derive(Clone, Copy)]
struct Cut {
    /// Whether the batch has a few rows.
    few: bool,
    /// Inputs that a copy of the batch holds.
    columns: usize,
    /// Parts of the inputs.
    parts: usize,
    /// Inputs of a part.
    inputs: usize,
    /// Pieces of the panels, and panels of a piece.
    pieces: usize,
    panels: usize,
}

impl Cut {
    fn of(shape: &DenseShape) -> Self {
        // Sums of the parts never take more room than the weights.
        let most = (shape.inputs / PART_INPUTS.max(shape.batch)).max(1);
        let cut = Self::new(shape, TASKS.min(most), 1);
        Self::new(shape, cut.parts, TASKS.div_ceil(cut.parts))
    }

    /// At most so many parts of the inputs, and so many pieces of the panels.
    fn new(shape: &DenseShape, parts: usize, pieces: usize) -> Self {
        let few = shape.batch <= FEW;
        let columns = if few { COLUMNS_OF_FEW } else { COLUMNS };
        let inputs = shape.inputs.div_ceil(parts).next_multiple_of(columns).min(shape.inputs);
        let panels = shape.panels().div_ceil(pieces);
        let (parts, pieces) = (shape.inputs.div_ceil(inputs), shape.panels().div_ceil(panels));
        Self { few, columns, parts, inputs, pieces, panels }
    }

    fn sums_len(&self, shape: &DenseShape) -> usize {
        if self.parts > 1 { self.parts * shape.output_len() } else { 0 }
    }
}

pub(super) fn scratch(shape: &DenseShape, threads: usize) -> usize {
    let cut = Cut::of(shape);
    cut.sums_len(shape) + threads * copy_len(shape.batch, cut.columns)
}

pub(super) fn run(
    cpu: &Cpu,
    shape: &DenseShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    scratch: &mut [f32],
) {
    let cut = Cut::of(shape);
    let (sums, copies) = scratch.split_at_mut(cut.sums_len(shape));
    if cut.parts == 1 {
        multiply(cpu, shape, &cut, x, w, bias, y, copies);
        return;
    }
    multiply(cpu, shape, &cut, x, w, None, sums, copies);
    cpu.team().for_chunks(y, shape.outputs, |row, y| {
        match bias {
            Some(bias) => y.copy_from_slice(bias),
            None => y.fill(0.0),
        }
        for sums in sums.chunks_exact(shape.output_len()).take(cut.parts) {
            let sums = &sums[row * shape.outputs..][..shape.outputs];
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y += *sum);
        }
    });
}

/// Writes the sums of each part of the inputs, `[part][batch][outputs]`.
fn multiply(
    cpu: &Cpu,
    shape: &DenseShape,
    cut: &Cut,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    sums: &mut [f32],
    copies: &mut [f32],
) {
    let copy_len = copy_len(shape.batch, cut.columns);
    let (sums, copies) = (Disjoint::new(sums), Disjoint::new(copies));
    cpu.team().run(cut.parts * cut.pieces, |member, task| {
        let (part, piece) = (task % cut.parts, task / cut.parts);
        // SAFETY: each member has a copy of its own.
        let rows = unsafe { copies.part(member * copy_len..(member + 1) * copy_len) };
        let inputs = part * cut.inputs..shape.inputs.min((part + 1) * cut.inputs);
        let panels = piece * cut.panels..shape.panels().min((piece + 1) * cut.panels);
        for columns in pieces(inputs.clone(), cut.columns) {
            let following = columns.end..inputs.end.min(columns.end + cut.columns);
            let block = Block {
                cpu,
                shape,
                w,
                bias,
                is_first: columns.start == inputs.start,
                columns,
                following,
                panels: panels.clone(),
                sums: &sums,
                first: part * shape.output_len(),
            };
            // SAFETY: the panels' columns of the part's sums are this task's alone.
            unsafe {
                if cut.few {
                    block.multiply_few(x, rows);
                } else {
                    block.multiply_all(x, rows);
                }
            }
        }
    });
}

/// The weights of some inputs to some panels of outputs, and the sums to which they contribute.
struct Block<'a> {
    cpu: &'a Cpu,
    shape: &'a DenseShape,
    w: &'a [f32],
    bias: Option<&'a [f32]>,
    /// Whether nothing has been added to the sums.
    is_first: bool,
    columns: Range<usize>,
    /// The inputs that come next.
    following: Range<usize>,
    panels: Range<usize>,
    sums: &'a Disjoint<'a, f32>,
    /// Where the sums of the batch's first row begin.
    first: usize,
}

impl<'a> Block<'a> {
    /// Adds the products of the whole batch, the rows of which are copied a few dozen at a time.
    ///
    /// # Safety
    /// Nobody else uses the panels' columns of the sums meanwhile.
    unsafe fn multiply_all(&self, x: &[f32], copies: &mut [f32]) {
        for batch in pieces(0..self.shape.batch, ROWS) {
            let stride = stride(COLUMNS);
            copy(x, self.shape.inputs, batch.clone(), &self.columns, stride, copies);
            // SAFETY: promised by the caller.
            unsafe { self.multiply(batch, copies, stride) };
        }
    }

    /// The same of a batch of a few rows, without reading the weights of inputs that are zero in all of them.
    ///
    /// # Safety
    /// As above.
    unsafe fn multiply_few(&self, x: &[f32], copies: &mut [f32]) {
        let (batch, stride) = (self.shape.batch, stride(COLUMNS_OF_FEW));
        let mut list = [0; COLUMNS_OF_FEW + LIST_AHEAD];
        let listed = gather(x, self.shape.inputs, &self.columns, stride, copies, &mut list);
        if listed == self.columns.len() {
            // SAFETY: promised by the caller.
            unsafe { self.multiply(0..batch, copies, stride) };
            return;
        }
        for panel in self.panels.clone() {
            for rows in pieces(0..batch, LIST_ROWS) {
                let sweep = ListedSweep {
                    list: &list[..listed + LIST_AHEAD],
                    numbers: &copies[rows.start * stride..],
                    stride,
                    grid: grid(rows.len()),
                    weights: self.weights(panel, &self.columns),
                    start: self.start(panel),
                    // SAFETY: promised by the caller.
                    target: unsafe { self.target(rows.start, panel) },
                };
                self.cpu.isa().call(sweep);
            }
        }
    }

    /// Adds the products of some rows of the batch, copies of which lie `stride` apart: a row is an image of one pixel.
    ///
    /// # Safety
    /// As above.
    unsafe fn multiply(&self, batch: Range<usize>, copies: &[f32], stride: usize) {
        for panel in self.panels.clone() {
            let next = if panel + 1 < self.panels.end {
                self.weights(panel + 1, &self.columns)
            } else {
                self.weights(self.panels.start, &self.following)
            };
            self.cpu.isa().call(PixelSweep {
                grid: grid(batch.len()),
                source: copies,
                strides: Strides { image: stride, row: 0, pixel: 0 },
                taps: Taps::run(self.columns.len()),
                weights: self.weights(panel, &self.columns),
                next,
                start: self.start(panel),
                in_turn: true,
                // SAFETY: promised by the caller.
                target: unsafe { self.target(batch.start, panel) },
            });
        }
    }

    /// The weights of some inputs to a panel of outputs.
    fn weights(&self, panel: usize, columns: &Range<usize>) -> &'a [f32] {
        &self.w[(panel * self.shape.inputs + columns.start) * PANEL..][..columns.len() * PANEL]
    }

    /// What a panel's sums start from.
    fn start(&self, panel: usize) -> Start<'a> {
        match self.bias {
            _ if !self.is_first => Start::Target,
            Some(bias) => Start::Bias(&bias[panel * PANEL..]),
            None => Start::Zero,
        }
    }

    /// A panel's columns of the sums from a row of the batch on.
    ///
    /// # Safety
    /// Nobody else uses them for as long as the target is.
    unsafe fn target(&self, row: usize, panel: usize) -> Target<'a> {
        let columns = PANEL.min(self.shape.outputs - panel * PANEL);
        let strides = Strides { image: self.shape.outputs, row: 0, pixel: 0 };
        let first = self.first + row * self.shape.outputs + panel * PANEL;
        // SAFETY: promised by the caller.
        unsafe { Target::new(self.sums, first, strides, columns) }
    }
}

/// Rows of a batch, each an image of one pixel.
fn grid(rows: usize) -> Grid {
    Grid { images: rows, rows: 1, columns: 1 }
}
