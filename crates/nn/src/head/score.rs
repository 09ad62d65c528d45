//! From logits to probabilities and decisions.

use super::{Head, HeadKind, Task};

/// What a head decides about one sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// One class.
    Class(usize),
    /// The labels present, in rising order; may be none.
    Labels(Vec<usize>),
}

impl Head {
    /// The probabilities of rows of logits, into `out`, which is cleared first: one row of [`Head::classes`] values a
    /// row of [`Head::units`] logits.
    ///
    /// One sigmoid unit p over two classes gives `[1 − p, p]`. A linear head has no probabilities: `out` stays empty.
    ///
    /// # Panics
    /// When the logits are not whole rows.
    pub fn probabilities(&self, logits: &[f32], out: &mut Vec<f32>) {
        assert!(logits.len().is_multiple_of(self.units), "logits come in rows of {}", self.units);
        out.clear();
        match (self.kind, self.task) {
            (HeadKind::Linear, _) => {}
            (HeadKind::Softmax, _) => logits.chunks_exact(self.units).for_each(|row| softmax(row, out)),
            (HeadKind::Sigmoid, Task::MultiLabel) => out.extend(logits.iter().copied().map(sigmoid)),
            (HeadKind::Sigmoid, _) => {
                out.extend(logits.iter().flat_map(|&logit| [sigmoid(-logit), sigmoid(logit)]));
            }
        }
    }

    /// What one row of logits says. `threshold` is compared with probabilities, or with the number of a linear head;
    /// softmax takes the largest, the first of equals, and heeds no threshold.
    ///
    /// # Panics
    /// When there is not one logit a unit.
    pub fn decide(&self, logits: &[f32], threshold: f32) -> Choice {
        assert_eq!(logits.len(), self.units, "one logit a unit");
        let present = |logit: f32| sigmoid(logit) >= threshold;
        match (self.kind, self.task) {
            (HeadKind::Softmax, _) => Choice::Class(largest(logits)),
            (HeadKind::Sigmoid, Task::MultiLabel) => {
                Choice::Labels((0..self.units).filter(|&label| present(logits[label])).collect())
            }
            (HeadKind::Sigmoid, _) => Choice::Class(usize::from(present(logits[0]))),
            (HeadKind::Linear, _) => Choice::Class(usize::from(logits[0] >= threshold)),
        }
    }

    /// What a row of probabilities says, one for each class as [`Head::probabilities`] gives them; of a linear head, its number. `threshold` is
    /// heeded as by [`Head::decide`].
    ///
    /// # Panics
    /// When there is not one probability a class, or one number.
    pub fn decide_by(&self, answers: &[f32], threshold: f32) -> Choice {
        assert_eq!(answers.len(), self.answers(), "an answer a class, or a number");
        match (self.kind, self.task) {
            (HeadKind::Softmax, _) => Choice::Class(largest(answers)),
            (HeadKind::Sigmoid, Task::MultiLabel) => {
                Choice::Labels((0..answers.len()).filter(|&label| answers[label] >= threshold).collect())
            }
            (HeadKind::Sigmoid, _) => Choice::Class(usize::from(answers[1] >= threshold)),
            (HeadKind::Linear, _) => Choice::Class(usize::from(answers[0] >= threshold)),
        }
    }

    /// What speaks for a class in a row of logits: the number of the logit, and its sign. That is the class's own logit; the first of two
    /// classes between which one unit decides has that unit's with the other sign.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn evidence(&self, class: usize) -> (usize, f32) {
        assert!(class < self.classes(), "class {class} of {}", self.classes());
        match self.units {
            1 if self.task != Task::MultiLabel => (0, if class == 1 { 1.0 } else { -1.0 }),
            _ => (class, 1.0),
        }
    }

    /// How many numbers answer for a picture: a probability for each class, or the one number of a linear head.
    pub fn answers(&self) -> usize {
        if self.has_probabilities() { self.classes() } else { self.units }
    }
}

/// The logistic function, exact to rounding at both ends.
fn sigmoid(z: f32) -> f32 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        let e = z.exp();
        e / (1.0 + e)
    }
}

/// Appends the softmax of a row, shifted so that no exponential overflows.
fn softmax(row: &[f32], out: &mut Vec<f32>) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = row.iter().map(|z| (z - largest).exp()).sum();
    out.extend(row.iter().map(|z| (z - largest).exp() / sum));
}

/// The position of the largest value, the first of equals.
fn largest(row: &[f32]) -> usize {
    row.iter().enumerate().fold(0, |best, (index, value)| if *value > row[best] { index } else { best })
}
