//! The backward pass: the operations that carry the loss's gradient from the logits to every parameter.
//!
//! Forward operations are walked from the last to the first. Each turns the gradient of its output into the gradients of
//! its inputs and parameters. A buffer that several operations read gets the sum of what they give.

use super::lower::Lowering;
use super::op::{Affine, BufferId, Op, saved_for_backward};
use crate::graph::NodeId;
use crate::parameters::ParameterId;
use divvy_kernels::{Activation, Clamp, ConvAlgorithm, NormShape};

/// Appends to the forward operations in `lowering` the operation `loss`, which turns `logits` into their gradient
/// `dlogits`, and the backward operations of all of them.
pub(super) fn derive(lowering: &mut Lowering<'_>, loss: Op, logits: BufferId, dlogits: BufferId) {
    let forward = std::mem::take(&mut lowering.ops);
    lowering.push(loss);
    let mut pass = Backward::new(lowering, &forward);
    pass.gradients[logits.0] = Some(dlogits);
    for step in forward.iter().rev() {
        pass.node = step.node;
        pass.differentiate(&step.op);
    }
    let onward = std::mem::replace(&mut lowering.ops, forward);
    lowering.ops.extend(onward);
}

struct Backward<'a, 'b> {
    lowering: &'a mut Lowering<'b>,
    /// For each forward buffer, whether a parameter lies upstream of it.
    wanted: Vec<bool>,
    /// For each forward buffer, the buffer that holds its gradient once some operation has given it.
    gradients: Vec<Option<BufferId>>,
    node: NodeId,
}

impl<'a, 'b> Backward<'a, 'b> {
    fn new(lowering: &'a mut Lowering<'b>, forward: &[super::Step]) -> Self {
        let mut wanted = vec![false; lowering.buffers.len()];
        for step in forward {
            let operands = step.op.operands();
            if trains(&step.op) || operands.reads.iter().any(|x| wanted[x.0]) {
                operands.writes.iter().for_each(|y| wanted[y.0] = true);
            }
        }
        let (gradients, node) = (vec![None; lowering.buffers.len()], lowering.node);
        Self { lowering, wanted, gradients, node }
    }

    fn push(&mut self, op: Op) {
        self.lowering.node = self.node;
        self.lowering.push(op);
    }

    /// Lets `op` write a gradient of `x`.
    fn give(&mut self, x: BufferId, op: impl FnOnce(BufferId) -> Op) {
        if self.wanted[x.0] {
            let fresh = self.lowering.gradient_of(x);
            self.push(op(fresh));
            self.receive(x, fresh);
        }
    }

    /// Takes what a buffer holds as a gradient of `x`: the first is the gradient, later ones are added to it in a buffer of their own,
    /// since others may hold the first for theirs.
    fn receive(&mut self, x: BufferId, dx: BufferId) {
        if !self.wanted[x.0] {
            return;
        }
        let Some(sum) = self.gradients[x.0] else {
            self.gradients[x.0] = Some(dx);
            return;
        };
        let y = self.lowering.gradient_of(x);
        self.push(Op::Add { a: sum, b: dx, clamp: Clamp::NONE, y });
        self.gradients[x.0] = Some(y);
    }

    /// The gradient before bounds, from that behind them.
    fn unclamped(&mut self, clamp: Clamp, y: BufferId, dy: BufferId) -> BufferId {
        let function = match clamp {
            Clamp::NONE => return dy,
            Clamp::RELU => Activation::Relu,
            Clamp::RELU6 => Activation::Relu6,
            other => unreachable!("no layer lowers to {other:?}"),
        };
        let dx = self.lowering.gradient_of(y);
        self.push(Op::ActivationBackward { function, saved: y, dy, dx });
        dx
    }

    fn bias(&mut self, rows: usize, channels: usize, dy: BufferId, bias: Option<ParameterId>) {
        if let Some(bias) = bias {
            self.push(Op::BiasGradient { rows, channels, dy, bias });
        }
    }

    fn batch_norm(
        &mut self,
        shape: NormShape,
        x: BufferId,
        dy: BufferId,
        affine: Affine,
        mean: BufferId,
        invstd: BufferId,
    ) {
        let (dgamma, dbeta) = (self.lowering.buffer(shape.channels), self.lowering.buffer(shape.channels));
        let op = |dx| Op::BatchNormBackward { shape, x, dy, affine, mean, invstd, dgamma, dbeta, dx };
        if self.wanted[x.0] {
            self.give(x, op);
        } else {
            // Gamma and beta need the operation all the same; its dx goes unread.
            let unread = self.lowering.gradient_of(x);
            self.push(op(unread));
        }
    }

