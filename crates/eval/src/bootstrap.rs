//! Samples drawn anew from those that were seen.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How often samples are drawn anew, with replacement, to see how much a curve varies (Efron 1979, *Annals of Statistics* 7:1).
/// The same seed draws the same samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How many times as many samples are drawn as there are.
    pub resamples: usize,
    /// The seed of the random numbers.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 1,000 times, from seed 0.
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

impl Bootstrap {
    /// Where the samples are drawn.
    pub(crate) fn urn(self) -> Urn {
        Urn(ChaCha8Rng::seed_from_u64(self.seed))
    }
}

/// Draws samples.
pub(crate) struct Urn(ChaCha8Rng);

impl Urn {
    /// `n` of the numbers below `n`, each as likely as any to one part in `2³² / n`.
    pub(crate) fn draw(&mut self, n: usize) -> impl Iterator<Item = usize> {
        (0..n).map(move |_| ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize)
    }
}
