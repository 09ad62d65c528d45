//! The report for labels of which a sample may have any number.

mod spread;

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use crate::table::{Table, optional, rounded};
use crate::tally::{ClassScores, mean_of_defined, share};
use crate::{ConfusionMatrix, EvalError, Interval, Ranking, Tally, Task, check, log_loss};
use spread::Decisions;

/// How good a multi-label classifier is on one set of samples.
///
/// Serialises to the keys of its fields and displays as a table. "Element accuracy" is left out on purpose: with rare
/// labels, answering nothing at all scores above 90%.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MultiLabelReport {
    /// Always [`Task::MultiLabel`].
    pub task: Task,
    /// The labels' names, in the order of their indices.
    pub classes: Vec<String>,
    /// Number of samples.
    pub n: usize,
    /// Share of samples with exactly their true labels: the subset accuracy. The same as the exact match, under the name that
    /// every task's report has.
    pub accuracy: f64,
    /// The accuracy's 95% Wilson interval.
    pub accuracy_ci95: Interval,
    /// The accuracy of always answering the set of labels that is most frequent in these samples; the empty set counts.
    pub majority_baseline: f64,
    /// Mean over the labels of half the sum of recall and specificity; of a label that all samples carry, or none, the one of the
    /// two that is defined.
    pub balanced_accuracy: f64,
    /// The balanced accuracy's 95% interval.
    pub balanced_accuracy_ci95: Interval,
    /// Mean F1 of the labels.
    pub f1_macro: Option<f64>,
    /// Its 95% interval.
    pub f1_macro_ci95: Option<Interval>,
    /// F1 of all decisions pooled; `None` if no label occurs and none was predicted.
    pub f1_micro: Option<f64>,
    /// Its 95% interval.
    pub f1_micro_ci95: Option<Interval>,
    /// Mean over the samples of the F1 of their label sets.
    pub f1_samples: Option<f64>,
    /// Its 95% interval.
    pub f1_samples_ci95: Option<Interval>,
    /// Share of samples with exactly their true labels.
    pub exact_match: f64,
    /// The exact match's 95% Wilson interval.
    pub exact_match_ci95: Interval,
    /// Share of the `n × labels` decisions that are wrong.
    pub hamming_loss: f64,
    /// Its 95% interval.
    pub hamming_loss_ci95: Interval,
    /// Mean of the labels' average precisions (mAP).
    pub mean_average_precision: Option<f64>,
    /// Its 95% interval.
    pub mean_average_precision_ci95: Option<Interval>,
    /// Mean binary cross-entropy of the `n × labels` probabilities in nats, clipped.
    pub log_loss: f64,
    /// Its 95% interval.
    pub log_loss_ci95: Interval,
    /// The scores of each label.
    pub per_class: Vec<LabelScores>,
    /// For each label whether it was there (row) and given (column): `[[TN, FP], [FN, TP]]`.
    pub confusion_matrix: Vec<ConfusionMatrix>,
}

/// The scores of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelScores {
    /// Precision, recall, F1 and support at the label's threshold.
    #[serde(flatten)]
    pub scores: ClassScores,
    /// From which probability on the label is given.
    pub threshold: f32,
    /// Average precision, whatever the threshold; `None` if the label does not occur.
    pub average_precision: Option<f64>,
    /// Its 95% interval.
    pub average_precision_ci95: Option<Interval>,
    /// Area under the ROC curve, whatever the threshold; `None` unless some samples carry the label and some do not.
    pub roc_auc: Option<f64>,
    /// Its 95% interval.
    pub roc_auc_ci95: Option<Interval>,
}

