//! Batch normalisation, and factors and offsets of channels.

mod affine;

pub use affine::batch_norm_affine;

use crate::Cpu;
use crate::columns::{
    Fold, Grid, OfChannel, PANEL, Sum, column_sums, column_sums_scratch, fold_piece, map_channels,
};
use crate::simd::Simd;

/// What is normalised: `rows` (batch, height and width together) times `channels`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NormShape {
    /// Samples of each channel: batch times height times width.
    pub rows: usize,
    /// Channels, each with a mean and a variance.
    pub channels: usize,
}

impl NormShape {
    /// Elements of the input and of the output.
    pub fn len(&self) -> usize {
        self.rows * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of scratch that [`batch_norm_train`] needs.
    pub fn train_scratch(&self) -> usize {
        column_sums_scratch(self.grid(), 2)
    }

    /// Numbers of scratch that [`batch_norm_backward`] needs.
    pub fn backward_scratch(&self) -> usize {
        column_sums_scratch(self.grid(), 2)
    }

    fn grid(&self) -> Grid {
        Grid::new(self.rows, self.channels)
    }
}

/// What batch normalisation is told besides its parameters.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NormSettings {
    /// Added to the variance (Keras's default: 1e-3).
    pub epsilon: f32,
    /// What stays of a moving statistic at each step (Keras's default: 0.99).
    pub momentum: f32,
}

/// `y = gamma * (x - mean) * invstd + beta` with the mean and the (biased) variance of the batch, by channel.
///
/// `mean` and `invstd = 1 / sqrt(variance + epsilon)` are set for the backward pass; the moving statistics become
/// `momentum * moving + (1 - momentum) * batch`, as in Keras. Ioffe and Szegedy, arXiv 1502.03167.
///
/// Without `gamma` or `beta`, they are 1 and 0.
///
/// The variance is that of the differences from a first guess at the mean, so it keeps its digits where the mean is large.
///
/// # Panics
/// When there are no rows, a slice's length does not fit the shape, or `scratch` is shorter than
/// [`NormShape::train_scratch`].
pub fn batch_norm_train(
    cpu: &Cpu,
    shape: &NormShape,
    settings: &NormSettings,
    x: &[f32],
    gamma: Option<&[f32]>,
    beta: Option<&[f32]>,
    y: &mut [f32],
    mean: &mut [f32],
    invstd: &mut [f32],
    moving_mean: &mut [f32],
    moving_variance: &mut [f32],
    scratch: &mut [f32],
) {
    assert!(shape.rows > 0, "statistics of an empty batch");
    assert_per_channel(shape.channels, &[mean, invstd, moving_mean, moving_variance]);
    let affine = Affine::new(shape.channels, gamma, beta);
    assert_eq!(x.len(), shape.len(), "batch norm's input");
    let grid = shape.grid();
    guess_means(cpu, grid, x, mean);
    let totals = column_sums(cpu, grid, Moments, |channel| [mean[channel]], [x], scratch);
    let (momentum, rows) = (f64::from(settings.momentum), shape.rows as f64);
    let follow = |moving: &mut f32, batch: f64| {
        *moving = (momentum * f64::from(*moving) + (1.0 - momentum) * batch) as f32;
    };
    totals.for_each(|channel, [sum, squares]| {
        let off = sum / rows;
        // Rounding may leave a constant channel just below zero; `clamp`, unlike `max`, lets what is not a number through.
        let variance = (squares / rows - off * off).clamp(0.0, f64::INFINITY);
        invstd[channel] = inverse_deviation(variance, settings.epsilon) as f32;
        follow(&mut moving_variance[channel], variance);
    });
    totals.for_each(|channel, [sum, _]| {
        let exact = f64::from(mean[channel]) + sum / rows;
        mean[channel] = exact as f32;
        follow(&mut moving_mean[channel], exact);
    });
    let of_channel = |c: usize| [mean[c], affine.scale(c) * invstd[c], affine.shift(c)];
    map_channels(cpu, grid, Normalise, of_channel, [x], y);
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
    map_channels(cpu, shape.grid(), Normalise, of_channel, [x], y);
}

/// The backward pass of [`batch_norm_train`], from its input `x` and the statistics it saved.
///
/// With n = (x - mean) * invstd: `dbeta = sum dy`, `dgamma = sum dy n` (sums over the rows), and
/// `dx = gamma * invstd * (dy - dbeta / rows - n * dgamma / rows)`.
///
/// # Panics
/// When there are no rows, a slice's length does not fit the shape, or `scratch` is shorter than
/// [`NormShape::backward_scratch`].
pub fn batch_norm_backward(
    cpu: &Cpu,
    shape: &NormShape,
    x: &[f32],
    dy: &[f32],
    gamma: Option<&[f32]>,
    mean: &[f32],
    invstd: &[f32],
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    scratch: &mut [f32],
) {
    assert!(shape.rows > 0, "the gradient of an empty batch");
    assert_per_channel(shape.channels, &[mean, invstd, dgamma, dbeta]);
    let affine = Affine::new(shape.channels, gamma, None);
    let grid = shape.grid();
    let totals = column_sums(cpu, grid, Correlation, |channel| [mean[channel]], [x, dy], scratch);
    totals.for_each(|channel, [sum, product]| {
        dbeta[channel] = sum as f32;
        dgamma[channel] = (product * f64::from(invstd[channel])) as f32;
    });
    let rows = shape.rows as f32;
    let of_channel =
        |c: usize| [mean[c], affine.scale(c) * invstd[c], dbeta[c] / rows, -invstd[c] * (dgamma[c] / rows)];
    map_channels(cpu, grid, NormaliseBackward, of_channel, [x, dy], dx);
}

