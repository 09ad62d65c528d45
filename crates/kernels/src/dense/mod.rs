//! Dense (fully connected) layers: forward, and backward to the input and to the weights at once.
//!
//! Their cost is reading the weights, of which a network for images may have ten million in one layer, while a batch has
//! a few dozen rows. So each pass reads the weights once, in order, and it is the batch that is copied about.

mod backward;
mod backward_data;
mod backward_weights;
mod forward;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use backward::ToInput;

use crate::packing::{PANEL, WeightLayout};
use crate::shape::elements;
use crate::{Cpu, Update};

/// A dense layer: `y[b, o] = bias[o] + sum over i of x[b, i] * w[i, o]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DenseShape {
    /// Rows of the input and of the output.
    pub batch: usize,
    /// Numbers in a row of the input.
    pub inputs: usize,
    /// Numbers in a row of the output.
    pub outputs: usize,
}

impl DenseShape {
    /// Elements of the input, `[batch, inputs]`.
    pub fn input_len(&self) -> usize {
        elements([self.batch, self.inputs])
    }

    /// Elements of the output, `[batch, outputs]`.
    pub fn output_len(&self) -> usize {
        elements([self.batch, self.outputs])
    }

    /// How the weights are packed.
    pub fn weight_layout(&self) -> WeightLayout {
        WeightLayout::dense(self.inputs, self.outputs)
    }

    /// Elements of the packed weights.
    pub fn weights_len(&self) -> usize {
        self.weight_layout().packed_len()
    }

    /// Floating-point operations of the forward pass, a multiplication and an addition counted as two; each backward pass
    /// takes as many.
    pub fn flops(&self) -> u64 {
        2 * self.batch as u64 * self.inputs as u64 * self.outputs as u64
    }

    /// Elements of scratch that [`dense_forward`] needs on so many threads.
    pub fn forward_scratch(&self, threads: usize) -> usize {
        forward::scratch(self, threads)
    }

    /// Elements of scratch that [`dense_backward`] needs on so many threads.
    pub fn backward_scratch(&self, threads: usize) -> usize {
        backward::scratch(self, threads)
    }

    /// Panels of outputs.
    fn panels(&self) -> usize {
        self.outputs.div_ceil(PANEL)
    }

    fn check(&self, input: &[f32], weights: &[f32], output: &[f32]) {
        assert!(self.batch * self.inputs * self.outputs > 0, "an empty dense layer: {self:?}");
        assert_eq!(input.len(), self.input_len(), "a dense layer's input");
        assert_eq!(weights.len(), self.weights_len(), "a dense layer's weights");
        assert_eq!(output.len(), self.output_len(), "a dense layer's output");
    }
}

/// What the backward pass does with the gradients of a dense layer's weights. Everything is packed.
#[derive(Debug)]
pub enum DenseWeights<'a> {
    /// Writes them to `dw`; the zeros that fill up the last panel stay zero.
    Gradient {
        /// The weights.
        w: &'a [f32],
        /// Their gradients, as many.
        dw: &'a mut [f32],
    },
    /// Applies them, and keeps them nowhere.
    Update {
        /// The weights. The gradient to the input is that of the weights before the update.
        w: &'a mut [f32],
        /// How they move; the same bits as [`update`](crate::update) of the gradients.
        update: Update<'a>,
    },
}

/// The input is the output of `ReLU`, and of dropout after it: the gradient to the input is multiplied with `scale` where the
/// input is above zero, and 0 elsewhere, so that it is the gradient to what went into these.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct InputMask {
    /// What dropout multiplies with what it keeps; 1 where there is none.
    pub scale: f32,
}

/// `y = x w + bias`.
///
/// `x` is `[batch, inputs]`, `w` packed as [`DenseShape::weight_layout`] tells, `bias` `[outputs]`, `y` `[batch, outputs]`;
/// `scratch` has at least [`DenseShape::forward_scratch`] elements of any value. Of a batch of a few rows, weights of inputs that are zero
/// in all of them are not read: they add nothing, not even where they are not numbers.
///
/// # Panics
/// When a slice has not the length that the shape tells, or the layer is empty.
pub fn dense_forward(
    cpu: &Cpu,
    shape: &DenseShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    scratch: &mut [f32],
) {
    shape.check(x, w, y);
    assert!(bias.is_none_or(|bias| bias.len() == shape.outputs), "a dense layer's biases");
    check_scratch(scratch, shape.forward_scratch(cpu.threads()));
    forward::run(cpu, shape, x, w, bias, y, scratch);
}

/// `dx = dy wᵀ` and `dw = xᵀ dy`, with what becomes of `dw`, in one pass over the weights.
///
/// Shapes are those of the forward pass. `mask` is applied to `dx`; without `dx` no gradient to the input is made. `scratch` has
/// at least [`DenseShape::backward_scratch`] elements of any value.
///
/// # Panics
/// When a slice has not the length that the shape tells, or the layer is empty.
pub fn dense_backward(
    cpu: &Cpu,
    shape: &DenseShape,
    x: &[f32],
    dy: &[f32],
    weights: DenseWeights<'_>,
    mask: Option<InputMask>,
    dx: Option<&mut [f32]>,
    scratch: &mut [f32],
) {
    let w = match &weights {
        DenseWeights::Gradient { w, .. } => w,
        DenseWeights::Update { w, .. } => &**w,
    };
    shape.check(x, w, dy);
    assert!(dx.as_ref().is_none_or(|dx| dx.len() == x.len()), "the gradient to a dense layer's input");
    check_scratch(scratch, shape.backward_scratch(cpu.threads()));
    backward::run(cpu, shape, x, dy, weights, dx.map(|dx| ToInput { dx, mask }), scratch);
}

fn check_scratch(scratch: &[f32], needed: usize) {
    assert!(scratch.len() >= needed, "scratch of {} elements where {needed} are needed", scratch.len());
}
