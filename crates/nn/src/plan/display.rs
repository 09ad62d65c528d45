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
    /// The numbers of the first and the last operation of each chain: convolutions that are run one behind the other, a band of rows at a
    /// time, where there are enough rows for all threads.
    pub chains: Vec<[usize; 2]>,
    /// How many of the first operations are run from end to end for a few pictures at a time; 0 where none are.
    pub tiled_ops: usize,
    /// For how many pictures at a time; none where no operation is run so.
    pub tiled_pictures: Option<usize>,
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
            chains: self.chains_run(),
            tiled_ops: self.tiled_ops(),
            tiled_pictures: self.tiling().map(|tiling| tiling.plan.batch()),
        }
    }

    fn tiled_ops(&self) -> usize {
        self.tiling().map_or(0, |tiling| tiling.plan.steps().len())
    }

    /// The first and the last operation of each chain: those of the few pictures, and behind these operations those of the whole batch.
    fn chains_run(&self) -> Vec<[usize; 2]> {
        let of_few = self.tiling().into_iter().flat_map(|tiling| &tiling.plan.chains);
        let tiled = self.tiled_ops();
        let of_all = self.chains.iter().filter(|chained| chained.steps.start >= tiled);
        of_few.chain(of_all).map(|chained| [chained.steps.start, chained.steps.end - 1]).collect()
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
        if self.mode == "train" {
            write!(f, ", and as much for their gradients")?;
        }
        if !self.chains.is_empty() {
            let chains: Vec<_> =
                self.chains.iter().map(|[first, last]| format!("{first} to {last}")).collect();
            write!(f, "\nrun a band of rows at a time, one behind the other: {}", chains.join(", "))?;
        }
        if let Some(pictures) = self.tiled_pictures {
            let last = self.tiled_ops.saturating_sub(1);
            let noun = if pictures == 1 { "picture" } else { "pictures" };
            write!(f, "\n0 to {last} from end to end for {pictures} {noun} at a time")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{compiled, named};

    fn table(mode: Mode, size: usize, batch: usize) -> (Plan, PlanTable) {
        let network = named("mobilenet_v2", size);
        let plan = compiled(&network, mode, batch);
        let described = plan.table(&ParameterTable::new(network.graph()));
        (plan, described)
    }

    #[test]
    fn the_chains_of_one_picture_are_told() {
        let (plan, table) = table(Mode::Infer, 224, 1);
        let expected: Vec<_> = plan.chains.iter().map(|it| [it.steps.start, it.steps.end - 1]).collect();
        assert!(!expected.is_empty() && table.chains == expected, "{:?}", table.chains);
        assert_eq!((table.tiled_ops, table.tiled_pictures), (0, None));
        let [first, last] = expected[0];
        let told = format!("\nrun a band of rows at a time, one behind the other: {first} to {last}");
        let text = table.to_string();
        assert!(text.contains(&told) && !text.contains("end to end"), "{text}");
    }

    #[test]
    fn operations_that_a_few_pictures_run_through_are_told() {
        let (plan, table) = table(Mode::Infer, 64, 16);
        let tiling = plan.tiling().unwrap();
        assert_eq!(table.tiled_ops, tiling.plan.steps().len());
        assert_eq!(table.tiled_pictures, Some(tiling.plan.batch()));
        let told =
            format!("\n0 to {} from end to end for {} picture", table.tiled_ops - 1, tiling.plan.batch());
        assert!(table.to_string().contains(&told), "{table}");
        // No chain reaches over the last of them.
        assert!(
            table.chains.iter().all(|[first, last]| (*first < table.tiled_ops) == (*last < table.tiled_ops))
        );
    }

    #[test]
    fn a_training_runs_its_operations_one_by_one() {
        let (_, table) = table(Mode::Train, 64, 16);
        assert_eq!((table.chains.len(), table.tiled_ops, table.tiled_pictures), (0, 0, None));
        assert!(table.to_string().ends_with("and as much for their gradients"), "{table}");
    }
}
