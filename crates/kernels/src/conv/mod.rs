//! Two-dimensional convolution: forward, backward to the input, backward to the weights.
//!
//! | module | what it holds |
//! |---|---|
//! | `shape` | [`Conv2dShape`], what callers say |
//! | `correlation` | windows over images: the geometry of every pass |
//! | `view` | what windows see: images in place, or copies with the zeros around them |
//! | `correlate` | sums over windows times weights: the forward pass |
//! | `backward_data` | the same sums over `dy`, with the weights transposed |
//! | `backward_weights` | products of `x` and `dy`, added up over the batch |
//! | `depthwise` | the first two where each filter sees one channel |
//! | `depthwise_weights` | the third where each filter sees one channel |
//! | `partial` | sums over a batch that several tasks share |
//!
//! All are *direct*: images are read in place or, where windows reach beyond the edge, from a copy of a few rows with the zeros
//! around them that stays in the cache.

mod backward_data;
mod backward_weights;
mod correlate;
mod correlation;
mod depthwise;
mod depthwise_weights;
mod partial;
mod shape;
#[cfg(test)]
mod tests;
mod view;

pub use shape::Conv2dShape;

use crate::Cpu;
use depthwise::Pass;

/// `y = convolution(x, w) + bias`.
///
/// `x` is `[batch, height, width, channels]`, `w` packed as [`Conv2dShape::weight_layout`] tells, `bias` `[filters]`, `y`
/// `[batch, out_height, out_width, filters]`; `scratch` has at least [`Conv2dShape::forward_scratch`] elements of any value.
///
/// # Panics
/// When a slice has not the length that the shape tells.
pub fn conv2d_forward(
    cpu: &Cpu,
    shape: &Conv2dShape,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    y: &mut [f32],
    scratch: &mut [f32],
) {
    check(shape, x, w, y);
    assert!(bias.is_none_or(|bias| bias.len() == shape.filters), "a convolution's biases");
    check_scratch(scratch, shape.forward_scratch(cpu.threads()));
    let correlation = shape.correlation();
    if shape.is_depthwise() {
        let pass = || std::iter::once(Pass { correlation, weights: w });
        depthwise::correlate(cpu, pass, x, bias, y);
    } else {
        correlate::correlate(cpu, &correlation, x, w, bias, y, scratch);
    }
}

/// `dx = d loss / d x`, from `dy = d loss / d y`: the transpose of [`conv2d_forward`] as a linear map of `x`.
///
/// Shapes are those of the forward pass; `scratch` has at least [`Conv2dShape::backward_data_scratch`] elements.
///
/// # Panics
/// When a slice has not the length that the shape tells.
pub fn conv2d_backward_data(
    cpu: &Cpu,
    shape: &Conv2dShape,
    dy: &[f32],
    w: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    check(shape, dx, w, dy);
    check_scratch(scratch, shape.backward_data_scratch(cpu.threads()));
    if shape.output_len() == 0 {
        dx.fill(0.0);
    } else {
        backward_data::run(cpu, shape, dy, w, dx, scratch);
    }
}

/// `dw = d loss / d w`, from `dy = d loss / d y`, in the packed layout; the zeros that fill up panels stay zero.
///
/// Shapes are those of the forward pass; `scratch` has at least [`Conv2dShape::backward_weights_scratch`] elements.
///
/// # Panics
/// When a slice has not the length that the shape tells.
pub fn conv2d_backward_weights(
    cpu: &Cpu,
    shape: &Conv2dShape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    check(shape, x, dw, dy);
    check_scratch(scratch, shape.backward_weights_scratch(cpu.threads()));
    if shape.output_len() == 0 {
        dw.fill(0.0);
    } else if shape.is_depthwise() {
        depthwise_weights::run(cpu, shape, x, dy, dw, scratch);
    } else {
        backward_weights::run(cpu, shape, x, dy, dw, scratch);
    }
}

fn check(shape: &Conv2dShape, input: &[f32], weights: &[f32], output: &[f32]) {
    assert!(
        shape.kernel.0 * shape.kernel.1 * shape.dilation.0 * shape.dilation.1 > 0,
        "a kernel without elements"
    );
    assert_eq!(input.len(), shape.input_len(), "a convolution's input");
    assert_eq!(weights.len(), shape.weights_len(), "a convolution's weights");
    assert_eq!(output.len(), shape.output_len(), "a convolution's output");
}

fn check_scratch(scratch: &[f32], needed: usize) {
    assert!(scratch.len() >= needed, "scratch of {} elements where {needed} are needed", scratch.len());
}