/// `y = x * scale + shift`, by channel.
///
/// # Panics
/// When a slice's length does not fit `rows` and `channels`.
pub fn scale_shift_forward(
    cpu: &Cpu,
    rows: usize,
    channels: usize,
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    y: &mut [f32],
) {
    assert_per_channel(channels, &[scale, shift]);
    map_channels(cpu, Grid::new(rows, channels), ScaleShift, |c| [scale[c], shift[c]], [x], y);
}

/// `dx = dy * scale`, by channel: the backward pass of [`scale_shift_forward`] with respect to its input.
///
/// # Panics
/// When a slice's length does not fit `rows` and `channels`.
pub fn scale_shift_backward(
    cpu: &Cpu,
    rows: usize,
    channels: usize,
    dy: &[f32],
    scale: &[f32],
    dx: &mut [f32],
) {
    assert_per_channel(channels, &[scale]);
    map_channels(cpu, Grid::new(rows, channels), Scale, |c| [scale[c]], [dy], dx);
}

/// The scale and shift after normalising: 1 and 0 where there is none.
#[derive(Clone, Copy)]
struct Affine<'a> {
    gamma: Option<&'a [f32]>,
    beta: Option<&'a [f32]>,
}

impl<'a> Affine<'a> {
    fn new(channels: usize, gamma: Option<&'a [f32]>, beta: Option<&'a [f32]>) -> Self {
        gamma.iter().chain(&beta).for_each(|slice| assert_per_channel(channels, &[slice]));
        Self { gamma, beta }
    }

    fn scale(&self, channel: usize) -> f32 {
        self.gamma.map_or(1.0, |gamma| gamma[channel])
    }

    fn shift(&self, channel: usize) -> f32 {
        self.beta.map_or(0.0, |beta| beta[channel])
    }
}

fn assert_per_channel(channels: usize, slices: &[&[f32]]) {
    assert!(slices.iter().all(|slice| slice.len() == channels), "slices of {channels} channels");
}

fn inverse_deviation(variance: f64, epsilon: f32) -> f64 {
    1.0 / (variance + f64::from(epsilon)).sqrt()
}

/// Sets `mean` to the means of the first rows. They are near enough to those of all rows: what the guess costs the variance
/// in digits is bounded, because these rows are part of the variance too.
fn guess_means(cpu: &Cpu, grid: Grid, x: &[f32], mean: &mut [f32]) {
    for panel in 0..grid.panels() {
        let piece = grid.piece(panel * grid.bands());
        let mut sums = [0.0; PANEL];
        fold_piece(cpu, Sum, piece, [], [x], [&mut sums]);
        piece.narrow(&mut sums);
        let means = &mut mean[piece.channel..piece.channel + piece.channels()];
        means.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = sum / piece.samples() as f32);
    }
}

/// The sums of the differences from a number, and of their squares.
#[derive(Clone, Copy)]
struct Moments;

impl Fold<1, 1, 2> for Moments {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        [sum, squares]: [S::V; 2],
        [x]: [S::V; 1],
        [about]: [S::V; 1],
    ) -> [S::V; 2] {
        let off = simd.sub(x, about);
        [simd.add(sum, off), simd.mul_add(off, off, squares)]
    }
}

/// The sums of dy and of dy times the difference of x from its mean.
#[derive(Clone, Copy)]
struct Correlation;

impl Fold<2, 1, 2> for Correlation {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        [sum, product]: [S::V; 2],
        [x, dy]: [S::V; 2],
        [mean]: [S::V; 1],
    ) -> [S::V; 2] {
        [simd.add(sum, dy), simd.mul_add(dy, simd.sub(x, mean), product)]
    }
}

#[derive(Clone, Copy)]
struct Normalise;

impl OfChannel<1, 3> for Normalise {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [mean, scale, beta]: [S::V; 3]) -> S::V {
        // The mean is taken away first: x * scale + (beta - mean * scale) would lose the digits of x - mean.
        simd.mul_add(simd.sub(x, mean), scale, beta)
    }
}

#[derive(Clone, Copy)]
struct NormaliseBackward;

impl OfChannel<2, 4> for NormaliseBackward {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x, dy]: [S::V; 2], [mean, scale, mean_dy, slope]: [S::V; 4]) -> S::V {
        let centred = simd.sub(dy, mean_dy);
        simd.mul(simd.mul_add(simd.sub(x, mean), slope, centred), scale)
    }
}

#[derive(Clone, Copy)]
struct ScaleShift;

impl OfChannel<1, 2> for ScaleShift {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [scale, shift]: [S::V; 2]) -> S::V {
        simd.mul_add(x, scale, shift)
    }
}

#[derive(Clone, Copy)]
struct Scale;

impl OfChannel<1, 1> for Scale {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [scale]: [S::V; 1]) -> S::V {
        simd.mul(x, scale)
    }
}

#[cfg(test)]
mod tests;
