//! The closed set of operations that a plan is made of.

mod describe;
mod operands;

use divvy_kernels::{
    Activation, Conv2dShape, ConvAlgorithm, ConvPass, DenseShape, NormSettings, NormShape, PadShape,
    PoolShape, Rectifier, Saved, WeightTransform,
};
use std::sync::Arc;

use super::constant::ConstantId;
use crate::parameters::ParameterId;

/// A buffer of a plan, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BufferId(pub(crate) usize);

/// What a loss compares: see the kernels of the same names for the formulas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossKind {
    /// Softmax and categorical cross-entropy, from logits; targets are probabilities of the classes.
    SoftmaxCrossEntropy,
    /// Sigmoid and binary cross-entropy, from logits; targets are 0 or 1 for each unit.
    SigmoidCrossEntropy,
    /// The mean of the squared differences.
    MeanSquaredError,
}

/// One step of a plan. Buffers are activations or their gradients, `[batch, height, width, channels]` or
/// `[batch, features]`; parameters and their gradients are named by the parameter.
///
/// Every operation overwrites what it writes. A device has one kernel for each.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are the operands of the formula above each variant")]
pub enum Op {
    /// `y = epilogue(conv(x, weights))`, and the moments of y for those who read them
    Conv2d {
        shape: Conv2dShape,
        x: BufferId,
        weights: ConvOperand,
        epilogue: ConvEpilogue,
        y: BufferId,
        moments: Option<BufferId>,
    },
    /// `dx = conv^T(dy, weights)`
    Conv2dBackwardData { shape: Conv2dShape, dy: BufferId, weights: ConvOperand, dx: BufferId },
    /// `d weights = sum over pixels of x (patches) times dy`
    Conv2dBackwardWeights {
        shape: Conv2dShape,
        algorithm: ConvAlgorithm,
        x: BufferId,
        dy: BufferId,
        weights: ParameterId,
    },
    /// `u = weights` as an algorithm reads them in a pass
    ConvWeights {
        shape: Conv2dShape,
        pass: ConvPass,
        transform: WeightTransform,
        weights: ParameterId,
        u: BufferId,
    },
    /// `y = x weights + bias`
    Dense { shape: DenseShape, x: BufferId, weights: ParameterId, bias: Option<ParameterId>, y: BufferId },
    /// `d weights = x^T dy`, and `dx = dy weights^T`, which is masked where x is the output of `ReLU`, or of dropout after it:
    /// `mask` is what dropout multiplies with what it keeps, and dx the gradient to what went into both
    DenseBackward {
        shape: DenseShape,
        x: BufferId,
        dy: BufferId,
        weights: ParameterId,
        mask: Option<f32>,
        dx: Option<BufferId>,
    },
    /// `d bias = sum over rows of dy`
    BiasGradient { rows: usize, channels: usize, dy: BufferId, bias: ParameterId },
    /// `y = f(x)`, element by element
    Activation { function: Activation, x: BufferId, y: BufferId },
    /// `dx = dy f'`, from the input or the output of `f`, whichever it needs
    ActivationBackward { function: Activation, saved: BufferId, dy: BufferId, dx: BufferId },
    /// `y = softmax(x)` over each row
    Softmax { rows: usize, columns: usize, x: BufferId, y: BufferId },
    /// `dx = y (dy - sum(dy y))` over each row
    SoftmaxBackward { rows: usize, columns: usize, y: BufferId, dy: BufferId, dx: BufferId },
    /// `y = activation(gamma (x - mean) invstd + beta + residual)` with the batch's own statistics, which follow from the moments of x if
    /// there are such, and move the moving ones
    BatchNormTrain {
        shape: NormShape,
        settings: NormSettings,
        x: BufferId,
        moments: Option<BufferId>,
        affine: Affine,
        moving: Moving,
        statistics: Statistics,
        residual: Option<BufferId>,
        activation: Option<Rectifier>,
        y: BufferId,
    },
    /// The same without a residual, and max pooling of it, of which the output and the place of each maximum are kept
    BatchNormMaxPool {
        shape: PoolShape,
        settings: NormSettings,
        x: BufferId,
        moments: Option<BufferId>,
        affine: Affine,
        moving: Moving,
        statistics: Statistics,
        activation: Option<Rectifier>,
        argmax: BufferId,
        y: BufferId,
    },
    /// `y = gamma (x - moving mean) / sqrt(moving variance + epsilon) + beta`
    BatchNormInfer {
        shape: NormShape,
        epsilon: f32,
        x: BufferId,
        affine: Affine,
        moving: Moving,
        y: BufferId,
    },
    /// `dx = dy gamma / sqrt(moving variance + epsilon)`, the scale of `norm`
    BatchNormInferBackward { shape: NormShape, norm: ConstantId, dy: BufferId, dx: BufferId },
    /// The gradients of [`Op::BatchNormTrain`], whose output is read where there was a residual; dx is that to what went into `input`, the activation that made x. dx is made of
    /// dgamma and dbeta, which also become the parameters' gradients where there are such parameters
    BatchNormBackward {
        shape: NormShape,
        x: BufferId,
        output: Option<(Rectifier, Option<BufferId>)>,
        input: Option<Rectifier>,
        dy: BufferId,
        affine: Affine,
        statistics: Statistics,
        dgamma: BufferId,
        dbeta: BufferId,
        dresidual: Option<BufferId>,
        dx: BufferId,
    },
    /// The gradients of [`Op::BatchNormMaxPool`], likewise
    BatchNormMaxPoolBackward {
        shape: PoolShape,
        x: BufferId,
        y: BufferId,
        argmax: BufferId,
        activation: Option<Rectifier>,
        input: Option<Rectifier>,
        dy: BufferId,
        affine: Affine,
        statistics: Statistics,
        dgamma: BufferId,
        dbeta: BufferId,
        dx: BufferId,
    },
    /// `y = x scale + shift`, a constant pair for each channel
    ScaleShift { rows: usize, scale: Arc<[f32]>, shift: Arc<[f32]>, x: BufferId, y: BufferId },
    /// `dx = dy scale`
    ScaleShiftBackward { rows: usize, scale: Arc<[f32]>, dy: BufferId, dx: BufferId },
    /// `y = max of x over each window`, and a byte for the place of each maximum
    MaxPool { shape: PoolShape, x: BufferId, argmax: Option<BufferId>, y: BufferId },
    /// `dx = dy` where x was the first maximum of the window, 0 elsewhere
    MaxPoolBackward { shape: PoolShape, maxima: Maxima, dy: BufferId, dx: BufferId },
    /// `y = mean of x over each window`, padding not counted
    AvgPool { shape: PoolShape, x: BufferId, y: BufferId },
    /// `dx = dy / window`, summed over the windows a pixel is in
    AvgPoolBackward { shape: PoolShape, dy: BufferId, dx: BufferId },
    /// `y = mean of x over all pixels`
    GlobalAvgPool { batch: usize, pixels: usize, channels: usize, x: BufferId, y: BufferId },
    /// `dx = dy / pixels`
    GlobalAvgPoolBackward { batch: usize, pixels: usize, channels: usize, dy: BufferId, dx: BufferId },
    /// `y = max of x over all pixels`
    GlobalMaxPool { batch: usize, pixels: usize, channels: usize, x: BufferId, y: BufferId },
    /// `dx = dy` where x was the first maximum, 0 elsewhere
    GlobalMaxPoolBackward {
        batch: usize,
        pixels: usize,
        channels: usize,
        x: BufferId,
        y: BufferId,
        dy: BufferId,
        dx: BufferId,
    },
    /// `y = x mask / (1 - rate)`; the mask is a function of the seed, the step, `layer` and the element's place divided by
    /// `together`
    Dropout { rate: f32, layer: u32, together: usize, x: BufferId, y: BufferId },
    /// `dx = dy mask / (1 - rate)`, the same mask
    DropoutBackward { rate: f32, layer: u32, together: usize, dy: BufferId, dx: BufferId },
    /// `dx = scale dy` where y, the output of `Relu` and of dropout after it, is above 0, and 0 elsewhere
    MaskBackward { scale: f32, y: BufferId, dy: BufferId, dx: BufferId },
    /// `y = x` within a border of zeros
    ZeroPad { shape: PadShape, x: BufferId, y: BufferId },
    /// `dx = dy` without its border
    ZeroPadBackward { shape: PadShape, dy: BufferId, dx: BufferId },
    /// `y = activation(a + b)`
    Add { a: BufferId, b: BufferId, activation: Option<Rectifier>, y: BufferId },
    /// `y[.., offset..offset + channels] = x`; `width` is the channels of y
    PutChannels { rows: usize, channels: usize, width: usize, offset: usize, x: BufferId, y: BufferId },
    /// `y = x[.., offset..offset + channels]`; `width` is the channels of x
    TakeChannels { rows: usize, channels: usize, width: usize, offset: usize, x: BufferId, y: BufferId },
    /// The loss of each row, and the gradient of their mean with respect to the logits
    Loss {
        kind: LossKind,
        rows: usize,
        columns: usize,
        logits: BufferId,
        targets: BufferId,
        losses: BufferId,
        dlogits: BufferId,
    },
}

