//! What a tune has tried, and what can be said of it.

use std::path::PathBuf;

use divvy_eval::Interval;
use divvy_nn::Metric;
use serde::{Deserialize, Serialize};

use super::folder::TunePlan;
use super::space::{Origin, Settings};
use super::trial::{TrialResult, TuneTrial, ranked};
use super::verdict::Verdict;

/// What came of a tune. Serialises to what `tune.json` holds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tuning {
    /// The pictures' folder or list.
    pub data: PathBuf,
    /// Where the first candidate comes from.
    pub origin: Origin,
    /// The time there was for it, in minutes.
    pub minutes: f64,
    /// The seconds that it took, interruptions left out.
    pub seconds: f64,
    /// By what trainings were ranked.
    pub metric: Metric,
    /// The pictures that all were ranked on.
    pub validation_images: usize,
    /// The pictures that took no part.
    pub test_images: usize,
    /// The best training's run.
    pub best: PathBuf,
    /// The best settings as a file for `divvy train --config`.
    pub config: PathBuf,
    /// The best settings.
    pub settings: Settings,
    /// What they reach on the validation pictures.
    pub score: f64,
    /// Whether they are better than those that the tune began from.
    pub verdict: Verdict,
    /// All trainings, rung by rung, in the order in which they were done.
    pub trials: Vec<Tried>,
}

/// A training of the tune.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tried {
    /// `first`, or `candidate-` and its number.
    pub name: String,
    /// What was searched of its settings.
    pub settings: Settings,
    /// What became of it.
    pub fate: Fate,
    /// The 95 % interval over the pictures (Wilson) where the score is an accuracy.
    pub ci95: Option<Interval>,
    /// What came of the training.
    #[serde(flatten)]
    pub trial: TuneTrial,
}

/// What became of a candidate in a rung.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is the tune's result.
    Best,
    /// It was trained longer in the next rung.
    Kept,
    /// Others were better.
    Dropped,
    /// It came to no model.
    Failed,
}

impl Fate {
    /// As it is said.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Kept => "kept",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// The training whose model is the result: the best of the last rung in which one was trained.
pub(super) fn best(trials: &[TuneTrial]) -> Option<&TuneTrial> {
    let last = trials.iter().map(|trial| trial.rung).max()?;
    (1..=last).rev().find_map(|rung| ranked(trials, rung).first().copied())
}

/// All trainings with what became of them.
pub(super) fn tried(plan: &TunePlan, trials: &[TuneTrial]) -> Vec<Tried> {
    let best = best(trials);
    let fate = |trial: &TuneTrial| {
        let goes_on =
            trials.iter().any(|next| (next.rung, next.candidate) == (trial.rung + 1, trial.candidate));
        match trial.score() {
            None => Fate::Failed,
            Some(_) if best == Some(trial) => Fate::Best,
            Some(_) if goes_on => Fate::Kept,
            Some(_) => Fate::Dropped,
        }
    };
    let tried = trials.iter().map(|trial| Tried {
        name: TunePlan::name(trial.candidate),
        settings: plan.settings(trial.candidate),
        fate: fate(trial),
        ci95: trial.interval(),
        trial: trial.clone(),
    });
    tried.collect()
}

impl TuneTrial {
    /// The 95 % interval of the score over the pictures (Wilson), where it is an accuracy.
    pub fn interval(&self) -> Option<Interval> {
        match self.result {
            TrialResult::Trained { validation, validation_images, .. }
                if validation.metric == Metric::Accuracy =>
            {
                let right = (validation.value * validation_images as f64).round() as usize;
                Interval::wilson(right, validation_images)
            }
            TrialResult::Trained { .. } | TrialResult::Failed { .. } => None,
        }
    }
}

impl Tuning {
    /// Whether the best is better than the first, and what its figure is worth; a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        vec![self.against_the_first(), self.caveat()]
    }

    /// How many different settings were tried.
    fn tried(&self) -> usize {
        self.trials.iter().filter(|tried| tried.trial.rung == 1).count()
    }

    fn against_the_first(&self) -> String {
        let (others, first) = (self.tried().saturating_sub(1), self.origin.choice());
        match self.verdict {
            Verdict::NoneBetter => {
                format!("{first} is the best: none of {others} others did better")
            }
            Verdict::FirstFailed => {
                format!("{first} came to no model, so that there is nothing to hold the best against")
            }
            Verdict::Compared(advantage) => {
                let interval = advantage
                    .ci95
                    .map(|ci| format!("95 % interval {:+.3} to {:+.3}, ", ci.low, ci.high))
                    .unwrap_or_default();
                let figures = format!(
                    "trained for the same time (rung {}) the share of right answers differs by {:+.3} ({interval}p {}, times the {others} tried)",
                    advantage.rung,
                    advantage.difference,
                    in_words(advantage.p),
                );
                if advantage.found {
                    format!("{first} is beaten: {figures}")
                } else {
                    format!("{first} is not beaten beyond chance: {figures}")
                }
            }
        }
    }

