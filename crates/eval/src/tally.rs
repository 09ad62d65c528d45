//! Hits and misses of one class, and the scores that follow from them.

use serde::Serialize;

use crate::Interval;

/// How often one class was predicted rightly, wrongly, and missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Samples of the class that were predicted as such.
    pub true_positives: usize,
    /// Samples of another class that were predicted as this one.
    pub false_positives: usize,
    /// Samples of the class that were not predicted as such.
    pub false_negatives: usize,
}

impl Tally {
    /// Counts one sample.
    pub fn count(&mut self, truth: bool, predicted: bool) {
        match (truth, predicted) {
            (true, true) => self.true_positives += 1,
            (false, true) => self.false_positives += 1,
            (true, false) => self.false_negatives += 1,
            (false, false) => {}
        }
    }

    /// How many samples have the class.
    pub fn support(self) -> usize {
        self.true_positives + self.false_negatives
    }

    /// Share of the predictions of this class that are right; `None` if it was never predicted.
    pub fn precision(self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Share of the samples of this class that were found; `None` if there are none.
    pub fn recall(self) -> Option<f64> {
        share(self.true_positives, self.support())
    }

    /// Harmonic mean of precision and recall, `2TP / (2TP + FP + FN)`; `None` if the class neither occurs nor was predicted.
    pub fn f1(self) -> Option<f64> {
        let doubled = 2 * self.true_positives;
        share(doubled, doubled + self.false_positives + self.false_negatives)
    }

    /// The precision's 95% Wilson interval, where it is defined.
    pub fn precision_interval(self) -> Option<Interval> {
        Interval::wilson(self.true_positives, self.true_positives + self.false_positives)
    }

    /// The recall's 95% Wilson interval, where it is defined.
    pub fn recall_interval(self) -> Option<Interval> {
        Interval::wilson(self.true_positives, self.support())
    }

    /// The F1's 95% interval, where it is defined: of the samples that are of the class or are taken for one of it a share `s` is
    /// both, and F1 is `2s / (1 + s)` (Hand, Christen and Kirielle 2021, *Machine Learning* 110:451); so Wilson's interval of the
    /// share gives that of F1.
    pub fn f1_interval(self) -> Option<Interval> {
        let concerned = self.true_positives + self.false_positives + self.false_negatives;
        Some(Interval::wilson(self.true_positives, concerned)?.map(|share| 2.0 * share / (1.0 + share)))
    }
}

impl std::ops::Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            true_positives: self.true_positives + other.true_positives,
            false_positives: self.false_positives + other.false_positives,
            false_negatives: self.false_negatives + other.false_negatives,
        }
    }
}

/// The scores of one class, named.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScores {
    /// The class's name.
    pub class: String,
    /// Share of its predictions that are right; `None` if it was never predicted.
    pub precision: Option<f64>,
    /// The precision's 95% interval.
    pub precision_ci95: Option<Interval>,
    /// Share of its samples that were found; `None` if there are none.
    pub recall: Option<f64>,
    /// The recall's 95% interval.
    pub recall_ci95: Option<Interval>,
    /// Harmonic mean of the two; `None` if the class neither occurs nor was predicted.
    pub f1: Option<f64>,
    /// The F1's 95% interval.
    pub f1_ci95: Option<Interval>,
    /// How many samples have the class.
    pub support: usize,
}

impl ClassScores {
    /// The scores of the class `class` that has this tally.
    pub fn new(class: &str, tally: Tally) -> Self {
        Self {
            class: class.to_owned(),
            precision: tally.precision(),
            precision_ci95: tally.precision_interval(),
            recall: tally.recall(),
            recall_ci95: tally.recall_interval(),
            f1: tally.f1(),
            f1_ci95: tally.f1_interval(),
            support: tally.support(),
        }
    }
}

/// `part / whole`, undefined for a whole of nothing.
pub(crate) fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Mean of the defined values; `None` if there are none.
pub(crate) fn mean_of_defined(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (sum, count) =
        values.into_iter().flatten().fold((0.0, 0_usize), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}
