//! Batch normalisation, with what comes before and after it, and factors and offsets of channels.

mod affine;
mod backward;
mod forward;
mod scale_shift;
mod statistics;
#[cfg(test)]
mod tests;

pub use affine::batch_norm_affine;
pub(crate) use backward::{Correlation, NormaliseBackward};
pub use backward::{NormBackward, NormGradients, NormOutput, batch_norm_gradients};
pub(crate) use forward::Normalise;
pub use forward::{batch_norm_apply, batch_norm_infer};
pub use scale_shift::{scale_shift_backward, scale_shift_forward};
pub use statistics::{NormStatistics, batch_statistics, batch_statistics_from_moments};

use crate::columns::{Grid, column_sums_scratch};
use crate::shape::elements;

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
        elements([self.rows, self.channels])
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of scratch that [`batch_statistics`] needs.
    pub fn train_scratch(&self) -> usize {
        column_sums_scratch(self.grid(), 2)
    }

    /// Numbers of scratch that [`batch_norm_gradients`] needs.
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

/// What normalises the channels of a batch: a number of each channel, each.
#[derive(Clone, Copy, Debug)]
pub struct Normalisation<'a> {
    /// The mean.
    pub mean: &'a [f32],
    /// `1 / sqrt(variance + epsilon)`.
    pub invstd: &'a [f32],
    /// The scale after normalising; 1 where there is none.
    pub gamma: Option<&'a [f32]>,
    /// The shift after it; 0 where there is none.
    pub beta: Option<&'a [f32]>,
}

impl<'a> Normalisation<'a> {
    pub(crate) fn check(&self, channels: usize) {
        assert_per_channel(channels, &[self.mean, self.invstd]);
        self.gamma.iter().chain(&self.beta).for_each(|slice| assert_per_channel(channels, &[slice]));
    }

    pub(crate) fn affine(&self) -> Affine<'a> {
        Affine { gamma: self.gamma, beta: self.beta }
    }

    /// Mean, scale and shift of a channel: what [`Normalise`] takes.
    pub(crate) fn of_channel(&self, channel: usize) -> [f32; 3] {
        let affine = self.affine();
        [self.mean[channel], affine.scale(channel) * self.invstd[channel], affine.shift(channel)]
    }

    /// What [`NormaliseBackward`] takes, given the gradients of gamma and beta: the mean; the scale; what is taken off dy, and, times
    /// x - mean, added to it.
    pub(crate) fn backward_of_channel(
        &self,
        channel: usize,
        rows: usize,
        dgamma: f32,
        dbeta: f32,
    ) -> [f32; 4] {
        let (rows, invstd) = (rows as f32, self.invstd[channel]);
        [self.mean[channel], self.affine().scale(channel) * invstd, dbeta / rows, -invstd * (dgamma / rows)]
    }
}

/// The scale and shift after normalising: 1 and 0 where there is none.
#[derive(Clone, Copy)]
pub(crate) struct Affine<'a> {
    gamma: Option<&'a [f32]>,
    beta: Option<&'a [f32]>,
}

impl<'a> Affine<'a> {
    fn new(channels: usize, gamma: Option<&'a [f32]>, beta: Option<&'a [f32]>) -> Self {
        gamma.iter().chain(&beta).for_each(|slice| assert_per_channel(channels, &[slice]));
        Self { gamma, beta }
    }

    pub(crate) fn scale(&self, channel: usize) -> f32 {
        self.gamma.map_or(1.0, |gamma| gamma[channel])
    }

    pub(crate) fn shift(&self, channel: usize) -> f32 {
        self.beta.map_or(0.0, |beta| beta[channel])
    }
}

fn assert_per_channel(channels: usize, slices: &[&[f32]]) {
    assert!(slices.iter().all(|slice| slice.len() == channels), "slices of {channels} channels");
}

fn inverse_deviation(variance: f64, epsilon: f32) -> f64 {
    1.0 / (variance + f64::from(epsilon)).sqrt()
}
