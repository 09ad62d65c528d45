//! What a classifier of exclusive classes answered, in whatever form it did.

use crate::{EvalError, Task, check, log_loss};

/// What a classifier of exclusive classes answered for each of `n` samples.
#[derive(Debug, Clone, Copy)]
pub enum Answers<'a> {
    /// `[n, classes]`, row-major: the probability of each class. Decided by the largest, the first among equals.
    Probabilities(&'a [f32]),
    /// `[n]`: the probability of the second of two classes. It is decided for where `p >= threshold`.
    PositiveProbabilities {
        /// One probability a sample.
        probabilities: &'a [f32],
        /// From where on the second class is decided for.
        threshold: f32,
    },
    /// `[n]`: a number that grows with the belief in the second of two classes but is no probability, such as the output
    /// of a linear unit. The second class is decided for where `score >= threshold`. There is no log loss.
    Scores {
        /// One score a sample.
        scores: &'a [f32],
        /// From where on the second class is decided for.
        threshold: f32,
    },
    /// `[n]`: class indices and nothing else. There are no log loss and no metrics of ranking.
    Decisions(&'a [usize]),
}

impl Answers<'_> {
    pub(crate) fn task(&self, classes: usize) -> Task {
        match self {
            Self::Scores { .. } => Task::Regression,
            _ if classes == 2 => Task::Binary,
            _ => Task::MultiClass,
        }
    }

    /// Refuses what does not fit the classes or the samples.
    pub(crate) fn check(&self, classes: usize, truth: &[usize]) -> Result<(), EvalError> {
        if classes < 2 {
            return Err(EvalError::TooFewClasses { needed: 2, found: classes });
        }
        check::class_indices("label", truth, classes)?;
        let samples = truth.len();
        match *self {
            Self::Probabilities(rows) => {
                check::probabilities(rows, samples, classes)?;
                check::normalised(rows, classes)
            }
            Self::PositiveProbabilities { .. } | Self::Scores { .. } if classes != 2 => {
                Err(EvalError::NotTwoClasses { found: classes })
            }
            Self::PositiveProbabilities { probabilities, threshold } => {
                check::thresholds(&[threshold], 1)?;
                check::probabilities(probabilities, samples, 1)
            }
            Self::Scores { scores, threshold } => {
                check::thresholds(&[threshold], 1)?;
                check::length("scores", scores.len(), samples)?;
                check::finite_scores(scores, 1)
            }
            Self::Decisions(decisions) => {
                check::length("decisions", decisions.len(), samples)?;
                check::class_indices("decision", decisions, classes)
            }
        }
    }

    /// The class decided for, a sample.
    pub(crate) fn decisions(&self, classes: usize) -> Vec<usize> {
        match *self {
            Self::Probabilities(rows) => rows.chunks_exact(classes).map(first_largest).collect(),
            Self::PositiveProbabilities { probabilities: scores, threshold }
            | Self::Scores { scores, threshold } => {
                scores.iter().map(|&score| usize::from(score >= threshold)).collect()
            }
            Self::Decisions(decisions) => decisions.to_vec(),
        }
    }

    /// What orders the samples of two classes by belief in the second.
    pub(crate) fn positive_scores(&self) -> Option<Vec<f32>> {
        match *self {
            Self::Probabilities(rows) => Some(rows.iter().copied().skip(1).step_by(2).collect()),
            Self::PositiveProbabilities { probabilities: scores, .. } | Self::Scores { scores, .. } => {
                Some(scores.to_vec())
            }
            Self::Decisions(_) => None,
        }
    }

    /// The log loss of each sample, `-ln p` of its true class in nats, clipped; `None` where there are no probabilities.
    ///
    /// Their [`MeanInterval`](crate::MeanInterval) is the log loss with its interval. Those of two classifiers, paired by
    /// sample, go into [`PairedT`](crate::PairedT), which tells them apart far sooner than their intervals do.
    ///
    /// # Errors
    /// What [`ExclusiveReport::new`](crate::ExclusiveReport::new) refuses, except that no samples have no losses.
    pub fn losses(&self, classes: usize, truth: &[usize]) -> Result<Option<Vec<f64>>, EvalError> {
        self.check(classes, truth)?;
        Ok(self.surprises(classes, truth))
    }

    /// The losses of samples that were checked.
    fn surprises(&self, classes: usize, truth: &[usize]) -> Option<Vec<f64>> {
        match *self {
            Self::Probabilities(rows) => Some(
                rows.chunks_exact(classes)
                    .zip(truth)
                    .map(|(row, &class)| log_loss::surprise(f64::from(row[class])))
                    .collect(),
            ),
            Self::PositiveProbabilities { probabilities, .. } => Some(
                probabilities
                    .iter()
                    .zip(truth)
                    .map(|(&p, &class)| log_loss::binary_surprise(class == 1, p))
                    .collect(),
            ),
            Self::Scores { .. } | Self::Decisions(_) => None,
        }
    }

    /// The squared error of each sample, `Σ (pₖ - yₖ)²` over the classes, where `y` is 1 for its true class and 0 for the others: from
    /// 0 to 2. `None` where there are no probabilities.
    ///
    /// Their mean is the Brier score as Brier had it (1950, *Monthly Weather Review* 78:1), which of two classes is twice the one that
    /// looks at the second alone.
    ///
    /// # Errors
    /// What [`ExclusiveReport::new`](crate::ExclusiveReport::new) refuses, except that no samples have no errors.
    pub fn squared_errors(&self, classes: usize, truth: &[usize]) -> Result<Option<Vec<f64>>, EvalError> {
        self.check(classes, truth)?;
        let error = |p: f32, is_true: bool| (f64::from(p) - f64::from(u8::from(is_true))).powi(2);
        Ok(match *self {
            Self::Probabilities(rows) => {
                let of_row = |(row, &class): (&[f32], &usize)| {
                    row.iter().enumerate().map(|(index, &p)| error(p, index == class)).sum()
                };
                Some(rows.chunks_exact(classes).zip(truth).map(of_row).collect())
            }
            Self::PositiveProbabilities { probabilities, .. } => {
                Some(probabilities.iter().zip(truth).map(|(&p, &class)| 2.0 * error(p, class == 1)).collect())
            }
            Self::Scores { .. } | Self::Decisions(_) => None,
        })
    }
}

/// Index of the largest value, the first among equals.
fn first_largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, &value) in row.iter().enumerate() {
        if value > row[best] {
            best = index;
        }
    }
    best
}
