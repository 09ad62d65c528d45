//! What the course of a training says about how it is wired.

use divvy_eval::Interval;
use divvy_nn::{Diagnostic, HeadKind, Rule};
use serde::{Deserialize, Serialize};

use crate::event::{Answers, Event};

/// Looks at the events of a training, while it goes on or afterwards, for what only shows then: a loss below zero (L10), a loss that rests
/// where it is if nothing is learnt (L11), answers that are one class or no better than guessing (M05).
///
/// Each finding is told once.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    network: Option<Network>,
    resting: u32,
    at_prior: u32,
    told: Vec<Rule>,
}

/// What is trained, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Network {
    head: HeadKind,
    classes: usize,
    steps_per_epoch: usize,
    /// Whether classes count as often as they occur.
    counts_as_is: bool,
}

/// Epochs in a row that make a habit.
const HABIT: u32 = 4;

/// Steps before which a network need not have learnt anything.
const PATIENCE: usize = 100;

impl Watch {
    /// A watch that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of an event; what it shows, if anything new.
    pub fn on(&mut self, event: &Event) -> Vec<Diagnostic> {
        let found = match event {
            Event::Started { head, classes, steps_per_epoch, balance, .. } => {
                let (head, classes, steps_per_epoch) = (*head, classes.len(), *steps_per_epoch);
                let counts_as_is = balance.is_none();
                let network = Network { head, classes, steps_per_epoch, counts_as_is };
                *self = Self { network: Some(network), ..Self::default() };
                return Vec::new();
            }
            Event::Step { loss, epoch, step, .. } => {
                let place = format!("epoch {epoch}, step {step}");
                self.negative(*loss).map(|finding| finding.at(place)).into_iter().collect()
            }
            Event::Epoch { epoch, training_loss, answers, .. } => {
                let place = format!("epoch {epoch}");
                let found = [
                    self.negative(*training_loss),
                    self.at_floor(*epoch, *training_loss, answers.as_ref()),
                    self.at_prior(*epoch, answers.as_ref()),
                ];
                found.into_iter().flatten().map(|finding| finding.at(place.clone())).collect()
            }
            _ => Vec::new(),
        };
        let new = |finding: &Diagnostic| !self.told.contains(&finding.rule);
        let found: Vec<_> = found.into_iter().filter(new).collect();
        self.told.extend(found.iter().map(|finding| finding.rule));
        found
    }

    /// L10: a cross-entropy below 0.
    fn negative(&self, loss: f64) -> Option<Diagnostic> {
        let network = self.network?;
        if loss >= 0.0 || network.head == HeadKind::Linear {
            return None;
        }
        Some(
            Diagnostic::new(Rule::L10, format!("a cross-entropy of {loss:.4}"))
                .because("-t ln p - (1 - t) ln(1 - p) is never below 0 for labels t from 0 to 1, so there are labels outside, such as {1, 2} or {-1, 1}")
                .fix("number the classes from 0, or give their names"),
        )
    }

    /// L11: a training loss that rests where it is if nothing is learnt.
    fn at_floor(&mut self, epoch: u32, loss: f64, answers: Option<&Answers>) -> Option<Diagnostic> {
        let Some((floor, meaning)) = self.network.and_then(|network| network.floor_at(loss, answers)) else {
            self.resting = 0;
            return None;
        };
        self.resting = self.resting.saturating_add(1);
        (self.resting >= HABIT && self.is_under_way(epoch)).then(|| {
            Diagnostic::new(Rule::L11, format!("the training loss rests at {loss:.4}, close to {floor}"))
                .because(meaning)
                .fix("try a tenth and ten times the learning rate; look whether labels and pictures belong together (`divvy check DATA`)")
        })
    }

    /// M05: answers of one class, or as many right as the commonest class has with no class told from another.
    fn at_prior(&mut self, epoch: u32, answers: Option<&Answers>) -> Option<Diagnostic> {
        let prior = Prior::of(answers?)?;
        if !prior.explains() {
            self.at_prior = 0;
            return None;
        }
        self.at_prior = self.at_prior.saturating_add(1);
        (self.at_prior >= HABIT && self.is_under_way(epoch)).then(|| prior.finding())
    }

    /// Whether there were steps enough to have learnt something.
    fn is_under_way(&self, epoch: u32) -> bool {
        self.network
            .is_some_and(|network| (epoch as usize).saturating_mul(network.steps_per_epoch) >= PATIENCE)
    }
}

