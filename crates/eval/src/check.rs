//! The checks every report makes before it computes anything.

use crate::EvalError;

/// How far a row of `f32` probabilities may be from summing to one: rounding in a softmax over thousands of classes stays
/// below it, sigmoids passed off as exclusive classes do not.
const ROW_SUM_TOLERANCE: f64 = 1e-3;

/// Refuses a slice that does not hold `expected` values.
pub(crate) fn length(what: &'static str, found: usize, expected: usize) -> Result<(), EvalError> {
    if found == expected { Ok(()) } else { Err(EvalError::Length { what, expected, found }) }
}

/// Refuses NaN and infinities among `per_sample` scores a sample.
pub(crate) fn finite_scores(scores: &[f32], per_sample: usize) -> Result<(), EvalError> {
    match scores.iter().position(|score| !score.is_finite()) {
        None => Ok(()),
        Some(index) => Err(EvalError::NotFinite { sample: index / per_sample, value: scores[index] }),
    }
}

/// Refuses NaN and infinities among the thresholds, the first of which decides for the class `first`.
pub(crate) fn thresholds(values: &[f32], first: usize) -> Result<(), EvalError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(EvalError::BadThreshold { class: first + index, value: values[index] }),
    }
}

/// Refuses a factor that is not finite and above zero.
pub(crate) fn factor(what: &'static str, value: f64) -> Result<f64, EvalError> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(EvalError::BadScaling { what, value, expected: "finite and above zero" })
    }
}

/// Refuses class indices of `classes` or more.
pub(crate) fn class_indices(what: &'static str, indices: &[usize], classes: usize) -> Result<(), EvalError> {
    match indices.iter().position(|&index| index >= classes) {
        None => Ok(()),
        Some(sample) => {
            Err(EvalError::ClassOutOfRange { sample, what, index: indices[sample], last: classes - 1 })
        }
    }
}

/// Refuses what is not `samples` rows of `classes` values in `[0, 1]`.
pub(crate) fn probabilities(values: &[f32], samples: usize, classes: usize) -> Result<(), EvalError> {
    // A product that overflows equals no slice's length.
    length("probabilities", values.len(), samples.saturating_mul(classes))?;
    finite_scores(values, classes)?;
    match values.iter().position(|value| !(0.0..=1.0).contains(value)) {
        None => Ok(()),
        Some(index) => Err(EvalError::NotAProbability {
            sample: index / classes,
            class: index % classes,
            value: values[index],
        }),
    }
}

/// Refuses rows of `classes` probabilities that do not sum to one.
pub(crate) fn normalised(values: &[f32], classes: usize) -> Result<(), EvalError> {
    for (sample, row) in values.chunks_exact(classes).enumerate() {
        let sum: f64 = row.iter().map(|&p| f64::from(p)).sum();
        if (sum - 1.0).abs() > ROW_SUM_TOLERANCE {
            return Err(EvalError::NotNormalised { sample, sum });
        }
    }
    Ok(())
}
