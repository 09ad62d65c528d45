//! Batch normalisation, channel by channel.

/// What batch normalisation in training gives.
pub(crate) struct Normed {
    pub(crate) y: Vec<f64>,
    pub(crate) mean: Vec<f64>,
    /// Biased.
    pub(crate) variance: Vec<f64>,
}

fn of_channel(x: &[f64], channels: usize, c: usize) -> impl Iterator<Item = f64> {
    x.iter().skip(c).step_by(channels).copied()
}

pub(crate) fn batch_norm(channels: usize, epsilon: f64, x: &[f64], gamma: &[f64], beta: &[f64]) -> Normed {
    let rows = (x.len() / channels) as f64;
    let mean: Vec<f64> = (0..channels).map(|c| of_channel(x, channels, c).sum::<f64>() / rows).collect();
    let variance: Vec<f64> = (0..channels)
        .map(|c| of_channel(x, channels, c).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / rows)
        .collect();
    let normal = |(i, x): (usize, &f64)| {
        let c = i % channels;
        gamma[c] * (x - mean[c]) / (variance[c] + epsilon).sqrt() + beta[c]
    };
    let y = x.iter().enumerate().map(normal).collect();
    Normed { y, mean, variance }
}

/// The gradients of batch normalisation in training: (dx, dgamma, dbeta).
pub(crate) fn batch_norm_backward(
    channels: usize,
    epsilon: f64,
    x: &[f64],
    dy: &[f64],
    gamma: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let rows = (x.len() / channels) as f64;
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    let Normed { y: n, variance, .. } = batch_norm(channels, epsilon, x, &ones, &zeros);
    let dbeta: Vec<f64> = (0..channels).map(|c| of_channel(dy, channels, c).sum()).collect();
    let dgamma: Vec<f64> = (0..channels)
        .map(|c| of_channel(dy, channels, c).zip(of_channel(&n, channels, c)).map(|(dy, n)| dy * n).sum())
        .collect();
    let slope = |(i, (dy, n)): (usize, (&f64, &f64))| {
        let c = i % channels;
        gamma[c] / (variance[c] + epsilon).sqrt() * (dy - dbeta[c] / rows - n * dgamma[c] / rows)
    };
    let dx = dy.iter().zip(&n).enumerate().map(slope).collect();
    (dx, dgamma, dbeta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::differences::gradient;
    use crate::reference::trial::{dot, numbers, wide};

    #[test]
    fn the_backward_pass_agrees_with_differences() {
        let (rows, channels, epsilon) = (7, 3, 1e-3);
        let x = wide(&numbers(rows * channels, 1));
        let dy = wide(&numbers(rows * channels, 2));
        let (gamma, beta) = (vec![0.5, -2.0, 1.5], vec![0.1, 0.2, -0.3]);
        let loss = |x: &[f64], gamma: &[f64], beta: &[f64]| {
            dot(&batch_norm(channels, epsilon, x, gamma, beta).y, &dy)
        };
        let (dx, dgamma, dbeta) = batch_norm_backward(channels, epsilon, &x, &dy, &gamma);
        let pairs = [
            (dx, gradient(|x| loss(x, &gamma, &beta), &x)),
            (dgamma, gradient(|gamma| loss(&x, gamma, &beta), &gamma)),
            (dbeta, gradient(|beta| loss(&x, &gamma, beta), &beta)),
        ];
        for (formula, differences) in pairs {
            assert!(
                formula.iter().zip(&differences).all(|(a, b)| (a - b).abs() < 1e-7),
                "{formula:?} {differences:?}"
            );
        }
    }
}
