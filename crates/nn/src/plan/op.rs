//! The closed set of operations that a plan is made of.

use divvy_kernels::{
    Activation, Clamp, Conv2dShape, ConvAlgorithm, ConvPass, DenseShape, NormShape, PadShape, PoolShape,
    Saved, WinogradTile,
};
use std::sync::Arc;

use super::constant::ConstantId;
use crate::parameters::ParameterId;

/// A buffer of a plan, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
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
    /// `y = epilogue(conv(x, weights))`
    Conv2d { shape: Conv2dShape, x: BufferId, weights: ConvOperand, epilogue: ConvEpilogue, y: BufferId },
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
    /// `u = weights` as Winograd's algorithm multiplies them in a pass
    WinogradWeights {
        shape: Conv2dShape,
        pass: ConvPass,
        tile: WinogradTile,
        weights: ParameterId,
        u: BufferId,
    },
    /// `y = x weights + bias`
    Dense { shape: DenseShape, x: BufferId, weights: ParameterId, bias: Option<ParameterId>, y: BufferId },
    /// `dx = dy weights^T`
    DenseBackwardData { shape: DenseShape, dy: BufferId, weights: ParameterId, dx: BufferId },
    /// `d weights = x^T dy`
    DenseBackwardWeights { shape: DenseShape, x: BufferId, dy: BufferId, weights: ParameterId },
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
    /// `y = gamma (x - mean) invstd + beta` with the batch's own statistics, which move the moving ones
    BatchNormTrain {
        shape: NormShape,
        epsilon: f32,
        momentum: f32,
        x: BufferId,
        affine: Affine,
        moving: Moving,
        mean: BufferId,
        invstd: BufferId,
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
    /// The gradients of [`Op::BatchNormTrain`] with respect to x, gamma and beta; dx is made of the other two, which also
    /// become the parameters' gradients where there are such parameters
    BatchNormBackward {
        shape: NormShape,
        x: BufferId,
        dy: BufferId,
        affine: Affine,
        mean: BufferId,
        invstd: BufferId,
        dgamma: BufferId,
        dbeta: BufferId,
        dx: BufferId,
    },
    /// `y = x scale + shift`, a constant pair for each channel
    ScaleShift { rows: usize, scale: Arc<[f32]>, shift: Arc<[f32]>, x: BufferId, y: BufferId },
    /// `dx = dy scale`
    ScaleShiftBackward { rows: usize, scale: Arc<[f32]>, dy: BufferId, dx: BufferId },
    /// `y = max of x over each window`
    MaxPool { shape: PoolShape, x: BufferId, y: BufferId },
    /// `dx = dy` where x was the first maximum of the window, 0 elsewhere
    MaxPoolBackward { shape: PoolShape, x: BufferId, y: BufferId, dy: BufferId, dx: BufferId },
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
    /// `y = x mask / (1 - rate)`; the mask is a function of the seed, the step, `layer` and the element's place
    Dropout { rate: f32, layer: u32, x: BufferId, y: BufferId },
    /// `dx = dy mask / (1 - rate)`, the same mask
    DropoutBackward { rate: f32, layer: u32, dy: BufferId, dx: BufferId },
    /// `y = x` within a border of zeros
    ZeroPad { shape: PadShape, x: BufferId, y: BufferId },
    /// `dx = dy` without its border
    ZeroPadBackward { shape: PadShape, dy: BufferId, dx: BufferId },
    /// `y = x`
    Copy { x: BufferId, y: BufferId },
    /// `y = clamp(a + b)`
    Add { a: BufferId, b: BufferId, clamp: Clamp, y: BufferId },
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
    /// A buffer that [`Op::WinogradWeights`] filled.
    Transformed(ParameterId, WinogradTile, BufferId),
    /// The same, made when the parameters changed last.
    Prepared(ParameterId, WinogradTile, ConstantId),
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
            Self::Transformed(_, tile, _) | Self::Prepared(_, tile, _) => ConvAlgorithm::Winograd(tile),
        }
    }

    pub(crate) fn buffer(self) -> Option<BufferId> {
        match self {
            Self::Transformed(_, _, buffer) => Some(buffer),
            Self::Packed(_) | Self::Prepared(..) => None,
        }
    }
}

