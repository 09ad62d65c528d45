//! The statistics of a batch.

use super::{NormSettings, NormShape, assert_per_channel, inverse_deviation};
use crate::Cpu;
use crate::columns::{Fold, Grid, PANEL, Sum, column_sums, fold_piece};
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
    totals.for_each(|channel, sums| {
        statistics.set(shape.rows, *settings, channel, statistics.mean[channel], sums);
    });
}

/// The same from sums that whoever made `x` added up: `sums` is `[parts][2][channels]`, in each part the sums over some of the rows
/// of `x - shift` and of `(x - shift)^2`, with a `shift` of each channel near its mean. Parts are added in order, in `f64`.
///
/// # Panics
/// When there are no rows, or a slice's length does not fit the shape.
pub fn batch_statistics_from_sums(
    shape: &NormShape,
    settings: &NormSettings,
    sums: &[f32],
    shift: &[f32],
    mut statistics: NormStatistics<'_>,
) {
    statistics.check(shape);
    let channels = shape.channels;
    assert_per_channel(channels, &[shift]);
    assert!(sums.len().is_multiple_of((2 * channels).max(1)), "two sums of each of {channels} channels");
    for first in (0..channels).step_by(BLOCK) {
        let block = first..channels.min(first + BLOCK);
        let mut totals = [[0.0; BLOCK]; 2];
        for part in sums.chunks_exact(2 * channels) {
            for (totals, sums) in totals.iter_mut().zip(part.chunks_exact(channels)) {
                totals
                    .iter_mut()
                    .zip(&sums[block.clone()])
                    .for_each(|(total, sum)| *total += f64::from(*sum));
            }
        }
        for (i, channel) in block.enumerate() {
            statistics.set(shape.rows, *settings, channel, shift[channel], totals.map(|sums| sums[i]));
        }
    }
}

/// Channels that are totalled together.
const BLOCK: usize = 16;

impl NormStatistics<'_> {
    fn check(&self, shape: &NormShape) {
        assert!(shape.rows > 0, "statistics of an empty batch");
        assert_per_channel(shape.channels, &[self.mean, self.invstd, self.moving_mean, self.moving_variance]);
    }

    /// Sets those of a channel from the sums of the differences from `shift`, and of their squares.
    fn set(
        &mut self,
        rows: usize,
        settings: NormSettings,
        channel: usize,
        shift: f32,
        [sum, squares]: [f64; 2],
    ) {
        let off = sum / rows as f64;
        let mean = f64::from(shift) + off;
        // Rounding may leave a constant channel just below zero; `clamp`, unlike `max`, lets what is not a number through.
        let variance = (squares / rows as f64 - off * off).clamp(0.0, f64::INFINITY);
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
