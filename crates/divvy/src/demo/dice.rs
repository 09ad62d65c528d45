//! The choices a picture is made of, drawn in order from one seeded stream.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::noise::Noise;

/// A seeded stream of choices.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream numbered `stream` of a seed: streams share nothing, in whatever order they are drawn.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Uniform in `[low, high)`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// Uniform in `low..=high`.
    pub(super) fn whole(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high)
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f32) -> bool {
        self.0.random::<f32>() < p
    }

    /// 1 or -1.
    pub(super) fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// An angle in radians.
    pub(super) fn angle(&mut self) -> f32 {
        self.between(0.0, std::f32::consts::TAU)
    }

    /// One of the choices.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.0.random_range(0..N)]
    }

    /// A field of noise of its own.
    pub(super) fn noise(&mut self) -> Noise {
        Noise::new(self.0.random())
    }
}