/// What becomes of a convolution's sums before they are stored:
/// `y = behind(clamp(before(sum + bias) + residual))`, where before and behind are batch norms with moving statistics.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ConvEpilogue {
    /// A number for each filter.
    pub bias: Option<ParameterId>,
    /// A batch norm before the activation.
    pub before: Option<ConstantId>,
    /// What is added, as the output.
    pub residual: Option<BufferId>,
    /// The activation.
    pub clamp: Clamp,
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

/// The statistics that a batch norm gathers while training and uses afterwards.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Moving {
    /// The mean of each channel.
    pub mean: ParameterId,
    /// The (biased) variance of each channel.
    pub variance: ParameterId,
}

/// The buffers that an operation reads and writes; what it accumulates into is in both.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Operands {
    pub(crate) reads: Vec<BufferId>,
    pub(crate) writes: Vec<BufferId>,
}

impl Operands {
    fn new(reads: &[BufferId], writes: &[BufferId]) -> Self {
        Self { reads: reads.to_vec(), writes: writes.to_vec() }
    }

    /// Reads and writes together.
    pub(crate) fn all(&self) -> impl Iterator<Item = BufferId> + '_ {
        self.reads.iter().chain(&self.writes).copied()
    }
}

impl Op {
    /// The buffers that this operation touches.
    pub(crate) fn operands(&self) -> Operands {
        match *self {
            Self::Conv2d { x, weights, epilogue, y, .. } => {
                let also = weights.buffer().into_iter().chain(epilogue.residual);
                Operands { reads: std::iter::once(x).chain(also).collect(), writes: vec![y] }
            }
            Self::Conv2dBackwardData { dy, weights, dx, .. } => {
                Operands { reads: std::iter::once(dy).chain(weights.buffer()).collect(), writes: vec![dx] }
            }
            Self::WinogradWeights { u, .. } => Operands::new(&[], &[u]),
            Self::Add { a, b, y, .. } => Operands::new(&[a, b], &[y]),
            Self::Dense { x, y, .. }
            | Self::Activation { x, y, .. }
            | Self::Softmax { x, y, .. }
            | Self::BatchNormInfer { x, y, .. }
            | Self::ScaleShift { x, y, .. }
            | Self::MaxPool { x, y, .. }
            | Self::AvgPool { x, y, .. }
            | Self::GlobalAvgPool { x, y, .. }
            | Self::GlobalMaxPool { x, y, .. }
            | Self::Dropout { x, y, .. }
            | Self::ZeroPad { x, y, .. }
            | Self::Copy { x, y }
            | Self::TakeChannels { x, y, .. } => Operands::new(&[x], &[y]),
            // What is put beside the channels written before must not be seen as dead until then.
            Self::PutChannels { x, y, .. } => Operands::new(&[x, y], &[y]),
            Self::BatchNormTrain { x, mean, invstd, y, .. } => Operands::new(&[x], &[mean, invstd, y]),
            Self::DenseBackwardData { dy, dx, .. }
            | Self::ScaleShiftBackward { dy, dx, .. }
            | Self::AvgPoolBackward { dy, dx, .. }
            | Self::GlobalAvgPoolBackward { dy, dx, .. }
            | Self::DropoutBackward { dy, dx, .. }
            | Self::ZeroPadBackward { dy, dx, .. } => Operands::new(&[dy], &[dx]),
            Self::Conv2dBackwardWeights { x, dy, .. } | Self::DenseBackwardWeights { x, dy, .. } => {
                Operands::new(&[x, dy], &[])
            }
            Self::BiasGradient { dy, .. } => Operands::new(&[dy], &[]),
            Self::ActivationBackward { saved, dy, dx, .. } => Operands::new(&[saved, dy], &[dx]),
            Self::SoftmaxBackward { y, dy, dx, .. } => Operands::new(&[y, dy], &[dx]),
            Self::BatchNormBackward { x, dy, mean, invstd, dgamma, dbeta, dx, .. } => {
                Operands::new(&[x, dy, mean, invstd], &[dgamma, dbeta, dx])
            }
            Self::MaxPoolBackward { x, y, dy, dx, .. } | Self::GlobalMaxPoolBackward { x, y, dy, dx, .. } => {
                Operands::new(&[x, y, dy], &[dx])
            }
            Self::Loss { logits, targets, losses, dlogits, .. } => {
                Operands::new(&[logits, targets], &[losses, dlogits])
            }
        }
    }

