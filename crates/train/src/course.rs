//! How far a training has come and by which way, as its events tell.

use divvy_nn::{Diagnostic, Task};

use crate::event::{Answers, Ending, Event, Score};

/// What a training has done so far, gathered from its events: what every view of one draws. It takes the same memory however long the
/// training is, but for a line an epoch.
///
/// The training may go on from where another has stopped: steps need not begin at 1, and what is told again takes the place of what was
/// told before.
#[derive(Debug, Clone, Default)]
pub struct Course {
    started: Option<Event>,
    epochs: Vec<EpochRecord>,
    stretches: Vec<Stretch>,
    /// The steps that a stretch takes up before the next begins.
    stretch_len: usize,
    latest: Option<StepRecord>,
    familiarizing: Option<LookRecord>,
    findings: Vec<Diagnostic>,
    ending: Option<Ending>,
}

/// An epoch that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: u32,
    /// The mean loss over the training pictures, as they came.
    pub training_loss: f64,
    /// What the weights reach on the validation pictures.
    pub validation: Score,
    /// Which classes they give; none of events of a version that does not tell.
    pub answers: Option<Answers>,
    /// Whether these were the best weights so far.
    pub best: bool,
    /// The learning rate of the last step.
    pub rate: f64,
    /// Pictures a second, validation not counted.
    pub images_per_second: f64,
    /// Seconds, validation included.
    pub seconds: f64,
    /// The most bytes of memory held so far.
    pub peak_memory: Option<u64>,
}

/// How a group, or a label, does on the validation pictures of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRecord<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its pictures.
    pub wanted: usize,
    /// Those of them that are given it.
    pub right: usize,
    /// Pictures that are given it and are not its own, where labels do not exclude each other. Where groups do, each of these is missed
    /// by another.
    pub wrongly: Option<usize>,
}

/// The last step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepRecord {
    /// The epoch, from 1.
    pub epoch: u32,
    /// The epochs of the training; none where time decides, or it is not known.
    pub epochs: Option<u32>,
    /// The step within the epoch, from 1.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// The mean training loss of the epoch so far.
    pub loss: f64,
    /// The learning rate.
    pub rate: f64,
    /// Pictures a second over the epoch so far.
    pub images_per_second: f64,
    /// The share of the training that is done, 0..=1.
    pub progress: f64,
    /// Seconds until the end, estimated.
    pub seconds_left: f64,
}

/// How far a model is in learning what its training pictures look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LookRecord {
    /// Pictures that it was shown.
    pub done: usize,
    /// All that it is shown.
    pub total: usize,
    /// Seconds until it has seen them, estimated.
    pub seconds_left: f64,
}

/// Some steps in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    steps: usize,
    /// Sums over them: of the epochs done after each, of losses, of rates.
    at: f64,
    loss: f64,
    rate: f64,
}

/// The most stretches that steps are gathered in; then each two become one. So many show the course of a loss, and few enough that a
/// stretch is soon long enough for its mean not to scatter.
const STRETCHES: usize = 96;

impl Course {
    /// Before anything has happened.
    pub fn new() -> Self {
        Self { stretch_len: 1, ..Self::default() }
    }

