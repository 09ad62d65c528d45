//! M05: answers that show no more than knowing the commonest class would.

use divvy_eval::Interval;
use divvy_nn::{Diagnostic, Rule};

use crate::event::Answers;

/// Answers beside what knowing the commonest class alone would give.
pub(super) struct Prior<'a> {
    answers: &'a Answers,
    n: usize,
    right: usize,
    commonest: usize,
    /// The 95 % interval of the accuracy.
    interval: Interval,
}

impl<'a> Prior<'a> {
    /// Nothing where there is only one class, or no picture.
    pub(super) fn of(answers: &'a Answers) -> Option<Self> {
        let (n, right) = (answers.wanted.iter().sum(), answers.right.iter().sum());
        let commonest = answers.wanted.iter().copied().max()?;
        let interval = Interval::wilson(right, n)?;
        (commonest < n).then_some(Self { answers, n, right, commonest, interval })
    }

    fn is_one_class(&self) -> bool {
        self.answers.given.iter().filter(|&&given| given > 0).count() == 1
    }

    /// Whether the answers show no more than the commonest class: one class alone is given; or the accuracy cannot be told from its
    /// share, and the mean recall not from that of guessing.
    pub(super) fn explains(&self) -> bool {
        let share = self.commonest as f64 / self.n as f64;
        let is_at_share = (self.interval.low..=self.interval.high).contains(&share);
        self.is_one_class() || (self.right < self.n && is_at_share && self.is_guessing())
    }

    /// Whether the mean recall is within a standard error of the 1/k that guessing has.
    fn is_guessing(&self) -> bool {
        let pairs = self.answers.right.iter().zip(&self.answers.wanted);
        let occurring: Vec<(f64, f64)> = pairs
            .filter(|(_, wanted)| **wanted > 0)
            .map(|(&right, &wanted)| (right as f64, wanted as f64))
            .collect();
        let k = occurring.len() as f64;
        let chance = 1.0 / k;
        let recall = occurring.iter().map(|(right, wanted)| right / wanted).sum::<f64>() / k;
        let variance: f64 = occurring.iter().map(|(_, wanted)| chance * (1.0 - chance) / wanted).sum();
        recall <= chance + variance.sqrt() / k
    }

    pub(super) fn finding(&self) -> Diagnostic {
        let Self { n, right, commonest, interval, .. } = self;
        let what = if self.is_one_class() {
            "every validation picture is given the same class".to_owned()
        } else {
            format!("{right} of {n} right, where always giving the commonest class has {commonest}")
        };
        Diagnostic::new(Rule::M05, what)
            .because(format!(
                "the commonest class has {:.1} % of the validation pictures; an accuracy from {:.3} to {:.3} (95 % interval) with a \
                 mean recall no better than guessing does not show that anything else was learnt",
                100.0 * *commonest as f64 / *n as f64,
                interval.low,
                interval.high
            ))
            .fix("judge by metric = \"balanced_accuracy\"; give more pictures of the rare classes, or try another learning rate")
    }
}
