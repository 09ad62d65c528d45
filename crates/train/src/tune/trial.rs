//! One training of a tune: begun, gone on with, or found done.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use divvy_data::DataError;
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::event::{Ending, Event, Listener, Score};
use crate::outcome::Outcome;
use crate::resources::Resources;
use crate::run::RunFolder;
use crate::start::{resume, train};

/// A training that is over: a line of trials.jsonl.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TuneTrial {
    /// The rung, from 1.
    pub rung: usize,
    /// The candidate's place in the plan; 0 is the choice that the tune began from.
    pub candidate: usize,
    /// The time it took, in seconds.
    pub seconds: f64,
    /// What came of it.
    #[serde(flatten)]
    pub result: TrialResult,
}

/// What came of a training.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum TrialResult {
    /// There is a model.
    Trained {
        /// What its best epoch reaches on the validation pictures.
        validation: Score,
        /// How many those are.
        validation_images: usize,
        /// The epochs there was time for.
        epochs: u32,
        /// The best of them.
        best_epoch: u32,
    },
    /// There is none to go on with.
    Failed {
        /// Why, in a sentence.
        reason: String,
    },
}

impl TuneTrial {
    /// What it reached, unless it failed.
    pub fn score(&self) -> Option<Score> {
        match self.result {
            TrialResult::Trained { validation, .. } => Some(validation),
            TrialResult::Failed { .. } => None,
        }
    }
}

/// Trains as `config` says, or goes on with what is in the folder; what came of it, and the seconds that took.
///
/// # Errors
/// [`TrainError::Interrupted`] after `stop` was set, and what would befall any other candidate as well: pictures that are gone, a full disk.
pub(super) fn run(
    config: &TrainConfig,
    run: &RunFolder,
    resources: Resources,
    listener: &mut (dyn Listener + Send),
    stop: &AtomicBool,
) -> Result<(TrialResult, f64), TrainError> {
    let begun = Instant::now();
    let trained = if run.config().is_file() {
        resume(run.path(), resources, listener, stop)
    } else {
        // A process that was killed so early may have left a lock.
        run.remove();
        train(config, run.path(), resources, listener, stop)
    };
    match trained {
        Ok(Outcome { ending: Ending::Interrupted, .. }) | Err(TrainError::Data(DataError::Interrupted)) => {
            Err(TrainError::Interrupted)
        }
        Ok(Outcome { epochs, best_epoch, validation, validation_images, .. }) => {
            let trained = TrialResult::Trained { validation, validation_images, epochs, best_epoch };
            Ok((trained, seconds(run)?))
        }
        Err(error) if is_its_own(&error) => {
            Ok((TrialResult::Failed { reason: error.to_string() }, begun.elapsed().as_secs_f64()))
        }
        Err(error) => Err(error),
    }
}

/// The time that a finished training has taken, before and after interruptions.
fn seconds(run: &RunFolder) -> Result<f64, TrainError> {
    let of_end = |(_, event)| if let Event::Finished { seconds, .. } = event { Some(seconds) } else { None };
    Ok(run.read_events()?.into_iter().rev().find_map(of_end).unwrap_or_default())
}

/// Whether an error is about this candidate's settings, so that others may do.
fn is_its_own(error: &TrainError) -> bool {
    matches!(
        error,
        TrainError::NotFinite { .. }
            | TrainError::RanAway { .. }
            | TrainError::Memory { .. }
            | TrainError::Finding(_)
            | TrainError::Build(_)
            | TrainError::Architecture(_)
            | TrainError::Preprocess(_)
            // It had ended before and was not written down: numbers that ran away leave a model without a checkpoint.
            | TrainError::NoCheckpoint { .. }
    )
}

/// The trained trials of a rung, the best first: by the metric, where that is the same by the loss, and then as they stand in the plan.
pub(super) fn ranked(trials: &[TuneTrial], rung: usize) -> Vec<&TuneTrial> {
    let of_rung = trials.iter().filter(|trial| trial.rung == rung);
    let mut scored: Vec<_> = of_rung.filter_map(|trial| Some((trial.score()?, trial))).collect();
    scored.sort_by(|(a, first), (b, second)| {
        let by_score = b.value.total_cmp(&a.value).then(a.loss.total_cmp(&b.loss));
        by_score.then(first.candidate.cmp(&second.candidate))
    });
    scored.into_iter().map(|(_, trial)| trial).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use divvy_nn::Metric;

    use super::*;

    pub(in crate::tune) fn trained(rung: usize, candidate: usize, value: f64, loss: f64) -> TuneTrial {
        let validation = Score { value, loss, metric: Metric::Accuracy };
        let result = TrialResult::Trained { validation, validation_images: 50, epochs: 4, best_epoch: 3 };
        TuneTrial { rung, candidate, seconds: 2.0, result }
    }

    pub(in crate::tune) fn failed(rung: usize, candidate: usize) -> TuneTrial {
        let result = TrialResult::Failed { reason: "the loss is NaN".to_owned() };
        TuneTrial { rung, candidate, seconds: 0.5, result }
    }

    #[test]
    fn trials_are_ranked_by_score_then_loss_then_place() {
        let trials = [
            trained(1, 3, 0.8, 0.5),
            failed(1, 4),
            trained(1, 2, 0.9, 0.6),
            trained(1, 5, 0.9, 0.4),
            trained(2, 1, 1.0, 0.1),
            trained(1, 1, 0.8, 0.5),
        ];
        let order: Vec<usize> = ranked(&trials, 1).iter().map(|trial| trial.candidate).collect();
        assert_eq!(order, [5, 2, 1, 3]);
    }

    #[test]
    fn a_line_says_what_came_of_it() {
        let line = serde_json::to_string(&failed(1, 4)).unwrap();
        assert_eq!(
            line,
            r#"{"rung":1,"candidate":4,"seconds":0.5,"result":"failed","reason":"the loss is NaN"}"#
        );
        for trial in [failed(1, 4), trained(2, 0, 0.75, 0.5)] {
            let line = serde_json::to_string(&trial).unwrap();
            assert_eq!(serde_json::from_str::<TuneTrial>(&line).unwrap(), trial);
        }
    }
}
