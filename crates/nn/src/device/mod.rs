//! The device that runs plans: this machine's processor.

mod access;
mod conv;
mod norm;
mod tiled;

use std::ops::Range;

use divvy_kernels as kernels;
use divvy_kernels::{Buffer, Cpu, DropoutKey, as_bytes, as_bytes_mut};

use crate::arena::parts;
use crate::head::LossWeights;
use crate::optimizer::Updates;
use crate::parameters::{ParameterId, Parameters};
use crate::plan::constant::{ConstantId, Constants, Places};
use crate::plan::op::{BufferId, LossKind, Maxima, Moving};
use crate::plan::{Algorithms, Op, Plan, PlanOptions};
use crate::profile::Laps;
use access::{Access, Stored};
use tiled::Worker;

/// Numbers that are copied at a time: 32 KiB.
const COPIED: usize = 8 * 1024;

/// A processor and the memory that plans run in. The memory grows to the largest plan that was run and is used again.
#[derive(Debug)]
pub struct Device {
    cpu: Cpu,
    options: PlanOptions,
    arena: Buffer,
    scratch: Buffer,
    workers: Vec<Worker>,
    /// What each part of a batch that is run in parts leaves for the whole.
    carried: Buffer,
    laps: Option<Laps>,
}

impl From<Cpu> for Device {
    /// [`Device::new`].
    fn from(cpu: Cpu) -> Self {
        Self::new(cpu)
    }
}

/// The constants of a plan, as they are for the present parameters.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) constants: &'a Constants,
    pub(crate) places: &'a Places,
}

impl<'a> Known<'a> {
    fn get(self, id: ConstantId) -> &'a [f32] {
        self.constants.get(self.places, id)
    }

    /// The scale and the shift of a batch norm.
    fn norm(self, id: ConstantId) -> [&'a [f32]; 2] {
        let both = self.get(id);
        both.split_at(both.len() / 2).into()
    }
}

/// The random numbers of a step: dropout draws from them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Randomness {
    pub(crate) seed: u64,
    pub(crate) step: u64,
}

/// The same processor once more, with as many threads of its own.
pub fn another_cpu(cpu: &Cpu) -> Cpu {
    part_of_cpu(cpu, cpu.threads())
}

/// The same processor once more, with so many threads of its own.
pub fn part_of_cpu(cpu: &Cpu, threads: usize) -> Cpu {
    let another = Cpu::with_isa(cpu.isa(), threads);
    match cpu.half() {
        Some(half) => another.with_half(half),
        None => another,
    }
}

/// Makes room for `len` numbers, at the least. What is there is lost where that takes new memory, which is taken after the old was given back.
fn make_room(buffer: &mut Buffer, len: usize) {
    if len > buffer.len() {
        *buffer = Buffer::default();
        *buffer = Buffer::zeros(len);
    }
}

impl Device {
    /// A device that runs on `cpu`, by the fastest algorithms.
    pub fn new(cpu: Cpu) -> Self {
        let options = PlanOptions { isa: cpu.isa(), half: cpu.half(), ..PlanOptions::default() };
        Self {
            cpu,
            options,
            arena: Buffer::default(),
            scratch: Buffer::default(),
            workers: Vec::new(),
            carried: Buffer::default(),
            laps: None,
        }
    }

    /// Another device that computes as this one does, with as many threads and with memory of its own.
    pub fn another(&self) -> Self {
        Self { options: self.options, ..Self::new(another_cpu(&self.cpu)) }
    }

