//! How well scores order the positive samples before the negative ones, whatever the threshold.

mod curve;
mod spread;

pub use curve::{BandPoint, Curve, CurvePoint};

use crate::{EvalError, Interval, check};

/// Samples ordered by score, from the highest to the lowest, those of equal score together.
///
/// Sorting once answers every question about thresholds: a threshold can only fall between two steps.
#[derive(Debug, Clone)]
pub struct Ranking {
    steps: Vec<Step>,
    /// On which step each sample stands.
    places: Vec<usize>,
    /// Whether each sample is positive.
    truth: Vec<bool>,
    positives: usize,
    negatives: usize,
}

/// The samples that share one score.
#[derive(Debug, Clone, Copy)]
struct Step {
    score: f32,
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
        let mut order: Vec<usize> = (0..truth.len()).collect();
        order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut steps: Vec<Step> = Vec::new();
        let mut places = vec![0; truth.len()];
        // `==` rather than `total_cmp` joins 0 and -0, which no threshold can part.
        for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
            let positives = tied.iter().filter(|&&sample| truth[sample]).count();
            for &sample in tied {
                places[sample] = steps.len();
            }
            steps.push(Step { score: scores[tied[0]], positives, negatives: tied.len() - positives });
        }
        let positives = truth.iter().filter(|&&positive| positive).count();
        Ok(Self { steps, places, truth: truth.to_vec(), positives, negatives: truth.len() - positives })
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

    /// The area's 95% interval, from its variance by `DeLong`, `DeLong` and Clarke-Pearson (1988, *Biometrics* 44:837). `None`
    /// unless both kinds occur.
    pub fn roc_auc_interval(&self) -> Option<Interval> {
        let area = self.roc_auc()?;
        let fewest = self.positives.min(self.negatives) as f64;
        Some(Interval::of_share(area, self.roc_auc_error(area), fewest))
    }

    /// The average precision's 95% interval, from how much each sample moves it. `None` without positive samples.
    ///
    /// It is nowhere narrower than that of a share of the positive samples (Boyd, Eng and Page 2013, *ECML PKDD*), which makes up for
    /// what an average precision flatters when there are few.
    pub fn average_precision_interval(&self) -> Option<Interval> {
        let value = self.average_precision()?;
        let positives = self.positives as f64;
        let error = self.average_precision_jackknife(value).standard_error();
        let of_positives = Interval::of_trials(value, positives);
        Some(Interval::of_share(value, error, positives).joined(of_positives))
    }

    /// How many samples are positive.
    pub(crate) fn positives(&self) -> usize {
        self.positives
    }
}
