//! How far numbers that are read off a confusion matrix may be from the truth.
//!
//! A number is a function of the matrix's cells; how much it varies follows from its derivatives by the cells (the delta method).
//! Samples too small to show that, such as ones in which all is right, have their intervals widened to what single shares allow.

use crate::{ConfusionMatrix, Estimate, Interval, Tally, mover};

/// Shares that are averaged with equal weight, of which each has a value and an interval; by the recovery of variances from the
/// intervals (Zou and Donner 2008, *Statistics in Medicine* 27:1693), as if they were independent.
pub(crate) fn mean_of_shares(shares: &[(f64, Interval)]) -> Interval {
    let weight = 1.0 / shares.len() as f64;
    let weighted: Vec<_> = shares.iter().map(|&(value, ci95)| (weight, Estimate { value, ci95 })).collect();
    mover::weighted_sum(&weighted).ci95
}

/// The interval of a mean of shares that was found with a standard error on so many samples.
///
/// A share that is 0 or 1 shows nothing of how it varies; with one of these the interval is nowhere narrower than that of
/// independent shares.
pub(crate) fn mean(standard_error: f64, samples: usize, shares: &[(f64, Interval)]) -> Interval {
    let value = shares.iter().map(|(value, _)| value).sum::<f64>() / shares.len() as f64;
    let found = Interval::of_share(value, standard_error, samples as f64);
    let shows_all = shares.iter().all(|(value, _)| 0.0 < *value && *value < 1.0);
    if shows_all { found } else { found.joined(mean_of_shares(shares)) }
}

/// The interval of the balanced accuracy, a mean of independent shares; `None` without samples.
pub(crate) fn balanced_accuracy(matrix: &ConfusionMatrix) -> Option<Interval> {
    let recalls: Vec<_> = matrix
        .tallies()
        .into_iter()
        .filter_map(|tally| Some((tally.recall()?, tally.recall_interval()?)))
        .collect();
    (!recalls.is_empty()).then(|| mean_of_shares(&recalls))
}

/// The interval of the mean F1 of the classes that occur or were predicted; `None` if there are none.
pub(crate) fn f1_macro(matrix: &ConfusionMatrix) -> Option<Interval> {
    let tallies = matrix.tallies();
    let scores: Vec<_> =
        tallies.iter().filter_map(|tally| Some((tally.f1()?, tally.f1_interval()?))).collect();
    let defined = scores.len() as f64;
    // F1 = 2TP / (TP + FN + TP + FP): by a hit, and by a sample that is of the class or is taken for one of it.
    let by_hit: Vec<f64> = tallies.iter().map(|tally| 2.0 / size(*tally) / defined).collect();
    let by_size: Vec<f64> =
        tallies.iter().map(|tally| -tally.f1().unwrap_or(0.0) / size(*tally) / defined).collect();
    let error = standard_error(matrix, |t, p| by_size[t] + by_size[p] + if t == p { by_hit[t] } else { 0.0 });
    (!scores.is_empty()).then(|| mean(error, matrix.total(), &scores))
}

/// How many samples are of a class or are taken for one of it, those that are both counted twice; one where there are none.
fn size(tally: Tally) -> f64 {
    (2 * tally.true_positives + tally.false_positives + tally.false_negatives).max(1) as f64
}

/// The interval of the correlation of true and predicted classes, where that is defined.
pub(crate) fn mcc(matrix: &ConfusionMatrix) -> Option<Interval> {
    let value = matrix.mcc()?;
    let n = matrix.total() as f64;
    let tallies = matrix.tallies();
    let wanted: Vec<f64> = tallies.iter().map(|tally| tally.support() as f64 / n).collect();
    let given: Vec<f64> =
        tallies.iter().map(|tally| (tally.true_positives + tally.false_positives) as f64 / n).collect();
    let others = |shares: &[f64]| 1.0 - shares.iter().map(|share| share * share).sum::<f64>();
    let by_chance: f64 = wanted.iter().zip(&given).map(|(a, b)| a * b).sum();
    let (of_wanted, of_given) = (others(&wanted), others(&given));
    // The numerator, accuracy less what chance gives, over the root of the product of the others.
    let scale = (of_wanted * of_given).sqrt();
    let error = standard_error(matrix, |t, p| {
        let numerator = f64::from(u8::from(t == p)) - given[t] - wanted[p];
        (numerator / scale + value * (wanted[t] / of_wanted + given[p] / of_given)) / n
    });
    let accuracy = Interval::wilson(matrix.correct(), matrix.total())?;
    let right = matrix.accuracy()?;
    let of_accuracy = accuracy.map(|end| (value + (end - right) / (1.0 - by_chance)).clamp(-1.0, 1.0));
    // From -1 to 1, as a share is from 0 to 1.
    let own = Interval::of_share(f64::midpoint(value, 1.0), error / 2.0, n).map(|share| 2.0 * share - 1.0);
    Some(own.joined(of_accuracy))
}

/// The standard error of a function of the cells that only their shares decide about, by its derivative by each, `(true, predicted)`.
fn standard_error(matrix: &ConfusionMatrix, derivative: impl Fn(usize, usize) -> f64) -> f64 {
    let n = matrix.total() as f64;
    let cells = || {
        matrix.rows().enumerate().flat_map(|(t, row)| {
            row.iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(move |(p, &count)| (t, p, count as f64))
        })
    };
    let mean: f64 = cells().map(|(t, p, count)| count * derivative(t, p)).sum::<f64>() / n;
    let squares: f64 = cells().map(|(t, p, count)| count * (derivative(t, p) - mean).powi(2)).sum();
    squares.sqrt()
}
