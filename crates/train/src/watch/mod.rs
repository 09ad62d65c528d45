//! What the course of a training says about how it is wired and how it goes.

mod losses;
mod prior;

use divvy_nn::{Diagnostic, HeadKind, Rule, Task};
use serde::{Deserialize, Serialize};

use crate::event::{Answers, Event};
use losses::{Losses, Point};
use prior::Prior;

/// Looks at the events of a training, while it goes on or afterwards, for what only shows then: a loss below zero (L10), a loss that rests
/// where it is if nothing is learnt (L11), answers that are one class or no better than guessing (M05), a validation loss that rises while
/// the training loss falls (T07), losses that stand still (T08).
///
/// Each finding is told once.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    network: Option<Network>,
    resting: u32,
    at_prior: u32,
    losses: Losses,
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
    /// The share of each target that is spread over all answers. A checkpoint of an earlier version does not tell.
    #[serde(default)]
    label_smoothing: f64,
    /// Whether a picture may belong to several. A checkpoint of an earlier version does not tell.
    #[serde(default)]
    is_multi_label: bool,
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
            Event::Started { .. } => {
                *self = Self { network: Network::of(event), ..Self::default() };
                return Vec::new();
            }
            Event::Step { loss, epoch, step, .. } => {
                let place = format!("epoch {epoch}, step {step}");
                self.negative(*loss).map(|finding| finding.at(place)).into_iter().collect()
            }
            Event::Epoch { epoch, training_loss, validation, answers, rate, .. } => {
                let place = format!("epoch {epoch}");
                let (epoch, training, answers) = (*epoch, *training_loss, answers.as_ref());
                let point = Point { epoch, training, validation: validation.loss, rate: *rate };
                self.losses.take(point, answers.is_some_and(Answers::are_all_right));
                let answers = answers.filter(|_| self.network.is_some_and(|network| !network.is_multi_label));
                let found = [
                    self.negative(training),
                    self.at_floor(epoch, training, answers),
                    self.at_prior(epoch, answers),
                    self.overfitting(),
                    self.standstill(epoch),
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

    /// A watch over the same training, which goes on so.
    pub(crate) fn going_on(self, started: &Event) -> Self {
        Self { network: Network::of(started), ..self }
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

    /// T07: the training pictures are learnt by heart. A squared error has no scale, so only a cross-entropy is too small to rise.
    fn overfitting(&self) -> Option<Diagnostic> {
        let least = if self.network?.head == HeadKind::Linear { 0.0 } else { losses::LEAST_RISE };
        self.losses.overfitting(least)
    }

    /// T08: nothing moves, for no reason that has a number of its own.
    fn standstill(&self, epoch: u32) -> Option<Diagnostic> {
        let is_explained = self.resting > 0 || self.at_prior > 0;
        self.losses.standstill().filter(|_| !is_explained && self.is_under_way(epoch))
    }

    /// Whether there were steps enough to have learnt something.
    fn is_under_way(&self, epoch: u32) -> bool {
        self.network
            .is_some_and(|network| (epoch as usize).saturating_mul(network.steps_per_epoch) >= PATIENCE)
    }
}

impl Network {
    fn of(started: &Event) -> Option<Self> {
        let Event::Started { head, task, classes, steps_per_epoch, balance, label_smoothing, .. } = started
        else {
            return None;
        };
        Some(Self {
            head: *head,
            classes: classes.len(),
            steps_per_epoch: *steps_per_epoch,
            counts_as_is: balance.is_none(),
            label_smoothing: *label_smoothing,
            is_multi_label: *task == Task::MultiLabel,
        })
    }

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
        let spread = self.label_smoothing / shares.len() as f64;
        let shares = shares.iter().map(|share| share * (1.0 - self.label_smoothing) + spread);
        let entropy: f64 = shares.filter(|&share| share > 0.0).map(|share| -share * share.ln()).sum();
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

#[cfg(test)]
mod tests;
