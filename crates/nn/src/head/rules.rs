//! Which heads can do which task, and what to write instead of those that cannot.

use divvy_rules::{Diagnostic, Place, Rule};

use super::{Head, HeadKind, Task};
use crate::activation::Activation;

/// A finding whose place is still to be told.
pub(super) fn finding(
    rule: Rule,
    what: impl Into<String>,
    why: impl Into<String>,
    fix: impl Into<String>,
) -> Diagnostic {
    Diagnostic::new(rule, what).because(why).fix(fix)
}

impl Head {
    /// The one way in which heads come to be.
    pub(super) fn checked(
        task: Task,
        activation: Activation,
        units: usize,
        place: impl Into<Place>,
    ) -> Result<Self, Diagnostic> {
        match fitting(task, activation, units) {
            Some(kind) => Ok(Self { task, kind, units }),
            None => Err(refusal(task, activation, units).at(place)),
        }
    }

    /// Refuses a head that cannot tell `classes` classes or labels apart.
    ///
    /// # Errors
    /// H04, when the data has another number of classes than the head.
    pub fn check_classes(&self, classes: usize) -> Result<(), Diagnostic> {
        if classes == self.classes() {
            return Ok(());
        }
        let (noun, fix) = match self.task {
            Task::MultiLabel => ("labels", format!("write Dense({classes}, sigmoid)")),
            _ if classes < 2 => ("classes", "give at least two classes".to_owned()),
            Task::MultiClass => ("classes", format!("write Dense({classes}, softmax)")),
            Task::Binary | Task::Regression => {
                ("classes", format!("declare the task multi_class, whose head is Dense({classes}, softmax)"))
            }
        };
        let why = if self.classes() > classes {
            format!("{} of its outputs can never be right", self.classes() - classes)
        } else {
            format!("{} of the {noun} have no output", classes - self.classes())
        };
        let what = format!("{self} tells {} {noun} apart, the data has {classes}", self.classes());
        Err(finding(Rule::H04, what, why, fix).at("the head"))
    }
}

/// The heads there are.
fn fitting(task: Task, activation: Activation, units: usize) -> Option<HeadKind> {
    match (task, activation, units) {
        (_, _, 0) | (_, Activation::Softmax, 1) => None,
        (Task::Binary, Activation::Sigmoid, 1) | (Task::MultiLabel, Activation::Sigmoid, _) => {
            Some(HeadKind::Sigmoid)
        }
        (Task::Binary, Activation::Softmax, 2) | (Task::MultiClass, Activation::Softmax, _) => {
            Some(HeadKind::Softmax)
        }
        (Task::Regression, Activation::Linear, 1) => Some(HeadKind::Linear),
        _ => None,
    }
}

/// Why a head that does not fit is none.
fn refusal(task: Task, activation: Activation, units: usize) -> Diagnostic {
    match (task, activation, units) {
        (_, _, 0) => no_units(task),
        (_, Activation::Softmax, 1) => softmax_of_one(task),
        (Task::Binary, Activation::Softmax, _) => too_many_for_two(units),
        (Task::MultiClass, Activation::Sigmoid, 1) => one_sigmoid_for_several(),
        (Task::Binary | Task::MultiClass, Activation::Sigmoid, _) => exclusive_sigmoids(units),
        (Task::MultiLabel, Activation::Softmax, _) => softmax_of_labels(units),
        (Task::Regression, Activation::Linear, _) => several_numbers(units),
        (Task::Regression, _, _) => bounded_number(activation),
        (Task::Binary | Task::MultiClass | Task::MultiLabel, _, _) => no_probability(task, activation, units),
    }
}

/// A head that works for a task, with as many units as were asked for where that makes sense.
fn advice(task: Task, units: usize) -> String {
    match task {
        Task::Binary => "write Dense(2, softmax), or Dense(1, sigmoid)".to_owned(),
        Task::MultiClass if units >= 2 => format!("write Dense({units}, softmax)"),
        Task::MultiClass => "write Dense(k, softmax) for k classes".to_owned(),
        Task::MultiLabel => format!("write Dense({}, sigmoid)", units.max(1)),
        Task::Regression => "write Dense(1, linear)".to_owned(),
    }
}

fn no_units(task: Task) -> Diagnostic {
    finding(Rule::H04, "a head without units", "it has no output to train", advice(task, 0))
}

fn softmax_of_one(task: Task) -> Diagnostic {
    finding(
        Rule::H01,
        "softmax over a single unit",
        "its output is 1 for every picture and its gradient 0, so nothing can be learnt; \
         its accuracy is the share of one class",
        advice(task, 1),
    )
}

fn too_many_for_two(units: usize) -> Diagnostic {
    finding(
        Rule::H04,
        format!("softmax over {units} units for two classes"),
        format!("{} of its outputs can never be right", units - 2),
        format!("{}; for {units} classes declare the task multi_class", advice(Task::Binary, 2)),
    )
}

fn one_sigmoid_for_several() -> Diagnostic {
    finding(
        Rule::H04,
        "one sigmoid for several classes",
        "one probability tells two classes apart, no more",
        "write Dense(k, softmax) for k classes; for two classes declare the task binary",
    )
}

fn exclusive_sigmoids(units: usize) -> Diagnostic {
    finding(
        Rule::H02,
        format!("{units} sigmoids for classes that exclude each other"),
        "each unit decides alone: the probabilities do not sum to 1, and two classes or none can be \
         likely at once",
        format!(
            "write Dense({units}, softmax); where a picture may have several labels, declare the task multi_label"
        ),
    )
}

fn softmax_of_labels(units: usize) -> Diagnostic {
    finding(
        Rule::H03,
        format!("softmax over {units} labels that do not exclude each other"),
        "the outputs share one probability, so two labels can never both be likely, nor all be unlikely",
        format!(
            "{}; where each picture has one label only, declare the task multi_class",
            advice(Task::MultiLabel, units)
        ),
    )
}

fn several_numbers(units: usize) -> Diagnostic {
    finding(
        Rule::H04,
        format!("{units} linear units for one number"),
        format!("{} of its outputs have no label", units - 1),
        advice(Task::Regression, 1),
    )
}

fn bounded_number(activation: Activation) -> Diagnostic {
    finding(
        Rule::H08,
        format!("{activation} over a number"),
        "it limits which numbers can come out, and its gradient vanishes at the limits",
        advice(Task::Regression, 1),
    )
}

fn no_probability(task: Task, activation: Activation, units: usize) -> Diagnostic {
    finding(
        Rule::H05,
        format!("the output of {activation} is no probability"),
        "the task needs one to train and to decide by; a probability loss on these values is not finite or \
         does not fall",
        advice(task, units),
    )
}
