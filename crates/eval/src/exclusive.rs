//! The report for classes of which each sample has exactly one.

use std::fmt;

use serde::Serialize;

use crate::table::{Table, optional, rounded};
use crate::tally::{ClassScores, mean_of_defined};
use crate::{ConfusionMatrix, EvalError, Interval, Ranking, Task, check, log_loss};

/// Beyond this many classes a confusion matrix no longer fits a terminal, and the text lists the commonest mistakes instead.
const WIDEST_MATRIX: usize = 12;
/// How many of them it lists.
const MISTAKES_LISTED: usize = 10;

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

/// How good a classifier of exclusive classes is on one set of samples.
///
/// Serialises to the keys of its fields; those of [`BinaryScores`] stand beside the others and are left out unless there
/// are two classes and scores to rank by. Displays as a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExclusiveReport {
    /// What the labels mean.
    pub task: Task,
    /// The classes' names, in the order of their indices.
    pub classes: Vec<String>,
    /// Number of samples.
    pub n: usize,
    /// Share of samples that were given their true class.
    pub accuracy: f64,
    /// The accuracy's 95% Wilson interval.
    pub accuracy_ci95: Interval,
    /// The accuracy of always answering the class that is most frequent in these samples.
    pub majority_baseline: f64,
    /// Mean recall of the classes that occur.
    pub balanced_accuracy: f64,
    /// Mean `-ln p` of the true class in nats, clipped; `None` where there are no probabilities.
    pub log_loss: Option<f64>,
    /// Precision, recall, F1 and support of each class.
    pub per_class: Vec<ClassScores>,
    /// Which class was taken for which: one row a true class, one column a predicted one.
    pub confusion_matrix: ConfusionMatrix,
    /// The metrics that exist for two classes only.
    #[serde(flatten)]
    pub binary: Option<BinaryScores>,
}

/// How well the scores of two classes order them, whatever the threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BinaryScores {
    /// The class that high scores speak for: the second, unless another was chosen.
    pub positive_class: String,
    /// Area under the ROC curve; `None` if only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision; `None` if the positive class does not occur.
    pub average_precision: Option<f64>,
}

impl ExclusiveReport {
    /// Compares `answers` with the true class index of each sample.
    ///
    /// # Errors
    /// No samples, fewer than two classes, lengths that do not fit, indices out of range, scores that are not finite,
    /// probabilities outside `[0, 1]` or in rows that do not sum to one, single scores for other than two classes.
    pub fn new(classes: &[String], truth: &[usize], answers: Answers<'_>) -> Result<Self, EvalError> {
        answers.check(classes.len(), truth)?;
        let matrix = ConfusionMatrix::new(classes.len(), truth, &answers.decisions(classes.len()))?;
        let (Some(accuracy), Some(accuracy_ci95), Some(majority_baseline), Some(balanced_accuracy)) = (
            matrix.accuracy(),
            Interval::wilson(matrix.correct(), matrix.total()),
            matrix.majority_baseline(),
            matrix.balanced_accuracy(),
        ) else {
            return Err(EvalError::NoSamples);
        };
        let binary = match (classes, answers.positive_scores()) {
            ([_, positive], Some(scores)) => Some(BinaryScores::new(positive, 1, truth, &scores)?),
            _ => None,
        };
        let tallies = matrix.tallies();
        Ok(Self {
            task: answers.task(classes.len()),
            classes: classes.to_vec(),
            n: truth.len(),
            accuracy,
            accuracy_ci95,
            majority_baseline,
            balanced_accuracy,
            log_loss: answers.log_loss(classes.len(), truth),
            per_class: classes
                .iter()
                .zip(tallies)
                .map(|(name, tally)| ClassScores::new(name, tally))
                .collect(),
            confusion_matrix: matrix,
            binary,
        })
    }

