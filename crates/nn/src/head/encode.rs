//! From labels to targets.

use divvy_rules::{Diagnostic, Rule};

use super::rules::finding;
use super::{Encoding, Head, Task};

/// A label as data gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// The class, from 0.
    Index(usize),
    /// The labels present, from 0.
    Labels(&'a [usize]),
    /// One value a class or label: 1 where it is present, else 0. One-hot where one is present.
    Hot(&'a [f32]),
    /// A number; 0 or 1 where there are two classes.
    Number(f32),
}

impl Head {
    /// Writes the targets of a label into `row`, one value a unit.
    ///
    /// Whatever can mean only one thing is converted: an index for a one-hot head, a one-hot row for one sigmoid.
    ///
    /// # Errors
    /// Y01 for a label out of range, Y02 for one that is not of the head's kind, H03 when a head for exclusive classes
    /// is given none or several. The place is `a label`; the caller knows [which](Diagnostic::at).
    ///
    /// # Panics
    /// When `row` has not one value a unit.
    pub fn encode(&self, target: &Target<'_>, row: &mut [f32]) -> Result<(), Diagnostic> {
        assert_eq!(row.len(), self.units, "one target a unit");
        let written = match self.encoding() {
            Encoding::Number => self.number(target).map(|number| row[0] = number),
            Encoding::ZeroOne => self.class(target).map(|class| row[0] = class as f32),
            Encoding::OneHot => self.class(target).map(|class| {
                row.fill(0.0);
                row[class] = 1.0;
            }),
            Encoding::MultiHot => self.labels(target, row),
        };
        written.map_err(|diagnostic| diagnostic.at("a label"))
    }

    /// The one class a label names.
    pub(super) fn class(&self, target: &Target<'_>) -> Result<usize, Diagnostic> {
        match *target {
            Target::Index(index) | Target::Labels(&[index]) => self.in_range(index),
            Target::Labels(labels) => Err(not_exclusive(labels.len())),
            Target::Hot(values) => {
                self.check_hot(values)?;
                let positives = values.iter().filter(|&&value| value == 1.0).count();
                match values.iter().position(|&value| value == 1.0) {
                    Some(class) if positives == 1 => Ok(class),
                    _ => Err(not_exclusive(positives)),
                }
            }
            Target::Number(0.0) if self.task == Task::Binary => Ok(0),
            Target::Number(1.0) if self.task == Task::Binary => Ok(1),
            Target::Number(number) if self.task == Task::Binary => Err(finding(
                Rule::Y01,
                format!("label {number} where 0 and 1 are the classes"),
                "cross-entropy of other numbers is meaningless and can be negative",
                "use 0 for the first class and 1 for the second: {1, 2} becomes n - 1, {-1, 1} becomes (n + 1) / 2",
            )),
            Target::Number(_) => Err(self.wrong_kind("a number")),
        }
    }

    /// The row of a label that names any number of labels.
    fn labels(&self, target: &Target<'_>, row: &mut [f32]) -> Result<(), Diagnostic> {
        match *target {
            Target::Index(index) => self.labels(&Target::Labels(&[index]), row),
            Target::Labels(labels) => {
                row.fill(0.0);
                labels.iter().try_for_each(|&label| self.in_range(label).map(|label| row[label] = 1.0))
            }
            Target::Hot(values) => self.check_hot(values).map(|()| row.copy_from_slice(values)),
            Target::Number(_) => Err(self.wrong_kind("a number")),
        }
    }

    /// The number a label is.
    fn number(&self, target: &Target<'_>) -> Result<f32, Diagnostic> {
        match *target {
            Target::Number(number) if number.is_finite() => Ok(number),
            Target::Number(number) => Err(finding(
                Rule::Y01,
                format!("label {number}"),
                "a loss against it is not finite",
                "use finite numbers",
            )),
            Target::Index(index) => self.in_range(index).map(|class| class as f32),
            Target::Labels(_) | Target::Hot(_) => Err(self.wrong_kind("a list of labels")),
        }
    }

    fn in_range(&self, index: usize) -> Result<usize, Diagnostic> {
        let classes = self.classes();
        if index < classes {
            return Ok(index);
        }
        Err(finding(
            Rule::Y01,
            format!("class {index} where there are {classes}"),
            "there is no such output, and some frameworks train on silently",
            format!("use 0 to {}", classes - 1),
        ))
    }

    /// Refuses a row that is not one 0 or 1 a class.
    fn check_hot(&self, values: &[f32]) -> Result<(), Diagnostic> {
        if values.len() != self.classes() {
            return Err(finding(
                Rule::Y02,
                format!("a row of {} values where there are {} classes", values.len(), self.classes()),
                "the values cannot be matched to the outputs",
                format!("give one 0 or 1 for each of the {} classes, or an index", self.classes()),
            ));
        }
        match values.iter().find(|&&value| value != 0.0 && value != 1.0) {
            Some(value) => Err(finding(
                Rule::Y01,
                format!("value {value} in a row of 0 and 1"),
                "a label is present or not",
                "use 1 where it is present and 0 elsewhere",
            )),
            None => Ok(()),
        }
    }

    fn wrong_kind(&self, found: &str) -> Diagnostic {
        let wanted = match self.encoding() {
            Encoding::ZeroOne => "0 or 1",
            Encoding::OneHot => "a class index or a one-hot row",
            Encoding::MultiHot => "a list of labels or a row of 0 and 1",
            Encoding::Number => "a number",
        };
        finding(
            Rule::Y02,
            format!("{found} where {self} wants {wanted}"),
            "the label does not say what the head is trained on",
            format!("give {wanted}, or choose another task"),
        )
    }
}

fn not_exclusive(positives: usize) -> Diagnostic {
    finding(
        Rule::H03,
        format!("a label with {positives} classes where exactly one is true"),
        "a head for classes that exclude each other can never predict several, nor none",
        "declare the task multi_label, whose head is sigmoids, or give each picture one class",
    )
}
