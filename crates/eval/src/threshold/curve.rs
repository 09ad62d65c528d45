//! All thresholds that make a difference.

use serde::Serialize;

use super::{Aim, CutScores, ThresholdChoice, ThresholdScores};
use crate::tally::share;
use crate::{EvalError, Level, Tally, check, thin};

/// What every threshold would do on some samples, from the highest to the lowest.
///
/// Thresholds lie half-way between the scores that they part, for nothing is known of where between them the classes part. The
/// first decides for the positive class never, the last always.
///
/// ```
/// use divvy_eval::{Aim, ThresholdCurve};
///
/// let curve = ThresholdCurve::new(&[true, true, false, false], &[0.9, 0.7, 0.1, 0.3])?;
/// let choice = curve.choose(Aim::F1).expect("both classes occur");
/// assert_eq!(choice.threshold, 0.5);
/// # Ok::<(), divvy_eval::EvalError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ThresholdCurve {
    cuts: Vec<Cut>,
    positives: usize,
    negatives: usize,
}

/// What one threshold takes for positive.
#[derive(Debug, Clone, Copy)]
struct Cut {
    threshold: f32,
    true_positives: usize,
    false_positives: usize,
}

/// A point of the curve, for drawing. What is undefined is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ThresholdPoint {
    /// The threshold.
    pub threshold: f32,
    /// Share of the positive decisions that are right.
    pub precision: Option<f64>,
    /// Share of the positive samples that are found.
    pub recall: Option<f64>,
    /// Share of the negative samples that are left alone.
    pub specificity: Option<f64>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Negative samples decided to be positive.
    pub false_positives: usize,
    /// Positive samples decided to be negative.
    pub false_negatives: usize,
}

impl ThresholdCurve {
    /// Orders `scores` (higher means more likely positive), of which `truth` says which are positive.
    ///
    /// # Errors
    /// No samples, slices of different lengths, a score that is not finite.
    pub fn new(truth: &[bool], scores: &[f32]) -> Result<Self, EvalError> {
        check::length("scores", scores.len(), truth.len())?;
        check::finite_scores(scores, 1)?;
        let mut ordered: Vec<(f32, bool)> = scores.iter().copied().zip(truth.iter().copied()).collect();
        ordered.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        let Some(&(highest, _)) = ordered.first() else {
            return Err(EvalError::NoSamples);
        };
        let mut cuts = vec![Cut { threshold: highest.next_up(), true_positives: 0, false_positives: 0 }];
        let (mut true_positives, mut false_positives) = (0, 0);
        let mut groups = ordered.chunk_by(|(a, _), (b, _)| a == b).peekable();
        while let Some(tied) = groups.next() {
            let positive = tied.iter().filter(|(_, positive)| *positive).count();
            true_positives += positive;
            false_positives += tied.len() - positive;
            let threshold = groups.peek().map_or(tied[0].0, |next| between(next[0].0, tied[0].0));
            cuts.push(Cut { threshold, true_positives, false_positives });
        }
        // No number lies above the largest, and JSON has none for infinity.
        cuts.retain(|cut| cut.threshold.is_finite());
        Ok(Self { cuts, positives: true_positives, negatives: false_positives })
    }

    /// The threshold for an aim; of equally good ones the highest.
    ///
    /// `None` where the samples tell nothing of the aim: none is positive, or for Youden's index, none negative.
    pub fn choose(&self, aim: Aim) -> Option<ThresholdChoice> {
        let has_positives = self.positives > 0;
        let (cut, reached) = match aim {
            Aim::Cost { false_positive, false_negative } => {
                let cost = |cut: &Cut| {
                    cut.false_positives as f64 * false_positive.get()
                        + (self.positives - cut.true_positives) as f64 * false_negative.get()
                };
                (self.best(|cut| Some((-cost(cut), 0.0)))?, true)
            }
            Aim::Precision(_) | Aim::Recall(_) | Aim::F1 if !has_positives => return None,
            Aim::Precision(least) => {
                self.best_reaching(least, |cut| self.tally(cut).precision(), |cut| self.tally(cut).recall())?
            }
            Aim::Recall(least) => {
                self.best_reaching(least, |cut| self.tally(cut).recall(), |cut| self.tally(cut).precision())?
            }
            Aim::F1 => (self.best(|cut| Some((self.tally(cut).f1()?, 0.0)))?, true),
            Aim::Youden => {
                let youden = |cut: &Cut| Some(self.tally(cut).recall()? + self.specificity(cut)?);
                (self.best(|cut| Some((youden(cut)?, 0.0)))?, true)
            }
        };
        let scores = CutScores::new(
            cut.true_positives,
            cut.false_positives,
            self.positives - cut.true_positives,
            self.negatives - cut.false_positives,
        );
        Some(ThresholdChoice {
            aim,
            threshold: cut.threshold,
            reached,
            chosen_on: ThresholdScores::new(aim, scores),
        })
    }

    /// Of the cuts at which `asked` is `least` or more the one of the largest `other`, and true; where there is none, the one of the
    /// largest `asked`, and false.
    fn best_reaching(
        &self,
        least: Level,
        asked: impl Fn(&Cut) -> Option<f64>,
        other: impl Fn(&Cut) -> Option<f64>,
    ) -> Option<(Cut, bool)> {
        let value = |cut: &Cut| Some((asked(cut)?, other(cut)?));
        let reaching = self.best(|cut| value(cut).filter(|v| v.0 >= least.get()).map(|(a, o)| (o, a)));
        reaching.map(|cut| (cut, true)).or_else(|| self.best(value).map(|cut| (cut, false)))
    }

    /// The first cut of the largest value, by its first part, then by its second.
    fn best(&self, value: impl Fn(&Cut) -> Option<(f64, f64)>) -> Option<Cut> {
        let valued = self.cuts.iter().filter_map(|cut| Some((value(cut)?, *cut)));
        valued.reduce(|best, cut| if cut.0 > best.0 { cut } else { best }).map(|(_, cut)| cut)
    }

    /// The curve, for drawing: no more than `most` points, evenly thinned, both ends among them.
    pub fn points(&self, most: usize) -> Vec<ThresholdPoint> {
        thin::indices(self.cuts.len(), most).map(|index| self.point(&self.cuts[index])).collect()
    }

    fn point(&self, cut: &Cut) -> ThresholdPoint {
        let tally = self.tally(cut);
        ThresholdPoint {
            threshold: cut.threshold,
            precision: tally.precision(),
            recall: tally.recall(),
            specificity: self.specificity(cut),
            f1: tally.f1(),
            false_positives: tally.false_positives,
            false_negatives: tally.false_negatives,
        }
    }

    fn tally(&self, cut: &Cut) -> Tally {
        Tally {
            true_positives: cut.true_positives,
            false_positives: cut.false_positives,
            false_negatives: self.positives - cut.true_positives,
        }
    }

    fn specificity(&self, cut: &Cut) -> Option<f64> {
        share(self.negatives - cut.false_positives, self.negatives)
    }
}

/// Half-way between two scores, above the lower and not above the higher.
fn between(lower: f32, higher: f32) -> f32 {
    let middle = f32::midpoint(lower, higher);
    if middle > lower { middle } else { higher }
}
