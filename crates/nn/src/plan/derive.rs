//! The backward pass: the operations that carry the loss's gradient from the logits to every parameter, or that of the logits
//! themselves to what one layer gives.
//!
//! Forward operations are walked from the last to the first. Each turns the gradient of its output into the gradients of
//! its inputs and parameters. A buffer that several operations read gets the sum of what they give.
//!
//! Where an operation's input is the output of `ReLU`, and nothing else reads it, the operation's kernel often goes back through
//! the `ReLU` in passing. The gradient is then that to what went into the `ReLU`, and is noted as such.

use divvy_kernels::{
    Activation, Conv2dShape, ConvAlgorithm, DenseShape, NormShape, Padding, Rectifier, dropout_scale,
};

use super::Step;
use super::constant::{Constant, ConstantId};
use super::lower::Lowering;
use super::op::{Affine, BufferId, ConvEpilogue, ConvOperand, Maxima, Op, Statistics, saved_for_backward};
use crate::graph::NodeId;
use crate::parameters::ParameterId;

/// Appends to the forward operations in `lowering` the operation `loss`, which turns `logits` into their gradient
/// `dlogits`, and the backward operations of all of them.
pub(super) fn derive(lowering: &mut Lowering<'_>, loss: Op, logits: BufferId, dlogits: BufferId) {
    let forward = std::mem::take(&mut lowering.ops);
    lowering.push(loss);
    // A network in training makes no constants.
    Backward::new(lowering, &forward, Sought::Parameters, &mut Vec::new()).walk(logits, dlogits);
    let onward = std::mem::replace(&mut lowering.ops, forward);
    lowering.ops.extend(onward);
}

/// Appends to the forward operations of inference in `lowering` those that turn `dlogits`, the gradient of `logits`, into that of
/// `x`; the buffer that holds it. Constants that they need are added to `constants`.
///
/// # Panics
/// When the logits do not hang on `x`.
pub(super) fn derive_to(
    lowering: &mut Lowering<'_>,
    x: BufferId,
    logits: BufferId,
    dlogits: BufferId,
    constants: &mut Vec<Constant>,
) -> BufferId {
    let forward = std::mem::take(&mut lowering.ops);
    let gradients = Backward::new(lowering, &forward, Sought::Value(x), constants).walk(logits, dlogits);
    let onward = std::mem::replace(&mut lowering.ops, forward);
    lowering.ops.extend(onward);
    gradients[x.0].expect("the logits hang on it").buffer
}

/// Of what the gradient is sought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sought {
    /// Of every parameter that learns.
    Parameters,
    /// Of what a buffer holds, and of nothing else.
    Value(BufferId),
}

/// The gradient of a buffer.
#[derive(Clone, Copy)]
struct Gradient {
    /// The buffer that holds it.
    buffer: BufferId,
    /// Whether it is that to what went into the activation which made the buffer.
    before_activation: bool,
}

struct Backward<'a, 'b> {
    lowering: &'a mut Lowering<'b>,
    forward: &'a [Step],
    sought: Sought,
    constants: &'a mut Vec<Constant>,
    /// For each forward buffer, whether what is sought lies upstream of it.
    wanted: Vec<bool>,
    /// For each forward buffer, how many operations read it, and which writes it.
    readers: Vec<usize>,
    writers: Vec<Option<usize>>,
    /// For each forward buffer, its gradient once some operation has given it.
    gradients: Vec<Option<Gradient>>,
    node: NodeId,
}

impl<'a, 'b> Backward<'a, 'b> {
    fn new(
        lowering: &'a mut Lowering<'b>,
        forward: &'a [Step],
        sought: Sought,
        constants: &'a mut Vec<Constant>,
    ) -> Self {
        let buffers = lowering.buffers.len();
        let mut pass = Self {
            node: lowering.node,
            lowering,
            forward,
            sought,
            constants,
            wanted: vec![false; buffers],
            readers: vec![0; buffers],
            writers: vec![None; buffers],
            gradients: vec![None; buffers],
        };
        if let Sought::Value(x) = sought {
            pass.wanted[x.0] = true;
        }
        for (at, step) in forward.iter().enumerate() {
            let operands = step.op.operands();
            operands.reads.iter().for_each(|x| pass.readers[x.0] += 1);
            operands.writes.iter().for_each(|y| pass.writers[y.0] = Some(at));
            if pass.concerns(&step.op) {
                operands.writes.iter().for_each(|y| pass.wanted[y.0] = true);
            }
        }
        pass
    }

