//! Dense backward to the input and to the weights, with each block of the weights visited once.
//!
//! For a block of inputs, their columns of the batch are copied. Each panel's weights of these inputs make their share of the
//! gradient to the inputs; then, while they are in the nearest cache, their own gradients are made and applied. The gradients of a
//! block stay in a cache too. (Applying them straight from the registers is slower: weights and state then arrive in
//! drips that the processor does not foresee, where a run of neighbours is fetched ahead.)

use std::ops::Range;

use super::backward_data::{self, batch_panels, panel_len, transpose};
use super::backward_weights::{pack, packed_len};
use super::rows::{copy, pieces, stride};
use super::write::{Masked, WriteRows};
use super::{DenseShape, DenseWeights, InputMask};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::elementwise::{Elementwise, elementwise_here};
use crate::microkernel::{TASKS, WeightSweep};
use crate::optimize::UpdateVisitor;
use crate::packing::PANEL;

/// Numbers of the batch that are copied for a block at the most, where it has more inputs than [`FEWEST`].
const COPY: usize = 1 << 13;
const FEWEST: usize = 16;
/// Inputs of a block at the most: 16 KiB of a panel's weights.
const MOST: usize = 128;
/// Blocks that a layer is cut into at the least, where it has inputs for them.
const BLOCKS: usize = 8;
/// Blocks of a task at the most; all but the last have the next one's weights fetched.
const BLOCKS_OF_TASK: usize = 4;

/// Inputs of a block.
fn inputs_of_block(shape: &DenseShape) -> usize {
    let inputs = (COPY / shape.batch).min(shape.inputs / BLOCKS);
    (inputs / FEWEST * FEWEST).clamp(FEWEST, MOST)
}

/// Inputs of a task.
fn inputs_of_task(shape: &DenseShape) -> usize {
    let blocks = shape.inputs.div_ceil(inputs_of_block(shape));
    inputs_of_block(shape) * (blocks / TASKS).clamp(1, BLOCKS_OF_TASK)
}

/// The lengths of the parts of a thread's scratch.
#[derive(Clone, Copy)]
struct Part {
    /// A copy of a block's columns of the batch.
    copy: usize,
    /// The gradients to the block's inputs, `[panel of the batch][input][PANEL rows]`.
    tile: usize,
    /// The gradients of a panel's weights, `[input][PANEL]`.
    gradients: usize,
}

impl Part {
    fn of(shape: &DenseShape) -> Self {
        let inputs = inputs_of_block(shape);
        Self {
            copy: shape.batch * stride(inputs),
            tile: batch_panels(shape) * inputs * PANEL,
            gradients: inputs * PANEL,
        }
    }

    fn len(self) -> usize {
        self.copy + self.tile + self.gradients
    }

    fn split(self, part: &mut [f32]) -> [&mut [f32]; 3] {
        let (copy, part) = part.split_at_mut(self.copy);
        let (tile, gradients) = part.split_at_mut(self.tile);
        [copy, tile, gradients]
    }
}

/// The parts of the scratch.
struct Scratch<'a> {
    /// `dyᵀ`, see [`transpose`].
    transposed: &'a mut [f32],
    /// `dy`, see [`pack`].
    packed: &'a mut [f32],
    /// One for each thread, see [`Part`].
    parts: &'a mut [f32],
}

fn transposed_len(shape: &DenseShape) -> usize {
    batch_panels(shape) * panel_len(shape)
}

pub(super) fn scratch(shape: &DenseShape, threads: usize) -> usize {
    transposed_len(shape) + packed_len(shape) + threads * Part::of(shape).len()
}

impl<'a> Scratch<'a> {
    fn new(shape: &DenseShape, scratch: &'a mut [f32]) -> Self {
        let (transposed, scratch) = scratch.split_at_mut(transposed_len(shape));
        let (packed, parts) = scratch.split_at_mut(packed_len(shape));
        Self { transposed, packed, parts }
    }
}

/// The gradient to the input that is asked for.
pub(super) struct ToInput<'a> {
    pub(super) dx: &'a mut [f32],
    pub(super) mask: Option<InputMask>,
}

pub(super) fn run(
    cpu: &Cpu,
    shape: &DenseShape,
    x: &[f32],
    dy: &[f32],
    weights: DenseWeights<'_>,
    to_input: Option<ToInput<'_>>,
    scratch: &mut [f32],
) {
    let scratch = Scratch::new(shape, scratch);
    pack(cpu, shape, dy, scratch.packed);
    if to_input.is_some() {
        transpose(cpu, shape, dy, scratch.transposed);
    }
    let pass = Pass { cpu, shape, x, to_input, scratch };
    match weights {
        DenseWeights::Gradient { w, dw } => {
            assert_eq!(dw.len(), w.len(), "the gradients of a dense layer's weights");
            pass.run(&Keep { w, dw: Disjoint::new(dw) });
        }
        DenseWeights::Update { w, update } => update.visit(w, pass),
    }
}

/// What becomes of the gradients of some weights.
trait Weights: Sync {
    /// The weights as they are before that.
    ///
    /// # Safety
    /// Nobody changes them for as long as the result is.
    unsafe fn before(&self, block: Range<usize>) -> &[f32];

    /// Takes the gradients that `sum` adds up, in memory that they may be written to.
    ///
    /// # Safety
    /// Nobody else uses what belongs to these weights.
    unsafe fn take(&self, cpu: &Cpu, block: Range<usize>, room: &mut [f32], sum: impl FnOnce(&mut [f32]));
}

/// They are kept.
struct Keep<'a> {
    w: &'a [f32],
    dw: Disjoint<'a, f32>,
}