    /// The report with the ranking metrics of another class than the second, where there are two; `truth` and `answers` are those it
    /// was made of.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_positive(
        mut self,
        positive: usize,
        truth: &[usize],
        answers: Answers<'_>,
    ) -> Result<Self, EvalError> {
        check::class_indices("positive class", &[positive], self.classes.len())?;
        if let (Some(_), Some(scores)) = (&self.binary, answers.positive_scores()) {
            // What speaks for the second class speaks against the first.
            let scores: Vec<f32> =
                if positive == 1 { scores } else { scores.iter().map(|score| -score).collect() };
            self.binary = Some(BinaryScores::new(&self.classes[positive], positive, truth, &scores)?);
        }
        Ok(self)
    }

    /// Mean F1 of the classes that occur or were predicted, each counting the same however rare it is; `None` if there are
    /// none.
    pub fn f1_macro(&self) -> Option<f64> {
        mean_of_defined(self.per_class.iter().map(|class| class.f1))
    }
}

impl BinaryScores {
    fn new(name: &str, positive: usize, truth: &[usize], scores: &[f32]) -> Result<Self, EvalError> {
        let is_positive: Vec<bool> = truth.iter().map(|&class| class == positive).collect();
        let ranking = Ranking::new(&is_positive, scores)?;
        Ok(Self {
            positive_class: name.to_owned(),
            roc_auc: ranking.roc_auc(),
            average_precision: ranking.average_precision(),
        })
    }
}

impl Answers<'_> {
    fn task(&self, classes: usize) -> Task {
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
    fn positive_scores(&self) -> Option<Vec<f32>> {
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
    /// What [`ExclusiveReport::new`] refuses, except that no samples have no losses.
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

    /// Mean surprise at the true classes, where there are probabilities.
    fn log_loss(&self, classes: usize, truth: &[usize]) -> Option<f64> {
        let losses = self.surprises(classes, truth)?;
        Some(losses.iter().sum::<f64>() / truth.len() as f64)
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

impl fmt::Display for ExclusiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} classes, {} samples\n", self.task, self.classes.len(), self.n)?;
        writeln!(f, "{}", self.headline_table())?;
        writeln!(f, "{}", self.class_table())?;
        if self.classes.len() <= WIDEST_MATRIX {
            write!(f, "confusion: a row a true class, a column a predicted one\n{}", self.matrix_table())
        } else {
            write!(f, "commonest mistakes\n{}", self.mistake_table())
        }
    }
}

impl ExclusiveReport {
    fn headline_table(&self) -> Table {
        let Interval { low, high } = self.accuracy_ci95;
        let interval = format!("95% interval {} to {}", rounded(low), rounded(high));
        let mut table = Table::new();
        table.noted_row("accuracy", rounded(self.accuracy), &interval);
        table.noted_row("majority baseline", rounded(self.majority_baseline), "");
        table.noted_row("balanced accuracy", rounded(self.balanced_accuracy), "");
        table.noted_row("log loss", optional(self.log_loss), "");
        if let Some(binary) = &self.binary {
            let positive = format!("positive class {}", binary.positive_class);
            table.noted_row("ROC AUC", optional(binary.roc_auc), &positive);
            table.noted_row("average precision", optional(binary.average_precision), &positive);
        }
        table
    }

    fn class_table(&self) -> Table {
        let mut table = Table::new();
        table.row(["class", "precision", "recall", "f1", "support"]);
        for scores in &self.per_class {
            table.row([
                scores.class.clone(),
                optional(scores.precision),
                optional(scores.recall),
                optional(scores.f1),
                scores.support.to_string(),
            ]);
        }
        table
    }

    fn matrix_table(&self) -> Table {
        let mut table = Table::new();
        table.row(std::iter::once("").chain(self.classes.iter().map(String::as_str)));
        for (name, counts) in self.classes.iter().zip(self.confusion_matrix.rows()) {
            table.row(std::iter::once(name.clone()).chain(counts.iter().map(usize::to_string)));
        }
        table
    }

    fn mistake_table(&self) -> Table {
        let mut table = Table::new();
        table.row(["true class", "taken for", "samples"]);
        for (t, p, count) in self.confusion_matrix.mistakes().into_iter().take(MISTAKES_LISTED) {
            table.row([self.classes[t].clone(), self.classes[p].clone(), count.to_string()]);
        }
        table
    }
}