    /// Sets which algorithms plans may take; [`Algorithms::Fastest`] by default.
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.options.algorithms = algorithms;
        self
    }

    /// Sets whether operations are fused; true by default: see [`PlanOptions::fused`].
    pub fn fused(mut self, fused: bool) -> Self {
        self.options.fused = fused;
        self
    }

    /// What plans are compiled for.
    pub fn plan_options(&self) -> PlanOptions {
        self.options
    }

    /// The processor, without the memory.
    pub fn into_cpu(self) -> Cpu {
        self.cpu
    }

    /// The processor.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// Takes the time of every operation from now on.
    pub(crate) fn take_times(&mut self) {
        self.laps = Some(Laps::default());
    }

    /// The times of the last run, if they are taken.
    pub(crate) fn laps(&mut self) -> Option<&mut Laps> {
        self.laps.as_mut()
    }

    /// Makes room for `plan`; after this, running it allocates nothing.
    pub(crate) fn prepare(&mut self, plan: &Plan) {
        make_room(&mut self.arena, plan.arena_len());
        make_room(&mut self.scratch, plan.scratch_len(self.cpu.threads()));
        if let Some(tiling) = plan.tiling() {
            self.prepare_tiled(tiling, plan.batch() / tiling.plan.batch());
        }
    }

    /// A buffer of the plan that was prepared.
    pub(crate) fn buffer(&self, plan: &Plan, id: BufferId) -> &[f32] {
        &self.arena[plan.buffer(id)]
    }

    /// Fills a buffer of the plan that was prepared, before a run: each thread copies a part, because one alone does not use up the bandwidth
    /// of memory.
    ///
    /// # Panics
    /// When there are not as many numbers as the buffer has.
    pub(crate) fn fill(&mut self, plan: &Plan, id: BufferId, numbers: &[f32]) {
        let buffer = &mut self.arena[plan.buffer(id)];
        assert_eq!(buffer.len(), numbers.len(), "numbers for the whole batch");
        self.cpu.for_chunks(buffer, COPIED, |at, to| to.copy_from_slice(&numbers[at * COPIED..][..to.len()]));
    }

    /// Runs some operations of a plan that was prepared. Gradients of parameters are written to `gradients`, laid out as the trained
    /// parameters are; but where there are `updates`, those of dense layers' weights, of which there are many, move the
    /// parameters at once.
    pub(crate) fn run(&mut self, plan: &Plan, steps: Range<usize>, context: Context<'_, '_>) {
        let Context { constants, parameters, gradients, randomness, loss_weights, updates } = context;
        let table = parameters.table().clone();
        let (values, statistics) = parameters.split_mut();
        let mut memory = Memory {
            cpu: &self.cpu,
            plan,
            arena: &mut self.arena,
            scratch: &mut self.scratch,
            constants,
            parameters: Stored {
                values: Access::Write(values),
                statistics: Access::Write(statistics),
                table: &table,
            },
            gradients,
            randomness,
            loss_weights,
            updates,
        };
        match self.laps.as_mut() {
            None => memory.run(steps),
            Some(laps) => memory.run_timed(steps, laps),
        }
    }
}

/// What belongs to a network rather than to a device, and a run reads or changes.
pub(crate) struct Context<'a, 'u> {
    pub(crate) constants: Known<'a>,
    pub(crate) parameters: &'a mut Parameters,
    pub(crate) gradients: &'a mut [f32],
    pub(crate) randomness: Randomness,
    /// What a loss needs; there is none in inference.
    pub(crate) loss_weights: Option<&'a LossWeights>,
    pub(crate) updates: Option<&'a mut Updates<'u>>,
}

/// Everything that an operation may touch.
struct Memory<'a, 'u> {
    cpu: &'a Cpu,
    plan: &'a Plan,
    arena: &'a mut [f32],
    scratch: &'a mut [f32],
    constants: Known<'a>,
    parameters: Stored<'a>,
    gradients: &'a mut [f32],
    randomness: Randomness,
    loss_weights: Option<&'a LossWeights>,
    /// What becomes of gradients as soon as they are made, where it can: then they are kept nowhere.
    updates: Option<&'a mut Updates<'u>>,
}

/// Several buffers of the arena at once.
///
/// # Panics
/// When two of them overlap: the plan never places the operands of one operation over each other.
fn buffers<'a, const N: usize>(arena: &'a mut [f32], plan: &Plan, ids: [BufferId; N]) -> [&'a mut [f32]; N] {
    arena.get_disjoint_mut(ids.map(|id| plan.buffer(id))).expect("operands of one operation do not overlap")
}

impl Memory<'_, '_> {
    /// Runs some operations of the plan, those of a chain together.
    fn run(&mut self, steps: Range<usize>) {
        let plan = self.plan;
        let mut next = steps.start;
        while next < steps.end {
            let chained = plan.chain_from(next, self.cpu.threads());
            if let Some(chained) = chained.filter(|chained| chained.steps.end <= steps.end) {
                self.chain(chained);
                next = chained.steps.end;
            } else {
                self.execute(&plan.steps()[next].op);
                next += 1;
            }
        }
    }

    /// Runs some operations of the plan one by one and takes the time of each.
    fn run_timed(&mut self, steps: Range<usize>, laps: &mut Laps) {
        laps.go_on();
        for step in &self.plan.steps()[steps] {
            self.execute(&step.op);
            laps.lap();
        }
    }

    fn range(&self, id: ParameterId) -> Range<usize> {
        self.parameters.table.range(id)
    }

