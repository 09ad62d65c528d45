//! Whether two contenders differ, and what can be said of it.

use divvy_eval::{Interval, McNemar};
use divvy_nn::Metric;
use serde::Serialize;

use super::measure::Measured;
use super::standing::{RunFigures, Spread};

/// The chance of finding a difference, in all comparisons together, where there is none.
const LEVEL: f64 = 0.05;

/// A contender against the first. Each figure is the other's less the first's.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Difference {
    /// The first contender.
    pub baseline: String,
    /// The other.
    pub other: String,
    /// Of accuracy or macro F1: over the seeds where there are several, else over the pictures.
    pub score: Spread,
    /// Of log losses, over the seeds or pictures as well.
    pub log_loss: Option<Spread>,
    /// Of calibration errors.
    pub calibration_error: Option<Spread>,
    /// Of the time an epoch takes, in seconds.
    pub seconds_per_epoch: Spread,
    /// The chance of so large a difference of the score where there is none: of the paired t test over the seeds, of an accuracy of
    /// a single seed McNemar's. None where the difference is the same in every training, which leaves nothing to hold it against,
    /// and for macro F1 of a single seed.
    pub p: Option<f64>,
    /// McNemar's exact test on the predictions of each seed.
    pub mcnemar: Vec<McNemarOfSeed>,
    /// Whether a difference of the score was found, at 5 % for all comparisons together (Holm 1979). Never where there is no `p`.
    pub found: bool,
}

/// On how many pictures two contenders of one seed disagree.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct McNemarOfSeed {
    /// The seed.
    pub seed: u64,
    /// Pictures that only the first gets right: their class, or exactly their labels.
    pub only_baseline: usize,
    /// Pictures that only the other gets right.
    pub only_other: usize,
    /// The chance of so uneven a disagreement where there is no difference.
    pub p: f64,
}

/// The difference between a contender and the first, each with a training for each seed; whether it is found is not said yet.
pub(super) fn difference(baseline: &(String, Vec<Measured>), other: &(String, Vec<Measured>)) -> Difference {
    let runs: Vec<(&Measured, &Measured)> = baseline.1.iter().zip(&other.1).collect();
    let (score, p) = match runs.as_slice() {
        [(a, b)] => of_one_training(a, b),
        _ => Spread::of_pairs(
            &runs.iter().map(|(a, b)| (b.figures.score, a.figures.score)).collect::<Vec<_>>(),
        ),
    };
    Difference {
        baseline: baseline.0.clone(),
        other: other.0.clone(),
        score,
        log_loss: log_loss(&runs),
        calibration_error: over_seeds(&runs, |figures| figures.calibration_error),
        seconds_per_epoch: Spread::of_pairs(
            &runs
                .iter()
                .map(|(a, b)| (b.figures.seconds_per_epoch, a.figures.seconds_per_epoch))
                .collect::<Vec<_>>(),
        )
        .0,
        p,
        mcnemar: runs.iter().map(|(a, b)| McNemarOfSeed::new(a, b)).collect(),
        found: false,
    }
}

/// A difference of scores over the pictures, and its p-value: of accuracies alone, as McNemar's test is of right answers.
fn of_one_training(baseline: &Measured, other: &Measured) -> (Spread, Option<f64>) {
    let mean = other.figures.score - baseline.figures.score;
    if baseline.metric != Metric::Accuracy {
        return (Spread { mean, ci95: None }, None);
    }
    let counts = disagreement(other, baseline);
    let ci95 = counts.difference(baseline.right.len()).map(|estimate| estimate.ci95);
    (Spread { mean, ci95 }, Some(counts.exact_p()))
}

/// Over the seeds; of a single training over the pictures.
fn log_loss(runs: &[(&Measured, &Measured)]) -> Option<Spread> {
    let over_seeds = over_seeds(runs, |figures| figures.log_loss)?;
    let [(a, b)] = runs else { return Some(over_seeds) };
    let (first, second) = (b.losses.as_ref()?, a.losses.as_ref()?);
    let pairs: Vec<(f64, f64)> = first.iter().copied().zip(second.iter().copied()).collect();
    Some(Spread { ci95: Spread::of_pairs(&pairs).0.ci95, ..over_seeds })
}

/// The difference of a figure over the seeds, where both have it.
fn over_seeds(runs: &[(&Measured, &Measured)], figure: fn(&RunFigures) -> Option<f64>) -> Option<Spread> {
    let pairs: Option<Vec<(f64, f64)>> =
        runs.iter().map(|(a, b)| Some((figure(&b.figures)?, figure(&a.figures)?))).collect();
    pairs.map(|pairs| Spread::of_pairs(&pairs).0)
}