    /// Walks the forward operations backwards, from the logits and their gradient; each forward buffer's gradient.
    fn walk(mut self, logits: BufferId, dlogits: BufferId) -> Vec<Option<Gradient>> {
        self.gradients[logits.0] = Some(Gradient { buffer: dlogits, before_activation: false });
        for step in self.forward.iter().rev().filter(|step| self.concerns(&step.op)).collect::<Vec<_>>() {
            self.node = step.node;
            self.differentiate(&step.op);
        }
        self.gradients
    }

    /// Whether what is sought is a parameter of an operation or lies upstream of it.
    fn concerns(&self, op: &Op) -> bool {
        self.sought == Sought::Parameters && self.trains(op)
            || op.operands().reads.iter().any(|x| self.wanted[x.0])
    }

    /// Whether an operation has parameters of its own that learn.
    fn trains(&self, op: &Op) -> bool {
        match op {
            Op::Conv2d { weights, epilogue, .. } => {
                epilogue.bias.is_some() || self.lowering.is_trained(weights.parameter())
            }
            Op::Dense { .. } | Op::BatchNormTrain { .. } | Op::BatchNormMaxPool { .. } => true,
            _ => false,
        }
    }

    fn push(&mut self, op: Op) {
        self.lowering.node = self.node;
        self.lowering.push(op);
    }

    /// Lets `op` write a parameter's gradient, where that is sought.
    fn learn(&mut self, op: Op) {
        if self.sought == Sought::Parameters {
            self.push(op);
        }
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
        let buffer = match self.gradients[x.0] {
            None => dx,
            Some(sum) => {
                let y = self.lowering.gradient_of(x);
                self.push(Op::Add { a: sum.buffer, b: dx, activation: None, y });
                y
            }
        };
        self.gradients[x.0] = Some(Gradient { buffer, before_activation: false });
    }

    /// The activation that made `x`, if an operation that reads `x` alone may go back through it.
    fn rectifier(&self, x: BufferId) -> Option<Rectifier> {
        if self.readers[x.0] != 1 || self.lowering.buffers[x.0].external {
            return None;
        }
        match self.forward[self.writers[x.0]?].op {
            Op::Conv2d { epilogue, .. } => epilogue.activation,
            Op::Add { activation, .. } => activation,
            Op::Activation { function, .. } => Rectifier::of(function),
            _ => None,
        }
    }

    /// Lets `op` write the gradient to what went into the activation that made `x`.
    fn give_before(&mut self, x: BufferId, op: impl FnOnce(BufferId) -> Op) {
        self.give(x, op);
        if let Some(gradient) = &mut self.gradients[x.0] {
            gradient.before_activation = true;
        }
    }

    /// The gradient before an operation's own activation, from that of its output.
    fn before(&mut self, activation: Option<Rectifier>, y: BufferId, dy: Gradient) -> BufferId {
        let function = match activation {
            Some(Rectifier::Relu) if !dy.before_activation => Activation::Relu,
            Some(Rectifier::Relu6) if !dy.before_activation => Activation::Relu6,
            _ => return dy.buffer,
        };
        let dx = self.lowering.gradient_of(y);
        self.push(Op::ActivationBackward { function, saved: y, dy: dy.buffer, dx });
        dx
    }

    fn bias(&mut self, rows: usize, channels: usize, dy: BufferId, bias: Option<ParameterId>) {
        if let Some(bias) = bias {
            self.learn(Op::BiasGradient { rows, channels, dy, bias });
        }
    }

    /// Lets `op`, which makes the gradients of gamma and beta too, write the gradient of `x`.
    fn norm(
        &mut self,
        channels: usize,
        x: BufferId,
        op: impl FnOnce(BufferId, BufferId, BufferId, Option<Rectifier>) -> Op,
    ) {
        let (dgamma, dbeta) = (self.lowering.buffer(channels), self.lowering.buffer(channels));
        if !self.wanted[x.0] {
            // Gamma and beta need the operation all the same; its dx goes unread.
            let unread = self.lowering.gradient_of(x);
            self.push(op(dgamma, dbeta, unread, None));
            return;
        }
        match self.rectifier(x) {
            None => self.give(x, |dx| op(dgamma, dbeta, dx, None)),
            input => self.give_before(x, |dx| op(dgamma, dbeta, dx, input)),
        }
    }

