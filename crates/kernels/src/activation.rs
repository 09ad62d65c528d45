//! Activation functions of one number. ([Softmax](crate::softmax_forward) is one of a row.)

use crate::Cpu;
use crate::elementwise::{Elementwise, elementwise};
use crate::simd::Simd;
use crate::special::{exp_m1, normal, sigmoid, tanh};

/// A function applied to each element, as Keras defines it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x for x > 0, else alpha x.
    LeakyRelu {
        /// The slope below zero.
        alpha: f32,
    },
    /// x for x > 0, else alpha (e^x - 1).
    Elu {
        /// The negated limit towards minus infinity.
        alpha: f32,
    },
    /// x times the share of the standard normal distribution below x (not the tanh approximation).
    Gelu,
    /// x sigmoid(x), also called swish.
    Silu,
    /// x relu6(x + 3) / 6.
    HardSwish,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e^-x).
    Sigmoid,
}

/// What the backward pass of an activation reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Saved {
    /// What went into the forward pass.
    Input,
    /// What came out of it, which most often is kept anyway because the next layer's backward pass needs it.
    Output,
}

impl Activation {
    /// What [`activation_backward`] must be given.
    pub fn saves(self) -> Saved {
        match self {
            Self::Relu | Self::Relu6 | Self::Tanh | Self::Sigmoid => Saved::Output,
            // A negative alpha makes the output positive on both sides, so that it no longer tells them apart.
            Self::LeakyRelu { alpha } | Self::Elu { alpha } if alpha >= 0.0 => Saved::Output,
            Self::LeakyRelu { .. } | Self::Elu { .. } | Self::Gelu | Self::Silu | Self::HardSwish => {
                Saved::Input
            }
        }
    }
}

/// `y = activation(x)`, for slices of one length. What is not a number stays so.
///
/// # Panics
/// When the lengths differ.
pub fn activation_forward(cpu: &Cpu, activation: Activation, x: &[f32], y: &mut [f32]) {
    activation.visit(Forward { cpu, x, y });
}

/// `dx = dy * activation'(x)`, where `saved` is the forward pass's input or output, as [`Activation::saves`] says.
///
/// At a corner the slope is PyTorch's: 0 at relu's and at both of relu6's, hard swish's 0 at -3 and 1 at 3.
///
/// # Panics
/// When the lengths differ.
pub fn activation_backward(cpu: &Cpu, activation: Activation, saved: &[f32], dy: &[f32], dx: &mut [f32]) {
    activation.visit(Backward { cpu, saved, dy, dx });
}

/// An activation that the compiler knows: its loops have no branch on which it is.
trait Function: Copy + Sync {
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V;

    /// The derivative, from what the activation [saves](Activation::saves).
    fn slope<S: Simd>(self, simd: S, saved: S::V) -> S::V;
}

/// What is to be done with an activation, whichever it is.
trait Visitor {
    fn visit(self, f: impl Function);
}

impl Activation {
    fn visit(self, visitor: impl Visitor) {
        match self {
            Self::Relu => visitor.visit(Relu),
            Self::Relu6 => visitor.visit(Relu6),
            Self::LeakyRelu { alpha } => visitor.visit(LeakyRelu { alpha }),
            Self::Elu { alpha } if alpha >= 0.0 => visitor.visit(Elu { alpha }),
            Self::Elu { alpha } => visitor.visit(NegativeElu { alpha }),
            Self::Gelu => visitor.visit(Gelu),
            Self::Silu => visitor.visit(Silu),
            Self::HardSwish => visitor.visit(HardSwish),
            Self::Tanh => visitor.visit(Tanh),
            Self::Sigmoid => visitor.visit(Sigmoid),
        }
    }
}

struct Forward<'a> {
    cpu: &'a Cpu,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Visitor for Forward<'_> {
    fn visit(self, f: impl Function) {
        elementwise(self.cpu, Value(f), [self.x], [self.y]);
    }
}

struct Backward<'a> {
    cpu: &'a Cpu,
    saved: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Visitor for Backward<'_> {
    fn visit(self, f: impl Function) {
        elementwise(self.cpu, Slope(f), [self.saved, self.dy], [self.dx]);
    }
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<F: Function> Elementwise<1, 1> for Value<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], _: [S::V; 1]) -> [S::V; 1] {
        [self.0.value(simd, x)]
    }
}

