//! Operations that one kernel does better together than two one after the other.
//!
//! | found | becomes |
//! |---|---|
//! | a convolution, then `Relu` or `Relu6` | the convolution with it in its epilogue |
//! | a convolution, then a batch norm with moving statistics | the same, before or behind the activation |
//! | a convolution and the sum with something that was there before | the same |
//! | a sum, then `Relu` or `Relu6` | the sum with it |
//! | a batch norm in training, then such a sum, then `Relu` or `Relu6` | the batch norm with them |
//! | a batch norm in training, then max pooling | one operation that writes only what is pooled |
//!
//! The second operation must be the only one that reads what the first wrote. What is fused runs where the first stood.

use divvy_kernels::{Activation, PoolShape, Rectifier};

use super::Step;
use super::constant::{Constant, ConstantId};
use super::lower::BufferSpec;
use super::op::{BufferId, Op};

/// Fuses the first `count` forward operations of a plan; the others stay as they are. Constants that fused operations need are
/// added to `constants`.
pub(super) fn fuse(
    steps: Vec<Step>,
    count: usize,
    buffers: &[BufferSpec],
    constants: &mut Vec<Constant>,
) -> Vec<Step> {
    let mut readers = vec![0; buffers.len()];
    steps.iter().flat_map(|step| step.op.operands().reads).for_each(|id| readers[id.0] += 1);
    let writers = vec![None; buffers.len()];
    let mut fusing = Fusing { steps: Vec::new(), buffers, readers, writers, constants };
    for (at, step) in steps.into_iter().enumerate() {
        if at < count { fusing.take(step) } else { fusing.push(step) }
    }
    fusing.steps
}

struct Fusing<'a> {
    /// The operations so far.
    steps: Vec<Step>,
    buffers: &'a [BufferSpec],
    /// How many operations read each buffer.
    readers: Vec<usize>,
    /// Which of `steps` writes each buffer.
    writers: Vec<Option<usize>>,
    constants: &'a mut Vec<Constant>,
}

impl Fusing<'_> {
    /// Adds an operation, to one that was there before where it can be.
    fn take(&mut self, step: Step) {
        let at = match step.op {
            Op::Activation { function, x, y } => self.activation(function, x, y),
            Op::BatchNormInfer { shape, epsilon, x, affine, moving, y } => {
                self.norm(Constant::Norm { channels: shape.channels, epsilon, affine, moving }, x, y)
            }
            Op::MaxPool { shape, x, argmax: Some(argmax), y } => self.pool(shape, x, argmax, y),
            Op::Add { a, b, activation: None, y } => self.sum(a, b, y).or_else(|| self.sum(b, a, y)),
            _ => None,
        };
        match at {
            Some(at) => self.note_writes(at),
            None => self.push(step),
        }
    }

    /// Adds an operation as it is.
    fn push(&mut self, step: Step) {
        self.steps.push(step);
        self.note_writes(self.steps.len() - 1);
    }

    fn note_writes(&mut self, at: usize) {
        for id in self.steps[at].op.operands().writes {
            self.writers[id.0] = Some(at);
        }
    }

    /// The operation that writes `x`, if nothing but the operation at hand reads it.
    fn only_for_this(&self, x: BufferId) -> Option<usize> {
        self.writers[x.0].filter(|_| self.readers[x.0] == 1 && !self.buffers[x.0].external)
    }

    fn activation(&mut self, function: Activation, x: BufferId, y: BufferId) -> Option<usize> {
        let rectifier = Rectifier::of(function)?;
        let at = self.only_for_this(x)?;
        let (activation, output) = match &mut self.steps[at].op {
            Op::Conv2d { epilogue, y, .. } if epilogue.behind.is_none() => (&mut epilogue.activation, y),
            Op::Add { activation, y, .. } | Op::BatchNormTrain { activation, y, .. } => (activation, y),
            _ => return None,
        };
        if activation.is_some() {
            return None;
        }
        (*activation, *output) = (Some(rectifier), y);
        Some(at)
    }

    fn norm(&mut self, norm: Constant, x: BufferId, y: BufferId) -> Option<usize> {
        let at = self.only_for_this(x)?;
        let Op::Conv2d { epilogue, y: output, .. } = &mut self.steps[at].op else { return None };
        let untouched =
            epilogue.activation.is_none() && epilogue.residual.is_none() && epilogue.before.is_none();
        if epilogue.behind.is_some() {
            return None;
        }
        let place = if untouched { &mut epilogue.before } else { &mut epilogue.behind };
        *place = Some(ConstantId(self.constants.len()));
        *output = y;
        self.constants.push(norm);
        Some(at)
    }

    /// Lets the convolution that writes `x` add `other`, if that is there before it.
    fn sum(&mut self, x: BufferId, other: BufferId, y: BufferId) -> Option<usize> {
        let at = self.only_for_this(x)?;
        if self.writers[other.0].is_some_and(|writer| writer >= at) {
            return None;
        }
        let (residual, output) = match &mut self.steps[at].op {
            Op::Conv2d { epilogue, y, .. } if epilogue.activation.is_none() && epilogue.behind.is_none() => {
                (&mut epilogue.residual, y)
            }
            Op::BatchNormTrain { activation: None, residual, y, .. } => (residual, y),
            _ => return None,
        };
        if residual.is_some() {
            return None;
        }
        (*residual, *output) = (Some(other), y);
        Some(at)
    }

    /// Lets the batch norm that writes `x` pool what it normalises.
    fn pool(&mut self, shape: PoolShape, x: BufferId, argmax: BufferId, y: BufferId) -> Option<usize> {
        let at = self.only_for_this(x)?;
        let Op::BatchNormTrain {
            settings, x, affine, moving, statistics, residual: None, activation, ..
        } = self.steps[at].op
        else {
            return None;
        };
        self.steps[at].op = Op::BatchNormMaxPool {
            shape,
            settings,
            x,
            // Who gathers them is found later.
            moments: None,
            affine,
            moving,
            statistics,
            activation,
            argmax,
            y,
        };
        Some(at)
    }
}