    fn batch_norm(
        &mut self,
        shape: NormShape,
        [x, y]: [BufferId; 2],
        residual: Option<BufferId>,
        activation: Option<Rectifier>,
        dy: BufferId,
        (affine, statistics): (Affine, Statistics),
    ) {
        // Without a residual, the kernel makes y again from x.
        let output = activation.map(|activation| (activation, residual.map(|_| y)));
        let residual = residual.filter(|residual| self.wanted[residual.0]);
        // Without an activation, the residual's gradient is the output's.
        let dresidual = residual.filter(|_| activation.is_some()).map(|x| self.lowering.gradient_of(x));
        self.norm(shape.channels, x, |dgamma, dbeta, dx, input| Op::BatchNormBackward {
            shape,
            x,
            output,
            input,
            dy,
            affine,
            statistics,
            dgamma,
            dbeta,
            dresidual,
            dx,
        });
        if let Some(residual) = residual {
            self.receive(residual, dresidual.unwrap_or(dy));
        }
    }

    /// A convolution's gradients, from that of its sums and what was added to them.
    fn convolution(
        &mut self,
        shape: Conv2dShape,
        x: BufferId,
        weights: ConvOperand,
        epilogue: ConvEpilogue,
        dy: BufferId,
    ) {
        debug_assert!(epilogue.before.or(epilogue.behind).is_none(), "these are for inference alone");
        let rows = shape.batch * shape.out_height() * shape.out_width();
        self.bias(rows, shape.filters, dy, epilogue.bias);
        let (algorithm, parameter) = (ConvAlgorithm::Direct, weights.parameter());
        if self.lowering.is_trained(parameter) {
            self.learn(Op::Conv2dBackwardWeights { shape, algorithm, x, dy, weights: parameter });
        }
        self.give(x, |dx| Op::Conv2dBackwardData { shape, dy, weights, dx });
        if let Some(residual) = epilogue.residual {
            self.receive(residual, dy);
        }
    }

    /// A dense layer's gradients. That of its input is carried back through dropout and `ReLU` where those made the input.
    fn dense(&mut self, shape: DenseShape, x: BufferId, weights: ParameterId, dy: BufferId) {
        if self.sought != Sought::Parameters {
            let (shape, weights) = (one_pixel(shape), ConvOperand::Packed(weights));
            self.give(x, |dx| Op::Conv2dBackwardData { shape, dy, weights, dx });
            return;
        }
        let op = |mask, dx| Op::DenseBackward { shape, x, dy, weights, mask, dx };
        if !self.wanted[x.0] {
            self.push(op(None, None));
            return;
        }
        let dropped = self.writers[x.0].and_then(|at| match self.forward[at].op {
            Op::Dropout { rate, x: inner, .. } if self.readers[x.0] == 1 => Some((rate, inner)),
            _ => None,
        });
        match dropped {
            // The gradient skips the dropout, which finds none for its output and gives none.
            Some((rate, inner)) if self.rectifier(inner) == Some(Rectifier::Relu) => {
                self.give_before(inner, |dx| op(Some(dropout_scale(rate)), Some(dx)));
            }
            _ if self.rectifier(x) == Some(Rectifier::Relu) => {
                self.give_before(x, |dx| op(Some(1.0), Some(dx)));
            }
            _ => self.give(x, |dx| op(None, Some(dx))),
        }
    }

