//! By what a head's decisions are judged.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Head, Task};

/// What says how good a head's answers are; higher is better, 1 is perfect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of pictures put into the right class.
    Accuracy,
    /// The mean over classes of the share of their pictures that were found.
    BalancedAccuracy,
    /// The mean over classes or labels of F1, the harmonic mean of precision and recall.
    MacroF1,
    /// The chance that a picture of the positive class is given a higher score than one of the other.
    RocAuc,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 4] = [Self::Accuracy, Self::BalancedAccuracy, Self::MacroF1, Self::RocAuc];

    /// The name in files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::MacroF1 => "macro_f1",
            Self::RocAuc => "roc_auc",
        }
    }

    /// The name in sentences.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced accuracy",
            Self::MacroF1 => "macro F1",
            Self::RocAuc => "ROC AUC",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Head {
    /// The usual metric: accuracy; for labels that do not exclude each other the mean F1, since the share of right yes-or-no
    /// answers would look good for a network that never says yes.
    pub fn metric(&self) -> Metric {
        match self.task {
            Task::MultiLabel => Metric::MacroF1,
            Task::Binary | Task::MultiClass | Task::Regression => Metric::Accuracy,
        }
    }

    /// Whether a metric exists for the head.
    pub fn has_metric(&self, metric: Metric) -> bool {
        match metric {
            Metric::Accuracy | Metric::BalancedAccuracy => self.task != Task::MultiLabel,
            Metric::MacroF1 => true,
            Metric::RocAuc => self.task != Task::MultiLabel && self.classes() == 2,
        }
    }
}