#[derive(Clone, Copy)]
struct Slope<F>(F);

impl<F: Function> Elementwise<2, 1> for Slope<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [saved, dy]: [S::V; 2], _: [S::V; 1]) -> [S::V; 1] {
        [simd.mul(dy, self.0.slope(simd, saved))]
    }
}

#[derive(Clone, Copy)]
struct Relu;

impl Function for Relu {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        simd.max(simd.zero(), x)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, y: S::V) -> S::V {
        simd.select_gt(y, simd.zero(), simd.splat(1.0), simd.zero())
    }
}

#[derive(Clone, Copy)]
struct Relu6;

impl Function for Relu6 {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        simd.min(simd.splat(6.0), simd.max(simd.zero(), x))
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, y: S::V) -> S::V {
        let below_six = simd.select_gt(simd.splat(6.0), y, simd.splat(1.0), simd.zero());
        simd.select_gt(y, simd.zero(), below_six, simd.zero())
    }
}

#[derive(Clone, Copy)]
struct LeakyRelu {
    alpha: f32,
}

impl Function for LeakyRelu {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        simd.select_gt(x, simd.zero(), x, simd.mul(x, simd.splat(self.alpha)))
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, saved: S::V) -> S::V {
        simd.select_gt(saved, simd.zero(), simd.splat(1.0), simd.splat(self.alpha))
    }
}

#[derive(Clone, Copy)]
struct Elu {
    alpha: f32,
}

impl Function for Elu {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        let below = simd.mul(simd.splat(self.alpha), exp_m1(simd, x));
        simd.select_gt(x, simd.zero(), x, below)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, y: S::V) -> S::V {
        simd.select_gt(y, simd.zero(), simd.splat(1.0), simd.add(y, simd.splat(self.alpha)))
    }
}

/// [`Elu`] with an alpha below zero, whose backward pass reads the input.
#[derive(Clone, Copy)]
struct NegativeElu {
    alpha: f32,
}

impl Function for NegativeElu {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        Elu { alpha: self.alpha }.value(simd, x)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, x: S::V) -> S::V {
        let below = simd.mul(simd.splat(self.alpha), simd.exp(x));
        simd.select_gt(x, simd.zero(), simd.splat(1.0), below)
    }
}

#[derive(Clone, Copy)]
struct Gelu;

impl Function for Gelu {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        let (below, _) = normal(simd, x);
        simd.mul(x, below)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, x: S::V) -> S::V {
        let (below, density) = normal(simd, x);
        simd.mul_add(x, density, below)
    }
}

#[derive(Clone, Copy)]
struct Silu;

impl Function for Silu {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        simd.mul(x, sigmoid(simd, x))
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, x: S::V) -> S::V {
        let s = sigmoid(simd, x);
        let one = simd.splat(1.0);
        simd.mul(s, simd.mul_add(x, simd.sub(one, s), one))
    }
}

#[derive(Clone, Copy)]
struct HardSwish;

impl Function for HardSwish {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        let gate = Relu6.value(simd, simd.add(x, simd.splat(3.0)));
        simd.mul(simd.mul(x, gate), simd.splat(1.0 / 6.0))
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, x: S::V) -> S::V {
        let middle = simd.mul_add(x, simd.splat(1.0 / 3.0), simd.splat(0.5));
        let upper = simd.select_gt(simd.splat(3.0), x, middle, simd.splat(1.0));
        simd.select_gt(x, simd.splat(-3.0), upper, simd.zero())
    }
}

#[derive(Clone, Copy)]
struct Tanh;

impl Function for Tanh {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        tanh(simd, x)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, y: S::V) -> S::V {
        simd.sub(simd.splat(1.0), simd.mul(y, y))
    }
}

#[derive(Clone, Copy)]
struct Sigmoid;