    /// What these events tell.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut course = Self::new();
        events.into_iter().for_each(|event| course.take(event));
        course
    }

    /// Takes note of an event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Started { .. } => {
                self.started = Some(event.clone());
                self.ending = None;
                self.familiarizing = None;
            }
            Event::Step { .. } => {
                self.familiarizing = None;
                self.step(event);
            }
            &Event::Familiarizing { done, total, seconds_left } => {
                self.familiarizing = Some(LookRecord { done, total, seconds_left });
            }
            Event::Epoch { .. } => self.epoch(event),
            Event::Finding { finding } => {
                if !self.findings.contains(finding) {
                    self.findings.push(finding.clone());
                }
            }
            Event::Finished { ending, .. } => {
                self.familiarizing = None;
                self.ending = Some(*ending);
            }
            Event::Loading { .. } | Event::Resumed { .. } | Event::Note { .. } | Event::Forecast { .. } => {}
        }
    }

    fn step(&mut self, event: &Event) {
        let &Event::Step {
            epoch,
            step,
            steps,
            loss,
            batch_loss,
            rate,
            images_per_second,
            progress,
            seconds_left,
        } = event
        else {
            return;
        };
        let epochs = self.epochs_wanted();
        let record =
            StepRecord { epoch, epochs, step, steps, loss, rate, images_per_second, progress, seconds_left };
        let at = record.at();
        if self.latest.is_some_and(|latest| latest.at() >= at) {
            self.stretches.retain(|stretch| stretch.mean(stretch.at) < at);
            self.epochs.retain(|record| f64::from(record.epoch) < at);
        }
        self.latest = Some(record);
        match self.stretches.last_mut() {
            Some(last) if last.steps < self.stretch_len => last.add(at, batch_loss.unwrap_or(loss), rate),
            _ => {
                if self.stretches.len() == STRETCHES {
                    self.stretches = self.stretches.chunks(2).map(Stretch::of).collect();
                    self.stretch_len *= 2;
                }
                let mut stretch = Stretch::default();
                stretch.add(at, batch_loss.unwrap_or(loss), rate);
                self.stretches.push(stretch);
            }
        }
    }

    fn epoch(&mut self, event: &Event) {
        let Event::Epoch {
            epoch,
            training_loss,
            validation,
            answers,
            best,
            rate,
            images_per_second,
            seconds,
            peak_memory,
            ..
        } = event
        else {
            return;
        };
        self.epochs.retain(|record| record.epoch < *epoch);
        self.epochs.push(EpochRecord {
            epoch: *epoch,
            training_loss: *training_loss,
            validation: *validation,
            answers: answers.clone(),
            best: *best,
            rate: *rate,
            images_per_second: *images_per_second,
            seconds: *seconds,
            peak_memory: *peak_memory,
        });
    }

    /// The epochs that there are to be; none where time decides.
    pub fn epochs_wanted(&self) -> Option<u32> {
        match &self.started {
            Some(Event::Started { epochs, .. }) => *epochs,
            _ => None,
        }
    }

    /// The event that says what is trained on what.
    pub fn started(&self) -> Option<&Event> {
        self.started.as_ref()
    }

    /// The groups or labels.
    pub fn classes(&self) -> &[String] {
        match &self.started {
            Some(Event::Started { classes, .. }) => classes,
            _ => &[],
        }
    }

    /// The epochs that are over, in order.
    pub fn epochs(&self) -> &[EpochRecord] {
        &self.epochs
    }

    /// How each group or label did in the last epoch, where that is known.
    pub fn groups(&self) -> Vec<GroupRecord<'_>> {
        let Some(answers) = self.epochs.last().and_then(|record| record.answers.as_ref()) else {
            return Vec::new();
        };
        let is_multi_label = matches!(self.started, Some(Event::Started { task: Task::MultiLabel, .. }));
        let counts = answers.wanted.iter().zip(&answers.given).zip(&answers.right);
        let groups = self.classes().iter().zip(counts).map(|(name, ((&wanted, &given), &right))| {
            let wrongly = is_multi_label.then(|| given.saturating_sub(right));
            GroupRecord { name, wanted, right, wrongly }
        });
        groups.collect()
    }

    /// The last step.
    pub fn latest(&self) -> Option<&StepRecord> {
        self.latest.as_ref()
    }

    /// How far the model is with its training pictures, between the last epoch and the end.
    pub fn familiarizing(&self) -> Option<&LookRecord> {
        self.familiarizing.as_ref()
    }

    /// The best epoch so far.
    pub fn best(&self) -> Option<&EpochRecord> {
        self.epochs.iter().rev().find(|record| record.best)
    }

    /// What was found, in order.
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }

    /// Why the training is over, once it is.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// The epochs that were done before the first step or epoch that is known, and after the last step.
    pub fn span(&self) -> Option<(f64, f64)> {
        let (first, last) = (self.stretches.first()?, self.latest?);
        let before_step = (first.mean(first.at) - 1e-9).max(0.0).floor();
        let before = self.epochs.first().map(|record| f64::from(record.epoch) - 1.0);
        Some((before.map_or(before_step, |before| before.min(before_step)), last.at()))
    }

    /// The training loss: epochs done, and the mean of some steps around them. 96 points at the most.
    pub fn training_losses(&self) -> impl Iterator<Item = (f64, f64)> {
        self.stretches.iter().map(|stretch| (stretch.mean(stretch.at), stretch.mean(stretch.loss)))
    }

    /// The learning rate: epochs done, and the mean of some steps around them. 96 points at the most.
    pub fn rates(&self) -> impl Iterator<Item = (f64, f64)> {
        self.stretches.iter().map(|stretch| (stretch.mean(stretch.at), stretch.mean(stretch.rate)))
    }

    /// The loss on the validation pictures after each epoch.
    pub fn validation_losses(&self) -> impl Iterator<Item = (f64, f64)> {
        self.epochs.iter().map(|record| (f64::from(record.epoch), record.validation.loss))
    }

    /// The metric on the validation pictures after each epoch.
    pub fn values(&self) -> impl Iterator<Item = (f64, f64)> {
        self.epochs.iter().map(|record| (f64::from(record.epoch), record.validation.value))
    }
}

