//! How much classes and labels count in the loss, and what that does to logits.

use super::{Head, HeadKind, Task};
use crate::network::Network;
use crate::parameters::Parameters;

/// How much each class or label counts in the loss.
///
/// A network that is trained with weights answers for a world in which the classes are as frequent as their weights make them: the odds of
/// a class with weight w are w times too high, its logit is too high by ln w. [`LossWeights::logit_shifts`] are these numbers, and
/// [`Network::corrected`] takes them off the bias of the last layer, after which probabilities are those of the pictures as they come
/// ("prior correction": King and Zeng 2001, *Political Analysis* 9).
#[derive(Clone, Debug, PartialEq)]
pub struct LossWeights {
    /// Of a 1 in each column of the targets.
    of_one: Vec<f32>,
    /// Of a 0 in each column of the targets, where 0 is an answer of its own.
    of_zero: Vec<f32>,
}

impl LossWeights {
    /// The weights of a 1 and of a 0 in each column of the targets. Where one column of a softmax is 1 the others have to be 0, so that the weights of
    /// a 0 have nothing to say there.
    ///
    /// # Panics
    /// When there are not as many of the one as of the other.
    pub fn of_columns(of_one: Vec<f32>, of_zero: Vec<f32>) -> Self {
        assert_eq!(of_one.len(), of_zero.len(), "two weights for each column");
        Self { of_one, of_zero }
    }

    /// All count 1.
    pub fn even(head: &Head) -> Self {
        Self { of_one: vec![1.0; head.units()], of_zero: vec![1.0; head.units()] }
    }

    /// As much for each class as for any other, and 1 in the mean over all samples: of n samples, those of a class with m of them count
    /// `n / (k m)` each, where k classes have any. For labels that do not exclude each other it is the samples with and those without each label that
    /// count alike. What no sample has counts 1.
    ///
    /// `counts` are the samples of each class or label, `samples` how many there are in all.
    ///
    /// # Panics
    /// When there is not one count a class.
    pub fn balanced(head: &Head, counts: &[usize], samples: usize) -> Self {
        assert_eq!(counts.len(), head.classes(), "a count for each class");
        let share = |count: usize, groups: usize| {
            if count == 0 { 1.0 } else { (samples as f64 / (groups as f64 * count as f64)) as f32 }
        };
        let occurring = counts.iter().filter(|&&count| count > 0).count();
        let of_class = counts.iter().map(|&count| share(count, occurring));
        match (head.task(), head.kind()) {
            (Task::MultiLabel, _) => {
                let pairs = counts.iter().map(|&with| match samples - with {
                    without if with == 0 || without == 0 => (1.0, 1.0),
                    without => (share(with, 2), share(without, 2)),
                });
                let (of_one, of_zero) = pairs.unzip();
                Self { of_one, of_zero }
            }
            (_, HeadKind::Softmax) => Self { of_one: of_class.collect(), ..Self::even(head) },
            (_, HeadKind::Sigmoid | HeadKind::Linear) => {
                let both: Vec<f32> = of_class.collect();
                Self { of_one: vec![both[1]], of_zero: vec![both[0]] }
            }
        }
    }

    /// By how much weights raise each logit of a network that fits the training samples: the logarithm of that by which they raise the odds.
    pub fn logit_shifts(&self) -> Vec<f32> {
        let shift = |(one, zero): (&f32, &f32)| (f64::from(*one) / f64::from(*zero)).ln() as f32;
        self.of_one.iter().zip(&self.of_zero).map(shift).collect()
    }

    pub(crate) fn columns(&self) -> usize {
        self.of_one.len()
    }

    /// Of a 1 in each column of the targets.
    pub(crate) fn of_one(&self) -> &[f32] {
        &self.of_one
    }

    /// Of a 1 and of a 0 in each column of the targets.
    pub(crate) fn of_one_and_zero(&self) -> [&[f32]; 2] {
        [&self.of_one, &self.of_zero]
    }
}

impl Network {
    /// `parameters` of this network with `shifts`, one a unit, taken off the logits: off the bias that is added to them. None where there is no
    /// such bias.
    ///
    /// # Panics
    /// When there is not one shift a unit.
    pub fn corrected(&self, parameters: &Parameters, shifts: &[f32]) -> Option<Parameters> {
        assert_eq!(shifts.len(), self.head().units(), "a shift for each unit");
        let (layer, _) = self.logit_layer()?;
        let bias = parameters.table().find(layer, "bias")?;
        let mut corrected = parameters.clone();
        let range = corrected.table().range(bias);
        for (value, shift) in corrected.values_mut()[range].iter_mut().zip(shifts) {
            *value -= shift;
        }
        Some(corrected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(task: Task, kind: HeadKind, units: usize) -> Head {
        Head::new(task, kind, units).unwrap()
    }

    /// What scikit-learn 1.9.1's `compute_class_weight("balanced", ...)` gives for these classes.
    #[test]
    fn classes_count_alike() {
        let softmax =
            LossWeights::balanced(&head(Task::MultiClass, HeadKind::Softmax, 3), &[60, 30, 10], 100);
        assert_eq!(softmax.of_one(), [100.0 / 180.0, 100.0 / 90.0, 100.0 / 30.0]);
        let sigmoid = LossWeights::balanced(&head(Task::Binary, HeadKind::Sigmoid, 1), &[90, 10], 100);
        assert_eq!(sigmoid.of_one_and_zero(), [&[5.0][..], &[100.0 / 180.0]]);
        // The odds are multiplied by 9, as page W02 has it.
        assert!((sigmoid.logit_shifts()[0] - 9.0_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn labels_count_as_much_as_their_absence() {
        let labels = head(Task::MultiLabel, HeadKind::Sigmoid, 2);
        let weights = LossWeights::balanced(&labels, &[20, 50], 100);
        assert_eq!(weights.of_one_and_zero(), [&[2.5, 1.0][..], &[0.625, 1.0]]);
        assert!((weights.logit_shifts()[0] - 4.0_f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_there_to_be_weighed_counts_one() {
        let softmax = LossWeights::balanced(&head(Task::MultiClass, HeadKind::Softmax, 3), &[30, 0, 10], 40);
        assert_eq!(softmax.of_one(), [40.0 / 60.0, 1.0, 2.0]);
        let labels = LossWeights::balanced(&head(Task::MultiLabel, HeadKind::Sigmoid, 2), &[0, 40], 40);
        assert_eq!(labels, LossWeights::even(&head(Task::MultiLabel, HeadKind::Sigmoid, 2)));
        assert_eq!(labels.logit_shifts(), [0.0, 0.0]);
    }
}
