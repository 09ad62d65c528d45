//! Batch normalisation, forward.

use super::{Affine, NormShape, Normalisation, assert_per_channel, inverse_deviation};
use crate::columns::{Input, OfChannel, map_channels};
use crate::rectifier::Bounds;
use crate::simd::Simd;
use crate::{Cpu, Rectifier};

/// `y = activation(gamma * (x - mean) * invstd + beta + residual)`, by channel, in one pass.
///
/// `x`, `residual` (0 where there is none) and `y` are `[rows, channels]`.
///
/// # Panics
/// When a slice's length does not fit the shape.
pub fn batch_norm_apply(
    cpu: &Cpu,
    shape: &NormShape,
    norm: &Normalisation<'_>,
    x: &[f32],
    residual: Option<&[f32]>,
    activation: Option<Rectifier>,
    y: &mut [f32],
) {
    norm.check(shape.channels);
    // A convolution has written the last of it last, and that is in a cache still.
    let grid = shape.grid().last_to_first();
    let finish = NormaliseAnd { bounds: Bounds::of(activation) };
    let of_channel = |channel| norm.of_channel(channel);
    match residual {
        None => map_channels(cpu, grid, finish, of_channel, [Input::Slice(x)], [y]),
        Some(residual) => {
            map_channels(cpu, grid, finish, of_channel, [x, residual].map(Input::Slice), [y]);
        }
    }
}

/// `y = gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta`, by channel.
///
/// # Panics
/// When a slice's length does not fit the shape.
pub fn batch_norm_infer(
    cpu: &Cpu,
    shape: &NormShape,
    epsilon: f32,
    x: &[f32],
    gamma: Option<&[f32]>,
    beta: Option<&[f32]>,
    moving_mean: &[f32],
    moving_variance: &[f32],
    y: &mut [f32],
) {
    assert_per_channel(shape.channels, &[moving_mean, moving_variance]);
    let affine = Affine::new(shape.channels, gamma, beta);
    let of_channel = |c: usize| {
        let invstd = inverse_deviation(f64::from(moving_variance[c]), epsilon);
        [moving_mean[c], (f64::from(affine.scale(c)) * invstd) as f32, affine.shift(c)]
    };
    map_channels(cpu, shape.grid(), Normalise, of_channel, [Input::Slice(x)], [y]);
}

/// Takes the mean, the scale and the shift of a channel.
#[derive(Clone, Copy)]
pub(crate) struct Normalise;

impl OfChannel<1, 3, 1> for Normalise {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [mean, scale, beta]: [S::V; 3]) -> [S::V; 1] {
        // The mean is taken away first: x * scale + (beta - mean * scale) would lose the digits of x - mean.
        [simd.mul_add(simd.sub(x, mean), scale, beta)]
    }
}

/// [`Normalise`], with what comes after it.
#[derive(Clone, Copy)]
struct NormaliseAnd {
    bounds: Bounds,
}

impl OfChannel<1, 3, 1> for NormaliseAnd {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, x: [S::V; 1], of_channel: [S::V; 3]) -> [S::V; 1] {
        Normalise.apply(simd, x, of_channel).map(|y| self.bounds.keep(simd, y))
    }
}

/// With a residual.
impl OfChannel<2, 3, 1> for NormaliseAnd {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x, residual]: [S::V; 2], of_channel: [S::V; 3]) -> [S::V; 1] {
        Normalise.apply(simd, [x], of_channel).map(|y| self.bounds.keep(simd, simd.add(y, residual)))
    }
}
