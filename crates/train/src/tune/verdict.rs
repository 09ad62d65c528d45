//! Whether the best settings are better than those that the tune began from, beyond chance and selection.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use divvy_data::{Dataset, StoreOptions};
use divvy_eval::{Interval, McNemar};
use divvy_model::{Classifier, Model};
use serde::{Deserialize, Serialize};

use super::folder::TuneFolder;
use super::trial::{TuneTrial, ranked};
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::evaluate::classify;
use crate::resources::Resources;

/// A difference is found where chance alone would show one as large less often.
const LEVEL: f64 = 0.05;

/// The best settings against those that the tune began from.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They are the same.
    NoneBetter,
    /// The first came to no model.
    FirstFailed,
    /// Both were trained for the same time, and have answered for the same validation pictures.
    Compared(Advantage),
}

/// What the best settings were ahead by, in the last rung that both were trained in.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Advantage {
    /// The rung, from 1.
    pub rung: usize,
    /// The share of the pictures that are right, the best settings' less the first's; of several labels, all of which must be right.
    pub difference: f64,
    /// Its 95 % interval, paired by picture (Tango). It knows nothing of the selection.
    pub ci95: Option<Interval>,
    /// The exact p-value of McNemar's test, times the number of candidates that the best is the best of (Bonferroni).
    pub p: f64,
    /// Whether it is more than chance and selection show.
    pub found: bool,
}

impl Advantage {
    /// Of two trainings by which answers are right, in the same order; `chosen_of` candidates were tried beside the first.
    fn new(rung: usize, first: &[bool], best: &[bool], chosen_of: usize) -> Self {
        let only = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && !**b).count();
        let counts = McNemar::new(only(best, first), only(first, best));
        let estimate = counts.difference(first.len());
        let difference = estimate.map_or(0.0, |estimate| estimate.value);
        let p = (counts.exact_p() * chosen_of.max(1) as f64).min(1.0);
        let found = difference > 0.0 && p < LEVEL;
        Self { rung, difference, ci95: estimate.map(|estimate| estimate.ci95), p, found }
    }
}

/// The last rung that a candidate and the first were both trained in.
fn last_shared(trials: &[TuneTrial], candidate: usize) -> Option<usize> {
    let was_trained =
        |rung: usize, wanted: usize| ranked(trials, rung).iter().any(|trial| trial.candidate == wanted);
    let rungs = 1..=trials.iter().map(|trial| trial.rung).max()?;
    rungs.rev().find(|&rung| was_trained(rung, 0) && was_trained(rung, candidate))
}

/// The models of a tune and the pictures that they answer for.
pub(super) struct Models<'a> {
    pub(super) folder: &'a TuneFolder,
    /// How they are computed.
    pub(super) config: &'a TrainConfig,
    pub(super) dataset: &'a Arc<Dataset>,
    /// The validation pictures.
    pub(super) samples: &'a [usize],
    pub(super) resources: &'a dyn Fn() -> Resources,
    pub(super) stop: &'a AtomicBool,
}

impl Models<'_> {
    /// The pictures that can be read, and for each whether the model of a candidate has answered right.
    fn right_answers(&self, rung: usize, candidate: usize) -> Result<(Vec<usize>, Vec<bool>), TrainError> {
        let Self { folder, config, dataset, samples, .. } = self;
        let Resources { cpu, cache, .. } = (self.resources)();
        let cpu = config.precision.on(cpu)?;
        let (threads, cancel) = (cpu.threads(), Some(self.stop));
        let options = StoreOptions { threads, cache, cancel, ..StoreOptions::default() };
        let model = Model::open(folder.run(rung, candidate).path())?;
        let mut classifier = Classifier::new(model, config.device(cpu))?;
        let classified = classify(&mut classifier, dataset, samples.to_vec(), &options, &|_, _| {})?;
        let answers = classified.predictions.iter().zip(classified.labels(dataset));
        let right = answers.map(|(prediction, label)| prediction.chosen == label.indices()).collect();
        Ok((classified.samples, right))
    }
}

impl Verdict {
    /// Holds the best candidate against the first: both answer for the validation pictures.
    ///
    /// # Errors
    /// A [`TrainError`] where models can no longer be read, and [`TrainError::PicturesChanged`] where not both have seen the same pictures.
    pub(super) fn of(trials: &[TuneTrial], best: usize, models: &Models<'_>) -> Result<Self, TrainError> {
        if best == 0 {
            return Ok(Self::NoneBetter);
        }
        let Some(rung) = last_shared(trials, best) else { return Ok(Self::FirstFailed) };
        let (seen_by_first, first) = models.right_answers(rung, 0)?;
        let (seen_by_best, best) = models.right_answers(rung, best)?;
        if seen_by_first != seen_by_best {
            return Err(TrainError::PicturesChanged { data: models.config.data.clone() });
        }
        let others = trials.iter().filter(|trial| trial.rung == 1 && trial.candidate != 0).count();
        Ok(Self::Compared(Advantage::new(rung, &first, &best, others)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::tests::{failed, trained};
    use super::*;

    /// Of a hundred pictures that many are right in the best only, and in the first only.
    fn advantage(best_only: usize, first_only: usize, chosen_of: usize) -> Advantage {
        let answers = |own: usize, offset: usize| -> Vec<bool> {
            (0..100).map(|picture| (offset..offset + own).contains(&picture) || picture >= 60).collect()
        };
        Advantage::new(2, &answers(first_only, 30), &answers(best_only, 0), chosen_of)
    }

    #[test]
    fn an_advantage_is_found_only_beyond_the_number_that_was_chosen_of() {
        // Two-sided binomial tests of 12:2 and 6:0, as R's binom.test gives them.
        let twelve = advantage(12, 2, 1);
        assert!((twelve.difference - 0.1).abs() < 1e-12 && (twelve.p - 0.012_939).abs() < 1e-6, "{twelve:?}");
        assert!(twelve.found && twelve.ci95.is_some_and(|ci| ci.low > 0.0 && ci.high < 0.2));
        let of_many = advantage(12, 2, 16);
        assert!((of_many.p - 16.0 * 0.012_939).abs() < 1e-4 && !of_many.found, "{of_many:?}");
        assert!((advantage(6, 0, 1).p - 0.031_25).abs() < 1e-9);
        let worse = advantage(2, 12, 1);
        assert!(!worse.found && worse.difference < 0.0, "a disadvantage is no find");
        assert_eq!(advantage(3, 3, 16).p, 1.0);
    }

    #[test]
    fn both_are_compared_in_the_last_rung_that_both_came_to() {
        let trials = [trained(1, 0, 0.8, 0.5), trained(1, 4, 0.8, 0.5), trained(2, 4, 0.9, 0.5)];
        assert_eq!(last_shared(&trials, 4), Some(1));
        let trials =
            [&trials[..], &[trained(2, 0, 0.8, 0.5), trained(3, 4, 0.9, 0.4), failed(3, 0)]].concat();
        assert_eq!(last_shared(&trials, 4), Some(2));
        assert_eq!(last_shared(&[failed(1, 0), trained(1, 4, 0.8, 0.5)], 4), None);
    }
}