impl MultiLabelReport {
    /// Compares probabilities with the true labels.
    ///
    /// - `labels`: the names, at least one;
    /// - `truth`: the indices of each sample's labels, in any order;
    /// - `probabilities`: `[n, labels]`, row-major;
    /// - `thresholds`: `[labels]`; a label is given where `p >= threshold`.
    ///
    /// # Errors
    /// No samples, no labels, lengths that do not fit, indices out of range, probabilities outside `[0, 1]`, thresholds
    /// that are not finite.
    pub fn new<L: AsRef<[usize]>>(
        labels: &[String],
        truth: &[L],
        probabilities: &[f32],
        thresholds: &[f32],
    ) -> Result<Self, EvalError> {
        if labels.is_empty() {
            return Err(EvalError::TooFewClasses { needed: 1, found: 0 });
        }
        check::probabilities(probabilities, truth.len(), labels.len())?;
        check::length("thresholds", thresholds.len(), labels.len())?;
        check::thresholds(thresholds, 0)?;
        let truth = multi_hot(truth, labels.len())?;

        let given: Vec<bool> = probabilities
            .chunks_exact(labels.len())
            .flat_map(|row| row.iter().zip(thresholds).map(|(p, threshold)| p >= threshold))
            .collect();
        let decided = Decided::new(&truth, &given, labels.len());
        let exact = decided.exact_matches;
        let samples = decided.samples;
        let matrices = decided.matrices();
        let decisions = Decisions { truth: &truth, given: &given, tallies: &decided.tallies };
        let (
            Some(exact_match),
            Some(exact_match_ci95),
            Some(majority_baseline),
            Some(balanced_accuracy),
            Some(balanced_accuracy_ci95),
            Some(hamming_loss),
        ) = (
            share(exact, samples),
            Interval::wilson(exact, samples),
            share(commonest(truth.chunks_exact(labels.len())), samples),
            mean_of_defined(matrices.iter().map(ConfusionMatrix::balanced_accuracy)),
            decisions.balanced_accuracy(&matrices),
            share(decided.wrong(), samples * labels.len()),
        )
        else {
            return Err(EvalError::NoSamples);
        };
        let rankings = rankings(&truth, probabilities, labels.len())?;
        let per_class = label_scores(labels, thresholds, &decided.tallies, &rankings);
        let surprise: f64 =
            truth.iter().zip(probabilities).map(|(&t, &p)| log_loss::binary_surprise(t, p)).sum();
        Ok(Self {
            task: Task::MultiLabel,
            classes: labels.to_vec(),
            n: samples,
            accuracy: exact_match,
            accuracy_ci95: exact_match_ci95,
            majority_baseline,
            balanced_accuracy,
            balanced_accuracy_ci95,
            f1_macro: mean_of_defined(per_class.iter().map(|label| label.scores.f1)),
            f1_macro_ci95: decisions.f1_macro(),
            f1_micro: decided.pooled().f1(),
            f1_micro_ci95: decisions.f1_micro(decided.pooled()),
            f1_samples: decided.f1_samples,
            f1_samples_ci95: decisions.f1_samples(),
            exact_match,
            exact_match_ci95,
            hamming_loss,
            hamming_loss_ci95: decisions.hamming_loss(),
            mean_average_precision: mean_of_defined(per_class.iter().map(|label| label.average_precision)),
            mean_average_precision_ci95: spread::mean_average_precision(&rankings),
            log_loss: surprise / probabilities.len() as f64,
            log_loss_ci95: spread::log_loss(&truth, probabilities, labels.len()),
            per_class,
            confusion_matrix: matrices,
        })
    }
}

/// What is left of the decisions once they are counted.
struct Decided {
    samples: usize,
    tallies: Vec<Tally>,
    exact_matches: usize,
    f1_samples: Option<f64>,
}

impl Decided {
    fn new(truth: &[bool], given: &[bool], labels: usize) -> Self {
        let mut tallies = vec![Tally::default(); labels];
        let mut exact_matches = 0;
        let by_sample: Vec<Tally> = truth
            .chunks_exact(labels)
            .zip(given.chunks_exact(labels))
            .map(|(truth, given)| {
                let mut sample = Tally::default();
                for (label, tally) in tallies.iter_mut().enumerate() {
                    tally.count(truth[label], given[label]);
                    sample.count(truth[label], given[label]);
                }
                exact_matches += usize::from(sample.false_positives + sample.false_negatives == 0);
                sample
            })
            .collect();
        let f1_samples = mean_of_defined(by_sample.iter().map(|sample| sample.f1()));
        Self { samples: by_sample.len(), tallies, exact_matches, f1_samples }
    }

    /// Which label was given where it was there or not.
    fn matrices(&self) -> Vec<ConfusionMatrix> {
        self.tallies.iter().map(|&tally| ConfusionMatrix::of_label(tally, self.samples)).collect()
    }

