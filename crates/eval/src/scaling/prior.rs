//! Probabilities under other shares of the classes.

use crate::{EvalError, check};

/// How far shares may be from summing to one.
const TOLERANCE: f64 = 1e-6;

/// Turns probabilities that hold where classes have one prior into those that hold under another: `pᵢ × newᵢ / oldᵢ`, divided by
/// their sum (Saerens, Latinne and Decaestecker 2002, *Neural Computation* 14:21, equation 2.4).
///
/// A classifier that learnt with reweighted groups has learnt the prior that the weights make.
#[derive(Debug, Clone, PartialEq)]
pub struct PriorShift {
    /// `new / old`, a class.
    ratios: Vec<f64>,
}

impl PriorShift {
    /// The shift from the shares `old`, `[classes]`, to the shares `new`.
    ///
    /// # Errors
    /// Fewer than two classes, slices of different lengths, shares that are not above zero or do not sum to one.
    pub fn new(old: &[f64], new: &[f64]) -> Result<Self, EvalError> {
        if old.len() < 2 {
            return Err(EvalError::TooFewClasses { needed: 2, found: old.len() });
        }
        check::length("shares", new.len(), old.len())?;
        for shares in [old, new] {
            check_shares(shares)?;
        }
        Ok(Self { ratios: old.iter().zip(new).map(|(old, new)| new / old).collect() })
    }

    /// Corrects probabilities that each sum to one: `[classes]`, or several such rows.
    ///
    /// # Errors
    /// Rows of another length, values that are no probabilities or rows of them that do not sum to one.
    pub fn apply(&self, probabilities: &mut [f32]) -> Result<(), EvalError> {
        let classes = self.ratios.len();
        check::probabilities(probabilities, probabilities.len().div_ceil(classes), classes)?;
        check::normalised(probabilities, classes)?;
        for row in probabilities.chunks_exact_mut(classes) {
            let weighted = |(p, ratio): (&f32, &f64)| f64::from(*p) * ratio;
            let total: f64 = row.iter().zip(&self.ratios).map(weighted).sum();
            for (p, ratio) in row.iter_mut().zip(&self.ratios) {
                *p = (weighted((p, ratio)) / total) as f32;
            }
        }
        Ok(())
    }

    /// The corrected probability of the second of two classes, which is stated alone as a sigmoid states it.
    ///
    /// # Errors
    /// Other than two classes, a value that is no probability.
    pub fn apply_to_second(&self, p: f32) -> Result<f32, EvalError> {
        let [first, second] = self.ratios[..] else {
            return Err(EvalError::NotTwoClasses { found: self.ratios.len() });
        };
        check::probabilities(&[p], 1, 1)?;
        let p = f64::from(p);
        Ok((p * second / (p * second + (1.0 - p) * first)) as f32)
    }
}

fn check_shares(shares: &[f64]) -> Result<(), EvalError> {
    let bad = |value: &f64| !(value.is_finite() && *value > 0.0);
    if let Some(class) = shares.iter().position(bad) {
        return Err(EvalError::BadShare { class, value: shares[class] });
    }
    let sum: f64 = shares.iter().sum();
    if (sum - 1.0).abs() > TOLERANCE { Err(EvalError::SharesNotWhole { sum }) } else { Ok(()) }
}
