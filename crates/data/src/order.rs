//! In which order samples are drawn in an epoch, and how often each.

use crate::rng::{Purpose, keyed};
use rand::seq::SliceRandom;

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
                    // Left-over draws go to other groups in each epoch.
                    let turn = (group as u64 + epoch) % groups.len() as u64;
                    let extra = turn < (samples.len() % groups.len()) as u64;
                    let count = samples.len() / groups.len() + usize::from(extra);
                    draws.extend(deal(members, group as u64, count, *seed, epoch));
                }
                draws.shuffle(&mut keyed(Purpose::Shuffle, *seed, epoch, 0));
                draws
            }
        }
    }
}

/// `count` draws of a group: a stretch of an endless row of shuffles of it.
fn deal(members: &[usize], group: u64, count: usize, seed: u64, epoch: u64) -> Vec<Draw> {
    // Stretches begin a whole `count + 1` apart, so that those of two epochs do not overlap where one is longer.
    let start = epoch as u128 * (count as u128);
    let mut draws = Vec::with_capacity(count);
    let mut place = start;
    while draws.len() < count {
        let (round, skip) =
            ((place / members.len() as u128) as u64, (place % members.len() as u128) as usize);
        let mut shuffled = members.to_vec();
        shuffled.shuffle(&mut keyed(Purpose::Deal, seed, group, round));
        let taken = (members.len() - skip).min(count - draws.len());
        draws.extend(shuffled[skip..skip + taken].iter().copied().map(Draw::first));
        place += taken as u128;
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
