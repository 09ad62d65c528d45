//! Confident learning for labels of which a sample may have any number: each label is a question of its own.

use serde::Serialize;

use super::confident::Confidences;
use super::{ConfidentJoint, LabelDoubt, LabelErrors};
use crate::multi_label::multi_hot;
use crate::{EvalError, check};

/// What is likely wrong with labels of which a sample may have any number: ones that are missing, ones that do not belong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MultiLabelErrors {
    /// What was counted of each label.
    pub per_label: Vec<LabelEvidence>,
    /// How many samples have a label, or lack one, that is suspected.
    pub suspected: usize,
    /// All samples, the one with the most doubtful label first. As long as the data: a page takes the first of it.
    pub ranking: Vec<MultiLabelDoubt>,
}

/// What was counted of one label. Class 0 is without the label, class 1 with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelEvidence {
    /// Mean probability that the label is absent among the samples without it, and that it is present among those with it;
    /// `None` where there are no such samples.
    pub thresholds: [Option<f64>; 2],
    /// How many samples without and with the label were counted as without and with it.
    pub joint: ConfidentJoint,
    /// How many samples wrongly have or lack the label, by the joint scaled to all samples.
    pub estimated: f64,
    /// How many samples are suspected to.
    pub suspected: usize,
}

/// What speaks against the labels of one sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MultiLabelDoubt {
    /// The sample's index.
    pub sample: usize,
    /// Its most doubtful label.
    pub label: usize,
    /// Whether the sample has that label.
    pub given: bool,
    /// The label's probability.
    pub probability: f64,
    /// All labels of the sample that are suspected to be wrong, by index: to be taken away if given, to be given if not.
    pub suspected: Vec<usize>,
}

impl MultiLabelErrors {
    /// Holds given labels against out-of-fold probabilities.
    ///
    /// - `labels`: how many there are, at least one;
    /// - `given`: the indices of each sample's labels, in any order;
    /// - `probabilities`: `[n, labels]`, row-major.
    ///
    /// # Errors
    /// No samples, no labels, lengths that do not fit, indices out of range, probabilities outside `[0, 1]`.
    pub fn new<L: AsRef<[usize]>>(
        labels: usize,
        given: &[L],
        probabilities: &[f32],
    ) -> Result<Self, EvalError> {
        if labels == 0 {
            return Err(EvalError::TooFewClasses { needed: 1, found: 0 });
        }
        if given.is_empty() {
            return Err(EvalError::NoSamples);
        }
        check::probabilities(probabilities, given.len(), labels)?;
        let given = multi_hot(given, labels)?;
        let mut samples = vec![Doubts::default(); given.len() / labels];
        let per_label = (0..labels)
            .map(|label| {
                let has: Vec<usize> =
                    given.iter().skip(label).step_by(labels).map(|&g| usize::from(g)).collect();
                let probability = |sample: usize, class: usize| {
                    let present = f64::from(probabilities[sample * labels + label]);
                    if class == 1 { present } else { 1.0 - present }
                };
                let confidences = Confidences::new(2, &has, probability);
                let errors = LabelErrors::of(&confidences);
                for doubt in errors.ranking {
                    samples[doubt.sample].weigh(label, doubt);
                }
                LabelEvidence {
                    thresholds: [confidences.thresholds[0], confidences.thresholds[1]],
                    joint: errors.joint,
                    estimated: errors.estimated,
                    suspected: errors.suspected,
                }
            })
            .collect();
        Ok(Self::ranked(per_label, samples))
    }

    fn ranked(per_label: Vec<LabelEvidence>, samples: Vec<Doubts>) -> Self {
        let mut ranking: Vec<(f64, MultiLabelDoubt)> =
            samples.into_iter().filter_map(Doubts::summed_up).collect();
        ranking.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let ranking: Vec<MultiLabelDoubt> = ranking.into_iter().map(|(_, doubt)| doubt).collect();
        let suspected = ranking.iter().filter(|doubt| !doubt.suspected.is_empty()).count();
        Self { per_label, suspected, ranking }
    }
}

/// What is gathered of one sample, label by label.
#[derive(Clone, Default)]
struct Doubts {
    worst: Option<(usize, LabelDoubt)>,
    suspected: Vec<usize>,
}

impl Doubts {
    fn weigh(&mut self, label: usize, doubt: LabelDoubt) {
        if doubt.suspected {
            self.suspected.push(label);
        }
        if self.worst.is_none_or(|(_, worst)| doubt.ratio() > worst.ratio()) {
            self.worst = Some((label, doubt));
        }
    }

    /// By how much the worst is doubted, and all that is said of the sample.
    fn summed_up(self) -> Option<(f64, MultiLabelDoubt)> {
        let (label, worst) = self.worst?;
        let given = worst.given == 1;
        let probability = if given { worst.given_probability } else { worst.other_probability };
        let doubt =
            MultiLabelDoubt { sample: worst.sample, label, given, probability, suspected: self.suspected };
        Some((worst.ratio(), doubt))
    }
}
