//! Labels that are likely wrong.

use serde::Serialize;

use super::asked::Asked;
use super::fails::ShownPicture;
use crate::doubts::{Doubt, LabelDoubts};
use crate::error::TrainError;

/// How many pictures are shown.
const SHOWN: usize = 36;

/// Pictures whose label is contradicted by a model that was not trained on them.
#[derive(Clone, Debug, Serialize)]
pub struct DoubtfulLabels {
    /// How many pictures were held against what the model says of them.
    pub n: usize,
    /// How many of them are suspected.
    pub suspected: usize,
    /// The suspected ones, the most contradicted first; 36 at the most.
    pub pictures: Vec<DoubtfulLabel>,
}

/// A picture whose label is contradicted.
#[derive(Clone, Debug, Serialize)]
pub struct DoubtfulLabel {
    /// The picture, and what the model says of it.
    #[serde(flatten)]
    pub picture: ShownPicture,
    /// The group or label in doubt.
    pub label: String,
    /// Whether it is given, and likely should not be; always so of groups.
    pub given: bool,
    /// Its probability.
    pub probability: f64,
    /// Of groups, the one that it more likely is.
    pub likely: Option<String>,
    /// The probability of that.
    pub likely_probability: Option<f64>,
}

impl DoubtfulLabels {
    /// Holds the labels of pictures of one dataset, which none of those who answered was trained on, against the answers. None of a head without
    /// probabilities, and where there are no pictures.
    pub(super) fn of(asked: &Asked) -> Result<Option<Self>, TrainError> {
        if !asked.head.has_probabilities() || asked.samples.is_empty() {
            return Ok(None);
        }
        let (task, classes) = (asked.head.task(), asked.classes().len());
        let doubts = LabelDoubts::of(task, classes, &asked.truths(), &asked.rows())?;
        Ok(Some(Self {
            n: doubts.ranking.len(),
            suspected: doubts.suspected().count(),
            pictures: doubts.suspected().take(SHOWN).map(|doubt| DoubtfulLabel::of(asked, doubt)).collect(),
        }))
    }
}

impl DoubtfulLabel {
    fn of(asked: &Asked, doubt: &Doubt) -> Self {
        let named = |class: usize| asked.classes()[class].clone();
        Self {
            picture: ShownPicture::of(asked, doubt.picture),
            label: named(doubt.label),
            given: doubt.given,
            probability: doubt.probability,
            likely: doubt.likely.map(|(class, _)| named(class)),
            likely_probability: doubt.likely.map(|(_, probability)| probability),
        }
    }
}
