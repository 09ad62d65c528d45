//! Where the time of a step goes, operation by operation, against what the machine can do.

mod display;
mod times;

#[cfg(test)]
mod tests;

use divvy_kernels::machine::{Level, Limits};
use serde::Serialize;

pub(crate) use times::Laps;
pub use times::StepTimes;

use crate::optimizer::Optimizer;
use crate::parameters::ParameterTable;
use crate::plan::{AlgorithmChoice, Op, Plan, PlanOptions, Step};

/// A plan's operations with the time that each took and how far that is from the machine's limits. [`Profile::text`] prints it,
/// `Serialize` gives the same to a program.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Profile {
    /// `train` or `infer`.
    pub mode: &'static str,
    /// The pictures in a batch.
    pub batch: usize,
    /// The instruction set.
    pub isa: &'static str,
    /// The threads.
    pub threads: usize,
    /// The steps that `run_ms` is the median of.
    pub runs: usize,
    /// The time of a whole step as it is run while nobody takes times of operations, in milliseconds: in inference chained, and for a few
    /// pictures at a time, where the plan has it so.
    pub run_ms: f64,
    /// The steps that all other medians are taken over, in which operations are run one after the other, each over the whole batch.
    pub steps: usize,
    /// The time of such a step, in milliseconds.
    pub step_ms: f64,
    /// What of it lies outside the operations: bringing the batch in, the loss's sum.
    pub outside_ms: f64,
    /// The least that the operations could take on this machine: the sum of theirs.
    pub floor_ms: f64,
    /// `run_ms` over `floor_ms`.
    pub times_floor: f64,
    /// What the machine can do.
    pub limits: ProfileLimits,
    /// The operations summed by what they do, the longest first.
    pub kinds: Vec<ProfileKind>,
    /// The operations in order, and the optimizer's pass after those of training.
    pub ops: Vec<ProfileRow>,
}

/// The limits that operations are held against, as measured with the threads and instruction set of the profile.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProfileLimits {
    /// The peak of `f32` multiply-adds, in GFLOP/s.
    pub gflops: f64,
    /// The second cache's fastest bandwidth (reading, writing or copying), in GB/s.
    pub l2_gb_per_s: f64,
    /// The last cache's.
    pub l3_gb_per_s: f64,
    /// Memory's.
    pub dram_gb_per_s: f64,
}

/// One operation, or the optimizer's pass.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProfileRow {
    /// The layer that it belongs to; empty for the optimizer's pass, which is of all.
    pub layer: String,
    /// What it does.
    pub op: &'static str,
    /// The sizes that it works on.
    pub sizes: String,
    /// Its time in milliseconds, the median over steps.
    pub ms: f64,
    /// That time as a share of the step's.
    pub share: f64,
    /// Multiplications and additions of its definition, counted as two.
    pub flops: u64,
    /// Bytes read and written: buffers and parameters, each once, and what it moves of the optimizer's.
    pub bytes: u64,
    /// Its rate of arithmetic, in GFLOP/s of the definition: an algorithm with fewer multiplications may exceed the peak.
    pub gflops: f64,
    /// That rate as a share of the peak.
    pub peak_share: f64,
    /// Its rate of reading and writing, in GB/s.
    pub gb_per_s: f64,
    /// The outermost level of memory that its bytes reach, where each level takes what the one inside has no room for: `L2`, `L3` or
    /// `DRAM`.
    pub level: &'static str,
    /// The rate as a share of the fastest that those levels allow.
    pub bandwidth_share: f64,
    /// The least that it could take: the arithmetic of its algorithm at the peak, or its bytes at the bandwidth, whichever is longer.
    pub floor_ms: f64,
    /// The algorithm, and those that were passed over; null where there is but one way.
    pub algorithm: Option<AlgorithmChoice>,
}

/// All operations that do the same.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ProfileKind {
    /// What they do.
    pub op: &'static str,
    /// How many there are.
    pub count: usize,
    /// Their time together, in milliseconds.
    pub ms: f64,
    /// That time as a share of the step's.
    pub share: f64,
    /// The least that they could take.
    pub floor_ms: f64,
}