    fn dropout(&mut self, rate: f32, layer: u32, together: usize, [x, y]: [BufferId; 2]) {
        let Randomness { seed, step } = self.randomness;
        let [x, y] = buffers(self.arena, self.plan, [x, y]);
        kernels::dropout(self.cpu, DropoutKey { seed, step, layer }, rate, together, x, y);
    }

    /// Where a buffer lies; an empty part for none.
    fn part(&self, id: Option<BufferId>) -> Range<usize> {
        id.map_or(0..0, |id| self.plan.buffer(id))
    }

    /// One kernel for each operation.
    #[expect(clippy::too_many_lines, reason = "one arm for each operation, each a call")]
    fn execute(&mut self, op: &Op) {
        let (cpu, plan) = (self.cpu, self.plan);
        let value = |id: ParameterId| self.parameters.get(id);
        match *op {
            Op::Conv2d { ref shape, x, weights, epilogue, y, moments } => {
                self.convolution(shape, x, weights, epilogue, (y, moments));
            }
            Op::Conv2dBackwardData { ref shape, dy, weights, dx } => {
                self.convolution_backward_data(shape, dy, weights, dx);
            }
            Op::Conv2dBackwardWeights { ref shape, algorithm, x, dy, weights } => {
                let dw = self.range(weights);
                let [x, dy] = buffers(self.arena, plan, [x, dy]);
                let dw = &mut self.gradients[dw];
                kernels::conv2d_backward_weights(cpu, shape, algorithm, x, dy, dw, self.scratch);
            }
            Op::ConvWeights { ref shape, pass, transform, weights, u } => {
                let [u] = buffers(self.arena, plan, [u]);
                kernels::transform_weights(cpu, shape, pass, transform, value(weights), u, self.scratch);
            }
            Op::Dense { ref shape, x, weights, bias, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::dense_forward(cpu, shape, x, value(weights), bias.map(value), y, self.scratch);
            }
            Op::DenseBackward { ref shape, x, dy, weights, mask, dx } => {
                self.dense_backward(shape, [x, dy], weights, mask, dx);
            }
            Op::BiasGradient { rows, channels, dy, bias } => {
                let db = self.range(bias);
                let [dy] = buffers(self.arena, plan, [dy]);
                kernels::bias_gradient(cpu, rows, channels, dy, &mut self.gradients[db], self.scratch);
            }
            Op::Activation { function, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::activation_forward(cpu, function, x, y);
            }
            Op::ActivationBackward { function, saved, dy, dx } => {
                let [saved, dy, dx] = buffers(self.arena, plan, [saved, dy, dx]);
                kernels::activation_backward(cpu, function, saved, dy, dx);
            }
            Op::Softmax { rows, columns, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::softmax_forward(cpu, rows, columns, x, y);
            }
            Op::SoftmaxBackward { rows, columns, y, dy, dx } => {
                let [y, dy, dx] = buffers(self.arena, plan, [y, dy, dx]);
                kernels::softmax_backward(cpu, rows, columns, y, dy, dx);
            }
            Op::BatchNormTrain { .. } | Op::BatchNormMaxPool { .. } => self.batch_norm(op),
            Op::BatchNormBackward { .. } | Op::BatchNormMaxPoolBackward { .. } => {
                self.batch_norm_backward(op);
            }
            Op::BatchNormInfer { ref shape, epsilon, x, affine, moving: Moving { mean, variance }, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                let (gamma, beta) = (affine.gamma.map(value), affine.beta.map(value));
                kernels::batch_norm_infer(
                    cpu,
                    shape,
                    epsilon,
                    x,
                    gamma,
                    beta,
                    value(mean),
                    value(variance),
                    y,
                );
            }
            Op::BatchNormInferBackward { ref shape, norm, dy, dx } => {
                let [scale, _] = self.constants.norm(norm);
                let [dy, dx] = buffers(self.arena, plan, [dy, dx]);
                kernels::scale_shift_backward(cpu, shape.rows, shape.channels, dy, scale, dx);
            }
            Op::ScaleShift { rows, ref scale, ref shift, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::scale_shift_forward(cpu, rows, scale.len(), x, scale, shift, y);
            }
            Op::ScaleShiftBackward { rows, ref scale, dy, dx } => {
                let [dy, dx] = buffers(self.arena, plan, [dy, dx]);
                kernels::scale_shift_backward(cpu, rows, scale.len(), dy, scale, dx);
            }
            Op::MaxPool { ref shape, x, argmax: None, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::max_pool_forward(cpu, shape, x, y);
            }
            Op::MaxPool { ref shape, x, argmax: Some(argmax), y } => {
                let [x, argmax, y] = buffers(self.arena, plan, [x, argmax, y]);
                let places = &mut as_bytes_mut(argmax)[..y.len()];
                kernels::max_pool_argmax_forward(cpu, shape, x, y, places);
            }
            Op::MaxPoolBackward { ref shape, maxima: Maxima::Places(argmax), dy, dx } => {
                let [argmax, dy, dx] = buffers(self.arena, plan, [argmax, dy, dx]);
                kernels::max_pool_argmax_backward(cpu, shape, &as_bytes(argmax)[..dy.len()], dy, dx);
            }
            Op::MaxPoolBackward { ref shape, maxima: Maxima::Maps { x, y }, dy, dx } => {
                let [x, y, dy, dx] = buffers(self.arena, plan, [x, y, dy, dx]);
                kernels::max_pool_backward(cpu, shape, x, y, dy, dx);
            }
            Op::MaskBackward { scale, y, dy, dx } => {
                let [y, dy, dx] = buffers(self.arena, plan, [y, dy, dx]);
                kernels::mask_backward(cpu, scale, y, dy, dx);
            }
            Op::AvgPool { ref shape, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::avg_pool_forward(cpu, shape, x, y);
            }
            Op::AvgPoolBackward { ref shape, dy, dx } => {
                let [dy, dx] = buffers(self.arena, plan, [dy, dx]);
                kernels::avg_pool_backward(cpu, shape, dy, dx);
            }
            Op::GlobalAvgPool { batch, pixels, channels, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::global_avg_pool_forward(cpu, batch, pixels, channels, x, y);
            }
            Op::GlobalAvgPoolBackward { batch, pixels, channels, dy, dx } => {
                let [dy, dx] = buffers(self.arena, plan, [dy, dx]);
                kernels::global_avg_pool_backward(cpu, batch, pixels, channels, dy, dx);
            }
            Op::GlobalMaxPool { batch, pixels, channels, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::global_max_pool_forward(cpu, batch, pixels, channels, x, y);
            }
            Op::GlobalMaxPoolBackward { batch, pixels, channels, x, y, dy, dx } => {
                let [x, y, dy, dx] = buffers(self.arena, plan, [x, y, dy, dx]);
                kernels::global_max_pool_backward(cpu, batch, pixels, channels, x, y, dy, dx);
            }
            Op::Dropout { rate, layer, together, x, y } => self.dropout(rate, layer, together, [x, y]),
            Op::DropoutBackward { rate, layer, together, dy, dx } => {
                self.dropout(rate, layer, together, [dy, dx]);
            }
            Op::ZeroPad { ref shape, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::zero_pad_forward(cpu, shape, x, y);
            }
            Op::ZeroPadBackward { ref shape, dy, dx } => {
                let [dy, dx] = buffers(self.arena, plan, [dy, dx]);
                kernels::zero_pad_backward(cpu, shape, dy, dx);
            }
            Op::Add { a, b, activation, y } => {
                let ([a, b], [y]) = parts(self.arena, [plan.buffer(a), plan.buffer(b)], [plan.buffer(y)]);
                kernels::add(cpu, a, b, activation, y);
            }
            Op::PutChannels { rows, channels, width, offset, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::put_channels(cpu, rows, channels, width, offset, x, y);
            }
            Op::TakeChannels { rows, channels, width, offset, x, y } => {
                let [x, y] = buffers(self.arena, plan, [x, y]);
                kernels::take_channels(cpu, rows, width, channels, offset, x, y);
            }
            Op::Loss { kind, rows, columns, logits, targets, losses, dlogits } => {
                let [x, t, losses, dx] = buffers(self.arena, plan, [logits, targets, losses, dlogits]);
                let weights = self.loss_weights.expect("whoever runs a loss gives its weights");
                match kind {
                    LossKind::SoftmaxCrossEntropy => {
                        kernels::softmax_cross_entropy(
                            cpu,
                            rows,
                            columns,
                            x,
                            t,
                            weights.of_one(),
                            losses,
                            dx,
                        );
                    }
                    LossKind::SigmoidCrossEntropy => {
                        let weights = weights.of_one_and_zero();
                        kernels::sigmoid_cross_entropy(cpu, rows, columns, x, t, weights, losses, dx);
                    }
                    LossKind::MeanSquaredError => {
                        kernels::mean_squared_error(cpu, rows, columns, x, t, losses, dx);
                    }
                }
            }
        }
    }
}