/// Where a convolution's weights come from, and with that its algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConvOperand {
    /// The parameter, packed: the direct algorithm.
    Packed(ParameterId),
    /// A buffer that [`Op::ConvWeights`] filled.
    Transformed(ParameterId, WeightTransform, BufferId),
    /// The same, made when the parameters changed last.
    Prepared(ParameterId, WeightTransform, ConstantId),
}

impl ConvOperand {
    /// The parameter that the weights are.
    pub fn parameter(self) -> ParameterId {
        match self {
            Self::Packed(id) | Self::Transformed(id, ..) | Self::Prepared(id, ..) => id,
        }
    }

    /// The algorithm that reads them.
    pub fn algorithm(self) -> ConvAlgorithm {
        match self {
            Self::Packed(_) => ConvAlgorithm::Direct,
            Self::Transformed(_, transform, _) | Self::Prepared(_, transform, _) => transform.algorithm(),
        }
    }

    pub(crate) fn buffer(self) -> Option<BufferId> {
        match self {
            Self::Transformed(_, _, buffer) => Some(buffer),
            Self::Packed(_) | Self::Prepared(..) => None,
        }
    }

    fn constant(self) -> Option<ConstantId> {
        match self {
            Self::Prepared(_, _, constant) => Some(constant),
            Self::Packed(_) | Self::Transformed(..) => None,
        }
    }
}

