//! Dense forward.
//!
//! The weights are cut by inputs first, so that a task reads one contiguous piece of every panel and copies its part of the
//! batch once; each such part has its own sums, which are then added in order. What parallelism is still
//! missing comes from cutting by panels.
//!
//! With a few rows, copies are small and reading the weights is all that takes time. Then they are cut by panels first, so that
//! each thread reads one run of them from end to end, as memory likes it best.

use std::ops::Range;

use super::DenseShape;
use super::rows::{ROWS, copy, copy_len, pieces, stride};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{Grid, PixelSweep, Start, Strides, TASKS, Taps, Target};
use crate::packing::PANEL;

/// Inputs that a copy of the batch holds: two pieces of 24 KiB of a panel's weights.
const COLUMNS: usize = 384;
/// Rows that are few, and inputs that a copy of them holds.
const FEW: usize = 4;
const COLUMNS_OF_FEW: usize = 3 * COLUMNS;
/// Inputs of a part at the least: below, adding up the parts would show.
const PART_INPUTS: usize = 512;

/// How the work is cut into tasks.
#[derive(Clone, Copy)]
struct Cut {
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
        if shape.batch <= FEW {
            let parts = TASKS.div_ceil(shape.panels()).min(most);
            return Self::new(shape, COLUMNS_OF_FEW, parts, shape.panels());
        }
        let cut = Self::new(shape, COLUMNS, TASKS.min(most), 1);
        Self::new(shape, COLUMNS, cut.parts, TASKS.div_ceil(cut.parts))
    }

    /// At most so many parts of the inputs, and so many pieces of the panels.
    fn new(shape: &DenseShape, columns: usize, parts: usize, pieces: usize) -> Self {
        let inputs = shape.inputs.div_ceil(parts).next_multiple_of(columns).min(shape.inputs);
        let panels = shape.panels().div_ceil(pieces);
        let (parts, pieces) = (shape.inputs.div_ceil(inputs), shape.panels().div_ceil(panels));
        Self { columns, parts, inputs, pieces, panels }
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
            let weights = |panel: usize, columns: &Range<usize>| {
                &w[(panel * shape.inputs + columns.start) * PANEL..][..columns.len() * PANEL]
            };
            let following = columns.end..inputs.end.min(columns.end + cut.columns);
            for batch in pieces(0..shape.batch, ROWS) {
                copy(x, shape.inputs, batch.clone(), &columns, stride(cut.columns), rows);
                for panel in panels.clone() {
                    let start = match bias {
                        _ if columns.start > inputs.start => Start::Target,
                        Some(bias) => Start::Bias(&bias[panel * PANEL..]),
                        None => Start::Zero,
                    };
                    let first = (part * shape.batch + batch.start) * shape.outputs;
                    // SAFETY: these rows of the part's sums, and the panel's columns of them, are this task's alone.
                    let target = unsafe { target(shape, &sums, first, panel) };
                    let next = if panel + 1 < panels.end {
                        weights(panel + 1, &columns)
                    } else {
                        weights(panels.start, &following)
                    };
                    let rows = Rows { numbers: rows, count: batch.len(), stride: stride(cut.columns) };
                    cpu.isa().call(sweep(rows, weights(panel, &columns), next, start, target));
                }
            }
        }
    });
}

/// A panel's columns of the sums' rows, the first of which begins at `first`.
///
/// # Safety
/// Nobody else uses them for as long as the target is.
unsafe fn target<'a>(shape: &DenseShape, sums: &Disjoint<'a, f32>, first: usize, panel: usize) -> Target<'a> {
    let columns = PANEL.min(shape.outputs - panel * PANEL);
    let strides = Strides { image: shape.outputs, row: 0, pixel: 0 };
    // SAFETY: promised by the caller.
    unsafe { Target::new(sums, first + panel * PANEL, strides, columns) }
}

/// Rows of a copy.
#[derive(Clone, Copy)]
struct Rows<'a> {
    numbers: &'a [f32],
    count: usize,
    stride: usize,
}

/// Rows times a piece of a panel: a row is an image of one pixel.
fn sweep<'a>(
    rows: Rows<'a>,
    weights: &'a [f32],
    next: &'a [f32],
    start: Start<'a>,
    target: Target<'a>,
) -> PixelSweep<'a> {
    PixelSweep {
        grid: Grid { images: rows.count, rows: 1, columns: 1 },
        source: rows.numbers,
        strides: Strides { image: rows.stride, row: 0, pixel: 0 },
        taps: Taps { rows: 1, columns: 1, len: weights.len() / PANEL, row_stride: 0, column_stride: 0 },
        weights,
        next,
        start,
        in_turn: true,
        target,
    }
}