/// Pictures that only one of two gets right.
fn disagreement(a: &Measured, b: &Measured) -> McNemar {
    let only = |x: &Measured, y: &Measured| x.right.iter().zip(&y.right).filter(|(x, y)| **x && !**y).count();
    McNemar::new(only(a, b), only(b, a))
}

impl McNemarOfSeed {
    fn new(baseline: &Measured, other: &Measured) -> Self {
        let counts = disagreement(baseline, other);
        Self {
            seed: baseline.figures.seed,
            only_baseline: counts.only_a_right,
            only_other: counts.only_b_right,
            p: counts.exact_p(),
        }
    }
}

/// Holm's procedure: the smallest p is held to the level divided by the number of comparisons, the next to that of one fewer, until
/// one fails. A difference that was not tested is not found, but counts as a comparison.
pub(super) fn mark_found(differences: &mut [Difference]) {
    let comparisons = differences.len();
    let mut tested: Vec<(f64, usize)> = differences
        .iter()
        .enumerate()
        .filter_map(|(index, difference)| Some((difference.p?, index)))
        .collect();
    tested.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    for (rank, (p, index)) in tested.into_iter().enumerate() {
        if p > LEVEL / (comparisons - rank) as f64 {
            break;
        }
        differences[index].found = true;
    }
}

impl Difference {
    /// What was found.
    pub(super) fn sentence(&self, metric: Metric) -> String {
        let Self { baseline, other, score, found, .. } = self;
        let (name, mean) = (metric.in_words(), score.mean);
        if *found {
            let (better, worse, ci95) = if mean > 0.0 {
                (other, baseline, score.ci95)
            } else {
                (baseline, other, score.ci95.map(|ci| Interval { low: -ci.high, high: -ci.low }))
            };
            let details = self.details(ci95);
            return format!(
                "{better} does better than {worse}: {name} differs by {:.4}{details}",
                mean.abs()
            );
        }
        let what = match (self.p, self.mcnemar.len()) {
            (Some(_), _) => format!("{name} differs by {mean:+.4}{}", self.details(score.ci95)),
            (None, 1) => format!(
                "{name} differs by {mean:+.4}, which one training of each cannot test; give several seeds{}",
                self.by_pictures(metric)
            ),
            // Beyond rounding.
            (None, n) if mean.abs() > 1e-12 => format!(
                "{name} differs by {mean:+.4} in each of {n} trainings, and what does not scatter cannot be tested with so few \
                 seeds{}",
                self.by_pictures(metric)
            ),
            (None, n) => format!("{name} is the same in each of {n} trainings{}", self.by_pictures(metric)),
        };
        // What was not tested was not looked for.
        let is_tested = self.p.is_some() || mean.abs() <= 1e-12;
        let lead = if is_tested {
            "no difference was found between"
        } else {
            "there is no test of a difference between"
        };
        format!("{lead} {baseline} and {other}: {what}")
    }

    /// The interval and the p-value, in parentheses.
    fn details(&self, ci95: Option<Interval>) -> String {
        let interval = ci95.map(|ci| format!("95 % interval {:+.4} to {:+.4}", ci.low, ci.high));
        let p = self.p.map(|p| format!("p {}", in_words(p)));
        let details: Vec<String> = interval.into_iter().chain(p).collect();
        format!(" ({})", details.join(", "))
    }

    /// What McNemar's test says of each training, in parentheses. It compares these trained networks, not ways of training.
    fn by_pictures(&self, metric: Metric) -> String {
        let test =
            if metric == Metric::Accuracy { "McNemar's test" } else { "McNemar's test of exact matches" };
        let smallest = self.mcnemar.iter().map(|seed| seed.p).fold(f64::INFINITY, f64::min);
        let largest = self.mcnemar.iter().map(|seed| seed.p).fold(0.0, f64::max);
        let p = if in_words(smallest) == in_words(largest) {
            in_words(smallest)
        } else {
            format!("{} to {}", in_words(smallest), in_words(largest).trim_start_matches("= "))
        };
        format!(" ({test} on the pictures: p {p})")
    }
}

/// `= 0.0123`, or `< 0.0001`.
fn in_words(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("= {p:.4}") }
}

#[cfg(test)]
mod tests;