    /// The gradients of one forward operation. One whose output does not reach the loss has none to give.
    fn differentiate(&mut self, op: &Op) {
        let Some(dy) = op.operands().writes.last().and_then(|y| self.gradients[y.0]) else { return };
        match *op {
            Op::Conv2d { shape, x, weights, epilogue, y } => {
                let dy = self.unclamped(epilogue.clamp, y, dy);
                let rows = shape.batch * shape.out_height() * shape.out_width();
                self.bias(rows, shape.filters, dy, epilogue.bias);
                let (algorithm, parameter) = (ConvAlgorithm::Direct, weights.parameter());
                self.push(Op::Conv2dBackwardWeights { shape, algorithm, x, dy, weights: parameter });
                self.give(x, |dx| Op::Conv2dBackwardData { shape, dy, weights, dx });
                if let Some(residual) = epilogue.residual {
                    self.receive(residual, dy);
                }
            }
            Op::Add { a, b, clamp, y } => {
                let dy = self.unclamped(clamp, y, dy);
                self.receive(a, dy);
                self.receive(b, dy);
            }
            Op::Dense { shape, x, weights, bias, .. } => {
                self.bias(shape.batch, shape.outputs, dy, bias);
                self.push(Op::DenseBackwardWeights { shape, x, dy, weights });
                self.give(x, |dx| Op::DenseBackwardData { shape, dy, weights, dx });
            }
            Op::Activation { function, x, y } => {
                let saved = saved_for_backward(function, x, y);
                self.give(x, |dx| Op::ActivationBackward { function, saved, dy, dx });
            }
            Op::Softmax { rows, columns, x, y } => {
                self.give(x, |dx| Op::SoftmaxBackward { rows, columns, y, dy, dx });
            }
            Op::BatchNormTrain { shape, x, affine, mean, invstd, .. } => {
                self.batch_norm(shape, x, dy, affine, mean, invstd);
            }
            Op::ScaleShift { rows, ref scale, x, .. } => {
                let scale = scale.clone();
                self.give(x, |dx| Op::ScaleShiftBackward { rows, scale, dy, dx });
            }
            Op::MaxPool { shape, x, y } => self.give(x, |dx| Op::MaxPoolBackward { shape, x, y, dy, dx }),
            Op::AvgPool { shape, x, .. } => self.give(x, |dx| Op::AvgPoolBackward { shape, dy, dx }),
            Op::GlobalAvgPool { batch, pixels, channels, x, .. } => {
                self.give(x, |dx| Op::GlobalAvgPoolBackward { batch, pixels, channels, dy, dx });
            }
            Op::GlobalMaxPool { batch, pixels, channels, x, y } => {
                self.give(x, |dx| Op::GlobalMaxPoolBackward { batch, pixels, channels, x, y, dy, dx });
            }
            Op::Dropout { rate, layer, x, .. } => {
                self.give(x, |dx| Op::DropoutBackward { rate, layer, dy, dx });
            }
            Op::ZeroPad { shape, x, .. } => self.give(x, |dx| Op::ZeroPadBackward { shape, dy, dx }),
            Op::Copy { x, .. } => self.receive(x, dy),
            Op::PutChannels { rows, channels, width, offset, x, .. } => {
                self.give(x, |dx| Op::TakeChannels { rows, channels, width, offset, x: dy, y: dx });
            }
            // None of these is emitted by a layer in training: the loss is the start of the walk, the rest is what it makes.
            Op::BatchNormInfer { .. }
            | Op::TakeChannels { .. }
            | Op::Loss { .. }
            | Op::WinogradWeights { .. }
            | Op::Conv2dBackwardData { .. }
            | Op::Conv2dBackwardWeights { .. }
            | Op::DenseBackwardData { .. }
            | Op::DenseBackwardWeights { .. }
            | Op::BiasGradient { .. }
            | Op::ActivationBackward { .. }
            | Op::SoftmaxBackward { .. }
            | Op::BatchNormBackward { .. }
            | Op::ScaleShiftBackward { .. }
            | Op::MaxPoolBackward { .. }
            | Op::AvgPoolBackward { .. }
            | Op::GlobalAvgPoolBackward { .. }
            | Op::GlobalMaxPoolBackward { .. }
            | Op::DropoutBackward { .. }
            | Op::ZeroPadBackward { .. } => {
                unreachable!("{} is not a forward operation of training", op.name())
            }
        }
    }
}

/// Whether an operation has parameters of its own that learn.
fn trains(op: &Op) -> bool {
    matches!(op, Op::Conv2d { .. } | Op::Dense { .. } | Op::BatchNormTrain { .. })
}
