//! One step of an optimizer over a slice of parameters, by PyTorch's definitions.
//!
//! Settings are `f64`: 1 - beta2 for a beta2 of 0.999 has only three digits left in `f32`. The state slices
//! begin as zeros. `lr` is the learning rate of this step.

mod rules;

use rules::{AdamStep, Averaged, Follow, GradientDescent, Momentum, RmsPropStep};

use crate::Cpu;
use crate::columns::{Fold, Grid, column_sums, column_sums_scratch};
use crate::elementwise::{Elementwise, elementwise};
use crate::simd::Simd;

/// Stochastic gradient descent (`torch.optim.SGD`, dampening 0) and SGDW, where weight decay is decoupled from the gradient (Loshchilov
/// and Hutter, arXiv 1711.05101; `keras.optimizers.SGD` with a `weight_decay`).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// What stays of the velocity at each step; 0 for plain gradient descent.
    pub momentum: f64,
    /// Whether to look ahead by the momentum (Sutskever et al. 2013).
    pub nesterov: bool,
    /// Times the parameter, added to the gradient (SGD) or, times the learning rate, taken off the parameter (SGDW).
    pub weight_decay: f64,
    /// Whether the weight decay is SGDW's.
    pub decoupled: bool,
}

/// Adam (`torch.optim.Adam`; Kingma and Ba, arXiv 1412.6980) and `AdamW` (`torch.optim.AdamW`; Loshchilov and Hutter, arXiv
/// 1711.05101).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// What stays of the mean gradient at each step.
    pub beta1: f64,
    /// What stays of the mean squared gradient at each step.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Times the parameter, added to the gradient (Adam) or, times the learning rate, taken off the parameter (`AdamW`).
    pub weight_decay: f64,
    /// Whether the weight decay is `AdamW`'s.
    pub decoupled: bool,
    /// The number of this step, from 1 on.
    pub step: u64,
}

/// `RMSprop` (`torch.optim.RMSprop`, not centred; Tieleman and Hinton 2012).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// What stays of the mean squared gradient at each step (PyTorch's alpha).
    pub rho: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// What stays of the velocity at each step; 0 for none.
    pub momentum: f64,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
}

/// How parameters follow their gradients.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rule {
    /// With `g = grad + weight_decay * param` (or `g = grad` and first `param *= 1 - lr * weight_decay`, decoupled):
    /// `velocity = momentum * velocity + g`, then `param -= lr * d` where d is `velocity`, or `g + momentum * velocity` with
    /// Nesterov's. The first state is `velocity`; without momentum d is g, and there is no state.
    Sgd(Sgd),
    /// With `g = grad + weight_decay * param` (or `g = grad` and first `param *= 1 - lr * weight_decay`, decoupled):
    /// `m += (1 - beta1) * (g - m)`, `v = beta2 * v + (1 - beta2) * g^2`, then
    /// `param -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)`. The states are `m` and `v`.
    Adam(Adam),
    /// With `g = grad + weight_decay * param`: `mean_square = rho * mean_square + (1 - rho) * g^2`,
    /// `d = g / (sqrt(mean_square) + epsilon)`, `velocity = momentum * velocity + d`, then `param -= lr * velocity`. The states
    /// are `mean_square` and `velocity`; without momentum `param -= lr * d`, and there is no `velocity`.
    RmsProp(RmsProp),
}

/// A running average, and how far it goes to what it is an average of at each step.
#[derive(Debug)]
pub struct Average<'a> {
    /// `average += rate * (value - average)`.
    pub values: &'a mut [f32],
    /// The weight of the newest value: 1 minus what stays of the average.
    pub rate: f32,
}

/// One step of some parameters.
#[derive(Debug)]
pub struct Update<'a> {
    /// The rule.
    pub rule: Rule,
    /// What gradients are multiplied by before anything else is done with them: 1, or less where they are clipped.
    pub gradient_scale: f32,
    /// A number of each parameter, twice. Those that the rule does not have are not touched, and may be empty.
    pub state: [&'a mut [f32]; 2],
    /// The average of the parameters, which follows them in the same pass.
    pub average: Option<Average<'a>>,
}

