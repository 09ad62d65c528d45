//! Convolutions and dense layers: operations with weights.

use divvy_kernels as kernels;
use divvy_kernels::{Conv2dShape, ConvWeights, DenseShape, DenseWeights, Epilogue, InputMask};

use super::{Known, Memory};
use crate::arena::parts;
use crate::parameters::{ParameterId, ParameterTable};
use crate::plan::op::{BufferId, ConvEpilogue, ConvOperand};

/// Weights as a convolution reads them; `transformed` is the buffer that they may be in.
fn weights_of<'a>(
    values: &'a [f32],
    table: &ParameterTable,
    known: Known<'a>,
    operand: ConvOperand,
    transformed: &'a [f32],
) -> ConvWeights<'a> {
    match operand {
        ConvOperand::Packed(id) => ConvWeights::Packed(&values[table.range(id)]),
        ConvOperand::Transformed(_, transform, _) => ConvWeights::Transformed(transform, transformed),
        ConvOperand::Prepared(_, transform, id) => ConvWeights::Transformed(transform, known.get(id)),
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
        let weights = weights_of(&self.values, self.table, self.constants, weights, transformed);
        kernels::conv2d_backward_data(self.cpu, shape, dy, weights, dx, self.scratch);
    }

    pub(super) fn convolution(
        &mut self,
        shape: &Conv2dShape,
        x: BufferId,
        weights: ConvOperand,
        epilogue: ConvEpilogue,
        y: BufferId,
    ) {
        let (values, known) = (&*self.values, self.constants);
        let reads = [Some(x), weights.buffer(), epilogue.residual].map(|id| self.part(id));
        let ([x, transformed, residual], [y]) = parts(self.arena, reads, [self.plan.buffer(y)]);
        let weights = weights_of(values, self.table, known, weights, transformed);
        let epilogue = Epilogue {
            bias: epilogue.bias.map(|id| &values[self.table.range(id)]),
            before: epilogue.before.map(|id| known.norm(id)),
            residual: epilogue.residual.map(|_| residual),
            activation: epilogue.activation,
            behind: epilogue.behind.map(|id| known.norm(id)),
        };
        kernels::conv2d_forward(self.cpu, shape, x, weights, &epilogue, y, self.scratch);
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
            None => DenseWeights::Gradient { w: &self.values[range.clone()], dw: &mut self.gradients[range] },
            Some(updates) => {
                DenseWeights::Update { update: updates.of(range.clone()), w: &mut self.values[range] }
            }
        };
        let mask = mask.map(|scale| InputMask { scale });
        kernels::dense_backward(self.cpu, shape, x, dy, weights, mask, dx, self.scratch);
    }
}
