//! From what was measured to what can be said.

use std::path::{Path, PathBuf};

use divvy_eval::{Interval, MeanInterval, PairedT};
use divvy_nn::Metric;
use serde::Serialize;

use super::crew::AtOnce;
use super::difference::{Difference, difference, mark_found};
use super::measure::Measured;

/// How contenders did, and whether they differ. Serialises to what `compare.json` holds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Comparison {
    /// The pictures' folder or list.
    pub data: PathBuf,
    /// What `score` is.
    pub metric: Metric,
    /// Pictures that all were compared on, and that none was trained on.
    pub test_images: usize,
    /// Pictures that were kept for it and could not be read, a sentence each.
    pub left_out: Vec<String>,
    /// How many trainings went on side by side, which the time of an epoch hangs on.
    pub at_once: AtOnce,
    /// The contenders in the order given.
    pub contenders: Vec<Standing>,
    /// Each contender but the first against the first.
    pub differences: Vec<Difference>,
}

/// How one contender did.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Numbers that its network learns.
    pub parameters: usize,
    /// Accuracy, or macro F1 for labels that do not exclude each other.
    pub score: Spread,
    /// In nats; none from heads without probabilities.
    pub log_loss: Option<Spread>,
    /// The expected calibration error; none from heads without probabilities and for several labels.
    pub calibration_error: Option<Spread>,
    /// The time an epoch takes, in seconds, as the trainings' events have it: training, validation, and saving the model after the
    /// epochs that were the best so far.
    pub seconds_per_epoch: Spread,
    /// What was measured, a training each.
    pub runs: Vec<RunFigures>,
}

/// What was measured of one training.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct RunFigures {
    /// Its seed.
    pub seed: u64,
    /// Accuracy, or macro F1.
    pub score: f64,
    /// In nats.
    pub log_loss: Option<f64>,
    /// The expected calibration error.
    pub calibration_error: Option<f64>,
    /// The mean time of an epoch, in seconds.
    pub seconds_per_epoch: f64,
    /// Whether an earlier call trained it, so that its time is of another moment than those of others may be.
    pub reused: bool,
}

/// A mean over trainings, or a mean difference between those of two contenders, with its 95 % interval.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Of Student's t over the seeds. Of a single training the interval over the pictures, where there is one: Wilson's of an
    /// accuracy, Student's t of a log loss, that of [`Calibration::error`](divvy_eval::Calibration::error); of differences Tango's of
    /// accuracies and Student's t of log losses, paired by picture. Differences that do not scatter have none.
    pub ci95: Option<Interval>,
}

impl Comparison {
    /// Sums up contenders, each with a training for each seed.
    pub(super) fn new(data: &Path, contenders: &[(String, Vec<Measured>)], at_once: AtOnce) -> Self {
        let (_, first) = &contenders[0];
        let (metric, test_images, left_out) =
            (first[0].metric, first[0].right.len(), first[0].unreadable.clone());
        let mut differences: Vec<Difference> =
            contenders[1..].iter().map(|other| difference(&contenders[0], other)).collect();
        mark_found(&mut differences);
        let standings = contenders.iter().map(|(name, runs)| Standing::new(name, runs)).collect();
        let (data, contenders) = (data.to_owned(), standings);
        Self { data, metric, test_images, left_out, at_once, contenders, differences }
    }

    /// What was found, a sentence a difference.
    pub fn sentences(&self) -> Vec<String> {
        self.differences.iter().map(|difference| difference.sentence(self.metric)).collect()
    }
}

impl Standing {
    fn new(name: &str, runs: &[Measured]) -> Self {
        let over_seeds = |figure: fn(&RunFigures) -> Option<f64>, most: f64| -> Option<Spread> {
            let values: Option<Vec<f64>> = runs.iter().map(|run| figure(&run.figures)).collect();
            values.as_deref().map(|values| Spread::over_seeds(values).within(0.0, most))
        };
        let each =
            |figure: fn(&RunFigures) -> f64| runs.iter().map(|run| figure(&run.figures)).collect::<Vec<_>>();
        let mut standing = Self {
            name: name.to_owned(),
            parameters: runs[0].parameters,
            score: Spread::over_seeds(&each(|figures| figures.score)).within(0.0, 1.0),
            log_loss: over_seeds(|figures| figures.log_loss, f64::INFINITY),
            calibration_error: over_seeds(|figures| figures.calibration_error, 1.0),
            seconds_per_epoch: Spread::over_seeds(&each(|figures| figures.seconds_per_epoch))
                .within(0.0, f64::INFINITY),
            runs: runs.iter().map(|run| run.figures).collect(),
        };
        if let [only] = runs {
            standing.spread_over_pictures(only);
        }
        standing
    }

    /// Gives the figures of a single training the intervals that the pictures make.
    fn spread_over_pictures(&mut self, only: &Measured) {
        if only.metric == Metric::Accuracy {
            let right = only.right.iter().filter(|&&right| right).count();
            self.score.ci95 = Interval::wilson(right, only.right.len());
        }
        if let (Some(log_loss), Some(losses)) = (&mut self.log_loss, &only.losses) {
            log_loss.ci95 = MeanInterval::of(losses).map(|mean| mean.ci95);
            *log_loss = log_loss.within(0.0, f64::INFINITY);
        }
        if let (Some(error), Some(estimate)) = (&mut self.calibration_error, only.calibration) {
            error.ci95 = Some(estimate.ci95);
        }
    }
}

impl Spread {
    /// The mean, and Student's interval where there are two values or more.
    fn over_seeds(values: &[f64]) -> Self {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { mean, ci95: MeanInterval::of(values).map(|interval| interval.ci95) }
    }

    /// The mean of the first of each pair less the second, and the p-value of its being zero. Without interval and p-value for a
    /// single pair, and where the differences are all the same.
    pub(super) fn of_pairs(pairs: &[(f64, f64)]) -> (Self, Option<f64>) {
        let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
        let untested = Self { ci95: None, ..Self::over_seeds(&differences) };
        match PairedT::of(pairs) {
            Some(PairedT { difference, p: Some(p) }) => {
                (Self { mean: difference.mean, ci95: Some(difference.ci95) }, Some(p))
            }
            _ => (untested, None),
        }
    }

    /// With an interval that holds nothing that cannot be.
    fn within(self, least: f64, most: f64) -> Self {
        let within = |ci: Interval| Interval { low: ci.low.max(least), high: ci.high.min(most) };
        Self { ci95: self.ci95.map(within), ..self }
    }
}
