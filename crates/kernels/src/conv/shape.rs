//! The shape of a convolution and what follows from it.

use super::algorithm::{ConvAlgorithm, ConvPass, WeightTransform};
use super::operands::Operands;
use super::{backward_data, backward_weights, correlate, depthwise, depthwise_weights, moments, winograd};
use crate::Half;
use crate::packing::{WeightLayout, is_depthwise};
use crate::shape::{Padding, elements, windows};

/// A two-dimensional convolution (cross-correlation, as everywhere in the field) of a batch of images:
///
/// `y[b, i, j, f] = bias[f] + sum over kernel rows p, columns q, channels c of the filter's group of
/// x[b, i * strides.0 + p * dilation.0 - padding.top, j * strides.1 + q * dilation.1 - padding.left, c] * w[p, q, c, f]`,
///
/// with zeros for pixels beyond the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conv2dShape {
    /// Images.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output.
    pub filters: usize,
    /// Rows and columns of the kernel.
    pub kernel: (usize, usize),
    /// Input rows and columns from one output to the next.
    pub strides: (usize, usize),
    /// Input rows and columns from one kernel element to the next.
    pub dilation: (usize, usize),
    /// Channels and filters are divided into so many groups; a filter sees the channels of its own.
    pub groups: usize,
    /// Zeros around the input.
    pub padding: Padding,
}

impl Conv2dShape {
    /// Rows of the output; 0 where the kernel is larger than the padded image.
    pub fn out_height(&self) -> usize {
        let padded = self.height + self.padding.top + self.padding.bottom;
        windows(padded, extent(self.kernel.0, self.dilation.0), self.strides.0)
    }

    /// Columns of the output; 0 where the kernel is larger than the padded image.
    pub fn out_width(&self) -> usize {
        let padded = self.width + self.padding.left + self.padding.right;
        windows(padded, extent(self.kernel.1, self.dilation.1), self.strides.1)
    }

    /// Elements of the input, `[batch, height, width, channels]`.
    pub fn input_len(&self) -> usize {
        elements([self.batch, self.height, self.width, self.channels])
    }

    /// Elements of the output, `[batch, out_height, out_width, filters]`.
    pub fn output_len(&self) -> usize {
        elements([self.batch, self.out_height(), self.out_width(), self.filters])
    }

    /// How the weights are packed.
    pub fn weight_layout(&self) -> WeightLayout {
        WeightLayout::conv2d(self.kernel, self.channels, self.filters, self.groups)
    }

    /// Elements of the packed weights.
    pub fn weights_len(&self) -> usize {
        self.weight_layout().packed_len()
    }

    /// Floating-point operations of the forward pass, a multiplication and an addition counted as two; each backward pass
    /// takes as many.
    pub fn flops(&self) -> u64 {
        let sums = self.output_len() as u64;
        2 * sums * (self.kernel.0 * self.kernel.1 * self.channels / self.groups) as u64
    }

    /// Elements of scratch that a pass needs on so many threads.
    ///
    /// # Panics
    /// When the algorithm is not one for this shape.
    pub fn scratch(&self, pass: ConvPass, algorithm: ConvAlgorithm, threads: usize) -> usize {
        algorithm.check(self);
        if self.output_len() == 0 {
            return 0;
        }
        match (pass, algorithm) {
            (ConvPass::Forward, ConvAlgorithm::Direct) if self.is_depthwise() => 0,
            (ConvPass::Forward, ConvAlgorithm::Direct) => {
                correlate::scratch(Operands::Numbers, &self.correlation(), threads)
            }
            (ConvPass::BackwardData, ConvAlgorithm::Direct) => backward_data::scratch(self, threads),
            (ConvPass::BackwardWeights, ConvAlgorithm::Direct) if self.is_depthwise() => {
                depthwise_weights::scratch(self)
            }
            (ConvPass::BackwardWeights, ConvAlgorithm::Direct) => {
                backward_weights::scratch(Operands::Numbers, self, threads)
            }
            (ConvPass::Forward, ConvAlgorithm::Winograd(tile)) => {
                winograd::forward_scratch(&self.correlation(), tile, threads)
            }
            (ConvPass::BackwardData, ConvAlgorithm::Winograd(tile)) => {
                winograd::forward_scratch(&backward_data::whole(self), tile, threads)
            }
            (ConvPass::BackwardWeights, ConvAlgorithm::Winograd(tile)) => {
                winograd::backward_weights_scratch(&self.correlation(), tile, threads)
            }
            (ConvPass::Forward, ConvAlgorithm::Half(half)) => {
                correlate::scratch(Operands::Pairs(half), &self.correlation(), threads)
            }
            (ConvPass::BackwardData, ConvAlgorithm::Half(half)) => {
                backward_data::pairs_scratch(half, self, threads)
            }
            (ConvPass::BackwardWeights, ConvAlgorithm::Half(half)) => {
                backward_weights::scratch(Operands::Pairs(half), self, threads)
            }
        }
    }

    /// Elements of the [moments](crate::ConvOutput) that an algorithm gathers of the outputs, if it is asked for them. They are cut by the shape alone.
    ///
    /// # Panics
    /// When the algorithm is not one for this shape.
    pub fn moments_len(&self, algorithm: ConvAlgorithm) -> usize {
        algorithm.check(self);
        if self.output_len() == 0 {
            return 0;
        }
        let c = self.correlation();
        let parts = match algorithm {
            ConvAlgorithm::Direct if self.is_depthwise() => depthwise::parts(&c),
            ConvAlgorithm::Direct => correlate::parts(Operands::Numbers, &c),
            ConvAlgorithm::Half(half) => correlate::parts(Operands::Pairs(half), &c),
            ConvAlgorithm::Winograd(tile) => winograd::blocks(&c, tile).count,
        };
        moments::moments_len(parts, self.filters)
    }

    /// Elements of the weights as they are transformed for a pass.
    ///
    /// # Panics
    /// When the transform's algorithm is not one for this shape.
    pub fn transformed_len(&self, pass: ConvPass, transform: WeightTransform) -> usize {
        transform.algorithm().check(self);
        match (transform, pass) {
            (WeightTransform::Winograd(tile), ConvPass::BackwardData) => {
                winograd::weights_len(&backward_data::whole(self), tile)
            }
            (WeightTransform::Winograd(tile), _) => winograd::weights_len(&self.correlation(), tile),
            (WeightTransform::Half(_), ConvPass::BackwardData) => {
                backward_data::transposed_len(self) / Half::NUMBERS
            }
            (WeightTransform::Half(_), _) => self.weights_len() / Half::NUMBERS,
        }
    }

    /// Elements of scratch that [`transform_weights`](crate::transform_weights) needs.
    pub fn transform_scratch(&self, pass: ConvPass) -> usize {
        if pass == ConvPass::BackwardData { backward_data::transposed_len(self) } else { 0 }
    }

    /// Channels that one filter sees.
    pub(super) fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of one group.
    pub(super) fn group_filters(&self) -> usize {
        self.filters / self.groups
    }

    pub(super) fn is_depthwise(&self) -> bool {
        is_depthwise(self.channels, self.filters, self.groups)
    }
}

/// Pixels that a kernel of `taps` elements covers.
fn extent(taps: usize, dilation: usize) -> usize {
    (taps - 1) * dilation + 1
}
