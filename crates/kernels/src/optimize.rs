//! One step of an optimizer over a slice of parameters, by PyTorch's definitions.
//!
//! Settings are `f64`: 1 - beta2 for a beta2 of 0.999 has only three digits left in `f32`. The state slices
//! begin as zeros. `lr` is the learning rate of this step.

use crate::Cpu;
use crate::columns::{Fold, Grid, column_sums, column_sums_scratch};
use crate::elementwise::{Elementwise, elementwise};
use crate::simd::Simd;

/// Stochastic gradient descent (`torch.optim.SGD`, dampening 0).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// What stays of the velocity at each step; 0 for plain gradient descent.
    pub momentum: f64,
    /// Whether to look ahead by the momentum (Sutskever et al. 2013).
    pub nesterov: bool,
    /// Times the parameter, added to the gradient.
    pub weight_decay: f64,
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

/// With `g = grad + weight_decay * param`: `velocity = momentum * velocity + g`, then `param -= lr * d` where d is `velocity`, or
/// `g + momentum * velocity` with Nesterov's.
///
/// Without momentum d is g, and `velocity` is not touched: it may be empty.
///
/// # Panics
/// When the lengths differ.
pub fn sgd_step(cpu: &Cpu, sgd: &Sgd, params: &mut [f32], grads: &[f32], velocity: &mut [f32]) {
    let plain = GradientDescent { lr: sgd.lr as f32, weight_decay: sgd.weight_decay as f32 };
    let momentum = sgd.momentum as f32;
    if sgd.momentum == 0.0 {
        elementwise(cpu, plain, [grads], [params]);
    } else if sgd.nesterov {
        elementwise(cpu, Momentum::<true> { plain, momentum }, [grads], [params, velocity]);
    } else {
        elementwise(cpu, Momentum::<false> { plain, momentum }, [grads], [params, velocity]);
    }
}

/// With `g = grad + weight_decay * param` (or `g = grad` and first `param *= 1 - lr * weight_decay`, decoupled):
/// `m += (1 - beta1) * (g - m)`, `v = beta2 * v + (1 - beta2) * g^2`, then
/// `param -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)`.
///
/// # Panics
/// When the lengths differ, or the step is 0.
pub fn adam_step(cpu: &Cpu, adam: &Adam, params: &mut [f32], grads: &[f32], m: &mut [f32], v: &mut [f32]) {
    assert!(adam.step > 0, "Adam's steps are counted from 1");
    let correction = |beta: f64| 1.0 - beta.powf(adam.step as f64);
    let step = AdamStep {
        gain1: (1.0 - adam.beta1) as f32,
        beta2: adam.beta2 as f32,
        gain2: (1.0 - adam.beta2) as f32,
        step_size: (adam.lr / correction(adam.beta1)) as f32,
        root_scale: (1.0 / correction(adam.beta2).sqrt()) as f32,
        epsilon: adam.epsilon as f32,
        keep: if adam.decoupled { (1.0 - adam.lr * adam.weight_decay) as f32 } else { 1.0 },
        weight_decay: if adam.decoupled { 0.0 } else { adam.weight_decay as f32 },
    };
    elementwise(cpu, step, [grads], [params, m, v]);
}

/// With `g = grad + weight_decay * param`: `mean_square = rho * mean_square + (1 - rho) * g^2`,
/// `d = g / (sqrt(mean_square) + epsilon)`, `velocity = momentum * velocity + d`, then `param -= lr * velocity`.
///
/// Without momentum `param -= lr * d`, and `velocity` is not touched: it may be empty.
///
/// # Panics
/// When the lengths differ.
pub fn rmsprop_step(
    cpu: &Cpu,
    rmsprop: &RmsProp,
    params: &mut [f32],
    grads: &[f32],
    mean_square: &mut [f32],
    velocity: &mut [f32],
) {
    let step = RmsPropStep {
        lr: rmsprop.lr as f32,
        rho: rmsprop.rho as f32,
        gain: (1.0 - rmsprop.rho) as f32,
        epsilon: rmsprop.epsilon as f32,
        momentum: rmsprop.momentum as f32,
        weight_decay: rmsprop.weight_decay as f32,
    };
    if rmsprop.momentum == 0.0 {
        elementwise(cpu, step, [grads], [params, mean_square]);
    } else {
        elementwise(cpu, step, [grads], [params, mean_square, velocity]);
    }
}

/// `x = x * factor`, as gradient clipping needs it.
pub fn scale(cpu: &Cpu, factor: f32, x: &mut [f32]) {
    elementwise(cpu, Scale { factor }, [], [x]);
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
struct GradientDescent {
    lr: f32,
    weight_decay: f32,
}

impl GradientDescent {
    #[inline(always)]
    fn decayed<S: Simd>(self, simd: S, gradient: S::V, param: S::V) -> S::V {
        simd.mul_add(param, simd.splat(self.weight_decay), gradient)
    }

    #[inline(always)]
    fn moved<S: Simd>(self, simd: S, param: S::V, direction: S::V) -> S::V {
        simd.mul_add(direction, simd.splat(-self.lr), param)
    }
}

impl Elementwise<1, 1> for GradientDescent {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::V; 1], [param]: [S::V; 1]) -> [S::V; 1] {
        [self.moved(simd, param, self.decayed(simd, gradient, param))]
    }
}

