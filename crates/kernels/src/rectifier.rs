//! Activations that kernels apply in passing.

use crate::Activation;
use crate::simd::Simd;

/// An activation that keeps numbers within bounds. Its derivative, 1 between the bounds and 0 at and beyond them, follows from
/// its output by comparing alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rectifier {
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

impl Rectifier {
    /// The same function as `activation`, where it is one of these.
    pub fn of(activation: Activation) -> Option<Self> {
        match activation {
            Activation::Relu => Some(Self::Relu),
            Activation::Relu6 => Some(Self::Relu6),
            _ => None,
        }
    }
}

/// A rectifier, or none, as bounds.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    low: f32,
    high: f32,
}

impl Bounds {
    pub(crate) fn of(rectifier: Option<Rectifier>) -> Self {
        match rectifier {
            None => Self { low: f32::NEG_INFINITY, high: f32::INFINITY },
            Some(Rectifier::Relu) => Self { low: 0.0, high: f32::INFINITY },
            Some(Rectifier::Relu6) => Self { low: 0.0, high: 6.0 },
        }
    }

    /// What is not a number stays so.
    #[inline(always)]
    pub(crate) fn keep<S: Simd>(self, simd: S, x: S::V) -> S::V {
        simd.min(simd.splat(self.high), simd.max(simd.splat(self.low), x))
    }

    /// `dy` where `y` is between the bounds, and 0 elsewhere.
    #[inline(always)]
    pub(crate) fn pass<S: Simd>(self, simd: S, y: S::V, dy: S::V) -> S::V {
        let below = simd.select_gt(simd.splat(self.high), y, dy, simd.zero());
        simd.select_gt(y, simd.splat(self.low), below, simd.zero())
    }
}