impl Network {
    /// The loss of a network that has learnt nothing, where `loss` is within a hundredth of one, and what it means.
    fn floor_at(self, loss: f64, answers: Option<&Answers>) -> Option<(String, String)> {
        let k = match self.head {
            HeadKind::Linear => return None,
            HeadKind::Sigmoid => 2.0,
            HeadKind::Softmax => self.classes as f64,
        };
        let near = |floor: f64| (loss - floor).abs() <= 0.01 * floor;
        if near(f64::ln(k)) {
            let meaning = format!(
                "-ln(1/{k}) is what every picture costs if each class is given 1/{k}: nothing is learnt"
            );
            return Some((format!("ln {k} = {:.4}", k.ln()), meaning));
        }
        let shares = answers.map(shares).filter(|shares| shares.len() > 1 && self.counts_as_is)?;
        let entropy: f64 = shares.iter().filter(|&&share| share > 0.0).map(|share| -share * share.ln()).sum();
        let meaning = "it is what every picture costs if each class is given its share of the pictures: nothing else is learnt";
        near(entropy)
            .then(|| (format!("the entropy of the classes' shares, {entropy:.4}"), meaning.to_owned()))
    }
}

/// The share of each class.
fn shares(answers: &Answers) -> Vec<f64> {
    let n = answers.wanted.iter().sum::<usize>().max(1) as f64;
    answers.wanted.iter().map(|&wanted| wanted as f64 / n).collect()
}

/// Answers beside what knowing the commonest class alone would give.
struct Prior<'a> {
    answers: &'a Answers,
    n: usize,
    right: usize,
    commonest: usize,
    /// The 95 % interval of the accuracy.
    interval: Interval,
}