impl Profile {
    /// What came of running `plan`, which was compiled with `table` for `options`, on the threads and instruction set that `limits`
    /// were measured with. `optimizer` is the one whose pass ended each step of a training plan.
    ///
    /// # Panics
    /// When `times` are of another plan.
    pub fn new(
        plan: &Plan,
        table: &ParameterTable,
        optimizer: &Optimizer,
        options: PlanOptions,
        limits: &Limits,
        times: &StepTimes,
    ) -> Self {
        let described = plan.table(table);
        let mut ops: Vec<_> = described
            .ops
            .into_iter()
            .zip(plan.steps())
            .map(|(row, step)| ProfileRow {
                layer: row.layer,
                sizes: row.sizes,
                algorithm: plan.algorithms(&step.op, options),
                ..ProfileRow::untimed(row.op, row.flops, row.bytes + moved(plan, table, optimizer, step))
            })
            .collect();
        if described.mode == "train" {
            ops.push(ProfileRow::untimed(
                "optimizer's pass",
                0,
                optimizer.bytes(left(plan, table, optimizer)),
            ));
        }
        let (run_ms, step_ms, operations_ms) = (times.run_ms(), times.whole_ms(), times.operations_ms());
        assert_eq!(ops.len(), operations_ms.len(), "times of another plan");
        for (row, ms) in ops.iter_mut().zip(operations_ms) {
            row.take(ms, step_ms, limits);
        }
        let sum = |figure: fn(&ProfileRow) -> f64| ops.iter().map(figure).sum::<f64>();
        let floor_ms = sum(|row| row.floor_ms);
        Self {
            mode: described.mode,
            batch: described.batch,
            isa: options.isa.name(),
            threads: limits.threads,
            runs: times.runs(),
            run_ms,
            steps: times.steps(),
            step_ms,
            outside_ms: (step_ms - sum(|row| row.ms)).max(0.0),
            floor_ms,
            times_floor: ratio(run_ms, floor_ms),
            limits: ProfileLimits::of(limits),
            kinds: kinds(&ops),
            ops,
        }
    }
}

impl ProfileLimits {
    fn of(limits: &Limits) -> Self {
        let fastest = |wanted: Level| {
            let levels = limits.levels.iter().filter(|level| level.level == wanted);
            levels.map(|level| level.fastest() / 1e9).fold(0.0, f64::max)
        };
        Self {
            gflops: limits.flops / 1e9,
            l2_gb_per_s: fastest(Level::L2),
            l3_gb_per_s: fastest(Level::L3),
            dram_gb_per_s: fastest(Level::Dram),
        }
    }
}

impl ProfileRow {
    /// A row whose time is still to come.
    fn untimed(op: &'static str, flops: u64, bytes: u64) -> Self {
        Self {
            layer: String::new(),
            op,
            sizes: String::new(),
            ms: 0.0,
            share: 0.0,
            flops,
            bytes,
            gflops: 0.0,
            peak_share: 0.0,
            gb_per_s: 0.0,
            level: "",
            bandwidth_share: 0.0,
            floor_ms: 0.0,
            algorithm: None,
        }
    }

    /// Fills in what follows from the time.
    fn take(&mut self, ms: f64, step_ms: f64, limits: &Limits) {
        let rate = |count: u64| ratio(count as f64, ms * 1e-3);
        self.ms = ms;
        self.share = ratio(ms, step_ms);
        self.gflops = rate(self.flops) / 1e9;
        self.peak_share = rate(self.flops) / limits.flops;
        self.gb_per_s = rate(self.bytes) / 1e9;
        self.level = limits.level_of(self.bytes).name();
        self.bandwidth_share = ratio(limits.memory_seconds(self.bytes), ms * 1e-3);
        let saving = self.algorithm.as_ref().map_or(1.0, |choice| choice.chosen.saving);
        self.floor_ms = limits.floor_seconds((self.flops as f64 / saving) as u64, self.bytes) * 1e3;
    }
}

/// Bytes that an operation reads and writes to move the parameter whose gradient it makes: all that an update does, but for the
/// value's reading, which counts already, and the gradient, which is never in memory.
fn moved(plan: &Plan, table: &ParameterTable, optimizer: &Optimizer, step: &Step) -> u64 {
    match step.op {
        Op::DenseBackward { weights, .. } if plan.immediate(optimizer).contains(&weights) => {
            let len = table.range(weights).len();
            optimizer.bytes(len) - 2 * (len * size_of::<f32>()) as u64
        }
        _ => 0,
    }
}

/// The parameters that no operation moves.
fn left(plan: &Plan, table: &ParameterTable, optimizer: &Optimizer) -> usize {
    let immediate = plan.immediate(optimizer).iter();
    table.trained_len() - immediate.map(|&id| table.range(id).len()).sum::<usize>()
}

/// The rows summed by what they do, the longest first.
fn kinds(rows: &[ProfileRow]) -> Vec<ProfileKind> {
    let mut kinds: Vec<ProfileKind> = Vec::new();
    for row in rows {
        let at = kinds.iter().position(|kind| kind.op == row.op).unwrap_or_else(|| {
            kinds.push(ProfileKind { op: row.op, count: 0, ms: 0.0, share: 0.0, floor_ms: 0.0 });
            kinds.len() - 1
        });
        let kind = &mut kinds[at];
        kind.count += 1;
        kind.ms += row.ms;
        kind.share += row.share;
        kind.floor_ms += row.floor_ms;
    }
    kinds.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    kinds
}

/// `a / b`, and 0 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}
