//! In which epochs a picture's turn comes.

use rand::RngExt;

use crate::rng::{Purpose, keyed};

/// The epoch of a picture that is changed, and by which its turns begin.
///
/// What is to happen with a probability happens to each picture in that share of the epochs, spread as evenly as can be, from a place on
/// that is drawn for the picture: with one half in every second epoch. By chance alone some pictures would be seen the same way round in all of few
/// epochs ("alternating flip": Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", section 3.6).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turn {
    epoch: u64,
    /// From 0 to below 1.
    phase: f64,
}

impl Turn {
    /// That of a picture, told from others by its `key`, in an epoch.
    pub(crate) fn of(seed: u64, epoch: u64, key: u64) -> Self {
        Self { epoch, phase: keyed(Purpose::Turn, seed, key, 0).random() }
    }

    /// Whether what happens in this share of the epochs happens in this one.
    pub(super) fn comes(self, share: f64) -> bool {
        (self.phase + self.epoch as f64 * share).fract() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(key: u64, share: f64, count: u64) -> Vec<bool> {
        (0..count).map(|epoch| Turn::of(3, epoch, key).comes(share)).collect()
    }

    #[test]
    fn one_half_is_every_second_epoch_from_one_that_is_drawn() {
        let mut first = 0;
        for key in 0..1000 {
            let turns = epochs(key, 0.5, 40);
            assert!(turns.windows(2).all(|pair| pair[0] != pair[1]), "picture {key}: {turns:?}");
            first += usize::from(turns[0]);
        }
        // Four standard deviations of 1,000 draws.
        assert!((437..563).contains(&first), "{first}");
    }

    #[test]
    fn any_share_is_kept_within_one_epoch() {
        for share in [0.0, 0.1, 0.3, 0.7, 1.0] {
            for key in 0..50 {
                let turns = epochs(key, share, 20);
                for length in 1..=20 {
                    let found = turns[..length].iter().filter(|turn| **turn).count() as f64;
                    assert!(
                        (found - share * length as f64).abs() < 1.0 + 1e-9,
                        "{share} of {length}: {found}"
                    );
                }
            }
        }
    }
}
