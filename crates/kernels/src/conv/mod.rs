//! Two-dimensional convolution: forward, backward to the input, backward to the weights.
//!
//! | module | what it holds |
//! |---|---|
//! | `shape` | [`Conv2dShape`], what callers say |
//! | `correlation` | windows over images: the geometry of every pass |
//! | `epilogue` | what becomes of sums before they are stored |
//! | `moments` | what batch norms ask of outputs |
//! | `operands` | numbers, or pairs of 16 bits each: two channels side by side |
//! | `pixel_pairs` | pairs of two pixels, for sums over pixels |
//! | `view` | what windows see: images in place, or copies with or without the zeros around them |
//! | `zones` | outputs whose windows have the same taps within the image |
//! | `correlate` | sums over windows times weights: the forward pass |
//! | `backward_data` | the same sums over `dy`, with the weights transposed |
//! | `backward_weights` | products of `x` and `dy`, added up over the batch |
//! | `across_images` | the same where images have few outputs |
//! | `depthwise` | the first two where each filter sees one channel |
//! | `depthwise_weights` | the third where each filter sees one channel |
//! | `partial` | sums over a batch that several tasks share |
//! | `winograd` | all three passes of 3x3 kernels with fewer multiplications |
//! | `algorithm` | which of these is the fastest |
//! | `chain` | several convolutions, one behind the other, a band of rows at a time |
//!
//! Images are read in place or, where windows reach beyond the edge, from a copy of a few rows that stays in the cache: with the zeros
//! around them, or where these are many without.

mod across_images;
mod algorithm;
mod backward_data;
mod backward_weights;
mod chain;
mod correlate;
mod correlation;
mod depthwise;
mod depthwise_weights;
mod epilogue;
mod moments;
mod operands;
mod partial;
mod pixel_pairs;
mod shape;
#[cfg(test)]
mod tests;
mod view;
mod winograd;
mod zones;

pub use algorithm::{ConvAlgorithm, ConvPass, ConvWeights, WeightSource, WeightTransform};
pub use chain::{ConvChain, ConvLink};
pub use epilogue::Epilogue;
pub use moments::ConvOutput;
pub use shape::Conv2dShape;
pub use winograd::WinogradTile;

use crate::Cpu;
use depthwise::Pass;
use operands::Operands;

/// `y = convolution(x, w)` and what `epilogue` makes of it, and if `output` asks for them its moments.
///
/// `x` is `[batch, height, width, channels]`; `scratch` has at least
/// [`Conv2dShape::scratch`] elements of any value.
///
/// # Panics
/// When a slice has not the length that the shape tells, or the weights' algorithm is not one for this shape.
pub fn conv2d_forward(
    cpu: &Cpu,
    shape: &Conv2dShape,
    x: &[f32],
    weights: ConvWeights<'_>,
    epilogue: &Epilogue<'_>,
    output: ConvOutput<'_>,
    scratch: &mut [f32],
) {
    check(shape, x, output.y);
    weights.check(shape, ConvPass::Forward);
    epilogue.check(shape.filters, output.y.len());
    if let Some(moments) = &output.moments {
        assert_eq!(moments.len(), shape.moments_len(weights.algorithm()), "a convolution's moments");
    }
    check_scratch(scratch, shape.scratch(ConvPass::Forward, weights.algorithm(), cpu.threads()));
    let correlation = shape.correlation();
    match weights {
        ConvWeights::Packed(weights) if shape.is_depthwise() => {
            let pass = || std::iter::once(Pass { correlation, weights });
            depthwise::correlate(cpu, pass, x, epilogue, output);
        }
        ConvWeights::Packed(w) => {
            correlate::correlate(cpu, Operands::Numbers, &correlation, x, w, epilogue, output, scratch);
        }
        ConvWeights::Transformed(WeightTransform::Winograd(tile), u) => {
            winograd::forward(cpu, &correlation, tile, x, u, epilogue, output, scratch);
        }
        ConvWeights::Transformed(WeightTransform::Half(half), w) => {
            correlate::correlate(cpu, Operands::Pairs(half), &correlation, x, w, epilogue, output, scratch);
        }
    }
}

