//! Dense backward to the weights.

use super::DenseShape;
use super::rows::{ROWS, copy, copy_len, pieces, stride};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::WeightSweep;
use crate::packing::PANEL;

/// Inputs of a task: 16 KiB of a panel's gradient.
const INPUTS: usize = 128;

/// Elements of `dy` packed, `[panel][batch][PANEL]`.
pub(super) fn packed_len(shape: &DenseShape) -> usize {
    shape.panels() * shape.batch * PANEL
}

pub(super) fn scratch(shape: &DenseShape, threads: usize) -> usize {
    packed_len(shape) + threads * copy_len(shape.batch, INPUTS)
}

pub(super) fn run(cpu: &Cpu, shape: &DenseShape, x: &[f32], dy: &[f32], dw: &mut [f32], scratch: &mut [f32]) {
    let (packed, copies) = scratch.split_at_mut(packed_len(shape));
    pack(cpu, shape, dy, packed);
    let copy_len = copy_len(shape.batch, INPUTS);
    let (dw, copies) = (Disjoint::new(dw), Disjoint::new(copies));
    cpu.team().run(shape.inputs.div_ceil(INPUTS), |member, task| {
        let inputs = task * INPUTS..shape.inputs.min((task + 1) * INPUTS);
        // SAFETY: each member has a copy of its own.
        let rows = unsafe { copies.part(member * copy_len..(member + 1) * copy_len) };
        for batch in pieces(0..shape.batch, ROWS) {
            copy(x, shape.inputs, batch.clone(), &inputs, stride(INPUTS), rows);
            for panel in 0..shape.panels() {
                let first = panel * shape.inputs;
                // SAFETY: each task has inputs of its own, and takes the weights of one panel at a time.
                let gradient =
                    unsafe { dw.part((first + inputs.start) * PANEL..(first + inputs.end) * PANEL) };
                cpu.isa().call(WeightSweep {
                    rows: 1,
                    columns: batch.len(),
                    source: rows,
                    row_stride: 0,
                    pixel_stride: stride(INPUTS),
                    outputs: &packed[(panel * shape.batch + batch.start) * PANEL..],
                    width: PANEL.min(shape.outputs - panel * PANEL),
                    gradient,
                    add: batch.start > 0,
                });
            }
        }
    });
}

/// Copies the columns of each panel side by side, with zeros for those that there are not.
pub(super) fn pack(cpu: &Cpu, shape: &DenseShape, dy: &[f32], to: &mut [f32]) {
    cpu.team().for_chunks(to, shape.batch * PANEL, |panel, to| {
        let columns = panel * PANEL..shape.outputs.min((panel + 1) * PANEL);
        for (to, row) in to.chunks_exact_mut(PANEL).zip(dy.chunks_exact(shape.outputs)) {
            let (used, unused) = to.split_at_mut(columns.len());
            used.copy_from_slice(&row[columns.clone()]);
            unused.fill(0.0);
        }
    });
}
