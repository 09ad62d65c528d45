//! Activations that keep a number within bounds.

use crate::simd::Simd;

/// `low` where a number is below it, `high` where it is above, and the number itself between.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Clamp {
    /// The lowest number that passes.
    pub low: f32,
    /// The highest number that passes.
    pub high: f32,
}

impl Clamp {
    /// Every number passes.
    pub const NONE: Self = Self { low: f32::NEG_INFINITY, high: f32::INFINITY };
    /// Rectified linear: `max(x, 0)`.
    pub const RELU: Self = Self { low: 0.0, high: f32::INFINITY };
    /// `min(max(x, 0), 6)`.
    pub const RELU6: Self = Self { low: 0.0, high: 6.0 };

    /// A number that is not one stays so: it comes second.
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, simd: S, x: S::V) -> S::V {
        simd.min(simd.splat(self.high), simd.max(simd.splat(self.low), x))
    }
}

impl Default for Clamp {
    fn default() -> Self {
        Self::NONE
    }
}