/// `dx = d loss / d x`, from `dy = d loss / d y`: the transpose of [`conv2d_forward`] without its epilogue as a linear map of `x`.
///
/// Shapes are those of the forward pass; `scratch` has at least [`Conv2dShape::scratch`] elements.
///
/// # Panics
/// When a slice has not the length that the shape tells, or the weights' algorithm is not one for this shape.
pub fn conv2d_backward_data(
    cpu: &Cpu,
    shape: &Conv2dShape,
    dy: &[f32],
    weights: ConvWeights<'_>,
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    check(shape, dx, dy);
    weights.check(shape, ConvPass::BackwardData);
    check_scratch(scratch, shape.scratch(ConvPass::BackwardData, weights.algorithm(), cpu.threads()));
    match weights {
        _ if shape.output_len() == 0 => dx.fill(0.0),
        ConvWeights::Packed(w) => backward_data::run(cpu, shape, dy, w, dx, scratch),
        ConvWeights::Transformed(WeightTransform::Winograd(tile), u) => {
            let c = backward_data::whole(shape);
            winograd::forward(cpu, &c, tile, dy, u, &Epilogue::default(), dx.into(), scratch);
        }
        ConvWeights::Transformed(WeightTransform::Half(half), w) => {
            backward_data::run_pairs(cpu, half, shape, dy, w, dx, scratch);
        }
    }
}

/// `dw = d loss / d w`, from `dy = d loss / d y`, in the packed layout; the zeros that fill up panels stay zero.
///
/// Shapes are those of the forward pass; `scratch` has at least [`Conv2dShape::scratch`] elements.
///
/// # Panics
/// When a slice has not the length that the shape tells, or the algorithm is not one for this shape.
pub fn conv2d_backward_weights(
    cpu: &Cpu,
    shape: &Conv2dShape,
    algorithm: ConvAlgorithm,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    check(shape, x, dy);
    assert_eq!(dw.len(), shape.weights_len(), "a convolution's weights");
    algorithm.check(shape);
    check_scratch(scratch, shape.scratch(ConvPass::BackwardWeights, algorithm, cpu.threads()));
    match algorithm {
        _ if shape.output_len() == 0 => dw.fill(0.0),
        ConvAlgorithm::Winograd(tile) => {
            winograd::backward_weights(cpu, &shape.correlation(), tile, x, dy, dw, scratch);
        }
        ConvAlgorithm::Direct if shape.is_depthwise() => {
            depthwise_weights::run(cpu, shape, x, dy, dw, scratch);
        }
        ConvAlgorithm::Direct => {
            backward_weights::run(cpu, Operands::Numbers, shape, x, dy, dw, scratch);
        }
        ConvAlgorithm::Half(half) => {
            backward_weights::run(cpu, Operands::Pairs(half), shape, x, dy, dw, scratch);
        }
    }
}

/// Makes of packed weights what an algorithm reads in the forward pass, or in the one to the data.
///
/// `u` has [`Conv2dShape::transformed_len`] elements, `scratch` [`Conv2dShape::transform_scratch`].
///
/// # Panics
/// When a slice has not the length that the shape tells, or the transform's algorithm is not one for this shape.
pub fn transform_weights(
    cpu: &Cpu,
    shape: &Conv2dShape,
    pass: ConvPass,
    transform: WeightTransform,
    w: &[f32],
    u: &mut [f32],
    scratch: &mut [f32],
) {
    assert_eq!(u.len(), shape.transformed_len(pass, transform), "transformed weights");
    assert_eq!(w.len(), shape.weights_len(), "a convolution's weights");
    check_scratch(scratch, shape.transform_scratch(pass));
    match (transform, pass) {
        (WeightTransform::Winograd(tile), ConvPass::Forward) => {
            winograd::transform_weights(cpu, &shape.correlation(), tile, w, u);
        }
        (WeightTransform::Winograd(tile), ConvPass::BackwardData) => {
            let transposed = backward_data::transposed(cpu, shape, w, scratch);
            winograd::transform_weights(cpu, &backward_data::whole(shape), tile, transposed, u);
        }
        (WeightTransform::Half(half), ConvPass::Forward) => operands::pair_weights(cpu, half, w, u),
        (WeightTransform::Half(half), ConvPass::BackwardData) => {
            backward_data::transposed_pairs(cpu, half, shape, w, u, scratch);
        }
        (_, ConvPass::BackwardWeights) => panic!("the pass to the weights reads none"),
    }
}

fn check(shape: &Conv2dShape, input: &[f32], output: &[f32]) {
    assert!(
        shape.kernel.0 * shape.kernel.1 * shape.dilation.0 * shape.dilation.1 > 0,
        "a kernel without elements"
    );
    assert_eq!(input.len(), shape.input_len(), "a convolution's input");
    assert_eq!(output.len(), shape.output_len(), "a convolution's output");
}

fn check_scratch(scratch: &[f32], needed: usize) {
    assert!(scratch.len() >= needed, "scratch of {} elements where {needed} are needed", scratch.len());
}
