//! The statistics of a batch.

use super::{NormSettings, NormShape, assert_per_channel, inverse_deviation};
use crate::Cpu;
use crate::columns::{Fold, Grid, MOMENTS, PANEL, Sum, column_sums, fold_piece};
use crate::simd::Simd;

/// What the statistics of a batch are written to: a number of each channel, each.
#[derive(Debug)]
pub struct NormStatistics<'a> {
    /// The mean of the batch.
    pub mean: &'a mut [f32],
    /// `1 / sqrt(variance + epsilon)` with the biased variance of the batch.
    pub invstd: &'a mut [f32],
    /// Becomes `momentum * moving_mean + (1 - momentum) * mean`, as in Keras.
    pub moving_mean: &'a mut [f32],
    /// Becomes `momentum * moving_variance + (1 - momentum) * variance`, as in Keras.
    pub moving_variance: &'a mut [f32],
}

/// The mean and the variance of each channel of `x` (Ioffe and Szegedy, arXiv 1502.03167).
///
/// The variance is that of the differences from a first guess at the mean, so it keeps its digits where the mean is large.
///
/// # Panics
/// When there are no rows, a slice's length does not fit the shape, or `scratch` is shorter than
/// [`NormShape::train_scratch`].
pub fn batch_statistics(
    cpu: &Cpu,
    shape: &NormShape,
    settings: &NormSettings,
    x: &[f32],
    mut statistics: NormStatistics<'_>,
    scratch: &mut [f32],
) {
    statistics.check(shape);
    assert_eq!(x.len(), shape.len(), "batch norm's input");
    let grid = shape.grid();
    guess_means(cpu, grid, x, statistics.mean);
    let totals = {
        let guess = &*statistics.mean;
        column_sums(cpu, grid, Moments, |channel| [guess[channel]], [x], scratch)
    };
    let rows = shape.rows as f64;
    totals.for_each(|channel, sums| {
        let [off, squares] = sums.map(|sum| sum / rows);
        statistics.set(*settings, channel, f64::from(statistics.mean[channel]) + off, squares - off * off);
    });
}

/// The same from moments that whoever made `x` has gathered: `[parts][4][channels]`, in each part of some of the rows how many they are, a number near their
/// mean, and the sums of their differences from it and of the squares of these. Parts are added in order, in `f64`.
///
/// # Panics
/// When there are no rows, or a slice's length or the moments' count of rows does not fit the shape.
pub fn batch_statistics_from_moments(
    shape: &NormShape,
    settings: &NormSettings,
    moments: &[f32],
    mut statistics: NormStatistics<'_>,
) {
    statistics.check(shape);
    let (channels, rows) = (shape.channels, shape.rows as f64);
    assert!(moments.len().is_multiple_of((MOMENTS * channels).max(1)), "moments of {channels} channels");
    for first in (0..channels).step_by(BLOCK) {
        let block = first..channels.min(first + BLOCK);
        let parts = || {
            moments.chunks_exact(MOMENTS * channels).map(|part| {
                std::array::from_fn(|moment| &part[moment * channels + block.start..][..block.len()])
            })
        };
        let samples = total(parts(), |_, [samples, ..]| samples);
        assert!(samples[..block.len()].iter().all(|&samples| samples == rows), "moments of {rows} rows");
        let means = total(parts(), |_, [samples, near, sum, _]| samples * near + sum).map(|sum| sum / rows);
        let squares = total(parts(), |i, [samples, near, sum, squares]| {
            let off = near - means[i];
            squares + off * (2.0 * sum + samples * off)
        });
        for (i, channel) in block.enumerate() {
            statistics.set(*settings, channel, means[i], squares[i] / rows);
        }
    }
}

/// Adds up over parts what `of` makes of the moments of each of a block's channels, of which it is told the number in the block.
fn total<'a>(
    parts: impl Iterator<Item = [&'a [f32]; MOMENTS]>,
    of: impl Fn(usize, [f64; MOMENTS]) -> f64,
) -> [f64; BLOCK] {
    let mut totals = [0.0; BLOCK];
    for part in parts {
        for (i, total) in totals.iter_mut().enumerate().take(part[0].len()) {
            *total += of(i, part.map(|moment| f64::from(moment[i])));
        }
    }
    totals
}

/// Channels that are totalled together.
const BLOCK: usize = 16;

impl NormStatistics<'_> {
    fn check(&self, shape: &NormShape) {
        assert!(shape.rows > 0, "statistics of an empty batch");
        assert_per_channel(shape.channels, &[self.mean, self.invstd, self.moving_mean, self.moving_variance]);
    }

    /// Sets those of a channel.
    fn set(&mut self, settings: NormSettings, channel: usize, mean: f64, variance: f64) {
        // Rounding may leave a constant channel just below zero; `clamp`, unlike `max`, lets what is not a number through.
        let variance = variance.clamp(0.0, f64::INFINITY);
        self.mean[channel] = mean as f32;
        self.invstd[channel] = inverse_deviation(variance, settings.epsilon) as f32;
        let momentum = f64::from(settings.momentum);
        let follow = |moving: &mut f32, batch: f64| {
            *moving = (momentum * f64::from(*moving) + (1.0 - momentum) * batch) as f32;
        };
        follow(&mut self.moving_mean[channel], mean);
        follow(&mut self.moving_variance[channel], variance);
    }
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
