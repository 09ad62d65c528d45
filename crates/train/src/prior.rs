//! In which shares groups come where a model is to be used.

use std::collections::BTreeMap;

use divvy_data::{Dataset, Split};
use divvy_model::Prior;
use divvy_nn::{Head, Task};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// How far shares may be from summing to one.
const TOLERANCE: f64 = 1e-6;

/// In which share each group comes where the model is to be used, as far as that is stated. Groups of which it is not share what is left as they do among the
/// validation pictures; labels of which it is not are as frequent as among these.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatedPrior(BTreeMap<String, f64>);

impl StatedPrior {
    /// Groups and their shares, each above 0 and below 1.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where two shares are stated of one group.
    pub fn new(stated: impl IntoIterator<Item = (String, f64)>) -> Result<Self, TrainError> {
        let mut shares = BTreeMap::new();
        for (group, share) in stated {
            if shares.contains_key(&group) {
                return refuse(format!("stated twice of '{group}'"), "state one share a group");
            }
            shares.insert(group, share);
        }
        Ok(Self(shares))
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is stated, as in `1 % of the pictures are 'spotted'`; none where nothing is.
    pub(crate) fn in_words(&self) -> Option<String> {
        let percent = |share: f64| (share * 1e6).round() / 1e4;
        let of_group =
            |(group, share): (&String, &f64)| format!("{} % of the pictures are '{group}'", percent(*share));
        let stated: Vec<String> = self.0.iter().map(of_group).collect();
        (!stated.is_empty()).then(|| stated.join(", "))
    }

    /// All shares, beside those of the pictures that the probabilities of a head are learnt from. None where nothing is stated.
    ///
    /// # Errors
    /// [`TrainError`] of a head without probabilities, of a group that there is not, of shares that cannot be, and of groups whose probability was not learnt.
    pub(crate) fn of(
        &self,
        head: &Head,
        dataset: &Dataset,
        split: &Split,
    ) -> Result<Option<Prior>, TrainError> {
        if self.is_empty() {
            return Ok(None);
        }
        if !head.has_probabilities() {
            let found = format!("stated of {head}, whose output is no probability");
            return refuse(found, "leave it out, or take a sigmoid or a softmax");
        }
        let learnt_from = learnt_from(dataset, split);
        let mut stated = vec![None; learnt_from.len()];
        for (group, &share) in &self.0 {
            let class = dataset.class_index(group)?;
            if !is_possible(share) {
                return refuse(format!("{share} of '{group}'"), "state shares above 0 and below 1");
            }
            stated[class] = Some(share);
        }
        let exclusive = head.task() != Task::MultiLabel;
        let unknown = (0..stated.len())
            .find(|&class| (exclusive || stated[class].is_some()) && !is_possible(learnt_from[class]));
        if let Some(class) = unknown {
            let how_many = if learnt_from[class] == 0.0 { "none" } else { "all" };
            let found = format!(
                "stated, but {how_many} of the pictures that it is learnt from have '{}'",
                dataset.classes()[class]
            );
            return refuse(found, "leave it out, or add pictures with and without");
        }
        let stated = if exclusive {
            completed(&stated, &learnt_from)?
        } else {
            stated.iter().zip(&learnt_from).map(|(share, own)| share.unwrap_or(*own)).collect()
        };
        Ok(Some(Prior { stated, learnt_from }))
    }
}

/// The shares of exclusive groups, of which some are stated.
fn completed(stated: &[Option<f64>], learnt_from: &[f64]) -> Result<Vec<f64>, TrainError> {
    let sum: f64 = stated.iter().flatten().sum();
    let unstated: f64 =
        stated.iter().zip(learnt_from).filter(|(share, _)| share.is_none()).map(|(_, own)| own).sum();
    if unstated == 0.0 {
        if (sum - 1.0).abs() > TOLERANCE {
            return refuse(
                format!("{sum} of all groups together"),
                "state shares that sum to 1, or leave one out",
            );
        }
        return Ok(stated.iter().flatten().map(|share| share / sum).collect());
    }
    if sum >= 1.0 {
        return refuse(
            format!("{sum} of some groups together, which leaves nothing for the others"),
            "state shares that sum to less than 1",
        );
    }
    let left = (1.0 - sum) / unstated;
    Ok(stated.iter().zip(learnt_from).map(|(share, own)| share.unwrap_or(own * left)).collect())
}

/// The share of each group among the pictures for which probabilities hold: those to validate, on which intercepts and biases are fitted.
fn learnt_from(dataset: &Dataset, split: &Split) -> Vec<f64> {
    let counts = dataset.class_counts(&split.validation);
    counts.into_iter().map(|count| count as f64 / split.validation.len() as f64).collect()
}

/// Whether there are pictures of a group with this share, and others.
fn is_possible(share: f64) -> bool {
    0.0 < share && share < 1.0
}

fn refuse<T>(found: String, wanted: &'static str) -> Result<T, TrainError> {
    Err(TrainError::Setting { setting: "the prior", found, wanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Result<Vec<f64>, TrainError>, expected: &[f64]) -> bool {
        found.unwrap().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn groups_of_which_nothing_is_stated_share_what_is_left() {
        let learnt_from = [0.2, 0.5, 0.3];
        assert!(close(completed(&[None, Some(0.1), None], &learnt_from), &[0.36, 0.1, 0.54]));
        assert!(close(completed(&[Some(0.05), None, Some(0.9)], &learnt_from), &[0.05, 0.05, 0.9]));
        assert!(close(completed(&[Some(0.25), Some(0.5), Some(0.25)], &learnt_from), &[0.25, 0.5, 0.25]));
    }

    #[test]
    fn shares_that_leave_nothing_or_something_are_refused() {
        assert!(completed(&[Some(0.5), Some(0.5), None], &[0.2, 0.5, 0.3]).is_err());
        assert!(completed(&[Some(0.5), Some(0.4)], &[0.5, 0.5]).is_err());
        assert!(completed(&[Some(0.5), Some(0.6)], &[0.5, 0.5]).is_err());
    }

    #[test]
    fn what_is_stated_is_told_in_percent() {
        let prior = StatedPrior::new([("b".to_owned(), 0.07), ("a".to_owned(), 0.0005)]).unwrap();
        assert_eq!(prior.in_words().unwrap(), "0.05 % of the pictures are 'a', 7 % of the pictures are 'b'");
        assert_eq!(StatedPrior::default().in_words(), None);
    }
}
