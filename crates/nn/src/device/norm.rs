//! Batch norms in training.

use divvy_kernels as kernels;
use divvy_kernels::{
    NormBackward, NormGradients, NormOutput, NormPoolBackward, NormStatistics, Normalisation, as_bytes,
    as_bytes_mut,
};

use super::Memory;
use super::access::Stored;
use crate::arena::parts;
use crate::plan::Op;
use crate::plan::op::{Affine, BufferId, Moving, Statistics, norm_shape};

/// Gamma and beta, where there are such.
fn affine_of<'a>(stored: &'a Stored<'_>, affine: Affine) -> [Option<&'a [f32]>; 2] {
    [affine.gamma, affine.beta].map(|id| id.map(|id| stored.get(id)))
}

impl Memory<'_, '_> {
    /// One of the operations of batch norms forward in training.
    pub(super) fn batch_norm(&mut self, op: &Op) {
        match *op {
            Op::BatchNormTrain {
                ref shape,
                settings,
                x,
                moments,
                affine,
                moving,
                statistics,
                residual,
                activation,
                y,
            } => {
                self.batch_statistics(shape, settings, (x, moments), moving, statistics);
                let Statistics { mean, invstd } = statistics;
                let reads = [Some(x), residual, Some(mean), Some(invstd)].map(|id| self.part(id));
                let ([x, other, mean, invstd], [y]) = parts(self.arena, reads, [self.plan.buffer(y)]);
                let [gamma, beta] = affine_of(&self.parameters, affine);
                let norm = Normalisation { mean, invstd, gamma, beta };
                let residual = residual.map(|_| other);
                kernels::batch_norm_apply(self.cpu, shape, &norm, x, residual, activation, y);
            }
            Op::BatchNormMaxPool {
                ref shape,
                settings,
                x,
                moments,
                affine,
                moving,
                statistics,
                activation,
                argmax,
                y,
            } => {
                self.batch_statistics(&norm_shape(shape), settings, (x, moments), moving, statistics);
                let Statistics { mean, invstd } = statistics;
                let reads = [x, mean, invstd].map(|id| self.plan.buffer(id));
                let writes = [argmax, y].map(|id| self.plan.buffer(id));
                let ([x, mean, invstd], [argmax, y]) = parts(self.arena, reads, writes);
                let [gamma, beta] = affine_of(&self.parameters, affine);
                let norm = Normalisation { mean, invstd, gamma, beta };
                let places = &mut as_bytes_mut(argmax)[..y.len()];
                let scratch = &mut *self.scratch;
                kernels::batch_norm_max_pool_forward(
                    self.cpu, shape, &norm, activation, x, y, places, scratch,
                );
            }
            _ => unreachable!("{} is no batch norm forward", op.name()),
        }
    }

    /// One of the operations of batch norms backward.
    pub(super) fn batch_norm_backward(&mut self, op: &Op) {
        match *op {
            Op::BatchNormBackward {
                ref shape,
                x,
                output,
                input,
                dy,
                affine,
                statistics: Statistics { mean, invstd },
                dgamma,
                dbeta,
                dresidual,
                dx,
            } => {
                let kept = output.and_then(|(_, y)| y);
                // Where dx lies over dy, the kernel is given that place once.
                let apart = Some(dy).filter(|dy| self.part(Some(*dy)) != self.part(Some(dx)));
                let reads = [Some(x), kept, apart, Some(mean), Some(invstd)].map(|id| self.part(id));
                let writes = [Some(dgamma), Some(dbeta), dresidual, Some(dx)].map(|id| self.part(id));
                let ([x, y, dy, mean, invstd], [of_gamma, of_beta, of_residual, dx]) =
                    parts(self.arena, reads, writes);
                let [gamma, beta] = affine_of(&self.parameters, affine);
                let norm = Normalisation { mean, invstd, gamma, beta };
                let y = kept.map_or(NormOutput::FromInput, |_| NormOutput::Kept(y));
                let output = output.map(|(activation, _)| (activation, y));
                let gradients = NormGradients {
                    dx,
                    dresidual: dresidual.map(|_| of_residual),
                    dgamma: of_gamma,
                    dbeta: of_beta,
                };
                let operands = NormBackward { x, dy: apart.map(|_| dy), output, input };
                kernels::batch_norm_gradients(self.cpu, shape, &norm, &operands, gradients, self.scratch);
                self.keep_gradients(affine, dgamma, dbeta);
            }
            Op::BatchNormMaxPoolBackward {
                ref shape,
                x,
                y,
                argmax,
                activation,
                input,
                dy,
                affine,
                statistics: Statistics { mean, invstd },
                dgamma,
                dbeta,
                dx,
            } => {
                let reads = [x, y, argmax, dy, mean, invstd].map(|id| self.plan.buffer(id));
                let writes = [dgamma, dbeta, dx].map(|id| self.plan.buffer(id));
                let ([x, y, argmax, dy, mean, invstd], [of_gamma, of_beta, dx]) =
                    parts(self.arena, reads, writes);
                let [gamma, beta] = affine_of(&self.parameters, affine);
                let norm = Normalisation { mean, invstd, gamma, beta };
                let argmax = &as_bytes(argmax)[..y.len()];
                let operands = NormPoolBackward { x, y, argmax, dy, activation, input };
                kernels::batch_norm_max_pool_backward(
                    self.cpu,
                    shape,
                    &norm,
                    &operands,
                    dx,
                    of_gamma,
                    of_beta,
                    self.scratch,
                );
                self.keep_gradients(affine, dgamma, dbeta);
            }
            _ => unreachable!("{} is no batch norm backward", op.name()),
        }
    }

    fn batch_statistics(
        &mut self,
        shape: &kernels::NormShape,
        settings: kernels::NormSettings,
        (x, moments): (BufferId, Option<BufferId>),
        moving: Moving,
        Statistics { mean, invstd }: Statistics,
    ) {
        let moving = [self.range(moving.mean), self.range(moving.variance)];
        let [moving_mean, moving_variance] = self
            .parameters
            .statistics
            .get_disjoint_mut(moving)
            .expect("each statistic has a place of its own");
        let writes = [mean, invstd].map(|id| self.plan.buffer(id));
        let read = self.plan.buffer(moments.unwrap_or(x));
        let ([read], [mean, invstd]) = parts(self.arena, [read], writes);
        let statistics = NormStatistics { mean, invstd, moving_mean, moving_variance };
        match moments {
            Some(_) => kernels::batch_statistics_from_moments(shape, &settings, read, statistics),
            None => kernels::batch_statistics(self.cpu, shape, &settings, read, statistics, self.scratch),
        }
    }

    /// Copies the gradients of gamma and beta to those of the parameters, where there are such.
    fn keep_gradients(&mut self, affine: Affine, dgamma: BufferId, dbeta: BufferId) {
        for (parameter, gradient) in [(affine.gamma, dgamma), (affine.beta, dbeta)] {
            if let Some(id) = parameter {
                let range = self.range(id);
                self.gradients[range].copy_from_slice(&self.arena[self.plan.buffer(gradient)]);
            }
        }
    }
}
