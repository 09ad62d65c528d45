//! What a classifier says of one picture.

use divvy_nn::{Choice, Head};

/// What a classifier says of one picture.
#[derive(Clone, PartialEq, Debug)]
pub struct Prediction {
    /// The groups chosen, by their numbers: exactly one where groups exclude each other, any number of labels otherwise.
    pub chosen: Vec<usize>,
    /// The probability of each group or label; none from a head whose output is no probability.
    pub probabilities: Option<Vec<f32>>,
    /// The output of a head without probabilities, which its threshold decides on.
    pub score: Option<f32>,
    /// Whether the groups exclude each other.
    pub exclusive: bool,
    /// How often a picture like the training pictures looks at least as unlike them as this one does; none where that was not asked, or the model does not
    /// know what those look like.
    pub familiarity: Option<f64>,
}

impl Prediction {
    /// Reads one row of logits.
    ///
    /// # Panics
    /// When there is not one logit a unit.
    pub fn from_logits(head: &Head, logits: &[f32]) -> Self {
        let probabilities = head.has_probabilities().then(|| {
            let mut probabilities = Vec::with_capacity(head.classes());
            head.probabilities(logits, &mut probabilities);
            probabilities
        });
        let score = (!head.has_probabilities()).then(|| logits[0]);
        Self::of(head.decide(logits, Head::DEFAULT_THRESHOLD), probabilities, score)
    }

    /// Reads one row of answers: probabilities, one for each class, or the number of a head without.
    ///
    /// # Panics
    /// When there is not one probability a class, or one number.
    pub fn from_answers(head: &Head, answers: &[f32]) -> Self {
        let choice = head.decide_by(answers, Head::DEFAULT_THRESHOLD);
        if head.has_probabilities() {
            Self::of(choice, Some(answers.to_vec()), None)
        } else {
            Self::of(choice, None, Some(answers[0]))
        }
    }

    fn of(choice: Choice, probabilities: Option<Vec<f32>>, score: Option<f32>) -> Self {
        let (chosen, exclusive) = match choice {
            Choice::Class(class) => (vec![class], true),
            Choice::Labels(labels) => (labels, false),
        };
        Self { chosen, probabilities, score, exclusive, familiarity: None }
    }

    /// The group that the picture is most likely of: the one chosen, or of labels the most probable, chosen or not.
    pub fn most_likely(&self) -> usize {
        let probabilities = self.probabilities.as_deref().filter(|_| !self.exclusive).unwrap_or_default();
        let likelier =
            |best: usize, label: usize| if probabilities[label] > probabilities[best] { label } else { best };
        (0..probabilities.len()).reduce(likelier).unwrap_or_else(|| self.chosen[0])
    }

    /// How sure the classifier is of what it chose: the probability of the group; for labels that of the least sure
    /// decision, for or against. None without probabilities.
    pub fn confidence(&self) -> Option<f32> {
        let probabilities = self.probabilities.as_deref()?;
        let sure = |(group, &p): (usize, &f32)| if self.chosen.contains(&group) { p } else { 1.0 - p };
        // Of numbers that are none, a label's is the least sure; `f32::min` would pass over it.
        let least = |least: f32, sure: f32| if least.is_nan() || least < sure { least } else { sure };
        if self.exclusive {
            Some(probabilities[self.chosen[0]])
        } else {
            Some(probabilities.iter().enumerate().map(sure).fold(1.0, least))
        }
    }

    /// Whether the picture is unlike the training pictures, where such as those are taken for it at most so often: a share.
    pub fn is_unfamiliar(&self, false_alarms: f64) -> bool {
        self.familiarity.is_some_and(|familiarity| familiarity <= false_alarms)
    }

    /// Whether the classifier is as sure as `probability` of what it chose. Where there are no probabilities it is of any
    /// number; of what is no number it never is.
    pub fn is_sure(&self, probability: f32) -> bool {
        match self.confidence() {
            Some(confidence) => confidence >= probability,
            None => self.score.is_some_and(|score| !score.is_nan()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use divvy_nn::{HeadKind, Task};

    fn predict(task: Task, kind: HeadKind, units: usize, logits: &[f32]) -> Prediction {
        Prediction::from_logits(&Head::new(task, kind, units).unwrap(), logits)
    }

    #[test]
    fn one_sigmoid_and_two_softmax_units_say_the_same() {
        let two = predict(Task::Binary, HeadKind::Softmax, 2, &[0.5, -1.5]);
        let one = predict(Task::Binary, HeadKind::Sigmoid, 1, &[-2.0]);
        assert_eq!((one.chosen.as_slice(), two.chosen.as_slice()), (&[0][..], &[0][..]));
        let off = (one.confidence().unwrap() - two.confidence().unwrap()).abs();
        assert!(off < 1e-6, "{off}");
    }

    #[test]
    fn labels_are_as_sure_as_the_least_sure_of_them() {
        let labels = predict(Task::MultiLabel, HeadKind::Sigmoid, 3, &[4.0, -3.0, 0.1]);
        assert_eq!(labels.chosen, [0, 2]);
        let sigmoid = 1.0 / (1.0 + (-0.1_f32).exp());
        assert!((labels.confidence().unwrap() - sigmoid).abs() < 1e-6);
        assert!(!labels.exclusive);
        assert_eq!(labels.most_likely(), 0);
        let none_of_them = predict(Task::MultiLabel, HeadKind::Sigmoid, 3, &[-4.0, -3.0, -0.1]);
        assert_eq!((none_of_them.chosen.as_slice(), none_of_them.most_likely()), (&[][..], 2));
        assert_eq!(predict(Task::Regression, HeadKind::Linear, 1, &[0.75]).most_likely(), 1);
    }

    #[test]
    fn a_linear_unit_has_a_score_and_no_probability() {
        let number = predict(Task::Regression, HeadKind::Linear, 1, &[0.75]);
        assert_eq!(
            (number.chosen.as_slice(), number.score, number.confidence()),
            (&[1][..], Some(0.75), None)
        );
        assert!(number.is_sure(1.0));
    }

    #[test]
    fn what_is_no_number_is_never_sure() {
        for (task, kind, logits) in [
            (Task::Binary, HeadKind::Softmax, &[f32::NAN, 1.0][..]),
            (Task::Binary, HeadKind::Softmax, &[f32::INFINITY, f32::INFINITY]),
            (Task::Binary, HeadKind::Sigmoid, &[f32::NAN]),
            (Task::MultiLabel, HeadKind::Sigmoid, &[f32::NAN, 9.0, -9.0]),
            (Task::MultiLabel, HeadKind::Sigmoid, &[9.0, -9.0, f32::NAN]),
            (Task::Regression, HeadKind::Linear, &[f32::NAN]),
        ] {
            assert!(!predict(task, kind, logits.len(), logits).is_sure(0.0), "{task} {kind} {logits:?}");
        }
        let sure = predict(Task::Binary, HeadKind::Softmax, 2, &[0.0, 2.0]);
        assert!(sure.is_sure(0.88) && !sure.is_sure(0.89));
    }
}
