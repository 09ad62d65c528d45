//! From bytes to numbers around zero.

use super::PreprocessError;
use crate::decode::Channels;
use serde::{Deserialize, Serialize};

/// Measured deviations below this (a twentieth of a grey level, as in blank images) are taken as this, so that noise is not blown up.
const MIN_STD: f64 = 0.05 / 255.0;

/// The least deviation a recipe may divide by; smaller ones turn bytes into numbers beyond what `f32` can sum.
const LEAST_STD: f32 = 1e-6;

/// The largest level.
const WHITE: f32 = 255.0;

/// How a byte becomes a number: `(byte / 255 - mean) / std`, with a mean and a standard deviation for each channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// What is subtracted, in 0..1, a number for each channel.
    pub mean: Vec<f32>,
    /// What is divided by, above 0, a number for each channel.
    pub std: Vec<f32>,
}

impl Scaling {
    /// Bytes to 0..1 and no further.
    pub fn unit(channels: Channels) -> Self {
        Self { mean: vec![0.0; channels.count()], std: vec![1.0; channels.count()] }
    }

    /// Scales values that are in 0..1, as [`Scaling::unit`] leaves them, where they lie; their channels are interleaved.
    pub fn scale_unit(&self, values: &mut [f32]) {
        let steps: Vec<(f32, f32)> = self
            .mean
            .iter()
            .zip(&self.std)
            .map(|(&mean, &std)| (f64::from(mean), f64::from(std)))
            .map(|(mean, std)| ((1.0 / std) as f32, (-mean / std) as f32))
            .collect();
        for pixel in values.chunks_mut(steps.len()) {
            for (value, (gain, bias)) in pixel.iter_mut().zip(&steps) {
                *value = *value * gain + bias;
            }
        }
    }

    pub(super) fn check(&self, channels: Channels) -> Result<(), PreprocessError> {
        let count = channels.count();
        let lengths_fit = self.mean.len() == count && self.std.len() == count;
        let numbers_fit = self.mean.iter().all(|m| m.is_finite())
            && self.std.iter().all(|s| s.is_finite() && *s >= LEAST_STD);
        if lengths_fit && numbers_fit {
            return Ok(());
        }
        Err(PreprocessError::Scaling { mean: self.mean.clone(), std: self.std.clone(), channels: count })
    }

    /// The scaling, made ready for many pictures.
    pub(crate) fn ramp(&self) -> Ramp {
        let affine = |c: usize| {
            let (mean, std) = (f64::from(self.mean[c]), f64::from(self.std[c]));
            ((1.0 / (255.0 * std)) as f32, (-mean / std) as f32)
        };
        let channels = self.mean.len();
        let (mut gain, mut bias) = ([0.0; RAMP_LEN], [0.0; RAMP_LEN]);
        for i in 0..RAMP_LEN {
            (gain[i], bias[i]) = affine(i % channels);
        }
        Ramp { gain, bias }
    }
}

/// A multiple of both numbers of channels and of the vectors that processors have.
const RAMP_LEN: usize = 48;

/// Levels of interleaved channels become numbers, `level * gain + bias`: gains and biases of a run of whole pixels, so that
/// loops go by vectors instead of by pixels.
pub(crate) struct Ramp {
    gain: [f32; RAMP_LEN],
    bias: [f32; RAMP_LEN],
}

impl Ramp {
    /// Scales whole pixels, a value for each byte.
    pub(crate) fn scale_bytes(&self, bytes: &[u8], values: &mut [f32]) {
        assert_eq!(bytes.len(), values.len(), "a value is written for each byte");
        for (values, bytes) in values.chunks_mut(RAMP_LEN).zip(bytes.chunks(RAMP_LEN)) {
            for ((value, &byte), (gain, bias)) in values.iter_mut().zip(bytes).zip(self.steps()) {
                *value = f32::from(byte) * gain + bias;
            }
        }
    }

    /// Scales the levels of whole pixels where they lie, cut off where bytes are: at 0 and 255.
    pub(crate) fn scale_levels(&self, values: &mut [f32]) {
        for values in values.chunks_mut(RAMP_LEN) {
            for (value, (gain, bias)) in values.iter_mut().zip(self.steps()) {
                *value = value.clamp(0.0, WHITE) * gain + bias;
            }
        }
    }

    /// The gain and bias of each value of a run.
    fn steps(&self) -> impl Iterator<Item = (&f32, &f32)> {
        self.gain.iter().zip(&self.bias)
    }
}

/// Exact integer sums from which a scaling follows; the order of adding does not matter.
#[derive(Debug, Clone)]
pub(crate) struct ScalingSums {
    channels: usize,
    pixels: u64,
    sums: [u64; 3],
    squares: [u64; 3],
}

impl ScalingSums {
    pub(crate) fn new(channels: Channels) -> Self {
        Self { channels: channels.count(), pixels: 0, sums: [0; 3], squares: [0; 3] }
    }

    /// Adds an image of interleaved channels.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for pixel in bytes.chunks_exact(self.channels) {
            for (c, &byte) in pixel.iter().enumerate() {
                let value = u64::from(byte);
                self.sums[c] += value;
                self.squares[c] += value * value;
            }
            self.pixels += 1;
        }
    }

    /// Adds what other sums hold.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.pixels += other.pixels;
        for c in 0..self.channels {
            self.sums[c] += other.sums[c];
            self.squares[c] += other.squares[c];
        }
    }

    /// The mean and standard deviation of what was added; [`Scaling::unit`] where nothing was.
    pub(crate) fn scaling(&self) -> Scaling {
        if self.pixels == 0 {
            return Scaling { mean: vec![0.0; self.channels], std: vec![1.0; self.channels] };
        }
        let n = self.pixels as f64;
        let moments = |c: usize| {
            let mean = self.sums[c] as f64 / n;
            let variance = (self.squares[c] as f64 / n - mean * mean).max(0.0);
            (mean / 255.0, (variance.sqrt() / 255.0).max(MIN_STD))
        };
        let (mean, std) = (0..self.channels).map(moments).map(|(m, s)| (m as f32, s as f32)).unzip();
        Scaling { mean, std }
    }
}