/// Moves `params` by their gradients.
///
/// # Panics
/// When the lengths differ, or Adam's step is 0.
pub fn update(cpu: &Cpu, update: Update<'_>, params: &mut [f32], grads: &[f32]) {
    update.visit(params, WholeSlice { cpu, grads });
}

/// Moves an average towards `values`.
///
/// # Panics
/// When the lengths differ.
pub fn follow(cpu: &Cpu, average: Average<'_>, values: &[f32]) {
    let Average { values: averaged, rate } = average;
    elementwise(cpu, Follow { rate }, [values], [averaged]);
}

/// What is to be done with a rule that the compiler knows and with the slices that it changes, the parameters first.
pub(crate) trait UpdateVisitor {
    fn visit<const OUT: usize>(self, rule: impl Elementwise<1, OUT>, slices: [&mut [f32]; OUT]);
}

impl Update<'_> {
    pub(crate) fn visit(self, params: &mut [f32], visitor: impl UpdateVisitor) {
        let ([first, second], average) = (self.state, self.average);
        // The slices of a rule and of its average are one more than the rule's: a number that the compiler is to know.
        macro_rules! visit {
            ($rule:expr, $($state:ident),*) => {
                match average {
                    None => visitor.visit($rule, [params, $($state),*]),
                    Some(Average { values, rate }) => {
                        let follow = Follow { rate };
                        visitor.visit(Averaged { rule: $rule, follow }, [params, $($state,)* values]);
                    }
                }
            };
        }
        match self.rule {
            Rule::Sgd(sgd) => {
                let plain = GradientDescent::new(&sgd, self.gradient_scale);
                let momentum = sgd.momentum as f32;
                match (sgd.momentum == 0.0, sgd.nesterov) {
                    (true, _) => visit!(plain,),
                    (false, false) => visit!(Momentum::<false> { plain, momentum }, first),
                    (false, true) => visit!(Momentum::<true> { plain, momentum }, first),
                }
            }
            Rule::Adam(adam) => visit!(AdamStep::new(&adam, self.gradient_scale), first, second),
            Rule::RmsProp(rmsprop) => {
                let step = RmsPropStep::new(&rmsprop, self.gradient_scale);
                if rmsprop.momentum == 0.0 {
                    visit!(step, first);
                } else {
                    visit!(step, first, second);
                }
            }
        }
    }
}

struct WholeSlice<'a> {
    cpu: &'a Cpu,
    grads: &'a [f32],
}

impl UpdateVisitor for WholeSlice<'_> {
    fn visit<const OUT: usize>(self, rule: impl Elementwise<1, OUT>, slices: [&mut [f32]; OUT]) {
        elementwise(self.cpu, rule, [self.grads], slices);
    }
}

/// The sum of the squares of `x`. `scratch` has [`sum_of_squares_scratch`] numbers at least.
///
/// # Panics
/// When `scratch` is too short.
pub fn sum_of_squares(cpu: &Cpu, x: &[f32], scratch: &mut [f32]) -> f64 {
    let mut total = 0.0;
    let sums = column_sums(cpu, Grid::new(x.len(), 1), Squares, |_| [], [x], scratch);
    sums.for_each(|_, [sum]| total = sum);
    total
}

/// Numbers of scratch that [`sum_of_squares`] of `len` numbers needs.
pub fn sum_of_squares_scratch(len: usize) -> usize {
    column_sums_scratch(Grid::new(len, 1), 1)
}

#[derive(Clone, Copy)]
struct Squares;

impl Fold<1, 0, 1> for Squares {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(self, simd: S, [sum]: [S::V; 1], [x]: [S::V; 1], _: [S::V; 0]) -> [S::V; 1] {
        [simd.mul_add(x, x, sum)]
    }
}

#[cfg(test)]
mod tests;
