//! How often a model is right.

use divvy_data::Label;
use divvy_eval::{Estimate, Report, Tally};
use serde::Serialize;

use super::asked::Asked;
use super::curves::{self, GroupCurves};
use crate::error::TrainError;
use crate::evaluate::report;

/// How often a model is right: the figures of `divvy evaluate`, and more of each group.
#[derive(Clone, Debug, Serialize)]
pub struct HowGood {
    /// The metrics, which stand among these keys.
    #[serde(flatten)]
    pub metrics: Report,
    /// What always answering the same would answer: the commonest group.  None where labels do not exclude each other.
    pub majority_group: Option<String>,
    /// Each group or label.
    pub groups: Vec<GroupFigures>,
    /// How well each is told from the others, whatever the threshold; of two the positive one.
    pub curves: Vec<GroupCurves>,
}

/// How often a model is right about one group or label.
#[derive(Clone, Debug, Serialize)]
pub struct GroupFigures {
    /// Its name.
    pub group: String,
    /// Pictures that belong to it.
    pub support: usize,
    /// Pictures that were given it.
    pub given: usize,
    /// Pictures that belong to it and were given it.
    pub right: usize,
    /// The share of those given it that belong to it, with Wilson's interval; none where no picture was.
    pub precision: Option<Estimate>,
    /// The share of those that belong to it that were given it, with Wilson's interval; none where no picture does.
    pub recall: Option<Estimate>,
    /// The harmonic mean of both, with its interval.
    pub f1: Option<Estimate>,
}

impl HowGood {
    pub(super) fn of(asked: &Asked, positive: Option<usize>) -> Result<Self, TrainError> {
        let labels: Vec<&Label> =
            asked.samples.iter().map(|&sample| &asked.dataset.samples()[sample].label).collect();
        let metrics = report(&asked.head, asked.classes(), &labels, &asked.predictions, positive)?;
        let groups: Vec<GroupFigures> = groups(asked);
        let commonest = groups.iter().rev().max_by_key(|group| group.support);
        let majority_group = commonest.filter(|_| !asked.is_multi_label()).map(|group| group.group.clone());
        Ok(Self { metrics, majority_group, groups, curves: curves::of(asked, positive)? })
    }

    /// The share of pictures that were given their group, or exactly their labels, with its interval, and that of always answering the same.
    pub fn accuracy(&self) -> (Estimate, f64) {
        let (value, ci95, baseline) = match &self.metrics {
            Report::Exclusive(report) => (report.accuracy, report.accuracy_ci95, report.majority_baseline),
            Report::MultiLabel(report) => (report.accuracy, report.accuracy_ci95, report.majority_baseline),
        };
        (Estimate { value, ci95 }, baseline)
    }
}

fn groups(asked: &Asked) -> Vec<GroupFigures> {
    let mut tallies = vec![Tally::default(); asked.classes().len()];
    for (picture, prediction) in asked.predictions.iter().enumerate() {
        let (truth, chosen) = (asked.truth(picture), &prediction.chosen);
        for &class in truth.iter().chain(chosen.iter().filter(|class| !truth.contains(class))) {
            tallies[class].count(truth.contains(&class), chosen.contains(&class));
        }
    }
    let named = asked.classes().iter().zip(tallies);
    let figures = named.map(|(name, tally)| {
        let (right, given) = (tally.true_positives, tally.true_positives + tally.false_positives);
        GroupFigures {
            group: name.clone(),
            support: tally.support(),
            given,
            right,
            precision: Estimate::of_share(right, given),
            recall: Estimate::of_share(right, tally.support()),
            f1: tally.f1().zip(tally.f1_interval()).map(|(value, ci95)| Estimate { value, ci95 }),
        }
    });
    figures.collect()
}
