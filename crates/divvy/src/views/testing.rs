//! Events of a training that never was, for tests.

use std::path::Path;

use divvy::nn::{HeadKind, Metric, Precision, Task};
use divvy::train::{Answers, Balance, Event, Score};

pub(super) fn started(classes: &[&str]) -> Event {
    started_in(Path::new("runs/photos"), classes)
}

pub(super) fn started_in(run: &Path, classes: &[&str]) -> Event {
    Event::Started {
        divvy: "0.1.0".to_owned(),
        data: "photos".into(),
        run: run.to_owned(),
        classes: classes.iter().map(|&class| class.to_owned()).collect(),
        task: Task::infer(classes.len(), true),
        head: HeadKind::Softmax,
        units: classes.len(),
        architecture: "classic".to_owned(),
        parameters: 1000,
        input: [8, 8, 3],
        training_images: 128,
        validation_images: 100,
        test_images: 0,
        epochs: Some(20),
        minutes: None,
        steps_per_epoch: 4,
        precision: Precision::F32,
        balance: Balance::None,
        label_smoothing: 0.0,
    }
}

/// A step of an epoch of four.
pub(super) fn step(epoch: u32, step: usize, loss: f64) -> Event {
    Event::Step {
        epoch,
        step,
        steps: 4,
        loss,
        batch_loss: Some(loss),
        rate: 8e-4,
        images_per_second: 1240.0,
        progress: (f64::from(epoch) - 1.0 + step as f64 / 4.0) / 20.0,
        seconds_left: 72.0,
    }
}

pub(super) fn epoch(epoch: u32, training_loss: f64, value: f64, answers: &Answers) -> Event {
    Event::Epoch {
        epoch,
        epochs: Some(20),
        training_loss,
        validation: Score { loss: 1.0 - value, metric: Metric::Accuracy, value },
        answers: Some(answers.clone()),
        best: true,
        rate: 8e-4,
        images_per_second: 1240.0,
        waited: 0.0,
        seconds: 1.0,
        peak_memory: Some(412 << 20),
    }
}

/// So many pictures of each group, and so many of them right.
pub(super) fn answers(wanted: &[usize], right: &[usize]) -> Answers {
    Answers { wanted: wanted.to_vec(), given: wanted.to_vec(), right: right.to_vec() }
}
