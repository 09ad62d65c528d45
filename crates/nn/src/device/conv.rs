//! Convolutions and dense layers: operations with weights.

use divvy_kernels as kernels;
use divvy_kernels::{
    Conv2dShape, ConvLink, ConvOutput, ConvWeights, DenseShape, DenseWeights, Epilogue, InputMask,
};

use super::access::Stored;
use super::{Known, Memory};
use crate::arena::parts;
use crate::parameters::ParameterId;
use crate::plan::chain::Chained;
use crate::plan::op::{BufferId, ConvEpilogue, ConvOperand};
use crate::plan::{Op, Step};

/// Weights as a convolution reads them; `transformed` is the buffer that they may be in.
fn weights_of<'a>(
    stored: &'a Stored<'_>,
    known: Known<'a>,
    operand: ConvOperand,
    transformed: &'a [f32],
) -> ConvWeights<'a> {
    match operand {
        ConvOperand::Packed(id) => ConvWeights::Packed(stored.get(id)),
        ConvOperand::Transformed(_, transform, _) => ConvWeights::Transformed(transform, transformed),
        ConvOperand::Prepared(_, transform, id) => ConvWeights::Transformed(transform, known.get(id)),
    }
}

/// What becomes of sums; `residual` is the buffer that is added if one is.
fn epilogue_of<'a>(
    stored: &'a Stored<'_>,
    known: Known<'a>,
    epilogue: ConvEpilogue,
    residual: &'a [f32],
) -> Epilogue<'a> {
    Epilogue {
        bias: epilogue.bias.map(|id| stored.get(id)),
        before: epilogue.before.map(|id| known.norm(id)),
        residual: epilogue.residual.map(|_| residual),
        activation: epilogue.activation,
        behind: epilogue.behind.map(|id| known.norm(id)),
    }
}

impl Memory<'_, '_> {
    pub(super) fn convolution_backward_data(
        &mut self,
        shape: &Conv2dShape,
        dy: BufferId,
        weights: ConvOperand,
        dx: BufferId,
    ) {
        let reads = [Some(dy), weights.buffer()].map(|id| self.part(id));
        let ([dy, transformed], [dx]) = parts(self.arena, reads, [self.plan.buffer(dx)]);
        let weights = weights_of(&self.parameters, self.constants, weights, transformed);
        kernels::conv2d_backward_data(self.cpu, shape, dy, weights, dx, self.scratch);
    }

    pub(super) fn convolution(
        &mut self,
        shape: &Conv2dShape,
        x: BufferId,
        weights: ConvOperand,
        epilogue: ConvEpilogue,
        (y, moments): (BufferId, Option<BufferId>),
    ) {
        let reads = [Some(x), weights.buffer(), epilogue.residual].map(|id| self.part(id));
        let writes = [Some(y), moments].map(|id| self.part(id));
        let ([x, transformed, residual], [y, gathered]) = parts(self.arena, reads, writes);
        let weights = weights_of(&self.parameters, self.constants, weights, transformed);
        let epilogue = epilogue_of(&self.parameters, self.constants, epilogue, residual);
        let output = ConvOutput { y, moments: moments.map(|_| gathered) };
        kernels::conv2d_forward(self.cpu, shape, x, weights, &epilogue, output, self.scratch);
    }

    /// Runs convolutions as a chain; what lies between them is not written to the arena.
    pub(super) fn chain(&mut self, Chained { steps, chain }: &Chained) {
        let steps = &self.plan.steps()[steps.clone()];
        let operands = |step: &Step| match step.op {
            Op::Conv2d { x, weights, epilogue, y, .. } => (x, weights, epilogue, y),
            _ => unreachable!("a chain of convolutions"),
        };
        let (first, last) = (operands(&steps[0]), operands(&steps[steps.len() - 1]));
        let (stored, known, plan) = (&self.parameters, self.constants, self.plan);
        let y = plan.buffer(last.3);
        let ([before, behind], [output]) =
            parts(self.arena, [0..y.start, y.end..plan.arena_len()], [y.clone()]);
        let read = |id: BufferId| match plan.buffer(id) {
            range if range.end <= y.start => &before[range],
            range => &behind[range.start - y.end..range.end - y.end],
        };
        let link = |at: usize| {
            let (_, weights, epilogue, _) = operands(&steps[at]);
            let residual = epilogue.residual.map_or(&[][..], read);
            ConvLink {
                weights: weights_of(stored, known, weights, &[]),
                epilogue: epilogue_of(stored, known, epilogue, residual),
            }
        };
        chain.run(self.cpu, read(first.0), link, output, self.scratch);
    }

    pub(super) fn dense_backward(
        &mut self,
        shape: &DenseShape,
        [x, dy]: [BufferId; 2],
        weights: ParameterId,
        mask: Option<f32>,
        dx: Option<BufferId>,
    ) {
        let range = self.range(weights);
        let reads = [x, dy].map(|id| self.plan.buffer(id));
        let ([x, dy], [to]) = parts(self.arena, reads, [self.part(dx)]);
        let dx = dx.map(|_| to);
        let weights = match &mut self.updates {
            None => DenseWeights::Gradient {
                w: &self.parameters.values[range.clone()],
                dw: &mut self.gradients[range],
            },
            Some(updates) => DenseWeights::Update {
                update: updates.of(range.clone()),
                w: &mut self.parameters.values[range],
            },
        };
        let mask = mask.map(|scale| InputMask { scale });
        kernels::dense_backward(self.cpu, shape, x, dy, weights, mask, dx, self.scratch);
    }
}