    fn caveat(&self) -> String {
        format!(
            "{:.3} is an optimistic figure: it is the best of {} settings on the same {} validation pictures, and who is chosen by a figure \
             owes a part of it to luck; evaluate on pictures that took no part",
            self.score,
            self.tried(),
            self.validation_images
        )
    }
}

/// `= 0.012`, or `< 0.001`.
fn in_words(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("= {p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::super::rungs::Rung;
    use super::super::trial::tests::{failed, trained};
    use super::super::verdict::Advantage;
    use super::*;
    use crate::config::TrainConfig;

    fn plan(candidates: usize) -> TunePlan {
        TunePlan {
            origin: Origin::Recipe,
            minutes: 1.0,
            before: 1.0,
            after: 1.0,
            epochs: 4.0,
            rungs: vec![Rung { candidates, seconds: 1.0 }],
            candidates: vec![TrainConfig::new("photos"); candidates],
        }
    }

    #[test]
    fn what_became_of_each_is_told() {
        let trials = [
            trained(1, 0, 0.7, 0.5),
            failed(1, 1),
            trained(1, 2, 0.9, 0.5),
            trained(1, 3, 0.8, 0.5),
            trained(2, 2, 0.92, 0.5),
            trained(2, 3, 0.9, 0.5),
            trained(3, 2, 0.94, 0.5),
        ];
        let fates: Vec<&str> = tried(&plan(4), &trials).iter().map(|tried| tried.fate.name()).collect();
        assert_eq!(fates, ["dropped", "failed", "kept", "kept", "kept", "dropped", "best"]);
        let interval = tried(&plan(4), &trials)[0].ci95.unwrap();
        assert_eq!(Some(interval), Interval::wilson(35, 50));
    }

    #[test]
    fn where_the_last_rung_fails_the_best_is_of_the_one_before() {
        let trials = [trained(1, 0, 0.7, 0.5), trained(1, 1, 0.9, 0.5), failed(2, 1)];
        assert_eq!(best(&trials), Some(&trials[1]));
        let fates: Vec<Fate> = tried(&plan(2), &trials).iter().map(|tried| tried.fate).collect();
        assert_eq!(fates, [Fate::Dropped, Fate::Best, Fate::Failed]);
        assert_eq!(best(&[failed(1, 0), failed(1, 1)]), None);
    }

    #[test]
    fn a_result_says_plainly_what_it_is_worth_and_is_read_as_it_was_written() {
        let trials = [trained(1, 0, 0.7, 0.5), trained(1, 1, 0.9, 0.5), trained(2, 1, 0.95, 0.5)];
        let ci95 = Some(Interval { low: -0.01, high: 0.09 });
        let advantage = Advantage { rung: 1, difference: 0.04, ci95, p: 0.2, found: false };
        let tuning = |verdict| Tuning {
            data: "photos".into(),
            origin: Origin::Recipe,
            minutes: 1.0,
            seconds: 58.0,
            metric: Metric::Accuracy,
            validation_images: 50,
            test_images: 0,
            best: "tune/best".into(),
            config: "tune/best.toml".into(),
            settings: plan(1).settings(0),
            score: 0.95,
            verdict,
            trials: tried(&plan(2), &trials),
        };
        let told = |verdict| tuning(verdict).sentences().join("\n");
        let not = told(Verdict::Compared(advantage));
        assert!(
            not.contains("the recipe's own choice is not beaten beyond chance")
                && not.contains("-0.010 to +0.090, p = 0.200"),
            "{not}"
        );
        assert!(
            not.contains("0.950 is an optimistic figure: it is the best of 2 settings on the same 50"),
            "{not}"
        );
        let found = Advantage { p: 0.0002, found: true, ..advantage };
        let beaten = told(Verdict::Compared(found));
        assert!(beaten.contains("is beaten") && beaten.contains("p < 0.001"), "{beaten}");
        assert!(told(Verdict::NoneBetter).contains("none of 1 others did better"));
        for verdict in [Verdict::NoneBetter, Verdict::FirstFailed, Verdict::Compared(advantage)] {
            let text = serde_json::to_string(&tuning(verdict)).unwrap();
            assert_eq!(serde_json::from_str::<Tuning>(&text).unwrap(), tuning(verdict), "{text}");
        }
    }
}
