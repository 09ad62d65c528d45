//! Labels that are likely wrong.

use divvy_data::{StoreOptions, Survey};
use divvy_eval::{LabelDoubt, LabelErrors, MultiLabelDoubt, MultiLabelErrors};
use serde::Serialize;

use super::asked::Asked;
use super::fails::ShownPicture;
use crate::error::TrainError;

/// How many pictures are shown.
const SHOWN: usize = 36;

/// Pictures whose label is contradicted by a model that was not trained on them (confident learning: Northcutt, Jiang and Chuang 2021).
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

/// A picture's place among those that were asked about, and what speaks against its label.
struct Doubt {
    picture: usize,
    label: usize,
    given: bool,
    probability: f64,
    likely: Option<(usize, f64)>,
}

impl DoubtfulLabels {
    /// Holds the labels of pictures of one dataset, which none of those who answered was trained on, against the answers. None of a head without
    /// probabilities.
    pub(super) fn of(asked: &Asked, options: &StoreOptions<'_>) -> Result<Option<Self>, TrainError> {
        if !asked.head.has_probabilities() {
            return Ok(None);
        }
        let (suspected, doubts) = doubts(asked)?;
        let samples: Vec<usize> = doubts.iter().map(|doubt| asked.samples[doubt.picture]).collect();
        let quietly = StoreOptions { progress: None, ..options.clone() };
        let survey = Survey::of_samples(&asked.dataset, &samples, &quietly)?;
        let named = |class: usize| asked.classes()[class].clone();
        let shown = doubts.into_iter().map(|doubt| DoubtfulLabel {
            picture: ShownPicture::of(asked, doubt.picture, &survey),
            label: named(doubt.label),
            given: doubt.given,
            probability: doubt.probability,
            likely: doubt.likely.map(|(class, _)| named(class)),
            likely_probability: doubt.likely.map(|(_, probability)| probability),
        });
        Ok(Some(Self { n: asked.samples.len(), suspected, pictures: shown.collect() }))
    }
}

/// How many labels are suspected, and the most doubtful of them.
fn doubts(asked: &Asked) -> Result<(usize, Vec<Doubt>), TrainError> {
    let rows = asked.rows();
    let classes = asked.classes().len();
    if asked.is_multi_label() {
        let given: Vec<&[usize]> = (0..asked.samples.len()).map(|picture| asked.truth(picture)).collect();
        let errors = MultiLabelErrors::new(classes, &given, &rows)?;
        let suspected = errors.ranking.iter().filter(|doubt| !doubt.suspected.is_empty());
        let of_label = |doubt: &MultiLabelDoubt| Doubt {
            picture: doubt.sample,
            label: doubt.label,
            given: doubt.given,
            probability: doubt.probability,
            likely: None,
        };
        return Ok((errors.suspected, suspected.take(SHOWN).map(of_label).collect()));
    }
    let errors = LabelErrors::new(classes, &asked.classes_of_truth(), &rows)?;
    let of_group = |doubt: &LabelDoubt| Doubt {
        picture: doubt.sample,
        label: doubt.given,
        given: true,
        probability: doubt.given_probability,
        likely: Some((doubt.other, doubt.other_probability)),
    };
    let suspected = errors.ranking.iter().filter(|doubt| doubt.suspected);
    Ok((errors.suspected, suspected.take(SHOWN).map(of_group).collect()))
}
