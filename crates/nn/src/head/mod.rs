//! Task, head, loss, labels and decision: one decision, of which only the combinations that work can be made.

mod encode;
mod labels;
mod loss;
mod metric;
mod rescale;
mod rules;
mod score;
mod tail;
mod weights;

pub use encode::Target;
pub use labels::{LabelArray, Targets};
pub use metric::Metric;
pub use rescale::LogitLine;
pub use score::Choice;
pub use tail::Logits;
pub use weights::LossWeights;

pub(crate) use loss::floor_of_softmax_twice;
pub(crate) use tail::Tail;

use std::fmt;
use std::str::FromStr;

use divvy_rules::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::names::UnknownName;

/// What the labels mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of several classes.
    #[serde(alias = "multi-class")]
    MultiClass,
    /// Any number of labels, each present or not.
    #[serde(alias = "multi-label")]
    MultiLabel,
    /// A number, which a threshold may turn into one of two classes.
    Regression,
}

/// The activation of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Each unit a probability of its own.
    Sigmoid,
    /// The units share one probability.
    Softmax,
    /// The units are numbers.
    Linear,
}

/// What training minimises, computed from logits: from what the head's activation is given, not from what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loss {
    /// `−t · ln σ(z) − (1 − t) · ln(1 − σ(z))`, the mean over units.
    BinaryCrossEntropy,
    /// `−Σ t · ln softmax(z)` over units.
    CategoricalCrossEntropy,
    /// `(z − t)²`, the mean over units.
    MeanSquaredError,
}

impl Loss {
    /// The name in sentences.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::BinaryCrossEntropy => "binary cross-entropy",
            Self::CategoricalCrossEntropy => "categorical cross-entropy",
            Self::MeanSquaredError => "mean squared error",
        }
    }
}

/// How a label becomes a row of targets, one value a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// One column: 0 for the first class, 1 for the second.
    ZeroOne,
    /// A column a class: 1 in that of the label, else 0.
    OneHot,
    /// A column a label: 1 where it is present, else 0.
    MultiHot,
    /// One column: the number.
    Number,
}

/// The last layer's units and activation, and with it the loss, the label encoding and the decision rule.
///
/// | task | head | loss | labels | decides by |
/// |---|---|---|---|---|
/// | binary | `Dense(1, sigmoid)` | binary cross-entropy | 0/1 | p ≥ threshold |
/// | binary | `Dense(2, softmax)` | categorical cross-entropy | index or one-hot | argmax |
/// | multi-class | `Dense(k, softmax)`, k ≥ 2 | categorical cross-entropy | index or one-hot | argmax |
/// | multi-label | `Dense(k, sigmoid)`, k ≥ 1 | binary cross-entropy per label | multi-hot | p ≥ threshold per label |
/// | regression | `Dense(1, linear)` | mean squared error | number | value ≥ threshold, no probability |
///
/// No other head can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "HeadRecord", into = "HeadRecord")]
pub struct Head {
    task: Task,
    kind: HeadKind,
    units: usize,
}

/// A [`Head`] as it is written; reading it checks it again.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadRecord {
    task: Task,
    kind: HeadKind,
    units: usize,
}

impl Head {
    /// The threshold where none is chosen.
    pub const DEFAULT_THRESHOLD: f32 = 0.5;

    /// The head of the given task, activation and units.
    ///
    /// # Errors
    /// H01, H02, H03, H04, H05 or H08 where the combination is no row of the table above.
    pub fn new(task: Task, kind: HeadKind, units: usize) -> Result<Self, Diagnostic> {
        Self::of_parts(task, kind.activation(), units)
    }

    /// The head of a task whose last layer has any activation.
    pub(crate) fn of_parts(task: Task, activation: Activation, units: usize) -> Result<Self, Diagnostic> {
        Self::checked(task, activation, units, "the head")
    }

