//! The covariance of features, shrunk so that it can be inverted.

use super::matrix::{Symmetric, squared_length};

/// Pictures that are taken into the sums at a time: the sums then go through the cache once for all of them.
const AT_A_TIME: usize = 8;

/// The covariance of what is left of pictures' features when the mean of their group is taken away, `width` numbers for each, drawn
/// towards a multiple of the identity.
///
/// As `sklearn.covariance.LedoitWolf(assume_centered=True)`: the formulas of Ledoit and Wolf (2004), section 3.3, of how far it is
/// drawn where the mean squared error is expected to be the least.
pub(super) fn shrunk_covariance(residuals: impl Iterator<Item = Vec<f64>>, width: usize) -> Symmetric {
    let mut sums = Symmetric::zeros(width);
    let (mut count, mut fourth) = (0_usize, 0.0);
    let mut residuals = residuals.peekable();
    while residuals.peek().is_some() {
        let some: Vec<Vec<f64>> = residuals.by_ref().take(AT_A_TIME).collect();
        count += some.len();
        fourth += some.iter().map(|one| squared_length(one.iter().copied()).powi(2)).sum::<f64>();
        sums.add_products(&some);
    }
    let (n, p) = (count as f64, width as f64);
    let mut covariance = sums;
    covariance.scale(1.0 / n);
    let mean_variance = covariance.trace() / p;
    let squares = covariance.sum_of_squares();
    let scatter = (fourth / n - squares) / n;
    let distance = squares - p * mean_variance * mean_variance;
    let shrinkage = if scatter.min(distance) > 0.0 { scatter.min(distance) / distance } else { 0.0 };
    covariance.scale(1.0 - shrinkage);
    covariance.add_to_diagonal(shrinkage * mean_variance);
    covariance
}
