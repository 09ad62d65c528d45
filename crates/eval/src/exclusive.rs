//! The report for classes of which each sample has exactly one.

use std::fmt;

use serde::Serialize;

use crate::mean::bounded_mean;
use crate::table::{Table, optional, rounded};
use crate::tally::{ClassScores, mean_of_defined};
use crate::{Answers, ConfusionMatrix, EvalError, Interval, Ranking, Task, check, log_loss, spread};

/// Beyond this many classes a confusion matrix no longer fits a terminal, and the text lists the commonest mistakes instead.
const WIDEST_MATRIX: usize = 12;
/// How many of them it lists.
const MISTAKES_LISTED: usize = 10;

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
    /// The balanced accuracy's 95% interval.
    pub balanced_accuracy_ci95: Interval,
    /// Matthews' correlation coefficient; `None` where all samples are of one class, or all answers.
    pub mcc: Option<f64>,
    /// The correlation's 95% interval.
    pub mcc_ci95: Option<Interval>,
    /// Mean F1 of the classes that occur or were predicted, each counting the same however rare it is.
    pub f1_macro: Option<f64>,
    /// The mean F1's 95% interval.
    pub f1_macro_ci95: Option<Interval>,
    /// Mean `-ln p` of the true class in nats, clipped; `None` where there are no probabilities.
    pub log_loss: Option<f64>,
    /// The log loss's 95% interval.
    pub log_loss_ci95: Option<Interval>,
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
    /// The area's 95% interval.
    pub roc_auc_ci95: Option<Interval>,
    /// Average precision; `None` if the positive class does not occur.
    pub average_precision: Option<f64>,
    /// The average precision's 95% interval.
    pub average_precision_ci95: Option<Interval>,
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
        let (
            Some(accuracy),
            Some(accuracy_ci95),
            Some(majority_baseline),
            Some(balanced_accuracy),
            Some(balanced_accuracy_ci95),
        ) = (
            matrix.accuracy(),
            Interval::wilson(matrix.correct(), matrix.total()),
            matrix.majority_baseline(),
            matrix.balanced_accuracy(),
            spread::balanced_accuracy(&matrix),
        )
        else {
            return Err(EvalError::NoSamples);
        };
        let binary = match (classes, answers.positive_scores()) {
            ([_, positive], Some(scores)) => Some(BinaryScores::new(positive, 1, truth, &scores)?),
            _ => None,
        };
        let per_class: Vec<ClassScores> =
            classes.iter().zip(matrix.tallies()).map(|(name, tally)| ClassScores::new(name, tally)).collect();
        let losses = answers.losses(classes.len(), truth)?;
        Ok(Self {
            task: answers.task(classes.len()),
            classes: classes.to_vec(),
            n: truth.len(),
            accuracy,
            accuracy_ci95,
            majority_baseline,
            balanced_accuracy,
            balanced_accuracy_ci95,
            mcc: matrix.mcc(),
            mcc_ci95: spread::mcc(&matrix),
            f1_macro: mean_of_defined(per_class.iter().map(|class| class.f1)),
            f1_macro_ci95: spread::f1_macro(&matrix),
            log_loss: losses.as_ref().map(|losses| losses.iter().sum::<f64>() / losses.len() as f64),
            log_loss_ci95: losses.map(|losses| bounded_mean(&losses, log_loss::largest_surprise())),
            per_class,
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
}

impl BinaryScores {
    fn new(name: &str, positive: usize, truth: &[usize], scores: &[f32]) -> Result<Self, EvalError> {
        let is_positive: Vec<bool> = truth.iter().map(|&class| class == positive).collect();
        let ranking = Ranking::new(&is_positive, scores)?;
        Ok(Self {
            positive_class: name.to_owned(),
            roc_auc: ranking.roc_auc(),
            roc_auc_ci95: ranking.roc_auc_interval(),
            average_precision: ranking.average_precision(),
            average_precision_ci95: ranking.average_precision_interval(),
        })
    }
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
        table.noted_row("MCC", optional(self.mcc), "Matthews correlation");
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