    /// The head of a task over `classes` classes or labels, with the given activation or the usual one.
    ///
    /// # Errors
    /// As [`Head::new`]; H04 also where the task cannot tell so many classes apart.
    pub fn for_task(task: Task, kind: Option<HeadKind>, classes: usize) -> Result<Self, Diagnostic> {
        let kind = kind.unwrap_or_else(|| HeadKind::default_for(task));
        let units = match (task, kind) {
            (Task::Binary, HeadKind::Sigmoid | HeadKind::Linear) | (Task::Regression, _) => 1,
            (Task::Binary, HeadKind::Softmax) => 2,
            (Task::MultiClass | Task::MultiLabel, _) => classes,
        };
        let head = Self::new(task, kind, units)?;
        head.check_classes(classes)?;
        Ok(head)
    }

    /// What the labels mean.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The activation.
    pub fn kind(&self) -> HeadKind {
        self.kind
    }

    /// The columns of logits and targets.
    pub fn units(&self) -> usize {
        self.units
    }

    /// The classes or labels the head tells apart: two where one unit decides between them.
    pub fn classes(&self) -> usize {
        match self.task {
            Task::Binary | Task::Regression => 2,
            Task::MultiClass | Task::MultiLabel => self.units,
        }
    }

    /// What training minimises.
    pub fn loss(&self) -> Loss {
        match self.kind {
            HeadKind::Sigmoid => Loss::BinaryCrossEntropy,
            HeadKind::Softmax => Loss::CategoricalCrossEntropy,
            HeadKind::Linear => Loss::MeanSquaredError,
        }
    }

    /// How labels become targets.
    pub fn encoding(&self) -> Encoding {
        match (self.task, self.kind) {
            (Task::MultiLabel, _) => Encoding::MultiHot,
            (_, HeadKind::Sigmoid) => Encoding::ZeroOne,
            (_, HeadKind::Softmax) => Encoding::OneHot,
            (_, HeadKind::Linear) => Encoding::Number,
        }
    }

    /// Whether a threshold decides, rather than the largest value.
    pub fn uses_threshold(&self) -> bool {
        self.kind != HeadKind::Softmax
    }

    /// Whether the outputs are probabilities.
    pub fn has_probabilities(&self) -> bool {
        self.kind != HeadKind::Linear
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dense({}, {})", self.units, self.kind)
    }
}

impl TryFrom<HeadRecord> for Head {
    type Error = Diagnostic;

    fn try_from(HeadRecord { task, kind, units }: HeadRecord) -> Result<Self, Diagnostic> {
        Self::new(task, kind, units)
    }
}

impl From<Head> for HeadRecord {
    fn from(Head { task, kind, units }: Head) -> Self {
        Self { task, kind, units }
    }
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 4] = [Self::Binary, Self::MultiClass, Self::MultiLabel, Self::Regression];

    /// What labels of so many classes mean when nobody says: exclusive classes are binary or multi-class, others are
    /// multi-label.
    pub fn infer(classes: usize, exclusive: bool) -> Self {
        match (exclusive, classes) {
            (true, ..=2) => Self::Binary,
            (true, _) => Self::MultiClass,
            (false, _) => Self::MultiLabel,
        }
    }

    /// The name in files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::MultiClass => "multi_class",
            Self::MultiLabel => "multi_label",
            Self::Regression => "regression",
        }
    }
}

impl HeadKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Sigmoid, Self::Softmax, Self::Linear];

    /// The usual kind for a task: softmax for exclusive classes, sigmoids for labels, linear for numbers.
    pub fn default_for(task: Task) -> Self {
        match task {
            Task::Binary | Task::MultiClass => Self::Softmax,
            Task::MultiLabel => Self::Sigmoid,
            Task::Regression => Self::Linear,
        }
    }

    /// The activation of the last layer.
    pub fn activation(self) -> Activation {
        match self {
            Self::Sigmoid => Activation::Sigmoid,
            Self::Softmax => Activation::Softmax,
            Self::Linear => Activation::Linear,
        }
    }

    /// The name in files and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
            Self::Linear => "linear",
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// `multi-label`, `multilabel` and `multi_label` are one name.
fn same_name(name: &str, text: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !matches!(c, '_' | '-')).collect::<String>();
    letters(name) == letters(text)
}

impl FromStr for Task {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new("task", text, Self::ALL.map(Self::name));
        Self::ALL.into_iter().find(|task| same_name(task.name(), text)).ok_or_else(unknown)
    }
}

impl FromStr for HeadKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new("head", text, Self::ALL.map(Self::name));
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(unknown)
    }
}
