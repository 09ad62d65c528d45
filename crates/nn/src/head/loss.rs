//! The loss of one sample, in double precision: for looking at what a trained network does. Training has kernels of its own.

use super::{Head, Loss};

/// The least cross-entropy of `units` probabilities that went through a second softmax, `ln(1 + (k - 1) / e)`, as a message tells it.
pub(crate) fn floor_of_softmax_twice(units: usize) -> String {
    let others = units.saturating_sub(1);
    let floor = (1.0 + others as f64 / std::f64::consts::E).ln();
    format!("ln(1 + {others} / e) = {floor:.4}")
}

impl Head {
    /// The loss of a row of logits against a row of targets, as [`Head::encode`] writes it.
    ///
    /// # Panics
    /// When a row has not one value a unit.
    pub fn loss_of(&self, logits: &[f32], targets: &[f32]) -> f64 {
        assert_eq!(
            (logits.len(), targets.len()),
            (self.units, self.units),
            "one logit and one target a unit"
        );
        let pairs = logits.iter().zip(targets).map(|(&z, &t)| (f64::from(z), f64::from(t)));
        match self.loss() {
            Loss::CategoricalCrossEntropy => {
                let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let largest = f64::from(largest);
                let log_sum =
                    logits.iter().map(|&z| (f64::from(z) - largest).exp()).sum::<f64>().ln() + largest;
                pairs.map(|(z, t)| t * (log_sum - z)).sum()
            }
            // ln(1 + e^-|z|) does not overflow where ln(1 + e^z) would.
            Loss::BinaryCrossEntropy => {
                pairs.map(|(z, t)| z.max(0.0) - z * t + (-z.abs()).exp().ln_1p()).sum::<f64>()
                    / self.units as f64
            }
            Loss::MeanSquaredError => pairs.map(|(z, t)| (z - t).powi(2)).sum::<f64>() / self.units as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HeadKind, Task};
    use super::*;

    fn loss(task: Task, kind: HeadKind, units: usize, logits: &[f32], targets: &[f32]) -> f64 {
        Head::new(task, kind, units).unwrap().loss_of(logits, targets)
    }

    #[test]
    fn known_values() {
        // -ln(e / (e + 1)), twice in different clothes: a two-unit softmax is a one-unit sigmoid of the difference.
        let wanted = (1.0 + (-1.0_f64).exp()).ln();
        let softmax = loss(Task::Binary, HeadKind::Softmax, 2, &[2.0, 3.0], &[0.0, 1.0]);
        let sigmoid = loss(Task::Binary, HeadKind::Sigmoid, 1, &[1.0], &[1.0]);
        assert!((softmax - wanted).abs() < 1e-12 && (sigmoid - wanted).abs() < 1e-12);
        let even = loss(Task::MultiClass, HeadKind::Softmax, 10, &[5.0; 10], &[0.1; 10]);
        assert!((even - 10.0_f64.ln()).abs() < 1e-7);
        assert_eq!(loss(Task::Regression, HeadKind::Linear, 1, &[1.5], &[1.0]), 0.25);
    }

    #[test]
    fn extreme_logits_stay_finite() {
        assert_eq!(loss(Task::Binary, HeadKind::Sigmoid, 1, &[1e30], &[1.0]), 0.0);
        assert_eq!(loss(Task::Binary, HeadKind::Softmax, 2, &[-1e30, 1e30], &[0.0, 1.0]), 0.0);
        assert!(loss(Task::MultiLabel, HeadKind::Sigmoid, 2, &[-1e4, 1e4], &[1.0, 1.0]).is_finite());
    }
}
