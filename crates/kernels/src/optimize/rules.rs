//! The rules of optimizers as functions of a gradient, the parameter and what is kept of it.

use super::{Adam, RmsProp, Sgd};
use crate::elementwise::Elementwise;
use crate::simd::Simd;

/// Where weight decay pulls: at the gradient or, decoupled, at the parameter. The other is left as it is.
#[derive(Clone, Copy)]
struct Decay {
    /// Times the parameter, added to the gradient.
    coupled: f32,
    /// What decoupled weight decay leaves of the parameter.
    keep: f32,
}

impl Decay {
    fn new(weight_decay: f64, lr: f64, decoupled: bool) -> Self {
        if decoupled {
            Self { coupled: 0.0, keep: (1.0 - lr * weight_decay) as f32 }
        } else {
            Self { coupled: weight_decay as f32, keep: 1.0 }
        }
    }

    /// The gradient and the parameter that the rule goes on with.
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, gradient: S::V, param: S::V) -> (S::V, S::V) {
        let gradient = simd.mul_add(param, simd.splat(self.coupled), gradient);
        (gradient, simd.mul(param, simd.splat(self.keep)))
    }
}

#[derive(Clone, Copy)]
pub(super) struct GradientDescent {
    gradient_scale: f32,
    lr: f32,
    decay: Decay,
}

impl GradientDescent {
    #[inline(always)]
    fn decayed<S: Simd>(self, simd: S, gradient: S::V, param: S::V) -> (S::V, S::V) {
        self.decay.apply(simd, simd.mul(gradient, simd.splat(self.gradient_scale)), param)
    }

    #[inline(always)]
    fn moved<S: Simd>(self, simd: S, param: S::V, direction: S::V) -> S::V {
        simd.mul_add(direction, simd.splat(-self.lr), param)
    }
}

impl Elementwise<1, 1> for GradientDescent {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::V; 1], [param]: [S::V; 1]) -> [S::V; 1] {
        let (gradient, param) = self.decayed(simd, gradient, param);
        [self.moved(simd, param, gradient)]
    }
}

#[derive(Clone, Copy)]
pub(super) struct Momentum<const NESTEROV: bool> {
    pub(super) plain: GradientDescent,
    pub(super) momentum: f32,
}

impl<const NESTEROV: bool> Elementwise<1, 2> for Momentum<NESTEROV> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::V; 1], [param, velocity]: [S::V; 2]) -> [S::V; 2] {
        let momentum = simd.splat(self.momentum);
        let (gradient, param) = self.plain.decayed(simd, gradient, param);
        let velocity = simd.mul_add(velocity, momentum, gradient);
        let direction = if NESTEROV { simd.mul_add(velocity, momentum, gradient) } else { velocity };
        [self.plain.moved(simd, param, direction), velocity]
    }
}

#[derive(Clone, Copy)]
pub(super) struct AdamStep {
    gradient_scale: f32,
    gain1: f32,
    beta2: f32,
    gain2: f32,
    step_size: f32,
    /// What the root of `v` is multiplied by to make up for its start at zero.
    root_scale: f32,
    epsilon: f32,
    decay: Decay,
}

impl Elementwise<1, 3> for AdamStep {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [gradient]: [S::V; 1], [param, m, v]: [S::V; 3]) -> [S::V; 3] {
        let gradient = simd.mul(gradient, simd.splat(self.gradient_scale));
        let (gradient, param) = self.decay.apply(simd, gradient, param);
        let m = simd.mul_add(simd.sub(gradient, m), simd.splat(self.gain1), m);
        let square = simd.mul(simd.mul(gradient, gradient), simd.splat(self.gain2));
        let v = simd.mul_add(v, simd.splat(self.beta2), square);
        let root = simd.mul_add(simd.sqrt(v), simd.splat(self.root_scale), simd.splat(self.epsilon));
        let param = simd.mul_add(simd.div(m, root), simd.splat(-self.step_size), param);
        [param, m, v]
    }
}

#[derive(Clone, Copy)]
pub(super) struct RmsPropStep {
    gradient_scale: f32,
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
        let gradient = simd.mul(gradient, simd.splat(self.gradient_scale));
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

/// A running average of a number, as `y`.
#[derive(Clone, Copy)]
pub(super) struct Follow {
    pub(super) rate: f32,
}

impl Elementwise<1, 1> for Follow {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [value]: [S::V; 1], [average]: [S::V; 1]) -> [S::V; 1] {
        [simd.mul_add(simd.sub(value, average), simd.splat(self.rate), average)]
    }
}

/// A rule, and an average of the parameter as the last of what it replaces.
#[derive(Clone, Copy)]
pub(super) struct Averaged<R> {
    pub(super) rule: R,
    pub(super) follow: Follow,
}

macro_rules! averaged {
    ($of_rule:literal, $with_average:literal, $($state:ident),*) => {
        impl<R: Elementwise<1, $of_rule>> Elementwise<1, $with_average> for Averaged<R> {
            #[inline(always)]
            fn apply<S: Simd>(
                self,
                simd: S,
                gradient: [S::V; 1],
                [param, $($state,)* average]: [S::V; $with_average],
            ) -> [S::V; $with_average] {
                let [param, $($state),*] = self.rule.apply(simd, gradient, [param, $($state),*]);
                let [average] = self.follow.apply(simd, [param], [average]);
                [param, $($state,)* average]
            }
        }
    };
}

averaged!(1, 2,);
averaged!(2, 3, first);
averaged!(3, 4, first, second);

impl GradientDescent {
    pub(super) fn new(sgd: &Sgd, gradient_scale: f32) -> Self {
        let decay = Decay::new(sgd.weight_decay, sgd.lr, sgd.decoupled);
        Self { gradient_scale, lr: sgd.lr as f32, decay }
    }
}

impl AdamStep {
    /// # Panics
    /// When the step is 0.
    pub(super) fn new(adam: &Adam, gradient_scale: f32) -> Self {
        assert!(adam.step > 0, "Adam's steps are counted from 1");
        let correction = |beta: f64| 1.0 - beta.powf(adam.step as f64);
        Self {
            gradient_scale,
            gain1: (1.0 - adam.beta1) as f32,
            beta2: adam.beta2 as f32,
            gain2: (1.0 - adam.beta2) as f32,
            step_size: (adam.lr / correction(adam.beta1)) as f32,
            root_scale: (1.0 / correction(adam.beta2).sqrt()) as f32,
            epsilon: adam.epsilon as f32,
            decay: Decay::new(adam.weight_decay, adam.lr, adam.decoupled),
        }
    }
}

impl RmsPropStep {
    pub(super) fn new(rmsprop: &RmsProp, gradient_scale: f32) -> Self {
        Self {
            gradient_scale,
            lr: rmsprop.lr as f32,
            rho: rmsprop.rho as f32,
            gain: (1.0 - rmsprop.rho) as f32,
            epsilon: rmsprop.epsilon as f32,
            momentum: rmsprop.momentum as f32,
            weight_decay: rmsprop.weight_decay as f32,
        }
    }
}
