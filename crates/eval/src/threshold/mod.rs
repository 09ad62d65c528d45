//! From which score on the positive class is decided for: chosen for an aim on some samples, judged on others.

mod aim;
mod curve;
mod cut;

use serde::Serialize;

use crate::{Estimate, EvalError};

pub use aim::{Aim, AimError};
pub use curve::{ThresholdCurve, ThresholdPoint};
pub use cut::CutScores;

/// A threshold that was chosen for an aim.
///
/// A choice looks better on the samples that it was made on than it is: [`Self::on`] judges it on others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdChoice {
    /// What it was chosen for.
    pub aim: Aim,
    /// The positive class is decided for where `score >= threshold`.
    pub threshold: f32,
    /// Whether the samples that it was chosen on reach the precision or recall asked for; the choice is the best that can be had
    /// where they do not. True for aims that ask for the best.
    pub reached: bool,
    /// How it does on the samples that it was chosen on.
    pub chosen_on: ThresholdScores,
}

/// How a threshold does on some samples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThresholdScores {
    /// What the aim is about: the cost a sample, the precision, the recall, the F1 or Youden's index; `None` where these samples do
    /// not define it.
    pub sought: Option<Estimate>,
    /// All that can be counted.
    #[serde(flatten)]
    pub scores: CutScores,
}

impl ThresholdChoice {
    /// How the threshold does on other samples, of which `truth` says which are positive.
    ///
    /// # Errors
    /// No samples, slices of different lengths, a score that is not finite.
    pub fn on(&self, truth: &[bool], scores: &[f32]) -> Result<ThresholdScores, EvalError> {
        let scores = CutScores::at(self.threshold, truth, scores)?;
        Ok(ThresholdScores::new(self.aim, scores))
    }
}

impl ThresholdScores {
    fn new(aim: Aim, scores: CutScores) -> Self {
        let sought = match aim {
            Aim::Cost { false_positive, false_negative } => scores.mean_cost(false_positive, false_negative),
            Aim::Precision(_) => scores.precision,
            Aim::Recall(_) => scores.recall,
            Aim::F1 => scores.f1,
            Aim::Youden => scores.youden,
        };
        Self { sought, scores }
    }
}
