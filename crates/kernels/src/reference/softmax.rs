//! Softmax and the losses, row by row.

use super::activation::sigmoid;

pub(crate) fn softmax(cols: usize, x: &[f64]) -> Vec<f64> {
    let of_row = |x: &[f64]| {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum).collect::<Vec<_>>()
    };
    x.chunks(cols).flat_map(of_row).collect()
}

/// The loss of each row: minus the sum of w t ln softmax(x), with a weight w for each column.
pub(crate) fn softmax_cross_entropy(cols: usize, x: &[f64], t: &[f64], weights: &[f64]) -> Vec<f64> {
    let of_row = |(x, t): (&[f64], &[f64])| {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln() + largest;
        x.iter().zip(t).zip(weights).map(|((x, t), w)| w * t * (log_sum - x)).sum()
    };
    x.chunks(cols).zip(t.chunks(cols)).map(of_row).collect()
}

/// The loss of each row: the mean of -v t ln sigmoid(x) - w (1 - t) ln(1 - sigmoid(x)), with 1 - sigmoid(x) = sigmoid(-x) and the
/// weights v of a yes and w of a no for each column.
pub(crate) fn sigmoid_cross_entropy(cols: usize, x: &[f64], t: &[f64], weights: [&[f64]; 2]) -> Vec<f64> {
    // ln sigmoid(x) is x where sigmoid(x) is too small for a number.
    let ln_sigmoid = |x: f64| if x < -500.0 { x } else { sigmoid(x).ln() };
    let of_row = |(x, t): (&[f64], &[f64])| {
        let losses = (0..cols).map(|col| {
            let [of_yes, of_no] = weights.map(|weights| weights[col]);
            -of_yes * t[col] * ln_sigmoid(x[col]) - of_no * (1.0 - t[col]) * ln_sigmoid(-x[col])
        });
        losses.sum::<f64>() / cols as f64
    };
    x.chunks(cols).zip(t.chunks(cols)).map(of_row).collect()
}

pub(crate) fn mean_squared_error(cols: usize, x: &[f64], t: &[f64]) -> Vec<f64> {
    let of_row =
        |(x, t): (&[f64], &[f64])| x.iter().zip(t).map(|(x, t)| (x - t).powi(2)).sum::<f64>() / cols as f64;
    x.chunks(cols).zip(t.chunks(cols)).map(of_row).collect()
}