impl<'a> Prior<'a> {
    /// Nothing where there is only one class, or no picture.
    fn of(answers: &'a Answers) -> Option<Self> {
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
    fn explains(&self) -> bool {
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

    fn finding(&self) -> Diagnostic {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::Balance;
    use crate::event::Score;
    use divvy_nn::{Metric, Precision, Task};
    use std::f64::consts::LN_2;

    /// A training of `classes` classes whose head is `head`, 100 steps an epoch.
    fn started(head: HeadKind, classes: usize) -> Event {
        started_with(head, classes, 100)
    }

    fn started_with(head: HeadKind, classes: usize, steps_per_epoch: usize) -> Event {
        Event::Started {
            divvy: String::new(),
            data: "photos".into(),
            run: "run".into(),
            classes: (0..classes).map(|class| class.to_string()).collect(),
            task: Task::infer(classes, true),
            head,
            units: classes,
            architecture: "classic".to_owned(),
            parameters: 1,
            input: [8, 8, 3],
            training_images: 3200,
            validation_images: 100,
            test_images: 0,
            epochs: None,
            minutes: None,
            steps_per_epoch,
            precision: Precision::F32,
            balance: Balance::None,
        }
    }

    fn epoch(epoch: u32, training_loss: f64, answers: Answers) -> Event {
        let validation = Score { loss: training_loss, metric: Metric::Accuracy, value: 0.5 };
        Event::Epoch {
            epoch,
            epochs: None,
            training_loss,
            validation,
            answers: Some(answers),
            best: false,
            rate: 0.1,
            images_per_second: 1.0,
            waited: 0.0,
            seconds: 1.0,
        }
    }

    fn answers(wanted: [usize; 2], given: [usize; 2], right: [usize; 2]) -> Answers {
        Answers { wanted: wanted.to_vec(), given: given.to_vec(), right: right.to_vec() }
    }

    /// Answers that show nothing unusual.
    fn good() -> Answers {
        answers([50, 50], [49, 51], [47, 48])
    }

    /// The findings of five epochs with these losses and answers.
    fn findings(start: &Event, losses: [f64; 5], answers: &Answers) -> Vec<Diagnostic> {
        let mut watch = Watch::new();
        let mut found = watch.on(start);
        for (number, loss) in (1..).zip(losses) {
            found.extend(watch.on(&epoch(number, loss, answers.clone())));
        }
        found
    }

    fn ids(findings: &[Diagnostic]) -> Vec<&str> {
        findings.iter().map(Diagnostic::id).collect()
    }

    #[test]
    fn a_cross_entropy_below_zero_is_an_error_at_once() {
        for head in [HeadKind::Sigmoid, HeadKind::Softmax] {
            let found = findings(&started(head, 2), [0.4, -0.1, -3.0, -9.0, -36.4], &good());
            assert_eq!(ids(&found), ["L10"], "told once");
            assert!(found[0].is_error() && found[0].place.what == "epoch 2", "{}", found[0]);
        }
        // Zero is a loss of a network that is certain and right; a squared error says nothing of labels.
        assert_eq!(
            ids(&findings(&started(HeadKind::Softmax, 2), [0.4, 0.1, 0.0, 0.0, 0.0], &good())),
            [""; 0]
        );
        let mut watch = Watch::new();
        watch.on(&started(HeadKind::Linear, 2));
        assert_eq!(watch.on(&epoch(1, -1.0, good())), []);
    }

    #[test]
    fn a_loss_that_rests_where_nothing_is_learnt_is_told_with_the_cause() {
        let entropy = -(0.9 * f64::ln(0.9) + 0.1 * f64::ln(0.1));
        let imbalanced = answers([90, 10], [80, 20], [79, 9]);
        for (head, classes, floor, answers, cause) in [
            (HeadKind::Sigmoid, 2, LN_2, good(), "-ln(1/2)"),
            (HeadKind::Softmax, 2, LN_2, good(), "-ln(1/2)"),
            (HeadKind::Softmax, 10, f64::ln(10.0), good(), "-ln(1/10)"),
            (HeadKind::Softmax, 2, entropy, imbalanced, "its share of the pictures"),
        ] {
            let rests = [floor * 1.3, floor * 1.001, floor, floor * 0.999, floor];
            let found = findings(&started(head, classes), rests, &answers);
            assert_eq!(ids(&found), ["L11"], "{head} of {classes} at {floor}");
            assert!(found[0].why.contains(cause), "{}", found[0]);
            let passes = [floor * 1.3, floor, floor * 0.9, floor * 0.8, floor * 0.7];
            assert_eq!(ids(&findings(&started(head, classes), passes, &answers)), [""; 0]);
            let comes_back = [floor, floor, floor * 0.8, floor, floor];
            assert_eq!(ids(&findings(&started(head, classes), comes_back, &answers)), [""; 0]);
        }
        // What a softmax of a softmax rests at is an ordinary loss here, where there is none.
        assert_eq!(ids(&findings(&started(HeadKind::Softmax, 2), [0.3133; 5], &good())), [""; 0]);
        assert_eq!(ids(&findings(&started(HeadKind::Linear, 2), [LN_2; 5], &good())), [""; 0]);
    }

    #[test]
    fn answers_at_the_prior_are_told_and_better_ones_are_not() {
        let losses = [0.6, 0.5, 0.45, 0.42, 0.41];
        let start = started(HeadKind::Softmax, 2);
        for (answers, wanted) in [
            // One class only, be it the commonest or not.
            (answers([90, 10], [100, 0], [90, 0]), vec!["M05"]),
            (answers([50, 50], [0, 100], [0, 50]), vec!["M05"]),
            // As many right as the commonest class has, and the rare one found no more often than by chance.
            (answers([90, 10], [95, 5], [86, 1]), vec!["M05"]),
            (answers([50, 50], [40, 60], [21, 31]), vec!["M05"]),
            // As many right, but the rare class is found; all right; clearly more; few pictures, most of them right.
            (answers([90, 10], [83, 17], [82, 9]), vec![]),
            (answers([99, 1], [99, 1], [99, 1]), vec![]),
            (answers([500, 500], [600, 400], [400, 300]), vec![]),
            (answers([6, 6], [5, 7], [4, 5]), vec![]),
            // There is but one class: nothing can be told from it.
            (answers([100, 0], [100, 0], [100, 0]), vec![]),
        ] {
            assert_eq!(ids(&findings(&start, losses, &answers)), wanted, "{answers:?}");
        }
    }

    #[test]
    fn the_first_steps_need_not_show_anything() {
        let start = started_with(HeadKind::Softmax, 2, 2);
        assert_eq!(ids(&findings(&start, [LN_2; 5], &answers([5, 5], [10, 0], [5, 0]))), [""; 0]);
    }
}
