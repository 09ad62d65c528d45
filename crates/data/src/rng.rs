//! Random numbers that hang on what they are for, not on who asks first.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What random numbers are drawn for; each use has a stream of its own, so that adding one use never shifts another.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of a label's samples before they are divided into training and validation.
    Split = 1,
    /// The order of the samples in an epoch.
    Shuffle = 2,
    /// The augmentation of one sample in one epoch.
    Augment = 3,
    /// The order in which the samples of a group are used up.
    Deal = 4,
    /// Which pictures of a batch are mixed, and how.
    Mix = 5,
    /// Which pictures are looked at for shortcuts where there are many.
    Shortcut = 6,
    /// In which epochs a sample is mirrored.
    Turn = 7,
}

/// The generator of (`purpose`, `seed`, `a`, `b`), where `a` and `b` are, say, an epoch and a sample.
///
/// The four numbers are the `ChaCha8` key itself: streams are independent and need no state between calls.
pub(crate) fn keyed(purpose: Purpose, seed: u64, a: u64, b: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, value) in key.chunks_exact_mut(8).zip([purpose as u64, seed, a, b]) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}
