//! Groups of different sizes that count alike in training.

use divvy_data::Dataset;
use divvy_nn::{Head, LossWeights, Network, Parameters, Task};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// How groups of different sizes are made to count alike in training.
///
/// Either way the network learns as if all groups were equally frequent. The model that is kept is corrected for it: its probabilities are those
/// of pictures that are as frequent as the training pictures are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// They are not: each picture counts once.
    #[default]
    None,
    /// Each picture counts in the loss by the inverse of its group's size; of labels that do not exclude each other, each label as much as its absence.
    Weights,
    /// Pictures of small groups come several times in an epoch, changed in other ways, and those of large ones not in every epoch.
    Oversample,
}

impl Balance {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// The name in files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Weights => "weights",
            Self::Oversample => "oversample",
        }
    }

    /// Refuses heads whose output cannot be corrected afterwards, and groups that cannot be drawn alike.
    pub(crate) fn check(self, head: &Head) -> Result<(), TrainError> {
        let refuse =
            |found: String, wanted| Err(TrainError::Setting { setting: "the balance", found, wanted });
        match self {
            Self::None => Ok(()),
            _ if !head.has_probabilities() => refuse(
                format!(
                    "asked for with {head}, whose output is no probability that could be corrected for it"
                ),
                "leave it out, or take a sigmoid or a softmax",
            ),
            Self::Oversample if head.task() == Task::MultiLabel => refuse(
                "oversample, of pictures that can have several labels".to_owned(),
                "take weights, by which each label counts as much as its absence",
            ),
            Self::Weights | Self::Oversample => Ok(()),
        }
    }

    /// What it comes to for these training pictures.
    pub(crate) fn of(self, head: &Head, dataset: &Dataset, training: &[usize]) -> Balanced {
        let even = LossWeights::even(head);
        if self.is_none() {
            return Balanced { loss: even, drawn: None, correction: Correction(None) };
        }
        let mut groups = vec![Vec::new(); head.classes()];
        for &sample in training {
            dataset.samples()[sample].label.indices().iter().for_each(|&class| groups[class].push(sample));
        }
        let counts: Vec<usize> = groups.iter().map(Vec::len).collect();
        let balanced = LossWeights::balanced(head, &counts, training.len());
        let correction = Correction(Some(balanced.logit_shifts()));
        if self == Self::Weights {
            return Balanced { loss: balanced, drawn: None, correction };
        }
        groups.retain(|group| !group.is_empty());
        Balanced { loss: even, drawn: Some(groups), correction }
    }
}

/// What a [`Balance`] comes to for the pictures at hand.
pub(crate) struct Balanced {
    /// How much classes count in the loss.
    pub(crate) loss: LossWeights,
    /// The pictures of each group, where as many of each are to be drawn.
    pub(crate) drawn: Option<Vec<Vec<usize>>>,
    pub(crate) correction: Correction,
}

/// By how much the logits of a network that is trained so are too high for pictures as frequent as they are; none where they are not.
pub(crate) struct Correction(Option<Vec<f32>>);

impl Correction {
    /// The parameters of a network as they answer for pictures that are as frequent as they are; none where those that are trained do.
    ///
    /// # Panics
    /// When no bias is added to the logits, as it is in the head of every architecture.
    pub(crate) fn of(&self, network: &Network, parameters: &Parameters) -> Option<Parameters> {
        let shifts = self.0.as_deref()?;
        let corrected = network.corrected(parameters, shifts);
        Some(corrected.expect("the head that an architecture gets has a bias"))
    }
}
