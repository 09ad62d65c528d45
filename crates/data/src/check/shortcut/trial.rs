//! How well a tree tells the classes of pictures that it has not seen.

use super::feature::{Feature, Row};
use super::tree::{Grower, Tree, tally};
use crate::check::wilson;
use std::cmp::Reverse;
use std::collections::BTreeMap;

const FOLDS: usize = 5;
/// How many questions follow each other at least and at the most; in between as many as can name each class.
const DEPTHS: [u32; 2] = [2, 4];

/// What cross-validation has shown of a set of questions.
pub(super) struct Trial<'a> {
    /// The tree that all pictures together give.
    pub(super) tree: Tree<'a>,
    /// Pictures that were told right by a tree that was grown without them.
    pub(super) right: usize,
    pub(super) of: usize,
    /// How many pictures of which none belongs with another would tell as much.
    pub(super) worth: usize,
    /// The share of the most frequent class.
    pub(super) majority: f64,
}

impl<'a> Trial<'a> {
    /// Puts questions to pictures of so many classes. `None` where these are worth less than `fewest` that do not belong together, or
    /// all but a few are of one class.
    pub(super) fn of(
        rows: &[Row<'_>],
        features: Vec<Feature<'a>>,
        classes: usize,
        fewest: usize,
    ) -> Option<Self> {
        let groups = sizes(rows);
        let worth = worth(groups.values().copied());
        let majority = *tally(rows, classes).iter().max()?;
        if worth < fewest || rows.len() < majority + FOLDS || features.is_empty() {
            return None;
        }
        let depth = classes.next_power_of_two().ilog2().clamp(DEPTHS[0], DEPTHS[1]) as usize;
        let grower = Grower { features, classes };
        let fold = folds(rows, &groups, classes);
        let right_in = |k: usize| {
            let rows = || rows.iter().zip(&fold);
            let others: Vec<&Row<'_>> = rows().filter(|(_, of)| **of != k).map(|(row, _)| row).collect();
            let tree = grower.grow(&others, depth);
            rows().filter(|(row, of)| **of == k && tree.answer(row.facts) == row.class).count()
        };
        Some(Self {
            right: (0..FOLDS).map(right_in).sum(),
            of: rows.len(),
            worth,
            majority: majority as f64 / rows.len() as f64,
            tree: grower.grow(&rows.iter().collect::<Vec<_>>(), depth),
        })
    }

    pub(super) fn share(&self) -> f64 {
        self.right as f64 / self.of as f64
    }

    /// The 95 % interval of the share.
    pub(super) fn interval(&self) -> (f64, f64) {
        wilson::interval(self.share(), self.worth)
    }

    /// What of the answers that the most frequent class leaves wrong are right, by the lower end of the interval.
    pub(super) fn gain(&self) -> f64 {
        if self.majority < 1.0 { (self.interval().0 - self.majority) / (1.0 - self.majority) } else { 0.0 }
    }
}

/// How many pictures each group has.
fn sizes(rows: &[Row<'_>]) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    for row in rows {
        *sizes.entry(row.group).or_default() += 1;
    }
    sizes
}

/// How many single pictures are worth as much as groups of which each is right or wrong as a whole: `(sum n)^2 / sum n^2` (Kish 1965,
/// *Survey Sampling*).
fn worth(sizes: impl Iterator<Item = usize>) -> usize {
    let (sum, squares) = sizes.fold((0_usize, 0), |(sum, squares), n| (sum + n, squares + n * n));
    (sum * sum).checked_div(squares).unwrap_or(0)
}

/// The fold of each picture: groups stay whole, and of each class each fold gets its share as near as they allow.
fn folds(rows: &[Row<'_>], sizes: &BTreeMap<usize, usize>, classes: usize) -> Vec<usize> {
    // The largest are dealt first, and later ones even out what these leave.
    let mut order: Vec<&Row<'_>> = rows.iter().collect();
    order.sort_by_key(|row| Reverse(sizes[&row.group]));
    let mut dealt = vec![[0; FOLDS]; classes];
    let mut fold: BTreeMap<usize, usize> = BTreeMap::new();
    for row in order {
        // A group with pictures of several classes goes by its first.
        fold.entry(row.group).or_insert_with(|| {
            let of_class = &mut dealt[row.class];
            let emptiest = (0..FOLDS).min_by_key(|&k| of_class[k]).unwrap_or(0);
            of_class[emptiest] += sizes[&row.group];
            emptiest
        });
    }
    rows.iter().map(|row| fold[&row.group]).collect()
}