impl GroupRecord<'_> {
    /// How well it is told, 0 to 1: the share of a group's pictures that are right, a label's F1 score; none where it has no picture.
    pub fn score(&self) -> Option<f64> {
        let (right, all) = match self.wrongly {
            None => (self.right, self.wanted),
            Some(wrongly) => (2 * self.right, self.wanted + self.right + wrongly),
        };
        (all > 0).then(|| right as f64 / all as f64)
    }
}

impl StepRecord {
    /// The epochs that are done after it, as a fraction.
    fn at(&self) -> f64 {
        f64::from(self.epoch) - 1.0 + self.step as f64 / self.steps.max(1) as f64
    }
}

impl Stretch {
    /// Several stretches as one.
    fn of(parts: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> f64| parts.iter().map(of).sum();
        Self {
            steps: parts.iter().map(|part| part.steps).sum(),
            at: sum(|part| part.at),
            loss: sum(|part| part.loss),
            rate: sum(|part| part.rate),
        }
    }

    fn add(&mut self, at: f64, loss: f64, rate: f64) {
        self.steps += 1;
        self.at += at;
        self.loss += loss;
        self.rate += rate;
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / self.steps.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use divvy_nn::Metric;

    fn step(epoch: u32, step: usize, loss: f64) -> Event {
        Event::Step {
            epoch,
            step,
            steps: 10,
            loss: 9.0,
            batch_loss: Some(loss),
            rate: 2.0 * loss,
            images_per_second: 1.0,
            progress: 0.0,
            seconds_left: 0.0,
        }
    }

    fn epoch(epoch: u32, value: f64) -> Event {
        Event::Epoch {
            epoch,
            epochs: None,
            training_loss: 0.5,
            validation: Score { loss: 1.0 - value, metric: Metric::Accuracy, value },
            answers: None,
            best: epoch == 2,
            rate: 0.1,
            images_per_second: 1.0,
            waited: 0.0,
            seconds: 1.0,
            peak_memory: None,
        }
    }

    #[test]
    fn steps_lie_where_their_epochs_are_and_the_best_epoch_is_known() {
        let course =
            Course::of(&[step(1, 5, 0.9), step(1, 10, 0.7), epoch(1, 0.5), epoch(2, 0.8), epoch(3, 0.6)]);
        assert_eq!(course.training_losses().collect::<Vec<_>>(), [(0.5, 0.9), (1.0, 0.7)]);
        assert_eq!(course.rates().collect::<Vec<_>>(), [(0.5, 1.8), (1.0, 1.4)]);
        assert_eq!(course.values().collect::<Vec<_>>(), [(1.0, 0.5), (2.0, 0.8), (3.0, 0.6)]);
        assert_eq!(course.span(), Some((0.0, 1.0)));
        assert_eq!(course.best().map(|record| record.epoch), Some(2));
    }

    #[test]
    fn many_steps_become_means_of_the_same_curve() {
        let n = 100_000;
        let steps = |index: usize| step(1 + (index / 10) as u32, 1 + index % 10, index as f64);
        let events: Vec<Event> = (0..n).map(steps).collect();
        let course = Course::of(&events);
        let points: Vec<_> = course.training_losses().collect();
        assert!((STRETCHES / 2..=STRETCHES).contains(&points.len()), "{}", points.len());
        for (at, loss) in points {
            // Step i, from 0, ends at (i + 1) / 10 epochs.
            assert!((10.0 * at - 1.0 - loss).abs() < 1e-6 * n as f64, "{at}: {loss}");
        }
    }

    #[test]
    fn between_the_last_epoch_and_the_end_pictures_are_looked_at() {
        let looking = |done| Event::Familiarizing { done, total: 30, seconds_left: 4.0 };
        let done = |course: &Course| course.familiarizing().map(|look| (look.done, look.total));
        let mut course = Course::of(&[step(1, 10, 0.5), epoch(1, 0.5), looking(0), looking(8)]);
        assert_eq!(done(&course), Some((8, 30)));
        // Whoever goes on from before is in its steps again.
        course.take(&step(1, 9, 0.5));
        assert_eq!(done(&course), None);
        course.take(&looking(30));
        let (ending, validation) =
            (Ending::Completed, Score { loss: 0.5, metric: Metric::Accuracy, value: 0.5 });
        course.take(&Event::Finished { ending, epochs: 1, best_epoch: 1, validation, seconds: 9.0 });
        assert_eq!((done(&course), course.ending()), (None, Some(Ending::Completed)));
    }

    fn started(task: Task) -> Event {
        Event::Started {
            divvy: "0.1.0".to_owned(),
            data: "photos".into(),
            run: "run".into(),
            classes: ["a", "b", "c"].map(str::to_owned).into(),
            task,
            head: divvy_nn::HeadKind::Softmax,
            units: 3,
            architecture: "classic".to_owned(),
            parameters: 1,
            input: [8, 8, 3],
            training_images: 1,
            validation_images: 1,
            test_images: 0,
            epochs: None,
            minutes: None,
            steps_per_epoch: 10,
            precision: divvy_nn::Precision::F32,
            balance: crate::balance::Balance::None,
            label_smoothing: 0.0,
        }
    }

    #[test]
    fn groups_are_scored_by_what_is_right_and_labels_by_what_is_wrong_too() {
        let answers = Answers { wanted: vec![8, 4, 0], given: vec![6, 5, 0], right: vec![6, 3, 0] };
        let mut last = epoch(1, 0.5);
        if let Event::Epoch { answers: of_last, .. } = &mut last {
            *of_last = Some(answers);
        }
        let scores = |task| {
            let course = Course::of(&[started(task), last.clone()]);
            course.groups().iter().map(|group| (group.wrongly, group.score())).collect::<Vec<_>>()
        };
        assert_eq!(scores(Task::MultiClass), [(None, Some(0.75)), (None, Some(0.75)), (None, None)]);
        // F1 of precision 1 and recall 3/4, and of 3/5 and 3/4.
        assert_eq!(
            scores(Task::MultiLabel),
            [(Some(0), Some(12.0 / 14.0)), (Some(2), Some(6.0 / 9.0)), (Some(0), None)]
        );
        assert_eq!(Course::of(&[started(Task::MultiClass)]).groups(), []);
    }

    #[test]
    fn a_training_that_goes_on_from_an_earlier_point_takes_the_place_of_what_came_after_it() {
        let mut course = Course::new();
        for number in 1..=3 {
            (1..=10).for_each(|index| course.take(&step(number, index, 1.0)));
            course.take(&epoch(number, 0.5));
        }
        // It goes on in the middle of the third epoch.
        course.take(&step(3, 6, 7.0));
        let points: Vec<_> = course.training_losses().collect();
        assert_eq!((points.len(), points[25], points[24].1), (26, (2.6, 7.0), 1.0));
        assert_eq!(course.epochs().len(), 2);
        // One that begins there knows no more than it is told.
        let course = Course::of(&[step(3, 6, 7.0), epoch(3, 0.9)]);
        assert_eq!(course.training_losses().collect::<Vec<_>>(), [(2.6, 7.0)]);
        assert_eq!(course.span(), Some((2.0, 2.6)));
        // Of short epochs not every one has a step on record.
        assert_eq!(Course::of(&[epoch(1, 0.5), epoch(2, 0.8), step(3, 6, 7.0)]).span(), Some((0.0, 2.6)));
        assert_eq!(course.values().collect::<Vec<_>>(), [(3.0, 0.9)]);
    }
}
