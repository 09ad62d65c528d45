//! Things that belong together, directly or by way of others.

use crate::dataset::{Dataset, Series};

/// A division of things, numbered from 0, into groups; at first each is alone.
#[derive(Debug, Clone)]
pub(crate) struct Together {
    /// Another of the same group, nearer to its first; of the first, itself.
    before: Vec<usize>,
}

impl Together {
    pub(crate) fn new(things: usize) -> Self {
        Self { before: (0..things).collect() }
    }

    /// The samples of a dataset, where those of each of its series belong together, and those of each of `groups`.
    ///
    /// # Panics
    /// If a sample is out of range.
    pub(crate) fn of_samples(dataset: &Dataset, groups: &[Vec<usize>]) -> Self {
        let mut together = Self::new(dataset.samples().len());
        let series = dataset.series().into_iter().flat_map(Series::iter).map(|(_, samples)| samples);
        for group in groups.iter().map(Vec::as_slice).chain(series) {
            for pair in group.windows(2) {
                together.join(pair[0], pair[1]);
            }
        }
        together
    }

    /// Makes one group of those of two things.
    ///
    /// # Panics
    /// If one of them is out of range.
    pub(crate) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.before[a.max(b)] = a.min(b);
    }

    /// The first of a thing's group.
    ///
    /// # Panics
    /// If it is out of range.
    pub(crate) fn first(&mut self, thing: usize) -> usize {
        let mut at = thing;
        while self.before[at] != at {
            // Halving paths keeps them short (Tarjan and van Leeuwen 1984).
            self.before[at] = self.before[self.before[at]];
            at = self.before[at];
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_has_the_same_first() {
        let mut together = Together::new(9);
        for (a, b) in [(8, 7), (3, 1), (7, 3), (5, 6), (5, 5)] {
            together.join(a, b);
        }
        let firsts: Vec<usize> = (0..9).map(|thing| together.first(thing)).collect();
        assert_eq!(firsts, [0, 1, 2, 1, 4, 5, 5, 1, 1]);
    }
}