#[derive(Clone, Copy)]
struct Momentum<const NESTEROV: bool> {
    plain: GradientDescent,
    momentum: f32,
}

impl<const NESTEROV: bool> Elementwise<1, 2> for Momentum<NESTEROV> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::V; 1], [param, velocity]: [S::V; 2]) -> [S::V; 2] {
        let momentum = simd.splat(self.momentum);
        let gradient = self.plain.decayed(simd, gradient, param);
        let velocity = simd.mul_add(velocity, momentum, gradient);
        let direction = if NESTEROV { simd.mul_add(velocity, momentum, gradient) } else { velocity };
        [self.plain.moved(simd, param, direction), velocity]
    }
}

#[derive(Clone, Copy)]
struct AdamStep {
    gain1: f32,
    beta2: f32,
    gain2: f32,
    step_size: f32,
    /// What the root of `v` is multiplied by to make up for its start at zero.
    root_scale: f32,
    epsilon: f32,
    /// What decoupled weight decay leaves of the parameter.
    keep: f32,
    weight_decay: f32,
}

impl Elementwise<1, 3> for AdamStep {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::V; 1], [param, m, v]: [S::V; 3]) -> [S::V; 3] {
        let gradient = simd.mul_add(param, simd.splat(self.weight_decay), gradient);
        let param = simd.mul(param, simd.splat(self.keep));
        let m = simd.mul_add(simd.sub(gradient, m), simd.splat(self.gain1), m);
        let square = simd.mul(simd.mul(gradient, gradient), simd.splat(self.gain2));
        let v = simd.mul_add(v, simd.splat(self.beta2), square);
        let root = simd.mul_add(simd.sqrt(v), simd.splat(self.root_scale), simd.splat(self.epsilon));
        let param = simd.mul_add(simd.div(m, root), simd.splat(-self.step_size), param);
        [param, m, v]
    }
}

#[derive(Clone, Copy)]
struct RmsPropStep {
    lr: f32,
    rho: f32,
    gain: f32,
    epsilon: f32,
    momentum: f32,
    weight_decay: f32,
}

impl RmsPropStep {
    /// The new mean square, and the gradient over its root.
    #[inline(always)]
    fn direction<S: Simd>(self, simd: S, gradient: S::V, param: S::V, mean_square: S::V) -> (S::V, S::V) {
        let gradient = simd.mul_add(param, simd.splat(self.weight_decay), gradient);
        let square = simd.mul(simd.mul(gradient, gradient), simd.splat(self.gain));
        let mean_square = simd.mul_add(mean_square, simd.splat(self.rho), square);
        let root = simd.add(simd.sqrt(mean_square), simd.splat(self.epsilon));
        (mean_square, simd.div(gradient, root))
    }
}

impl Elementwise<1, 2> for RmsPropStep {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::V; 1], [param, mean_square]: [S::V; 2]) -> [S::V; 2] {
        let (mean_square, direction) = self.direction(simd, gradient, param, mean_square);
        [simd.mul_add(direction, simd.splat(-self.lr), param), mean_square]
    }
}

impl Elementwise<1, 3> for RmsPropStep {
    #[inline(always)]
    fn apply<S: Simd>(
        self,
        simd: S,
        [gradient]: [S::V; 1],
        [param, mean_square, velocity]: [S::V; 3],
    ) -> [S::V; 3] {
        let (mean_square, direction) = self.direction(simd, gradient, param, mean_square);
        let velocity = simd.mul_add(velocity, simd.splat(self.momentum), direction);
        [simd.mul_add(velocity, simd.splat(-self.lr), param), mean_square, velocity]
    }
}

#[derive(Clone, Copy)]
struct Scale {
    factor: f32,
}

impl Elementwise<0, 1> for Scale {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, _: [S::V; 0], [x]: [S::V; 1]) -> [S::V; 1] {
        [simd.mul(x, simd.splat(self.factor))]
    }
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
mod tests {
    use super::*;
    use crate::reference::optimize::{self as reference, State};
    use crate::reference::trial::{assert_sums, magnitudes, numbers, on_every_cpu, wide};

    const LEN: usize = 8209;
    const STEPS: u64 = 5;

