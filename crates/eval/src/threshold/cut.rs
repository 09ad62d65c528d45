//! Decisions at one threshold, counted.

use serde::Serialize;

use crate::{Cost, Estimate, EvalError, Interval, check, mover};

/// How two classes are told apart at one threshold: counts, and what follows from them with 95% intervals.
///
/// Shares have Wilson's interval. What samples do not define is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CutScores {
    /// Positive samples decided to be positive.
    pub true_positives: usize,
    /// Negative samples decided to be positive.
    pub false_positives: usize,
    /// Positive samples decided to be negative.
    pub false_negatives: usize,
    /// Negative samples decided to be negative.
    pub true_negatives: usize,
    /// Share of all decisions that are right.
    pub accuracy: Option<Estimate>,
    /// Share of the positive decisions that are right.
    pub precision: Option<Estimate>,
    /// Share of the positive samples that are found: the sensitivity.
    pub recall: Option<Estimate>,
    /// Share of the negative samples that are left alone.
    pub specificity: Option<Estimate>,
    /// Harmonic mean of precision and recall. It is `2J / (1 + J)` for the share `J` of true positives among all samples that are
    /// positive or taken for it, whose interval is carried over.
    pub f1: Option<Estimate>,
    /// Youden's index, recall less the share of false alarms among the negative samples, with Newcombe's interval for the difference
    /// of two shares.
    pub youden: Option<Estimate>,
}

impl CutScores {
    /// Decides for the positive class where `score >= threshold`, and counts.
    ///
    /// # Errors
    /// No samples, slices of different lengths, a score that is not finite.
    pub fn at(threshold: f32, truth: &[bool], scores: &[f32]) -> Result<Self, EvalError> {
        check::length("scores", scores.len(), truth.len())?;
        check::finite_scores(scores, 1)?;
        if truth.is_empty() {
            return Err(EvalError::NoSamples);
        }
        let mut counts = [[0; 2]; 2];
        for (&positive, &score) in truth.iter().zip(scores) {
            counts[usize::from(positive)][usize::from(score >= threshold)] += 1;
        }
        let [[true_negatives, false_positives], [false_negatives, true_positives]] = counts;
        Ok(Self::new(true_positives, false_positives, false_negatives, true_negatives))
    }

    pub(super) fn new(
        true_positives: usize,
        false_positives: usize,
        false_negatives: usize,
        true_negatives: usize,
    ) -> Self {
        let right = true_positives + true_negatives;
        let (positives, negatives) = (true_positives + false_negatives, true_negatives + false_positives);
        let touched = positives + false_positives;
        Self {
            true_positives,
            false_positives,
            false_negatives,
            true_negatives,
            accuracy: Estimate::of_share(right, positives + negatives),
            precision: Estimate::of_share(true_positives, true_positives + false_positives),
            recall: Estimate::of_share(true_positives, positives),
            specificity: Estimate::of_share(true_negatives, negatives),
            f1: Estimate::of_share(true_positives, touched).map(f1_of_jaccard),
            youden: mover::difference((true_positives, positives), (false_positives, negatives)),
        }
    }

    /// What the mistakes cost a sample, by these costs, with an interval from those of both shares of mistakes.
    pub fn mean_cost(&self, false_positive: Cost, false_negative: Cost) -> Option<Estimate> {
        let n = self.true_positives + self.false_positives + self.false_negatives + self.true_negatives;
        let mistakes =
            [(false_positive.get(), self.false_positives), (false_negative.get(), self.false_negatives)];
        mover::mean_of_few_values(mistakes, n)
    }
}

fn f1_of_jaccard(jaccard: Estimate) -> Estimate {
    let f1 = |share: f64| 2.0 * share / (1.0 + share);
    let Interval { low, high } = jaccard.ci95;
    Estimate { value: f1(jaccard.value), ci95: Interval { low: f1(low), high: f1(high) } }
}
