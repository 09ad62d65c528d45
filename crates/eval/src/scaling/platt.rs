//! A slope and an intercept for the logits of a sigmoid.

use serde::{Deserialize, Serialize};

use super::{LARGEST_FACTOR, finite};
use crate::root::{Tangent, zero_of_rising};
use crate::{EvalError, check};

/// `logit ↦ slope × logit + intercept` before a sigmoid, with a slope above zero, so that the order of samples stays (Platt 1999,
/// *Advances in Large Margin Classifiers*, "Probabilistic outputs for support vector machines").
///
/// It moves the decision at one half. Of several labels each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stated")]
pub struct Platt {
    slope: f64,
    intercept: f64,
}

/// A slope and an intercept that may be anything.
#[derive(Deserialize)]
struct Stated {
    slope: f64,
    intercept: f64,
}

impl Default for Platt {
    /// Slope 1, intercept 0: logits stay as they are.
    fn default() -> Self {
        Self { slope: 1.0, intercept: 0.0 }
    }
}

impl Platt {
    /// The scaling of this slope and intercept.
    ///
    /// # Errors
    /// A slope that is not finite and above zero, an intercept that is not finite.
    pub fn new(slope: f64, intercept: f64) -> Result<Self, EvalError> {
        check::factor("slope", slope)?;
        if !intercept.is_finite() {
            return Err(EvalError::BadScaling { what: "intercept", value: intercept, expected: "finite" });
        }
        Ok(Self { slope, intercept })
    }

    /// The scaling of least cross-entropy on validation data, of which `truth` says which samples are positive; the slope
    /// lies between 0.001 and 1000.
    ///
    /// Where the logits of all positive samples are above those of all others, a steeper line is always better. The targets are then Platt's,
    /// `(p + 1) / (p + 2)` and `1 / (n + 2)` for `p` positive and `n` negative samples; else they are 1 and 0, for his move the shares of few
    /// samples towards one half. Logits that are all equal keep the slope 1 and get
    /// the intercept that is best with it; those that fall where they should rise get the least slope. Where all samples are positive,
    /// or none is, there is nothing to learn from, and logits stay as they are.
    ///
    /// # Errors
    /// No samples, slices of different lengths, logits that are not finite.
    pub fn fit(logits: &[f32], truth: &[bool]) -> Result<Self, EvalError> {
        if truth.is_empty() {
            return Err(EvalError::NoSamples);
        }
        check::length("logits", logits.len(), truth.len())?;
        check::finite_scores(logits, 1)?;
        let positives = truth.iter().filter(|&&positive| positive).count();
        if positives == 0 || positives == truth.len() {
            return Ok(Self::default());
        }
        let fit = Fit::new(logits, truth, positives as f64);
        if fit.lowest == fit.highest {
            return Ok(Self { slope: 1.0, intercept: fit.intercept(1.0) });
        }
        let slope = zero_of_rising(LARGEST_FACTOR.recip(), LARGEST_FACTOR, |slope| fit.derivative(slope));
        Ok(Self { slope, intercept: fit.intercept(slope) })
    }

    /// What logits are multiplied by.
    pub fn slope(self) -> f64 {
        self.slope
    }

    /// What is added to them then.
    pub fn intercept(self) -> f64 {
        self.intercept
    }

    /// The scaled logit.
    pub fn apply(self, logit: f32) -> f32 {
        finite(self.slope * f64::from(logit) + self.intercept)
    }
}

impl TryFrom<Stated> for Platt {
    type Error = EvalError;

    fn try_from(Stated { slope, intercept }: Stated) -> Result<Self, EvalError> {
        Self::new(slope, intercept)
    }
}

/// Logits of both kinds, and what of their targets decides about the best scaling.
struct Fit<'a> {
    logits: &'a [f32],
    lowest: f64,
    highest: f64,
    /// The mean target.
    target: f64,
    /// The mean product of target and logit.
    target_times_logit: f64,
}

/// Means over the samples, of a sigmoid's value `p` at each and its slope `p (1 - p)`.
struct Means {
    p: f64,
    p_times_logit: f64,
    slope: f64,
    slope_times_logit: f64,
    slope_times_square: f64,
}

impl<'a> Fit<'a> {
    fn new(logits: &'a [f32], truth: &[bool], positives: f64) -> Self {
        let n = truth.len() as f64;
        let smoothing = if are_parted(logits, truth) { 1.0 } else { 0.0 };
        let target = |positive| {
            if positive {
                (positives + smoothing) / (positives + 2.0 * smoothing)
            } else {
                smoothing / (n - positives + 2.0 * smoothing)
            }
        };
        let product = |(&logit, &positive)| target(positive) * f64::from(logit);
        Self {
            logits,
            lowest: f64::from(logits.iter().copied().fold(f32::INFINITY, f32::min)),
            highest: f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)),
            target: (positives * target(true) + (n - positives) * target(false)) / n,
            target_times_logit: logits.iter().zip(truth).map(product).sum::<f64>() / n,
        }
    }

    fn means(&self, slope: f64, intercept: f64) -> Means {
        let mut sums =
            Means { p: 0.0, p_times_logit: 0.0, slope: 0.0, slope_times_logit: 0.0, slope_times_square: 0.0 };
        for &logit in self.logits {
            let logit = f64::from(logit);
            let p = sigmoid(slope * logit + intercept);
            let rise = p * (1.0 - p);
            sums.p += p;
            sums.p_times_logit += p * logit;
            sums.slope += rise;
            sums.slope_times_logit += rise * logit;
            sums.slope_times_square += rise * logit * logit;
        }
        let n = self.logits.len() as f64;
        Means {
            p: sums.p / n,
            p_times_logit: sums.p_times_logit / n,
            slope: sums.slope / n,
            slope_times_logit: sums.slope_times_logit / n,
            slope_times_square: sums.slope_times_square / n,
        }
    }

    /// The intercept of least cross-entropy for a slope: the one that makes the mean probability the mean target.
    fn intercept(&self, slope: f64) -> f64 {
        let centre = (self.target / (1.0 - self.target)).ln();
        // With all logits moved to one end the mean is too small or too large.
        zero_of_rising(centre - slope * self.highest, centre - slope * self.lowest, |intercept| {
            let means = self.means(slope, intercept);
            Tangent { value: means.p - self.target, slope: means.slope }
        })
    }

    /// The derivative of the cross-entropy by the slope, where the intercept follows it to its best.
    fn derivative(&self, slope: f64) -> Tangent {
        let means = self.means(slope, self.intercept(slope));
        let followed = if means.slope > 0.0 {
            means.slope_times_logit * (means.slope_times_logit / means.slope)
        } else {
            0.0
        };
        Tangent {
            value: means.p_times_logit - self.target_times_logit,
            slope: means.slope_times_square - followed,
        }
    }
}

/// Whether a threshold tells all positive samples from all others.
fn are_parted(logits: &[f32], truth: &[bool]) -> bool {
    let of = |wanted| {
        logits.iter().zip(truth).filter(move |(_, positive)| **positive == wanted).map(|(logit, _)| *logit)
    };
    let (lowest, highest) =
        (of(true).fold(f32::INFINITY, f32::min), of(false).fold(f32::NEG_INFINITY, f32::max));
    lowest > highest
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
