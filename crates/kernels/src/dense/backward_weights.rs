//! The output's gradient as the weights' gradients read it.

use super::DenseShape;
use crate::Cpu;
use crate::packing::PANEL;

/// Elements of `dy` packed, `[panel][batch][PANEL]`.
pub(super) fn packed_len(shape: &DenseShape) -> usize {
    shape.panels() * shape.batch * PANEL
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
