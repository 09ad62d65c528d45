//! The metric that is stated, against the head.

use divvy_rules::{Diagnostic, Rule};

use super::{MetricName, Wiring};
use crate::activation::Activation;
use crate::head::{Head, HeadKind, Metric, Task};
use crate::names::UnknownName;

impl Wiring {
    /// The metric that is stated, or the head's usual one.
    pub(super) fn metric_of(&self, head: &Head, notes: &mut Vec<Diagnostic>) -> Result<Metric, Diagnostic> {
        let Some(stated) = &self.metric else { return Ok(head.metric()) };
        let name: MetricName =
            stated.parse().map_err(|unknown: UnknownName| never_produced(head, unknown.to_string()))?;
        let metric = match name {
            MetricName::ExactMatch => return Err(equality()),
            MetricName::BinaryAccuracy if self.is_of_logits() => return Err(cut_in_logits()),
            MetricName::CategoricalAccuracy | MetricName::SparseCategoricalAccuracy if head.units() == 1 => {
                return Err(largest_of_one(name, head));
            }
            MetricName::Accuracy | MetricName::BinaryAccuracy if head.task() == Task::MultiLabel => {
                return Err(element_wise(head));
            }
            MetricName::BinaryAccuracy if head.units() > 2 => return Err(element_wise(head)),
            MetricName::RocAuc if !head.has_metric(Metric::RocAuc) => return Err(area_of_several(head)),
            MetricName::Accuracy
            | MetricName::BinaryAccuracy
            | MetricName::CategoricalAccuracy
            | MetricName::SparseCategoricalAccuracy => Metric::Accuracy,
            MetricName::BalancedAccuracy => Metric::BalancedAccuracy,
            MetricName::MacroF1 => Metric::MacroF1,
            MetricName::RocAuc => Metric::RocAuc,
        };
        if !head.has_metric(metric) {
            return Err(never_produced(head, format!("{} is not defined for {head}", metric.name())));
        }
        if name == MetricName::Accuracy {
            notes.push(which_accuracy(head));
        }
        Ok(metric)
    }

    /// Whether the last layer's output is said to be logits.
    fn is_of_logits(&self) -> bool {
        self.activation == Some(Activation::Linear) && self.from_logits == Some(true)
    }
}

fn at_metric(rule: Rule, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(rule, what).at("metric")
}

fn never_produced(head: &Head, what: String) -> Diagnostic {
    let known: Vec<&str> =
        Metric::ALL.into_iter().filter(|&metric| head.has_metric(metric)).map(Metric::name).collect();
    at_metric(Rule::T03, what)
        .because("the best epoch is chosen by this metric; one that is never computed chooses none")
        .fix(format!("write one of {}", known.join(", ")))
}

fn equality() -> Diagnostic {
    at_metric(Rule::M01, "accuracy as exact equality")
        .because("a probability of 0.98 does not equal the label 1, so the share of equal values is near 0 for a perfect network")
        .fix("write metric = \"accuracy\", which decides first and compares then")
}

fn cut_in_logits() -> Diagnostic {
    at_metric(Rule::M02, "logits cut at 0.5")
        .because(
            "a logit of 0.5 is a probability of 0.62: every picture between 0.5 and 0.62 is called negative",
        )
        .fix("write activation = \"sigmoid\" and leave from_logits out, or metric = \"accuracy\"")
}

fn largest_of_one(name: MetricName, head: &Head) -> Diagnostic {
    at_metric(Rule::M03, format!("{name} of {head}"))
        .because(
            "the largest of one column is always the first, so every picture counts as class 0, or as right",
        )
        .fix("write metric = \"accuracy\", which compares with the threshold")
}

fn element_wise(head: &Head) -> Diagnostic {
    let k = head.units();
    at_metric(Rule::M06, format!("accuracy counted for each of {k} outputs"))
        .because(format!(
            "with one label of {k} present, an answer of never is right {} times in {k}: {:.0} % for nothing learnt",
            k.saturating_sub(1),
            100.0 * (k as f64 - 1.0) / k as f64
        ))
        .fix("write metric = \"macro_f1\"")
}

fn area_of_several(head: &Head) -> Diagnostic {
    at_metric(Rule::M07, format!("one area under the curve for {} outputs", head.units()))
        .because("pooling the columns compares the scores of one class with those of another, which nothing has calibrated against each other")
        .fix("write metric = \"macro_f1\"; `divvy evaluate` gives the figures of each class")
}

fn which_accuracy(head: &Head) -> Diagnostic {
    let rule = match head.kind() {
        HeadKind::Softmax => format!("the largest of {} outputs against the class", head.units()),
        HeadKind::Sigmoid => "p >= 0.5 against the class".to_owned(),
        HeadKind::Linear => "the number >= 0.5 against the class".to_owned(),
    };
    at_metric(Rule::M04, format!("accuracy here is {rule}"))
        .because("the word names another computation for each head, and some frameworks guess it from shapes")
        .fix("nothing: this is what fits the head")
}
