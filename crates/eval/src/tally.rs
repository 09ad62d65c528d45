//! Hits and misses of one class, and the scores that follow from them.

use serde::Serialize;

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
    /// Share of its samples that were found; `None` if there are none.
    pub recall: Option<f64>,
    /// Harmonic mean of the two; `None` if the class neither occurs nor was predicted.
    pub f1: Option<f64>,
    /// How many samples have the class.
    pub support: usize,
}

impl ClassScores {
    /// The scores of the class `class` that has this tally.
    pub fn new(class: &str, tally: Tally) -> Self {
        Self {
            class: class.to_owned(),
            precision: tally.precision(),
            recall: tally.recall(),
            f1: tally.f1(),
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
