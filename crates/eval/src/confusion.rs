//! Which class was taken for which.

use serde::{Serialize, Serializer};

use crate::tally::{mean_of_defined, share};
use crate::{Estimate, EvalError, Tally, check, mover};

/// How many samples of each true class (row) were given each predicted class (column).
///
/// Serialises as an array of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// `[classes, classes]`, row-major.
    counts: Vec<usize>,
}

impl ConfusionMatrix {
    /// Counts the pairs of true and predicted class index, each in `0..classes`.
    ///
    /// # Errors
    /// No classes, slices of different lengths, an index of `classes` or more.
    pub fn new(classes: usize, truth: &[usize], predicted: &[usize]) -> Result<Self, EvalError> {
        if classes == 0 {
            return Err(EvalError::TooFewClasses { needed: 1, found: 0 });
        }
        check::length("decisions", predicted.len(), truth.len())?;
        check::class_indices("label", truth, classes)?;
        check::class_indices("decision", predicted, classes)?;
        let mut counts = vec![0; classes * classes];
        for (&t, &p) in truth.iter().zip(predicted) {
            counts[t * classes + p] += 1;
        }
        Ok(Self { classes, counts })
    }

    /// The matrix of one label among `samples`, read off its hits and misses: class 0 is without the label, class 1 with it.
    pub(crate) fn of_label(tally: Tally, samples: usize) -> Self {
        let Tally { true_positives, false_positives, false_negatives } = tally;
        let true_negatives = samples - true_positives - false_positives - false_negatives;
        Self { classes: 2, counts: vec![true_negatives, false_positives, false_negatives, true_positives] }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many samples were counted.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The rows, one a true class: how many of its samples were given each class.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        self.counts.chunks_exact(self.classes)
    }

    /// How many samples were given their true class.
    pub fn correct(&self) -> usize {
        self.counts.iter().step_by(self.classes + 1).sum()
    }

    /// Share of samples that were given their true class; `None` without samples.
    pub fn accuracy(&self) -> Option<f64> {
        share(self.correct(), self.total())
    }

    /// The accuracy of always answering the most frequent true class; `None` without samples.
    pub fn majority_baseline(&self) -> Option<f64> {
        let largest = self.rows().map(|row| row.iter().sum()).max().unwrap_or(0);
        share(largest, self.total())
    }

    /// Mean recall of the classes that occur; `None` without samples.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean_of_defined(self.tallies().into_iter().map(Tally::recall))
    }

    /// The accuracy where classes come in other `shares`, `[classes]`, that sum to one, than in these samples: the recalls, weighted by the shares. `None` where a class of which
    /// there is a share does not occur. The interval is by the recovery of variances (Zou and Donner 2008, *Statistics in Medicine* 27:1693).
    ///
    /// # Panics
    /// When there is not one share a class.
    pub fn accuracy_at(&self, shares: &[f64]) -> Option<Estimate> {
        assert_eq!(shares.len(), self.classes, "a share for each class");
        let tallies = self.tallies().into_iter().zip(shares).filter(|(_, share)| **share != 0.0);
        let recalls = tallies
            .map(|(tally, share)| Some((*share, Estimate::of_share(tally.true_positives, tally.support())?)))
            .collect::<Option<Vec<_>>>()?;
        Some(mover::weighted_sum(&recalls))
    }

    /// Matthews' correlation coefficient, of several classes as Gorodkin has it (2004, *Computational Biology and Chemistry* 28:367):
    /// how far true and predicted classes go together, from -1 to 1, and 0 for answers that chance could give. `None` where all
    /// samples are of one class, or all answers.
    pub fn mcc(&self) -> Option<f64> {
        let tallies = self.tallies();
        let n = self.total() as f64;
        let sums = |product: fn(f64, f64) -> f64| -> f64 {
            tallies
                .iter()
                .map(|t| product(t.support() as f64 / n, (t.true_positives + t.false_positives) as f64 / n))
                .sum()
        };
        let others = (1.0 - sums(|wanted, _| wanted * wanted)) * (1.0 - sums(|_, given| given * given));
        let more_than_chance = self.accuracy()? - sums(|wanted, given| wanted * given);
        let vary = |count: fn(&Tally) -> usize| tallies.iter().filter(|tally| count(tally) > 0).count() > 1;
        let are_defined = vary(|t| t.support()) && vary(|t| t.true_positives + t.false_positives);
        are_defined.then(|| (more_than_chance / others.sqrt()).clamp(-1.0, 1.0))
    }

    /// Hits and misses of each class against all others.
    pub fn tallies(&self) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.classes];
        for (t, row) in self.rows().enumerate() {
            for (p, &count) in row.iter().enumerate() {
                if t == p {
                    tallies[t].true_positives += count;
                } else {
                    tallies[t].false_negatives += count;
                    tallies[p].false_positives += count;
                }
            }
        }
        tallies
    }

    /// The mistakes, most frequent first: `(true class, predicted class, count)`.
    pub fn mistakes(&self) -> Vec<(usize, usize, usize)> {
        let mut mistakes: Vec<_> = self
            .rows()
            .enumerate()
            .flat_map(|(t, row)| row.iter().enumerate().map(move |(p, &count)| (t, p, count)))
            .filter(|&(t, p, count)| t != p && count > 0)
            .collect();
        mistakes.sort_by_key(|&(_, _, count)| std::cmp::Reverse(count));
        mistakes
    }
}

impl Serialize for ConfusionMatrix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows())
    }
}