    /// The name as `divvy plan` prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Conv2dBackwardData { .. } => "conv2d backward data",
            Self::Conv2dBackwardWeights { .. } => "conv2d backward weights",
            Self::WinogradWeights { .. } => "winograd weights",
            Self::Add { .. } => "add",
            Self::Dense { .. } => "dense",
            Self::DenseBackwardData { .. } => "dense backward data",
            Self::DenseBackwardWeights { .. } => "dense backward weights",
            Self::BiasGradient { .. } => "bias gradient",
            Self::Activation { .. } => "activation",
            Self::ActivationBackward { .. } => "activation backward",
            Self::Softmax { .. } => "softmax",
            Self::SoftmaxBackward { .. } => "softmax backward",
            Self::BatchNormTrain { .. } => "batch norm",
            Self::BatchNormInfer { .. } => "batch norm, moving statistics",
            Self::BatchNormBackward { .. } => "batch norm backward",
            Self::ScaleShift { .. } => "scale and shift",
            Self::ScaleShiftBackward { .. } => "scale backward",
            Self::MaxPool { .. } => "max pool",
            Self::MaxPoolBackward { .. } => "max pool backward",
            Self::AvgPool { .. } => "average pool",
            Self::AvgPoolBackward { .. } => "average pool backward",
            Self::GlobalAvgPool { .. } => "global average pool",
            Self::GlobalAvgPoolBackward { .. } => "global average pool backward",
            Self::GlobalMaxPool { .. } => "global max pool",
            Self::GlobalMaxPoolBackward { .. } => "global max pool backward",
            Self::Dropout { .. } => "dropout",
            Self::DropoutBackward { .. } => "dropout backward",
            Self::ZeroPad { .. } => "zero pad",
            Self::ZeroPadBackward { .. } => "zero pad backward",
            Self::Copy { .. } => "copy",
            Self::PutChannels { .. } => "put channels",
            Self::TakeChannels { .. } => "take channels",
            Self::Loss { .. } => "loss and its gradient",
        }
    }

    /// Multiplications and additions, counted as two, of the operations that are made of them; the others move memory and
    /// count as none.
    pub fn flops(&self) -> u64 {
        match self {
            Self::Conv2d { shape, .. }
            | Self::Conv2dBackwardData { shape, .. }
            | Self::Conv2dBackwardWeights { shape, .. } => shape.flops(),
            Self::Dense { shape, .. }
            | Self::DenseBackwardData { shape, .. }
            | Self::DenseBackwardWeights { shape, .. } => shape.flops(),
            _ => 0,
        }
    }

    /// The sizes that the operation works on, as `divvy plan` prints them.
    pub fn sizes(&self) -> String {
        let map = |h: usize, w: usize, c: usize| format!("{h}x{w}x{c}");
        let pool = |p: &PoolShape| {
            let (from, to) =
                (map(p.height, p.width, p.channels), map(p.out_height(), p.out_width(), p.channels));
            format!("{}x{from} -> {to}, {}x{}", p.batch, p.window.0, p.window.1)
        };
        match self {
            Self::Conv2d { shape: s, .. }
            | Self::Conv2dBackwardData { shape: s, .. }
            | Self::Conv2dBackwardWeights { shape: s, .. }
            | Self::WinogradWeights { shape: s, .. } => {
                let (from, to) =
                    (map(s.height, s.width, s.channels), map(s.out_height(), s.out_width(), s.filters));
                format!("{}x{from} -> {to}, {}x{}", s.batch, s.kernel.0, s.kernel.1)
            }
            Self::Dense { shape: s, .. }
            | Self::DenseBackwardData { shape: s, .. }
            | Self::DenseBackwardWeights { shape: s, .. } => {
                format!("{}x{} -> {}", s.batch, s.inputs, s.outputs)
            }
            Self::BatchNormTrain { shape, .. }
            | Self::BatchNormInfer { shape, .. }
            | Self::BatchNormBackward { shape, .. } => {
                format!("{}x{}", shape.rows, shape.channels)
            }
            Self::MaxPool { shape, .. }
            | Self::MaxPoolBackward { shape, .. }
            | Self::AvgPool { shape, .. }
            | Self::AvgPoolBackward { shape, .. } => pool(shape),
            Self::GlobalAvgPool { batch, pixels, channels, .. }
            | Self::GlobalAvgPoolBackward { batch, pixels, channels, .. }
            | Self::GlobalMaxPool { batch, pixels, channels, .. }
            | Self::GlobalMaxPoolBackward { batch, pixels, channels, .. } => {
                format!("{batch}x{pixels}x{channels} -> {channels}")
            }
            Self::ZeroPad { shape, .. } | Self::ZeroPadBackward { shape, .. } => {
                format!("{}x{}", shape.batch, map(shape.height, shape.width, shape.channels))
            }
            Self::BiasGradient { rows, channels, .. } => format!("{rows}x{channels}"),
            Self::ScaleShift { rows, scale, .. } | Self::ScaleShiftBackward { rows, scale, .. } => {
                format!("{rows}x{}", scale.len())
            }
            Self::PutChannels { rows, channels, width, .. }
            | Self::TakeChannels { rows, channels, width, .. } => {
                format!("{rows}x{channels} of {width}")
            }
            Self::Softmax { rows, columns, .. }
            | Self::SoftmaxBackward { rows, columns, .. }
            | Self::Loss { rows, columns, .. } => {
                format!("{rows}x{columns}")
            }
            Self::Activation { .. }
            | Self::ActivationBackward { .. }
            | Self::Dropout { .. }
            | Self::DropoutBackward { .. }
            | Self::Copy { .. }
            | Self::Add { .. } => String::new(),
        }
    }

    /// The parameters that the operation reads or whose gradients it writes.
    pub(crate) fn parameters(&self) -> Vec<ParameterId> {
        match *self {
            Self::Conv2d { weights, epilogue, .. } => {
                std::iter::once(weights.parameter()).chain(epilogue.bias).collect()
            }
            Self::Dense { weights, bias, .. } => std::iter::once(weights).chain(bias).collect(),
            Self::Conv2dBackwardData { weights, .. } => vec![weights.parameter()],
            Self::WinogradWeights { weights, .. }
            | Self::Conv2dBackwardWeights { weights, .. }
            | Self::DenseBackwardData { weights, .. }
            | Self::DenseBackwardWeights { weights, .. } => vec![weights],
            Self::BiasGradient { bias, .. } => vec![bias],
            Self::BatchNormTrain { affine, moving, .. } | Self::BatchNormInfer { affine, moving, .. } => {
                affine.parameters().chain([moving.mean, moving.variance]).collect()
            }
            Self::BatchNormBackward { affine, .. } => affine.parameters().collect(),
            _ => Vec::new(),
        }
    }

    /// The numbers of scratch that the operation needs on that many threads.
    pub(crate) fn scratch(&self, threads: usize) -> usize {
        match self {
            Self::Conv2d { shape, weights, .. } => {
                shape.scratch(ConvPass::Forward, weights.algorithm(), threads)
            }
            Self::Conv2dBackwardData { shape, weights, .. } => {
                shape.scratch(ConvPass::BackwardData, weights.algorithm(), threads)
            }
            Self::Conv2dBackwardWeights { shape, algorithm, .. } => {
                shape.scratch(ConvPass::BackwardWeights, *algorithm, threads)
            }
            Self::WinogradWeights { shape, pass, .. } => shape.winograd_scratch(*pass),
            Self::Dense { shape, .. } => shape.forward_scratch(threads),
            Self::DenseBackwardData { shape, .. } => shape.backward_data_scratch(threads),
            Self::DenseBackwardWeights { shape, .. } => shape.backward_weights_scratch(threads),
            Self::BiasGradient { rows, channels, .. } => {
                divvy_kernels::bias_gradient_scratch(*rows, *channels)
            }
            Self::BatchNormTrain { shape, .. } => shape.train_scratch(),
            Self::BatchNormBackward { shape, .. } => shape.backward_scratch(),
            _ => 0,
        }
    }
}

/// The buffer that the backward pass of an activation reads: its input or its output.
pub(crate) fn saved_for_backward(function: Activation, x: BufferId, y: BufferId) -> BufferId {
    match function.saves() {
        Saved::Input => x,
        Saved::Output => y,
    }
}