/// What becomes of a convolution's sums before they are stored:
/// `y = behind(activation(before(sum + bias) + residual))`, where before and behind are batch norms with moving statistics.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ConvEpilogue {
    /// A number for each filter.
    pub bias: Option<ParameterId>,
    /// A batch norm before the activation.
    pub before: Option<ConstantId>,
    /// What is added, as the output.
    pub residual: Option<BufferId>,
    /// The activation.
    pub activation: Option<Rectifier>,
    /// A batch norm behind the activation.
    pub behind: Option<ConstantId>,
}

/// The trained scale and shift of a batch norm; 1 and 0 where there is none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Affine {
    /// The scale of each channel.
    pub gamma: Option<ParameterId>,
    /// The shift of each channel.
    pub beta: Option<ParameterId>,
}

impl Affine {
    fn parameters(&self) -> impl Iterator<Item = ParameterId> {
        self.gamma.into_iter().chain(self.beta)
    }
}

/// The statistics of a batch, which its backward pass reads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Statistics {
    /// The mean of each channel.
    pub mean: BufferId,
    /// One over the root of the variance of each channel and epsilon.
    pub invstd: BufferId,
}

/// What tells where the maxima of a max pooling were.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "buffers of the forward pass")]
pub enum Maxima {
    /// Their places in the windows, a byte each.
    Places(BufferId),
    /// The input and the output, where windows are too large for bytes.
    Maps { x: BufferId, y: BufferId },
}

/// The statistics that a batch norm gathers while training and uses afterwards.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Moving {
    /// The mean of each channel.
    pub mean: ParameterId,
    /// The (biased) variance of each channel.
    pub variance: ParameterId,
}

/// The buffer that the backward pass of an activation reads: its input or its output.
pub(crate) fn saved_for_backward(function: Activation, x: BufferId, y: BufferId) -> BufferId {
    match function.saves() {
        Saved::Input => x,
        Saved::Output => y,
    }
}

/// A pooling's input as batch norms see it.
pub(crate) fn norm_shape(pool: &PoolShape) -> NormShape {
    NormShape { rows: pool.batch * pool.height * pool.width, channels: pool.channels }
}
