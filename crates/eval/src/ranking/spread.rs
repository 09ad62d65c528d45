//! How far areas and average precisions may be from the truth.

use super::Ranking;
use crate::jackknife::Jackknife;

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

    /// How much each sample moves the average precision `value`; nothing where the only positive sample is all that it is made of.
    ///
    /// Without a positive sample there is one term less and those at all lower scores lose one that was found and one that was taken;
    /// without a negative one these lose one that was taken.
    pub(crate) fn average_precision_jackknife(&self, value: f64) -> Jackknife {
        let all = self.positives as f64;
        if self.positives < 2 {
            return Jackknife::new(value, &vec![value; self.places.len()]);
        }
        let (mut found, mut taken) = (all, self.places.len() as f64);
        // The terms at higher scores, and what those at lower ones would be.
        let mut above = value * all;
        let (mut below_positive, mut below_negative) = (0.0, 0.0);
        let mut by_step = vec![(0.0, 0.0); self.steps.len()];
        for (place, step) in self.steps.iter().enumerate().rev() {
            let positives = step.positives as f64;
            let others = (taken - 1.0).max(1.0);
            above -= positives * found / taken;
            below_negative += positives * found / others;
            let without_positive = above + (positives - 1.0) * (found - 1.0) / others + below_positive;
            by_step[place] = (without_positive / (all - 1.0), (above + below_negative) / all);
            below_positive += positives * (found - 1.0) / others;
            found -= positives;
            taken -= positives + step.negatives as f64;
        }
        let without: Vec<f64> = self
            .places
            .iter()
            .zip(&self.truth)
            .map(|(&place, &positive)| {
                let (of_positive, of_negative) = by_step[place];
                if positive { of_positive } else { of_negative }
            })
            .collect();
        Jackknife::new(value, &without)
    }
}
