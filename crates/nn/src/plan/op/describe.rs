//! What is told of an operation: its name, its sizes, its cost.

use divvy_kernels::{ConvPass, PoolShape, WeightTransform};

use super::{Op, norm_shape};

impl Op {
    /// The name as `divvy plan` prints it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Conv2dBackwardData { .. } => "conv2d backward data",
            Self::Conv2dBackwardWeights { .. } => "conv2d backward weights",
            Self::ConvWeights { transform: WeightTransform::Winograd(_), .. } => "winograd weights",
            Self::ConvWeights { transform: WeightTransform::Half(_), .. } => "rounded weights",
            Self::Add { .. } => "add",
            Self::Dense { .. } => "dense",
            Self::DenseBackward { .. } => "dense backward",
            Self::BiasGradient { .. } => "bias gradient",
            Self::Activation { .. } => "activation",
            Self::ActivationBackward { .. } => "activation backward",
            Self::Softmax { .. } => "softmax",
            Self::SoftmaxBackward { .. } => "softmax backward",
            Self::BatchNormTrain { .. } => "batch norm",
            Self::BatchNormInfer { .. } => "batch norm, moving statistics",
            Self::BatchNormInferBackward { .. } => "batch norm, moving statistics backward",
            Self::BatchNormBackward { .. } => "batch norm backward",
            Self::BatchNormMaxPool { .. } => "batch norm, max pool",
            Self::BatchNormMaxPoolBackward { .. } => "batch norm, max pool backward",
            Self::MaskBackward { .. } => "relu, dropout backward",
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
            Self::Dense { shape, .. } | Self::DenseBackward { shape, dx: None, .. } => shape.flops(),
            Self::DenseBackward { shape, .. } => 2 * shape.flops(),
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
            | Self::ConvWeights { shape: s, .. } => {
                let (from, to) =
                    (map(s.height, s.width, s.channels), map(s.out_height(), s.out_width(), s.filters));
                format!("{}x{from} -> {to}, {}x{}", s.batch, s.kernel.0, s.kernel.1)
            }
            Self::Dense { shape: s, .. } | Self::DenseBackward { shape: s, .. } => {
                format!("{}x{} -> {}", s.batch, s.inputs, s.outputs)
            }
            Self::BatchNormTrain { shape, .. }
            | Self::BatchNormInfer { shape, .. }
            | Self::BatchNormInferBackward { shape, .. }
            | Self::BatchNormBackward { shape, .. } => {
                format!("{}x{}", shape.rows, shape.channels)
            }
            Self::MaxPool { shape, .. }
            | Self::MaxPoolBackward { shape, .. }
            | Self::BatchNormMaxPool { shape, .. }
            | Self::BatchNormMaxPoolBackward { shape, .. }
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
            | Self::MaskBackward { .. }
            | Self::Add { .. } => String::new(),
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
            Self::ConvWeights { shape, pass, .. } => shape.transform_scratch(*pass),
            Self::Dense { shape, .. } => shape.forward_scratch(threads),
            Self::DenseBackward { shape, .. } => shape.backward_scratch(threads),
            Self::BiasGradient { rows, channels, .. } => {
                divvy_kernels::bias_gradient_scratch(*rows, *channels)
            }
            Self::BatchNormTrain { moments: Some(_), .. } => 0,
            Self::BatchNormTrain { shape, .. } => shape.train_scratch(),
            Self::BatchNormBackward { shape, .. } => shape.backward_scratch(),
            Self::BatchNormMaxPool { shape, moments: Some(_), .. } => shape.norm_forward_scratch(),
            Self::BatchNormMaxPool { shape, .. } => {
                norm_shape(shape).train_scratch().max(shape.norm_forward_scratch())
            }
            Self::BatchNormMaxPoolBackward { shape, .. } => shape.norm_backward_scratch(),
            _ => 0,
        }
    }
}
