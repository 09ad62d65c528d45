//! How well scores order the positive samples before the negative ones, whatever the threshold.

use crate::{EvalError, check};

/// Samples ordered by score, from the highest to the lowest, those of equal score together.
///
/// Sorting once answers every question about thresholds: a threshold can only fall between two steps.
#[derive(Debug, Clone)]
pub struct Ranking {
    steps: Vec<Step>,
    positives: usize,
    negatives: usize,
}

/// The samples that share one score.
#[derive(Debug, Clone, Copy)]
struct Step {
    positives: usize,
    negatives: usize,
}

impl Ranking {
    /// Orders `scores` (higher means more likely positive), of which `truth` says which are positive.
    ///
    /// # Errors
    /// Slices of different lengths, a score that is not finite.
    pub fn new(truth: &[bool], scores: &[f32]) -> Result<Self, EvalError> {
        check::length("scores", scores.len(), truth.len())?;
        check::finite_scores(scores, 1)?;
        let mut pairs: Vec<(f32, bool)> = scores.iter().copied().zip(truth.iter().copied()).collect();
        pairs.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        // `==` rather than `total_cmp` joins 0 and -0, which no threshold can part.
        let steps: Vec<Step> = pairs
            .chunk_by(|(a, _), (b, _)| a == b)
            .map(|tied| {
                let positives = tied.iter().filter(|(_, positive)| *positive).count();
                Step { positives, negatives: tied.len() - positives }
            })
            .collect();
        let positives = truth.iter().filter(|&&positive| positive).count();
        Ok(Self { steps, positives, negatives: truth.len() - positives })
    }

    /// Area under the ROC curve: the chance that a positive sample scores above a negative one, a tie counting half
    /// (the Mann-Whitney statistic). `None` unless both kinds occur.
    pub fn roc_auc(&self) -> Option<f64> {
        if self.positives == 0 || self.negatives == 0 {
            return None;
        }
        let mut above = 0;
        let mut won = 0.0;
        for step in &self.steps {
            won += step.negatives as f64 * (above as f64 + step.positives as f64 / 2.0);
            above += step.positives;
        }
        Some(won / (self.positives as f64 * self.negatives as f64))
    }

    /// Average precision, `Σ (Rₙ - Rₙ₋₁) Pₙ` over the distinct scores, as scikit-learn defines it: without
    /// interpolation, which would flatter. `None` without positive samples.
    pub fn average_precision(&self) -> Option<f64> {
        if self.positives == 0 {
            return None;
        }
        let mut found = 0;
        let mut taken = 0;
        let mut sum = 0.0;
        for step in &self.steps {
            found += step.positives;
            taken += step.positives + step.negatives;
            sum += step.positives as f64 * found as f64 / taken as f64;
        }
        Some(sum / self.positives as f64)
    }
}
