//! Dense backward to the input and to the weights, with each block of the weights visited once.
//!
//! A task has some inputs. It copies their columns of the batch, takes each panel's weights of these inputs for the gradient to the
//! input, and then, while they are in the nearest cache, makes their own gradients and what becomes of them.

use super::backward_data::{self, batch_panels, panel_len, transpose};
use super::backward_weights::{pack, packed_len};
use super::rows::{copy, stride};
use super::write::{Masked, WriteRows};
use super::{DenseShape, DenseWeights, InputMask};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::elementwise::Elementwise;
use crate::microkernel::UpdateSweep;
use crate::optimize::UpdateVisitor;
use crate::packing::PANEL;
use crate::simd::Simd;

/// Numbers of the batch that a task copies at the most, where it has more inputs than [`FEWEST`].
const COPY: usize = 1 << 15;
const FEWEST: usize = 16;
const MOST: usize = 128;

/// Inputs of a task.
fn inputs_of_task(shape: &DenseShape) -> usize {
    (COPY / shape.batch / FEWEST * FEWEST).clamp(FEWEST, MOST)
}

/// Where the parts of the scratch lie.
struct Scratch<'a> {
    /// `dyᵀ`, see [`transpose`].
    transposed: &'a mut [f32],
    /// `dy`, see [`pack`].
    packed: &'a mut [f32],
    /// A copy of some columns of the batch for each thread.
    copies: &'a mut [f32],
    /// The gradients to some inputs for each thread, `[panel of the batch][input][PANEL rows]`.
    tiles: &'a mut [f32],
}

fn copy_len(shape: &DenseShape) -> usize {
    shape.batch * stride(inputs_of_task(shape))
}

fn tile_len(shape: &DenseShape) -> usize {
    batch_panels(shape) * inputs_of_task(shape) * PANEL
}

fn transposed_len(shape: &DenseShape) -> usize {
    batch_panels(shape) * panel_len(shape)
}

pub(super) fn scratch(shape: &DenseShape, threads: usize) -> usize {
    transposed_len(shape) + packed_len(shape) + threads * (copy_len(shape) + tile_len(shape))
}

impl<'a> Scratch<'a> {
    fn new(shape: &DenseShape, threads: usize, scratch: &'a mut [f32]) -> Self {
        let (transposed, scratch) = scratch.split_at_mut(transposed_len(shape));
        let (packed, scratch) = scratch.split_at_mut(packed_len(shape));
        let (copies, tiles) = scratch.split_at_mut(threads * copy_len(shape));
        Self { transposed, packed, copies, tiles }
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
    let scratch = Scratch::new(shape, cpu.threads(), scratch);
    pack(cpu, shape, dy, scratch.packed);
    if to_input.is_some() {
        transpose(cpu, shape, dy, scratch.transposed);
    }
    let pass = Pass { cpu, shape, x, to_input, scratch };
    match weights {
        DenseWeights::Gradient { w, dw } => pass.run(Keep, Some(w), [dw]),
        DenseWeights::Update { w, update } => update.visit(w, pass),
    }
}

/// Keeps the gradients.
#[derive(Clone, Copy)]
struct Keep;

impl Elementwise<1, 1> for Keep {
    #[inline(always)]
    fn apply<S: Simd>(self, _: S, gradient: [S::V; 1], _: [S::V; 1]) -> [S::V; 1] {
        gradient
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
        self.run(rule, None, slices);
    }
}

impl Pass<'_> {
    /// `weights` are those of the forward pass where they are not the first of the slices.
    fn run<const OUT: usize>(
        self,
        rule: impl Elementwise<1, OUT>,
        weights: Option<&[f32]>,
        slices: [&mut [f32]; OUT],
    ) {
        let Self { cpu, shape, x, to_input, scratch } = self;
        assert!(slices.iter().all(|slice| slice.len() == shape.weights_len()), "numbers of each weight");
        let at_once = inputs_of_task(shape);
        let (transposed, packed) = (&*scratch.transposed, &*scratch.packed);
        let (copies, tiles) = (Disjoint::new(scratch.copies), Disjoint::new(scratch.tiles));
        let slices = slices.map(Disjoint::new);
        let to_input = to_input.map(|to| (Disjoint::new(to.dx), to.mask));
        let (copy_len, tile_len) = (copy_len(shape), tile_len(shape));
        cpu.team().run(shape.inputs.div_ceil(at_once), |member, task| {
            let inputs = task * at_once..shape.inputs.min((task + 1) * at_once);
            // SAFETY: each member has a copy of its own.
            let rows = unsafe { copies.part(member * copy_len..(member + 1) * copy_len) };
            copy(x, shape.inputs, 0..shape.batch, &inputs, stride(at_once), rows);
            let block = |panel: usize| {
                let first = panel * shape.inputs;
                (first + inputs.start) * PANEL..(first + inputs.end) * PANEL
            };
            for panel in 0..shape.panels() {
                if to_input.is_some() {
                    // SAFETY: each task has weights of its own, and they are not borrowed while `slices` are below; each member
                    // has a tile of its own.
                    let (weights, tile) = unsafe {
                        let weights = match weights {
                            Some(weights) => &weights[block(panel)],
                            None => &*slices[0].part(block(panel)),
                        };
                        (weights, tiles.part(member * tile_len..(member + 1) * tile_len))
                    };
                    backward_data::add_panel(cpu, shape, panel, weights, transposed, tile);
                }
                let following = block((panel + 1).min(shape.panels() - 1));
                let mut next = [std::ptr::null(); 4];
                next[0] = weights.map_or(next[0], |weights| weights[following.clone()].as_ptr());
                for (next, slice) in next[1..].iter_mut().zip(&slices) {
                    *next = slice.pointer(following.clone()).cast_const();
                }
                cpu.isa().call(UpdateSweep {
                    rule,
                    batch: shape.batch,
                    source: rows,
                    stride: stride(at_once),
                    outputs: &packed[panel * shape.batch * PANEL..][..shape.batch * PANEL],
                    width: PANEL.min(shape.outputs - panel * PANEL),
                    // SAFETY: each task has weights of its own, and takes one panel of them at a time.
                    slices: slices.each_ref().map(|slice| unsafe { slice.part(block(panel)) }),
                    next: &next[usize::from(weights.is_none())..=OUT],
                });
            }
            let Some((dx, mask)) = &to_input else { return };
            // SAFETY: each member has a tile of its own.
            let tile = unsafe { tiles.part(member * tile_len..(member + 1) * tile_len) };
            let mask = mask.map(|mask| Masked { mask, x: rows, stride: stride(at_once) });
            let all = (shape.batch, shape.inputs);
            // SAFETY: each task has columns of its own.
            cpu.isa().call(unsafe { WriteRows::new(dx, all, (inputs.start, inputs.len()), tile, mask) });
        });
    }
}