impl Function for Sigmoid {
    #[inline(always)]
    fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        sigmoid(simd, x)
    }

    #[inline(always)]
    fn slope<S: Simd>(self, simd: S, y: S::V) -> S::V {
        simd.mul(y, simd.sub(simd.splat(1.0), y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::activation as reference;
    use crate::reference::differences::gradient;
    use crate::reference::trial::{assert_sums, magnitudes, on_every_cpu, wide};
    use proptest::prelude::*;

    const ALL: [Activation; 11] = [
        Activation::Relu,
        Activation::Relu6,
        Activation::LeakyRelu { alpha: 0.2 },
        Activation::LeakyRelu { alpha: -0.5 },
        Activation::Elu { alpha: 1.3 },
        Activation::Elu { alpha: -0.7 },
        Activation::Gelu,
        Activation::Silu,
        Activation::HardSwish,
        Activation::Tanh,
        Activation::Sigmoid,
    ];

    fn forward(activation: Activation, x: &[f32]) -> Vec<(&'static str, Vec<f32>)> {
        on_every_cpu(|_| (x.len(), 0), |cpu, y, _| activation_forward(cpu, activation, x, y))
    }

    fn assert_right(activation: Activation, x: &[f32], dy: &[f32]) {
        let y: Vec<f64> = x.iter().map(|x| reference::activation(activation, f64::from(*x))).collect();
        // Gelu's tail has the fewest digits, which the tests of the normal distribution count.
        let sizes: Vec<f64> = magnitudes(&y).iter().map(|y| y + 1e-6).collect();
        assert_sums(&format!("{activation:?}"), &forward(activation, x), &y, &sizes);

        let y: Vec<f32> = y.iter().map(|y| *y as f32).collect();
        let saved = if activation.saves() == Saved::Input { x } else { &y };
        let dx =
            on_every_cpu(|_| (x.len(), 0), |cpu, dx, _| activation_backward(cpu, activation, saved, dy, dx));
        let slope = |x: f32| gradient(|x| reference::activation(activation, x[0]), &[f64::from(x)])[0];
        let truth: Vec<f64> = x.iter().zip(dy).map(|(x, dy)| f64::from(*dy) * slope(*x)).collect();
        assert_sums(&format!("{activation:?} backward"), &dx, &truth, &magnitudes(&wide(dy)));
    }

    proptest! {
        #[test]
        fn values_and_slopes_agree_with_the_definition(pairs in prop::collection::vec((-12.0_f32..12.0, -3.0_f32..3.0), 0..70)) {
            // Differences say nothing at a corner.
            let corners = [-3.0, 0.0, 3.0, 6.0];
            let smooth = |x: f32| corners.iter().all(|corner| (x - corner).abs() > 1e-3);
            let (x, dy): (Vec<_>, Vec<_>) = pairs.into_iter().filter(|(x, _)| smooth(*x)).unzip();
            for activation in ALL {
                assert_right(activation, &x, &dy);
            }
        }
    }

    #[test]
    fn slices_of_many_tasks_agree_with_the_definition() {
        let x: Vec<f32> = (0..20_011).map(|i| (i as f32 - 10_000.3) * 1e-3).collect();
        let dy: Vec<f32> = (0..20_011).map(|i| (i % 7) as f32 - 3.0).collect();
        for activation in [Activation::Gelu, Activation::Tanh] {
            assert_right(activation, &x, &dy);
        }
    }

    #[test]
    fn corners_have_the_slopes_that_are_promised() {
        for (activation, saved, slope) in [
            (Activation::Relu, 0.0, 0.0),
            (Activation::Relu6, 0.0, 0.0),
            (Activation::Relu6, 6.0, 0.0),
            (Activation::LeakyRelu { alpha: 0.25 }, 0.0, 0.25),
            (Activation::HardSwish, -3.0, 0.0),
            (Activation::HardSwish, 3.0, 1.0),
        ] {
            let dx = on_every_cpu(
                |_| (3, 0),
                |cpu, dx, _| activation_backward(cpu, activation, &[saved; 3], &[8.0; 3], dx),
            );
            assert!(dx.iter().all(|(_, dx)| dx == &[8.0 * slope; 3]), "{activation:?} at {saved}: {dx:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        for activation in ALL {
            for (isa, y) in forward(activation, &[f32::NAN; 19]) {
                assert!(y.iter().all(|y| y.is_nan()), "{activation:?} on {isa}");
            }
        }
    }
}
