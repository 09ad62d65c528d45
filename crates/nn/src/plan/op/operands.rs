//! What an operation reads and writes.

use super::{BufferId, Maxima, Op, Statistics};
use crate::parameters::ParameterId;
use crate::plan::constant::ConstantId;

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

    fn and_reads(mut self, also: impl IntoIterator<Item = BufferId>) -> Self {
        self.reads.extend(also);
        self
    }

    /// Reads and writes together.
    pub(crate) fn all(&self) -> impl Iterator<Item = BufferId> + '_ {
        self.reads.iter().chain(&self.writes).copied()
    }
}

impl Op {
    /// The constants that this operation reads.
    pub(crate) fn constants(&self) -> impl Iterator<Item = ConstantId> + use<> {
        let read = match *self {
            Self::Conv2d { weights, epilogue, .. } => [weights.constant(), epilogue.before, epilogue.behind],
            Self::BatchNormInferBackward { norm, .. } => [Some(norm), None, None],
            _ => [None; 3],
        };
        read.into_iter().flatten()
    }

    /// The buffers that this operation touches.
    pub(crate) fn operands(&self) -> Operands {
        match *self {
            Self::Conv2d { x, weights, epilogue, y, moments, .. } => Operands {
                reads: [x].into_iter().chain(weights.buffer()).chain(epilogue.residual).collect(),
                writes: [y].into_iter().chain(moments).collect(),
            },
            Self::Conv2dBackwardData { dy, weights, dx, .. } => {
                Operands::new(&[dy], &[dx]).and_reads(weights.buffer())
            }
            Self::ConvWeights { u, .. } => Operands::new(&[], &[u]),
            Self::Add { a, b, y, .. } => Operands::new(&[a, b], &[y]),
            Self::Dense { x, y, .. }
            | Self::Activation { x, y, .. }
            | Self::Softmax { x, y, .. }
            | Self::BatchNormInfer { x, y, .. }
            | Self::ScaleShift { x, y, .. }
            | Self::AvgPool { x, y, .. }
            | Self::GlobalAvgPool { x, y, .. }
            | Self::GlobalMaxPool { x, y, .. }
            | Self::Dropout { x, y, .. }
            | Self::ZeroPad { x, y, .. }
            | Self::TakeChannels { x, y, .. } => Operands::new(&[x], &[y]),
            // What is put beside the channels written before must not be seen as dead until then.
            Self::PutChannels { x, y, .. } => Operands::new(&[x, y], &[y]),
            Self::BatchNormTrain {
                x, moments, statistics: Statistics { mean, invstd }, residual, y, ..
            } => Operands::new(&[x], &[mean, invstd, y]).and_reads(moments.into_iter().chain(residual)),
            Self::BatchNormMaxPool {
                x, moments, statistics: Statistics { mean, invstd }, argmax, y, ..
            } => Operands::new(&[x], &[mean, invstd, argmax, y]).and_reads(moments),
            Self::MaxPool { x, argmax, y, .. } => {
                Operands { reads: vec![x], writes: argmax.into_iter().chain([y]).collect() }
            }
            Self::BatchNormInferBackward { dy, dx, .. }
            | Self::ScaleShiftBackward { dy, dx, .. }
            | Self::AvgPoolBackward { dy, dx, .. }
            | Self::GlobalAvgPoolBackward { dy, dx, .. }
            | Self::DropoutBackward { dy, dx, .. }
            | Self::ZeroPadBackward { dy, dx, .. } => Operands::new(&[dy], &[dx]),
            Self::Conv2dBackwardWeights { x, dy, .. } => Operands::new(&[x, dy], &[]),
            Self::DenseBackward { x, dy, dx, .. } => {
                Operands { reads: vec![x, dy], writes: dx.into_iter().collect() }
            }
            Self::MaskBackward { y, dy, dx, .. } | Self::SoftmaxBackward { y, dy, dx, .. } => {
                Operands::new(&[y, dy], &[dx])
            }
            Self::BiasGradient { dy, .. } => Operands::new(&[dy], &[]),
            Self::ActivationBackward { saved, dy, dx, .. } => Operands::new(&[saved, dy], &[dx]),
            Self::BatchNormBackward {
                x,
                output,
                dy,
                statistics: Statistics { mean, invstd },
                dgamma,
                dbeta,
                dresidual,
                dx,
                ..
            } => Operands {
                reads: [x, dy, mean, invstd].into_iter().chain(output.and_then(|(_, y)| y)).collect(),
                writes: dresidual.into_iter().chain([dgamma, dbeta, dx]).collect(),
            },
            Self::BatchNormMaxPoolBackward {
                x,
                y,
                argmax,
                dy,
                statistics: Statistics { mean, invstd },
                dgamma,
                dbeta,
                dx,
                ..
            } => Operands::new(&[x, y, argmax, dy, mean, invstd], &[dgamma, dbeta, dx]),
            Self::MaxPoolBackward { maxima: Maxima::Places(argmax), dy, dx, .. } => {
                Operands::new(&[argmax, dy], &[dx])
            }
            Self::MaxPoolBackward { maxima: Maxima::Maps { x, y }, dy, dx, .. } => {
                Operands::new(&[x, y, dy], &[dx])
            }
            Self::GlobalMaxPoolBackward { x, y, dy, dx, .. } => Operands::new(&[x, y, dy], &[dx]),
            Self::Loss { logits, targets, losses, dlogits, .. } => {
                Operands::new(&[logits, targets], &[losses, dlogits])
            }
        }
    }

    /// What the operation reads, and what it can write over that: it reads each number before it writes the one at its place.
    pub(crate) fn in_place(&self) -> Option<(BufferId, BufferId)> {
        match *self {
            Self::BatchNormBackward { dy, dx, .. } => Some((dy, dx)),
            _ => None,
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
            Self::ConvWeights { weights, .. }
            | Self::Conv2dBackwardWeights { weights, .. }
            | Self::DenseBackward { weights, .. } => vec![weights],
            Self::BiasGradient { bias, .. } => vec![bias],
            Self::BatchNormTrain { affine, moving, .. }
            | Self::BatchNormMaxPool { affine, moving, .. }
            | Self::BatchNormInfer { affine, moving, .. } => {
                affine.parameters().chain([moving.mean, moving.variance]).collect()
            }
            Self::BatchNormBackward { affine, .. } | Self::BatchNormMaxPoolBackward { affine, .. } => {
                affine.parameters().collect()
            }
            _ => Vec::new(),
        }
    }
}
