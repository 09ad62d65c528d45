//! Head, loss, labels and metric as people state them, one by one, and the one decision that they must amount to.

mod decide;
mod metric;
mod names;

pub use names::{LabelForm, LossName, MetricName};

use divvy_rules::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::head::{Head, Metric};

/// What someone states of a network's end: what Keras puts into the last layer and into `compile()`.
///
/// Nothing need be stated: what is left out follows from the rest and from the task. What is stated is checked, and a
/// statement that contradicts another is refused with the reason.
///
/// ```
/// use divvy_nn::{Activation, LossName, Rule, Task, Wiring};
///
/// let mut wiring = Wiring { units: Some(1), loss: Some(LossName::BinaryCrossEntropy), ..Wiring::default() };
/// let decision = wiring.decide(Some(Task::Binary), 2, true)?;
/// assert_eq!(decision.head().to_string(), "Dense(1, sigmoid)");
///
/// wiring.loss = Some(LossName::CategoricalCrossEntropy);
/// let finding = wiring.decide(Some(Task::Binary), 2, true).unwrap_err();
/// assert_eq!(finding.rule, Rule::L04);
/// # Ok::<(), divvy_nn::Diagnostic>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wiring {
    /// Outputs of the last layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
    /// The activation of the last layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// What training minimises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossName>,
    /// Whether the loss is told to expect logits rather than probabilities; false where it is not said. divvy computes losses from logits
    /// always, so this only says what the last layer's output is meant to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_logits: Option<bool>,
    /// How labels are written down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelForm>,
    /// By what epochs are compared, in divvy's names or Keras's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

/// What statements amount to: a head and a metric that exists for it. Only [`Wiring::decide`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    head: Head,
    metric: Metric,
    notes: Vec<Diagnostic>,
}

impl Decision {
    /// Task, units, activation, loss, label encoding and decision rule.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// By what epochs are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// What is worth knowing about how the statements were read.
    pub fn notes(&self) -> &[Diagnostic] {
        &self.notes
    }
}

impl Wiring {
    /// The keys in files.
    pub const KEYS: [&'static str; 6] = ["units", "activation", "loss", "from_logits", "labels", "metric"];

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the key is stated.
    pub fn states(&self, key: &str) -> bool {
        match key {
            "units" => self.units.is_some(),
            "activation" => self.activation.is_some(),
            "loss" => self.loss.is_some(),
            "from_logits" => self.from_logits.is_some(),
            "labels" => self.labels.is_some(),
            "metric" => self.metric.is_some(),
            _ => false,
        }
    }

    /// These statements, and where they say nothing those of `other`.
    pub fn or(self, other: &Self) -> Self {
        Self {
            units: self.units.or(other.units),
            activation: self.activation.or(other.activation),
            loss: self.loss.or(other.loss),
            from_logits: self.from_logits.or(other.from_logits),
            labels: self.labels.or(other.labels),
            metric: self.metric.or_else(|| other.metric.clone()),
        }
    }
}