impl Weights for Keep<'_> {
    unsafe fn before(&self, block: Range<usize>) -> &[f32] {
        &self.w[block]
    }

    unsafe fn take(&self, _: &Cpu, block: Range<usize>, _: &mut [f32], sum: impl FnOnce(&mut [f32])) {
        // SAFETY: promised by the caller.
        sum(unsafe { self.dw.part(block) });
    }
}

/// They are applied: the first of the slices has the weights.
struct Apply<'a, F, const OUT: usize> {
    rule: F,
    slices: [Disjoint<'a, f32>; OUT],
}

impl<F: Elementwise<1, OUT>, const OUT: usize> Weights for Apply<'_, F, OUT> {
    unsafe fn before(&self, block: Range<usize>) -> &[f32] {
        // SAFETY: promised by the caller.
        unsafe { self.slices[0].part(block) }
    }

    unsafe fn take(&self, cpu: &Cpu, block: Range<usize>, room: &mut [f32], sum: impl FnOnce(&mut [f32])) {
        let gradients = &mut room[..block.len()];
        sum(gradients);
        // SAFETY: promised by the caller.
        let slices = self.slices.each_ref().map(|slice| unsafe { slice.part(block.clone()) });
        elementwise_here(cpu.isa(), self.rule, [gradients], slices);
    }
}

/// The whole of the layer.
struct Pass<'a> {
    cpu: &'a Cpu,
    shape: &'a DenseShape,
    x: &'a [f32],
    to_input: Option<ToInput<'a>>,
    scratch: Scratch<'a>,
}

impl UpdateVisitor for Pass<'_> {
    fn visit<const OUT: usize>(self, rule: impl Elementwise<1, OUT>, slices: [&mut [f32]; OUT]) {
        assert!(slices.iter().all(|slice| slice.len() == self.shape.weights_len()), "state of each weight");
        self.run(&Apply { rule, slices: slices.map(Disjoint::new) });
    }
}

impl Pass<'_> {
    fn run(self, weights: &impl Weights) {
        let Self { cpu, shape, x, to_input, scratch } = self;
        let (of_thread, shared) = (Part::of(shape), (&*scratch.transposed, &*scratch.packed));
        let parts = Disjoint::new(scratch.parts);
        let to_input = to_input.map(|to| (Disjoint::new(to.dx), to.mask));
        let at_once = inputs_of_block(shape);
        let of_task = inputs_of_task(shape);
        cpu.team().run(shape.inputs.div_ceil(of_task), |member, task| {
            // SAFETY: each member has a part of its own.
            let part = unsafe { parts.part(member * of_thread.len()..(member + 1) * of_thread.len()) };
            let of_task = task * of_task..shape.inputs.min((task + 1) * of_task);
            let end_of_task = of_task.end;
            for inputs in pieces(of_task, at_once) {
                let block = Block { cpu, shape, x, inputs, end_of_task, shared };
                // SAFETY: each task has inputs of its own, and their weights.
                unsafe { block.run(weights, to_input.as_ref(), of_thread.split(part)) };
            }
        });
    }
}

/// Some inputs and their weights.
struct Block<'a> {
    cpu: &'a Cpu,
    shape: &'a DenseShape,
    x: &'a [f32],
    inputs: Range<usize>,
    /// The first input after those of the task.
    end_of_task: usize,
    /// `dyᵀ` and `dy`, packed.
    shared: (&'a [f32], &'a [f32]),
}

impl Block<'_> {
    /// # Safety
    /// Nobody else uses these inputs' columns of `to_input`, and what belongs to their weights.
    unsafe fn run(
        &self,
        weights: &impl Weights,
        to_input: Option<&(Disjoint<'_, f32>, Option<InputMask>)>,
        [rows, tile, room]: [&mut [f32]; 3],
    ) {
        let Self { cpu, shape, x, inputs, shared: (transposed, packed), .. } = self;
        let stride = stride(inputs_of_block(shape));
        copy(x, shape.inputs, 0..shape.batch, inputs, stride, rows);
        for panel in 0..shape.panels() {
            if to_input.is_some() {
                // SAFETY: promised by the caller; these are borrowed until the gradient of the inputs is made.
                let (now, next) =
                    unsafe { (weights.before(self.of(panel)), weights.before(self.after(panel))) };
                backward_data::add_panel(cpu, shape, panel, now, next, transposed, tile);
            }
            let sum = |gradient: &mut [f32]| {
                cpu.isa().call(WeightSweep {
                    rows: 1,
                    columns: shape.batch,
                    source: rows,
                    row_stride: 0,
                    pixel_stride: stride,
                    outputs: &packed[panel * shape.batch * PANEL..],
                    width: PANEL.min(shape.outputs - panel * PANEL),
                    gradient,
                    add: false,
                });
            };
            // SAFETY: promised by the caller.
            unsafe { weights.take(cpu, self.of(panel), room, sum) };
        }
        if let Some((dx, mask)) = to_input {
            let mask = mask.map(|mask| Masked { mask, x: rows, stride });
            let (all, columns) = ((shape.batch, shape.inputs), (inputs.start, inputs.len()));
            // SAFETY: promised by the caller.
            cpu.isa().call(unsafe { WriteRows::new(dx, all, columns, tile, mask) });
        }
    }

    /// The inputs' weights of a panel.
    fn of(&self, panel: usize) -> Range<usize> {
        let first = panel * self.shape.inputs;
        (first + self.inputs.start) * PANEL..(first + self.inputs.end) * PANEL
    }

    /// The weights that the task reads after those of a panel, if any: of the next panel, or of the next inputs.
    fn after(&self, panel: usize) -> Range<usize> {
        if panel + 1 < self.shape.panels() {
            return self.of(panel + 1);
        }
        let end = self.end_of_task.min(self.inputs.end + self.inputs.len());
        self.inputs.end * PANEL..end * PANEL
    }
}