    /// Asserts that `step`, given the parameters and two slices of state, follows `of_one` for some steps.
    fn assert_follows(
        what: &str,
        step: impl Fn(&Cpu, u64, &[f32], [&mut [f32]; 3]),
        of_one: impl Fn(State, f64, u64) -> State,
    ) {
        let start = numbers(LEN, 1);
        let gradients: Vec<Vec<f32>> = (1..=STEPS).map(|step| numbers(LEN, 10 + step)).collect();
        let outputs = on_every_cpu(
            |_| (3 * LEN, 0),
            |cpu, out, _| {
                out.fill(0.0);
                let (params, state) = out.split_at_mut(LEN);
                let (first, second) = state.split_at_mut(LEN);
                params.copy_from_slice(&start);
                for (number, gradients) in (1..).zip(&gradients) {
                    step(cpu, number, gradients, [params, first, second]);
                }
            },
        );
        let truth: Vec<State> = (0..LEN)
            .map(|i| {
                let state = State { param: f64::from(start[i]), ..State::default() };
                (1..).zip(&gradients).fold(state, |state, (step, g)| of_one(state, f64::from(g[i]), step))
            })
            .collect();
        let part = |of: fn(&State) -> f64| truth.iter().map(of).collect::<Vec<_>>();
        let truth = [part(|s| s.param), part(|s| s.first), part(|s| s.second)].concat();
        let sizes: Vec<f64> = magnitudes(&truth).iter().map(|size| size + 1.0).collect();
        assert_sums(what, &outputs, &truth, &sizes);
    }

    #[test]
    fn sgd_follows_its_definition() {
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
            let sgd = Sgd { lr: 0.1, momentum, nesterov, weight_decay: 0.01 };
            assert_follows(
                &format!("{sgd:?}"),
                |cpu, _, grads, [params, velocity, _]| sgd_step(cpu, &sgd, params, grads, velocity),
                |state, g, step| reference::sgd(&sgd, state, g, step),
            );
        }
    }

    #[test]
    fn adam_follows_its_definition() {
        for (decoupled, weight_decay) in [(false, 0.0), (false, 0.1), (true, 0.1)] {
            let adam = |step| Adam {
                lr: 0.01,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay,
                decoupled,
                step,
            };
            assert_follows(
                &format!("{:?}", adam(1)),
                |cpu, step, grads, [params, m, v]| adam_step(cpu, &adam(step), params, grads, m, v),
                |state, g, step| reference::adam(&adam(step), state, g),
            );
        }
    }

    #[test]
    fn rmsprop_follows_its_definition() {
        for momentum in [0.0, 0.8] {
            let rmsprop = RmsProp { lr: 0.01, rho: 0.99, epsilon: 1e-3, momentum, weight_decay: 0.05 };
            assert_follows(
                &format!("{rmsprop:?}"),
                |cpu, _, grads, [params, velocity, square]| {
                    rmsprop_step(cpu, &rmsprop, params, grads, square, velocity);
                },
                |state, g, _| reference::rmsprop(&rmsprop, state, g),
            );
        }
    }

    #[test]
    fn without_momentum_no_velocity_is_needed() {
        let cpu = Cpu::new(1);
        let mut params = [1.0, 2.0];
        let sgd = Sgd { lr: 0.5, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
        sgd_step(&cpu, &sgd, &mut params, &[1.0, -2.0], &mut []);
        assert_eq!(params, [0.5, 3.0]);
        let rmsprop = RmsProp { lr: 0.5, rho: 0.0, epsilon: 0.0, momentum: 0.0, weight_decay: 0.0 };
        rmsprop_step(&cpu, &rmsprop, &mut params, &[4.0, -4.0], &mut [0.0; 2], &mut []);
        assert_eq!(params, [0.0, 3.5]);
    }

    #[test]
    fn the_first_step_of_adam_is_the_learning_rate() {
        // m / (1 - beta1) is g and v / (1 - beta2) is g^2, whatever the betas.
        let adam = Adam {
            lr: 0.25,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 0.0,
            weight_decay: 0.0,
            decoupled: false,
            step: 1,
        };
        let mut params = [0.0; 3];
        adam_step(&Cpu::new(1), &adam, &mut params, &[1e-3, -7.0, 100.0], &mut [0.0; 3], &mut [0.0; 3]);
        for (param, expected) in params.into_iter().zip([-0.25, 0.25, -0.25]) {
            assert!((param - expected).abs() < 1e-6, "{param}, not {expected}");
        }
    }

    #[test]
    fn sums_of_squares_of_any_length() {
        for len in [0, 1, 63, 64, 65, 1000, 8192, 30_001] {
            let x = numbers(len, 4);
            let truth: f64 = wide(&x).iter().map(|x| x * x).sum();
            let outputs = on_every_cpu(
                |_| (1, sum_of_squares_scratch(len)),
                |cpu, out, scratch| out[0] = sum_of_squares(cpu, &x, scratch) as f32,
            );
            assert_sums("sum of squares", &outputs, &[truth], &[truth]);
        }
    }

    #[test]
    fn scaling_multiplies_every_element() {
        let outputs = on_every_cpu(
            |_| (LEN, 0),
            |cpu, x, _| {
                x.copy_from_slice(&numbers(LEN, 1));
                scale(cpu, 0.5, x);
            },
        );
        let halves: Vec<f32> = numbers(LEN, 1).iter().map(|x| x / 2.0).collect();
        assert!(outputs.iter().all(|(_, x)| *x == halves));
    }
}
