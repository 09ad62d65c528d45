//! How far areas and average precisions may be from the truth.

use super::Ranking;

impl Ranking {
    /// The standard error of the area under the ROC curve: of the share of negatives below each positive, and of positives above each
    /// negative, the variances add up. Zero with one sample of a kind, whose variance nobody knows.
    pub(super) fn roc_auc_error(&self, area: f64) -> f64 {
        let (positives, negatives) = (self.positives as f64, self.negatives as f64);
        if self.positives < 2 || self.negatives < 2 {
            return 0.0;
        }
        let (mut above, mut below) = (0.0, negatives);
        let (mut of_positives, mut of_negatives) = (0.0, 0.0);
        for step in &self.steps {
            let (p, n) = (step.positives as f64, step.negatives as f64);
            of_positives += p * ((below - n / 2.0) / negatives - area).powi(2);
            of_negatives += n * ((above + p / 2.0) / positives - area).powi(2);
            above += p;
            below -= n;
        }
        (of_positives / (positives - 1.0) / positives + of_negatives / (negatives - 1.0) / negatives).sqrt()
    }

    /// How much each sample moves the average precision `value`: the derivative by its weight, times the number of samples (the
    /// infinitesimal jackknife of Jaeckel 1972). There are positive samples.
    ///
    /// A positive sample adds its own precision and lifts those at all lower scores, a negative one lowers them.
    pub(crate) fn average_precision_influences(&self, value: f64) -> Vec<f64> {
        let scale = self.places.len() as f64 / self.positives as f64;
        let (mut found, mut taken) = (self.positives as f64, self.places.len() as f64);
        let (mut lift, mut fall) = (0.0, 0.0);
        let mut by_step = vec![(0.0, 0.0); self.steps.len()];
        for (place, step) in self.steps.iter().enumerate().rev() {
            let positives = step.positives as f64;
            let precision = found / taken;
            lift += positives * (1.0 - precision) / taken;
            fall += positives * precision / taken;
            by_step[place] = (scale * (precision - value + lift), -scale * fall);
            found -= positives;
            taken -= positives + step.negatives as f64;
        }
        self.places
            .iter()
            .zip(&self.truth)
            .map(|(&place, &positive)| {
                let (of_positive, of_negative) = by_step[place];
                if positive { of_positive } else { of_negative }
            })
            .collect()
    }
}
