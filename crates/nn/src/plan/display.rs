//! A plan as a table: what is done, on what, and what it costs.

use std::fmt;

use serde::Serialize;

use super::{Mode, Plan};
use crate::parameters::ParameterTable;

/// A plan's operations with their costs; `Display` prints it, `Serialize` gives the same to a program.
#[derive(Clone, Debug, Serialize)]
pub struct PlanTable {
    /// `train` or `infer`.
    pub mode: &'static str,
    /// The pictures in a batch.
    pub batch: usize,
    /// The operations, in order.
    pub ops: Vec<PlanRow>,
    /// Multiplications and additions of all operations, counted as two.
    pub flops: u64,
    /// Bytes that all operations read and write.
    pub bytes: u64,
    /// Bytes of the arena that holds every buffer.
    pub arena_bytes: u64,
    /// Bytes that the buffers would take, had each a place of its own.
    pub unshared_bytes: u64,
    /// Bytes of the trained parameters; as many again for their gradients.
    pub parameter_bytes: u64,
}

/// One operation of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlanRow {
    /// The layer that it belongs to.
    pub layer: String,
    /// What it does.
    pub op: &'static str,
    /// The sizes that it works on.
    pub sizes: String,
    /// Multiplications and additions, counted as two.
    pub flops: u64,
    /// Bytes read and written: buffers and parameters, each once.
    pub bytes: u64,
    /// Where in the arena what it writes lies, in bytes; none for operations that write gradients of parameters.
    pub offset: Option<u64>,
}

const BYTES: u64 = size_of::<f32>() as u64;

impl Plan {
    /// The plan as a table. `table` is the one that it was compiled with.
    pub fn table(&self, table: &ParameterTable) -> PlanTable {
        let ops: Vec<_> = self.steps().iter().map(|step| self.row(step, table)).collect();
        PlanTable {
            mode: match self.mode() {
                Mode::Train => "train",
                Mode::Infer => "infer",
            },
            batch: self.batch(),
            flops: self.flops(),
            bytes: ops.iter().map(|row| row.bytes).sum(),
            ops,
            arena_bytes: self.arena_len() as u64 * BYTES,
            unshared_bytes: self.buffers.iter().map(|range| range.len() as u64 * BYTES).sum(),
            parameter_bytes: table.trained_len() as u64 * BYTES,
        }
    }

    fn row(&self, step: &super::Step, table: &ParameterTable) -> PlanRow {
        let operands = step.op.operands();
        let buffers: usize = operands.all().map(|id| self.buffer(id).len()).sum();
        let parameters: usize = step.op.parameters().into_iter().map(|id| table.range(id).len()).sum();
        PlanRow {
            layer: self.names[step.node.index()].clone(),
            op: step.op.name(),
            sizes: step.op.sizes(),
            flops: step.op.flops(),
            bytes: (buffers + parameters) as u64 * BYTES,
            offset: operands.writes.last().map(|&id| self.buffer(id).start as u64 * BYTES),
        }
    }
}

impl fmt::Display for PlanTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebi = |bytes: u64| bytes as f64 / (1 << 20) as f64;
        let name_width = self.ops.iter().map(|row| row.layer.len()).max().unwrap_or(0).max(5);
        let size_width = self.ops.iter().map(|row| row.sizes.len()).max().unwrap_or(0).max(5);
        writeln!(
            f,
            "{:>3}  {:name_width$}  {:30}{:size_width$}  {:>9}  {:>9}  {:>10}",
            "", "layer", "op", "sizes", "MFLOP", "MiB", "at MiB"
        )?;
        for (number, row) in self.ops.iter().enumerate() {
            let at =
                row.offset.map_or_else(|| "gradient".to_owned(), |offset| format!("{:.3}", mebi(offset)));
            writeln!(
                f,
                "{number:>3}  {:name_width$}  {:30}{:size_width$}  {:>9.2}  {:>9.3}  {at:>10}",
                row.layer,
                row.op,
                row.sizes,
                row.flops as f64 / 1e6,
                mebi(row.bytes),
            )?;
        }
        writeln!(
            f,
            "\n{} operations for a batch of {} ({}): {:.3} GFLOP, {:.1} MiB read and written",
            self.ops.len(),
            self.batch,
            self.mode,
            self.flops as f64 / 1e9,
            mebi(self.bytes),
        )?;
        write!(
            f,
            "arena {:.2} MiB ({:.2} MiB without sharing); parameters {:.2} MiB",
            mebi(self.arena_bytes),
            mebi(self.unshared_bytes),
            mebi(self.parameter_bytes),
        )?;
        if self.mode == "train" { write!(f, ", and as much for their gradients") } else { Ok(()) }
    }
}
