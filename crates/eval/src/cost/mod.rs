//! What each mistake costs, and the decisions that cost least.

mod parse;
mod report;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Aim;

pub use parse::CostError;
pub use report::CostReport;

/// What a mistake costs, in whatever unit: a number from 0 to 1,000,000,000. Serialises as the number.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cost(f64);

/// A text or a number that is no [`Cost`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no cost; give a number from 0 to 1000000000")]
pub struct NotACost {
    /// What was found.
    pub found: String,
}

impl Cost {
    /// What a mistake costs whose cost is not stated.
    pub const ONE: Self = Self(1.0);

    /// The cost of this value.
    ///
    /// # Errors
    /// The value is negative, no number, or beyond 1,000,000,000.
    pub fn new(value: f64) -> Result<Self, NotACost> {
        if (0.0..=1e9).contains(&value) {
            Ok(Self(value))
        } else {
            Err(NotACost { found: value.to_string() })
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Cost {
    type Err = NotACost;

    fn from_str(text: &str) -> Result<Self, NotACost> {
        let text = text.trim();
        let refused = NotACost { found: text.to_owned() };
        text.parse().ok().and_then(|value| Self::new(value).ok()).ok_or(refused)
    }
}

impl TryFrom<f64> for Cost {
    type Error = NotACost;

    fn try_from(value: f64) -> Result<Self, NotACost> {
        Self::new(value)
    }
}

impl From<Cost> for f64 {
    fn from(cost: Cost) -> Self {
        cost.0
    }
}

/// What each mistake between exclusive classes costs: 1 where nothing else was stated.
///
/// Made of texts such as `spotted->healthy=5`: a spotted one taken for healthy costs 5. The decision is the class whose expected cost
/// is least by the stated probabilities, which are to be calibrated for that (Elkan 2001, IJCAI).
///
/// ```
/// use divvy_eval::CostMatrix;
///
/// let classes = ["healthy".to_string(), "spotted".to_string()];
/// let costs = CostMatrix::parse(&classes, &["spotted->healthy=5"])?;
/// // To call it healthy costs 0.3 · 5, to call it spotted 0.7 · 1.
/// assert_eq!(costs.decide(&[0.7, 0.3]), 1);
/// # Ok::<(), divvy_eval::CostError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CostMatrix {
    classes: usize,
    /// No mistake twice.
    stated: Vec<StatedCost>,
}

/// What one mistake costs.
#[derive(Debug, Clone, Copy, PartialEq)]
struct StatedCost {
    /// The true class.
    truth: usize,
    /// The class that it is taken for.
    taken_for: usize,
    cost: Cost,
}

impl CostMatrix {
    /// What it costs to take a sample of the class `truth` for one of `taken_for`; nothing where they are the same.
    pub fn cost(&self, truth: usize, taken_for: usize) -> f64 {
        let stated = self.stated.iter().find(|stated| (stated.truth, stated.taken_for) == (truth, taken_for));
        if truth == taken_for { 0.0 } else { stated.map_or(Cost::ONE, |stated| stated.cost).get() }
    }

    /// The class of the least expected cost for one sample's probabilities, a class each; of equals the likeliest, of these the
    /// first.
    pub fn decide(&self, row: &[f32]) -> usize {
        let total: f64 = row.iter().map(|&p| f64::from(p)).sum();
        let mut expected: Vec<f64> = row.iter().map(|&p| total - f64::from(p)).collect();
        for &StatedCost { truth, taken_for, cost } in &self.stated {
            if let (Some(&p), Some(expected)) = (row.get(truth), expected.get_mut(taken_for)) {
                *expected += f64::from(p) * (cost.get() - 1.0);
            }
        }
        let is_better = |a: usize, b: usize| (expected[a], -row[a]) < (expected[b], -row[b]);
        (1..row.len()).fold(0, |best, class| if is_better(class, best) { class } else { best })
    }

    /// The decision for each sample of `[n, classes]` probabilities, row-major.
    pub fn decisions(&self, probabilities: &[f32]) -> Vec<usize> {
        probabilities.chunks_exact(self.classes.max(1)).map(|row| self.decide(row)).collect()
    }

    /// With two classes, the aim of a threshold on the score of the class `positive`; `None` for other numbers of classes.
    pub fn aim(&self, positive: usize) -> Option<Aim> {
        let negative = 1_usize.checked_sub(positive).filter(|_| self.classes == 2)?;
        let cost = |truth, taken_for| Cost(self.cost(truth, taken_for));
        Some(Aim::Cost { false_positive: cost(negative, positive), false_negative: cost(positive, negative) })
    }
}
