//! In which order samples are drawn in an epoch, and how often each.

use crate::rng::{Purpose, keyed};
use rand::seq::SliceRandom;
use std::ops::Range;

/// A sample that is drawn, and how often it was drawn in this epoch before: each time it is changed in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draw {
    pub(crate) sample: usize,
    pub(crate) repeat: usize,
}

impl Draw {
    fn first(sample: usize) -> Self {
        Self { sample, repeat: 0 }
    }

    /// What its random changes hang on.
    pub(crate) fn key(self) -> u64 {
        self.sample as u64 ^ (self.repeat as u64).rotate_right(24)
    }
}

/// How the samples of an epoch are chosen and ordered.
#[derive(Debug)]
pub(crate) enum Order {
    /// Each once, as given.
    AsGiven,
    /// Each once, shuffled anew each epoch.
    Shuffled { seed: u64 },
    /// As many draws as there are samples, the same number of each group (but for one), shuffled. A group's samples are used up
    /// before any comes again, within an epoch and from one to the next.
    Balanced { seed: u64, groups: Vec<Vec<usize>> },
}

impl Order {
    pub(crate) fn is_shuffled(&self) -> bool {
        !matches!(self, Self::AsGiven)
    }

    /// The draws of an epoch over `samples`.
    pub(crate) fn draws(&self, samples: &[usize], epoch: u64) -> Vec<Draw> {
        match self {
            Self::AsGiven => samples.iter().copied().map(Draw::first).collect(),
            Self::Shuffled { seed } => {
                let mut draws: Vec<Draw> = samples.iter().copied().map(Draw::first).collect();
                draws.shuffle(&mut keyed(Purpose::Shuffle, *seed, epoch, 0));
                draws
            }
            Self::Balanced { seed, groups } => {
                let mut draws = Vec::with_capacity(samples.len());
                for (group, members) in groups.iter().enumerate() {
                    let dealt = dealt_before(samples.len(), groups.len(), group, epoch)
                        ..dealt_before(samples.len(), groups.len(), group, epoch + 1);
                    draws.extend(deal(members, group as u64, dealt, *seed));
                }
                draws.shuffle(&mut keyed(Purpose::Shuffle, *seed, epoch, 0));
                draws
            }
        }
    }
}

/// How many draws a group has had before an epoch of `n` draws: every `groups`th of all draws ever, so that what is left over in one
/// epoch is made up for in another.
fn dealt_before(n: usize, groups: usize, group: usize, epoch: u64) -> u128 {
    (u128::from(epoch) * n as u128 + group as u128) / groups as u128
}

/// Draws of a group: a stretch of an endless row of shuffles of it.
fn deal(members: &[usize], group: u64, stretch: Range<u128>, seed: u64) -> Vec<Draw> {
    let len = members.len() as u128;
    let mut draws = Vec::new();
    let mut place = stretch.start;
    while place < stretch.end {
        let mut shuffled = members.to_vec();
        shuffled.shuffle(&mut keyed(Purpose::Deal, seed, group, (place / len) as u64));
        let round = place - place % len;
        let (from, to) = ((place - round) as usize, len.min(stretch.end - round) as usize);
        draws.extend(shuffled[from..to].iter().copied().map(Draw::first));
        place = round + len;
    }
    number(&mut draws);
    draws
}

/// Counts how often each sample comes.
fn number(draws: &mut [Draw]) {
    let mut seen = std::collections::HashMap::new();
    for draw in draws {
        let before = seen.entry(draw.sample).or_insert(0);
        draw.repeat = *before;
        *before += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(draws: &[Draw], samples: usize) -> Vec<usize> {
        (0..samples).map(|sample| draws.iter().filter(|draw| draw.sample == sample).count()).collect()
    }

    #[test]
    fn groups_have_as_many_draws_and_their_samples_come_in_turn() {
        let groups = vec![(0..17).collect::<Vec<_>>(), vec![17, 18], (19..22).collect()];
        let samples: Vec<usize> = (0..22).collect();
        let order = Order::Balanced { seed: 3, groups: groups.clone() };
        let mut all = Vec::new();
        for epoch in 0..51 {
            let draws = order.draws(&samples, epoch);
            assert_eq!(draws.len(), 22);
            for group in &groups {
                let drawn = draws.iter().filter(|draw| group.contains(&draw.sample)).count();
                assert!((7..=8).contains(&drawn), "{drawn} of {group:?}");
            }
            let mut different: Vec<_> = draws.iter().map(|draw| (draw.sample, draw.repeat)).collect();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), 22, "a sample that comes again is another draw");
            assert_eq!(draws, order.draws(&samples, epoch), "an epoch is always the same");
            all.extend(draws);
        }
        // 51 epochs of 22 are 374 draws for each group: 22 rounds of 17 samples.
        let counts = counts(&all, 22);
        assert_eq!(counts[..17], [22; 17]);
        assert_eq!(counts[17..19], [187; 2]);
        assert!(counts[19..].iter().all(|count| (124..=125).contains(count)), "{counts:?}");
    }
}
