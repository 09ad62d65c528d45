//! From which score on a sample is unlike those trained on.

use serde::Serialize;

use crate::{Estimate, EvalError, Level, check};

/// Scores of validation samples, larger the less a sample is like those trained on: what a new sample's score is held against
/// (conformal anomaly detection; Laxhammar and Falkman 2010; Bates, Candès, Lei, Romano and Sesia 2023, *Annals of Statistics*
/// 51:149).
#[derive(Debug, Clone, PartialEq)]
pub struct NoveltyScores {
    /// From the least to the largest.
    sorted: Vec<f32>,
}

/// From which score on a sample is called unlike those trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NoveltyThreshold {
    /// How often, at most, a sample that is like those of validation is called unlike them.
    pub false_alarms: Level,
    /// A sample is called unlike them where `score > threshold`.
    pub threshold: f32,
    /// On how many samples the threshold was set.
    pub set_on: usize,
}

/// How often some samples are called unlike those trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NoveltyReport {
    /// The threshold's settings.
    #[serde(flatten)]
    pub threshold: NoveltyThreshold,
    /// How many samples there are.
    pub n: usize,
    /// The share of them that is, with its Wilson interval: the rate of false alarms, where they are like those of validation.
    pub observed: Estimate,
}

impl NoveltyScores {
    /// The scores of validation samples, in any order.
    ///
    /// # Errors
    /// No scores, a score that is not finite.
    pub fn new(mut scores: Vec<f32>) -> Result<Self, EvalError> {
        if scores.is_empty() {
            return Err(EvalError::NoSamples);
        }
        check::finite_scores(&scores, 1)?;
        scores.sort_by(f32::total_cmp);
        Ok(Self { sorted: scores })
    }

    /// The least threshold at which a new sample that is exchangeable with those of validation is called unlike them no more often than
    /// `false_alarms`, on average over validation sets, though their number is finite.
    ///
    /// `None` where they are too few for so low a rate: it needs `1 / rate - 1` of them.
    pub fn threshold(&self, false_alarms: Level) -> Option<NoveltyThreshold> {
        // The p-value (1 + above) / (n + 1) is the rate or less while no more than so many lie above.
        let above = false_alarms.most_as_bad(self.sorted.len())?;
        let threshold = self.sorted[self.sorted.len() - 1 - above];
        Some(NoveltyThreshold { false_alarms, threshold, set_on: self.sorted.len() })
    }

    /// The conformal p-value of a new score: the chance, at most, that a sample like those of validation has one as large,
    /// `(1 + as large) / (n + 1)`. That of a score that is no number is the least, for it is like none.
    pub fn p_value(&self, score: f32) -> f64 {
        let n = self.sorted.len();
        let smaller = if score.is_nan() { n } else { self.sorted.partition_point(|&other| other < score) };
        (1.0 + (n - smaller) as f64) / (1.0 + n as f64)
    }
}

impl NoveltyThreshold {
    /// Whether a sample of this score is unlike those trained on; one whose score is no number is.
    pub fn is_novel(&self, score: f32) -> bool {
        score > self.threshold || score.is_nan()
    }

    /// How often samples, other than those that the threshold was set on, are called unlike them.
    ///
    /// # Errors
    /// No scores, a score that is not finite.
    pub fn on(&self, scores: &[f32]) -> Result<NoveltyReport, EvalError> {
        check::finite_scores(scores, 1)?;
        let novel = scores.iter().filter(|&&score| self.is_novel(score)).count();
        let observed = Estimate::of_share(novel, scores.len()).ok_or(EvalError::NoSamples)?;
        Ok(NoveltyReport { threshold: *self, n: scores.len(), observed })
    }
}