    /// The decisions on all labels taken together.
    fn pooled(&self) -> Tally {
        self.tallies.iter().copied().fold(Tally::default(), |sum, tally| sum + tally)
    }

    /// How many decisions are wrong.
    fn wrong(&self) -> usize {
        let pooled = self.pooled();
        pooled.false_positives + pooled.false_negatives
    }
}

/// How many times the most frequent of `sets` occurs.
fn commonest<'a>(sets: impl Iterator<Item = &'a [bool]>) -> usize {
    let mut counts: HashMap<&[bool], usize> = HashMap::new();
    for set in sets {
        *counts.entry(set).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

/// Label indices as `[n, labels]`, row-major.
pub(crate) fn multi_hot<L: AsRef<[usize]>>(truth: &[L], labels: usize) -> Result<Vec<bool>, EvalError> {
    let mut hot = vec![false; truth.len() * labels];
    for (sample, (row, indices)) in hot.chunks_exact_mut(labels).zip(truth).enumerate() {
        for &index in indices.as_ref() {
            let Some(cell) = row.get_mut(index) else {
                return Err(EvalError::ClassOutOfRange { sample, what: "label", index, last: labels - 1 });
            };
            *cell = true;
        }
    }
    Ok(hot)
}

/// The order that the probabilities of each label put the samples in.
fn rankings(truth: &[bool], probabilities: &[f32], labels: usize) -> Result<Vec<Ranking>, EvalError> {
    let column = |label: usize| (label..truth.len()).step_by(labels);
    let of_label = |label: usize| {
        let positive: Vec<bool> = column(label).map(|cell| truth[cell]).collect();
        let scores: Vec<f32> = column(label).map(|cell| probabilities[cell]).collect();
        Ranking::new(&positive, &scores)
    };
    (0..labels).map(of_label).collect()
}

fn label_scores(
    labels: &[String],
    thresholds: &[f32],
    tallies: &[Tally],
    rankings: &[Ranking],
) -> Vec<LabelScores> {
    let scores_of = |(label, name): (usize, &String)| LabelScores {
        scores: ClassScores::new(name, tallies[label]),
        threshold: thresholds[label],
        average_precision: rankings[label].average_precision(),
        average_precision_ci95: rankings[label].average_precision_interval(),
        roc_auc: rankings[label].roc_auc(),
        roc_auc_ci95: rankings[label].roc_auc_interval(),
    };
    labels.iter().enumerate().map(scores_of).collect()
}

impl fmt::Display for MultiLabelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} labels, {} samples\n", self.task, self.classes.len(), self.n)?;
        writeln!(f, "{}", self.headline_table())?;
        write!(f, "{}", self.label_table())
    }
}

impl MultiLabelReport {
    fn headline_table(&self) -> Table {
        let Interval { low, high } = self.exact_match_ci95;
        let interval = format!("95% interval {} to {}", rounded(low), rounded(high));
        let mut table = Table::new();
        table.noted_row("F1, mean of labels", optional(self.f1_macro), "macro");
        table.noted_row("F1, all decisions", optional(self.f1_micro), "micro");
        table.noted_row("F1, mean of samples", optional(self.f1_samples), "");
        table.noted_row("mean average precision", optional(self.mean_average_precision), "");
        table.noted_row("exact match", rounded(self.exact_match), &interval);
        table.noted_row("majority baseline", rounded(self.majority_baseline), "of the exact match");
        table.noted_row("balanced accuracy", rounded(self.balanced_accuracy), "mean of labels");
        table.noted_row("Hamming loss", rounded(self.hamming_loss), "");
        table.noted_row("log loss", rounded(self.log_loss), "");
        table
    }

    fn label_table(&self) -> Table {
        let mut table = Table::new();
        table.row(["label", "precision", "recall", "f1", "AP", "support"]);
        for label in &self.per_class {
            table.row([
                label.scores.class.clone(),
                optional(label.scores.precision),
                optional(label.scores.recall),
                optional(label.scores.f1),
                optional(label.average_precision),
                label.scores.support.to_string(),
            ]);
        }
        table
    }
}