    /// The gradients of one forward operation. One whose output does not reach the loss has none to give.
    fn differentiate(&mut self, op: &Op) {
        let Some(gradient) = op.operands().writes.last().and_then(|y| self.gradients[y.0]) else { return };
        let dy = gradient.buffer;
        match *op {
            Op::Conv2d { shape, x, weights, epilogue, y, .. } => {
                let dy = self.before(epilogue.activation, y, gradient);
                self.convolution(shape, x, weights, epilogue, dy);
            }
            Op::Add { a, b, activation, y } => {
                let dy = self.before(activation, y, gradient);
                self.receive(a, dy);
                self.receive(b, dy);
            }
            Op::Dense { shape, x, weights, bias, .. } => {
                self.bias(shape.batch, shape.outputs, dy, bias);
                self.dense(shape, x, weights, dy);
            }
            Op::Activation { x, .. } if gradient.before_activation => self.receive(x, dy),
            Op::Activation { function, x, y } => {
                let saved = saved_for_backward(function, x, y);
                self.give(x, |dx| Op::ActivationBackward { function, saved, dy, dx });
            }
            Op::Softmax { rows, columns, x, y } => {
                self.give(x, |dx| Op::SoftmaxBackward { rows, columns, y, dy, dx });
            }
            Op::BatchNormTrain { shape, x, affine, statistics, residual, activation, y, .. } => {
                self.batch_norm(shape, [x, y], residual, activation, dy, (affine, statistics));
            }
            Op::BatchNormMaxPool { shape, x, affine, statistics, activation, argmax, y, .. } => {
                self.norm(shape.channels, x, |dgamma, dbeta, dx, input| Op::BatchNormMaxPoolBackward {
                    shape,
                    x,
                    y,
                    argmax,
                    activation,
                    input,
                    dy,
                    affine,
                    statistics,
                    dgamma,
                    dbeta,
                    dx,
                });
            }
            Op::BatchNormInfer { shape, epsilon, x, affine, moving, .. } => {
                let norm = ConstantId(self.constants.len());
                self.constants.push(Constant::Norm { channels: shape.channels, epsilon, affine, moving });
                self.give(x, |dx| Op::BatchNormInferBackward { shape, norm, dy, dx });
            }
            Op::ScaleShift { rows, ref scale, x, .. } => {
                let scale = scale.clone();
                self.give(x, |dx| Op::ScaleShiftBackward { rows, scale, dy, dx });
            }
            Op::MaxPool { shape, x, argmax, y } => {
                let maxima = argmax.map_or(Maxima::Maps { x, y }, Maxima::Places);
                self.give(x, |dx| Op::MaxPoolBackward { shape, maxima, dy, dx });
            }
            Op::AvgPool { shape, x, .. } => self.give(x, |dx| Op::AvgPoolBackward { shape, dy, dx }),
            Op::GlobalAvgPool { batch, pixels, channels, x, .. } => {
                self.give(x, |dx| Op::GlobalAvgPoolBackward { batch, pixels, channels, dy, dx });
            }
            Op::GlobalMaxPool { batch, pixels, channels, x, y } => {
                self.give(x, |dx| Op::GlobalMaxPoolBackward { batch, pixels, channels, x, y, dy, dx });
            }
            Op::Dropout { rate, x, y, .. } if self.rectifier(x) == Some(Rectifier::Relu) => {
                let scale = dropout_scale(rate);
                self.give_before(x, |dx| Op::MaskBackward { scale, y, dy, dx });
            }
            Op::Dropout { rate, layer, together, x, .. } => {
                self.give(x, |dx| Op::DropoutBackward { rate, layer, together, dy, dx });
            }
            Op::ZeroPad { shape, x, .. } => self.give(x, |dx| Op::ZeroPadBackward { shape, dy, dx }),
            Op::PutChannels { rows, channels, width, offset, x, .. } => {
                self.give(x, |dx| Op::TakeChannels { rows, channels, width, offset, x: dy, y: dx });
            }
            // None of these is emitted by a layer: the loss is the start of the walk, the rest is what it makes.
            Op::TakeChannels { .. }
            | Op::Loss { .. }
            | Op::ConvWeights { .. }
            | Op::Conv2dBackwardData { .. }
            | Op::Conv2dBackwardWeights { .. }
            | Op::DenseBackward { .. }
            | Op::BiasGradient { .. }
            | Op::ActivationBackward { .. }
            | Op::SoftmaxBackward { .. }
            | Op::BatchNormInferBackward { .. }
            | Op::BatchNormBackward { .. }
            | Op::BatchNormMaxPoolBackward { .. }
            | Op::ScaleShiftBackward { .. }
            | Op::MaxPoolBackward { .. }
            | Op::AvgPoolBackward { .. }
            | Op::GlobalAvgPoolBackward { .. }
            | Op::GlobalMaxPoolBackward { .. }
            | Op::DropoutBackward { .. }
            | Op::MaskBackward { .. }
            | Op::ZeroPadBackward { .. } => {
                unreachable!("{} is not a forward operation", op.name())
            }
        }
    }
}

/// A dense layer as a convolution of pictures of one pixel, which its packed weights are as well.
fn one_pixel(DenseShape { batch, inputs, outputs }: DenseShape) -> Conv2dShape {
    Conv2dShape {
        batch,
        height: 1,
        width: 1,
        channels: inputs,
        filters: outputs,
        kernel: (1, 1),
        strides: (1, 1),
        dilation: (1, 1),
        groups: 1,
        padding: Padding::default(),
    }
}
