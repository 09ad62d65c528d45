//! In which shares groups come where a model is used.

use divvy_nn::{Head, HeadKind, Task};
use serde::{Deserialize, Serialize};

/// In which shares groups come where a model is used, as stated, and in which they came among the pictures that its probabilities were learnt from. Each logit is
/// higher by what that raises the odds by, so that a probability is `p · stated / learnt_from`, divided by the sum over the groups (Saerens, Latinne and
/// Decaestecker 2002, *Neural Computation* 14:21, equation 2.4). It is in a model's weights already.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Prior {
    /// One share a group or label; those of groups sum to one. Of a label of which nothing is stated it is that in `learnt_from`.
    pub stated: Vec<f64>,
    /// As many.
    pub learnt_from: Vec<f64>,
}

impl Prior {
    /// By how much each logit of a head with probabilities is higher for it.
    pub fn shifts(&self, head: &Head) -> Vec<f32> {
        let of_softmax = head.kind() == HeadKind::Softmax;
        let level = |share: f64| if of_softmax { share.ln() } else { (share / (1.0 - share)).ln() };
        let shift = |(&stated, &learnt_from): (&f64, &f64)| {
            // A label that is on all pictures, or on none, stays so.
            if stated == learnt_from { 0.0 } else { (level(stated) - level(learnt_from)) as f32 }
        };
        // One unit speaks for the second of two groups.
        let speaks_for_second = !of_softmax && head.task() != Task::MultiLabel;
        let groups = self.stated.iter().zip(&self.learnt_from).skip(usize::from(speaks_for_second));
        groups.map(shift).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(task: Task, kind: HeadKind, units: usize) -> Head {
        Head::new(task, kind, units).unwrap()
    }

    /// The probabilities of a head whose logits were `logits` before.
    fn shifted(head: &Head, prior: &Prior, logits: &[f32]) -> Vec<f32> {
        let shifts = prior.shifts(head);
        assert_eq!(shifts.len(), head.units());
        let logits: Vec<f32> = logits.iter().zip(shifts).map(|(logit, shift)| logit + shift).collect();
        let mut probabilities = Vec::new();
        head.probabilities(&logits, &mut probabilities);
        probabilities
    }

    fn close(found: &[f32], expected: &[f64]) -> bool {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6)
    }

    /// A test that finds 90 of 100 ill and takes 5 of 100 well ones for ill: where every second one is ill, 90 of 95 that it finds are; where one in a hundred is,
    /// 0.9 of 0.9 + 4.95 (Bayes).
    #[test]
    fn what_is_rare_is_less_likely() {
        let prior = Prior { stated: vec![0.99, 0.01], learnt_from: vec![0.5, 0.5] };
        let (ill, rare) = (90.0 / 95.0_f64, 0.9 / 5.85);
        let odds = (ill / (1.0 - ill)).ln() as f32;
        let one = head(Task::Binary, HeadKind::Sigmoid, 1);
        assert!(close(&shifted(&one, &prior, &[odds]), &[1.0 - rare, rare]));
        let two = head(Task::Binary, HeadKind::Softmax, 2);
        assert!(close(&shifted(&two, &prior, &[1.0, 1.0 + odds]), &[1.0 - rare, rare]));
    }

    /// Of three groups of which each was a third, one is nine times as frequent as the others: 0.2 · 9 of 0.5 + 0.2 · 9 + 0.3.
    #[test]
    fn probabilities_are_in_proportion_to_the_shares() {
        let third = 1.0 / 3.0;
        let prior = Prior { stated: vec![1.0 / 11.0, 9.0 / 11.0, 1.0 / 11.0], learnt_from: vec![third; 3] };
        let three = head(Task::MultiClass, HeadKind::Softmax, 3);
        let logits = [0.5_f32, 0.2, 0.3].map(f32::ln);
        assert!(close(&shifted(&three, &prior, &logits), &[0.5 / 2.6, 1.8 / 2.6, 0.3 / 2.6]));
    }

    /// Each label for itself: odds of one to one become three to one where it is on three of four pictures instead of on every second.
    #[test]
    fn labels_move_one_by_one() {
        let prior = Prior { stated: vec![0.75, 0.1, 1.0], learnt_from: vec![0.5, 0.1, 1.0] };
        let labels = head(Task::MultiLabel, HeadKind::Sigmoid, 3);
        assert!(close(&shifted(&labels, &prior, &[0.0; 3]), &[0.75, 0.5, 0.5]));
    }
}
