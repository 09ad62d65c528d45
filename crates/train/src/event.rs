//! What happens in a training, as everyone who shows or stores it is told. docs/events.md describes the lines of events.jsonl.

use std::path::PathBuf;

use divvy_nn::{Diagnostic, HeadKind, Metric, Precision, Task};
use serde::{Deserialize, Serialize};

use crate::balance::Balance;

/// One thing that happened in a training.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// What is about to be trained on what.
    Started {
        /// The version of divvy.
        divvy: String,
        /// The pictures' folder or file.
        data: PathBuf,
        /// The run's folder.
        run: PathBuf,
        /// The groups or labels.
        classes: Vec<String>,
        /// What the labels mean.
        task: Task,
        /// The activation of the last layer.
        head: HeadKind,
        /// The units of the last layer.
        units: usize,
        /// The architecture's name or file.
        architecture: String,
        /// Numbers that the network learns.
        parameters: usize,
        /// The network's input: height, width, channels.
        input: [usize; 3],
        /// Pictures to train on.
        training_images: usize,
        /// Pictures to choose the best epoch by.
        validation_images: usize,
        /// Pictures that training never looks at.
        test_images: usize,
        /// The epochs asked for; none where time decides.
        epochs: Option<u32>,
        /// The minutes asked for.
        minutes: Option<f64>,
        /// Steps of an epoch.
        steps_per_epoch: usize,
        /// The numbers that convolutions multiply.
        #[serde(default)]
        precision: Precision,
        /// How groups of different sizes are made to count alike.
        #[serde(default)]
        balance: Balance,
        /// The share of each target that is spread over all answers.
        #[serde(default)]
        label_smoothing: f64,
    },
    /// Pictures are being read and resized.
    Loading {
        /// Pictures done.
        done: usize,
        /// All pictures.
        total: usize,
    },
    /// The training goes on where it was interrupted. Only listeners hear of it: what is written down is as if it had not been.
    Resumed {
        /// The epoch, from 1.
        epoch: u32,
        /// The steps of it that were taken before.
        step: usize,
        /// Steps of an epoch.
        steps: usize,
        /// Seconds that the training has taken before.
        seconds: f64,
    },
    /// Something the user should know: a picture left out, a choice made.
    Note {
        /// A sentence.
        text: String,
    },
    /// A rule is broken, or something is worth knowing that has a number.
    Finding {
        /// Which, where, why, and what to do.
        #[serde(flatten)]
        finding: Diagnostic,
    },
    /// What the training will take, as measured on made-up pictures before the first step.
    Forecast {
        /// The most bytes of memory that the program will hold, where the system tells what it holds now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<u64>,
        /// Epochs; where time decides, as many as fit into it.
        epochs: f64,
        /// Seconds of an epoch, validation included.
        epoch_seconds: f64,
        /// Seconds from the first step to the end.
        seconds: f64,
    },
    /// A step was taken.
    Step {
        /// The epoch, from 1.
        epoch: u32,
        /// The step within the epoch, from 1.
        step: usize,
        /// Steps of an epoch.
        steps: usize,
        /// The mean training loss of the epoch so far.
        loss: f64,
        /// The loss of this step's pictures alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_loss: Option<f64>,
        /// The learning rate.
        rate: f64,
        /// Pictures a second over the epoch so far.
        images_per_second: f64,
        /// The share of the training that is done, 0..=1.
        progress: f64,
        /// Seconds until the end, estimated.
        seconds_left: f64,
    },
    /// An epoch is over and the validation pictures were looked at.
    Epoch {
        /// The epoch, from 1.
        epoch: u32,
        /// The epochs of the training; none where time decides.
        epochs: Option<u32>,
        /// The mean loss over the training pictures, as they came.
        training_loss: f64,
        /// What the weights reach on the validation pictures.
        validation: Score,
        /// Which classes or labels they give; versions before told of no labels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<Answers>,
        /// Whether these are the best weights so far, and were saved.
        best: bool,
        /// The learning rate of the last step.
        rate: f64,
        /// Pictures a second, validation not counted.
        images_per_second: f64,
        /// Seconds of them in which no batch was ready, so that the network had nothing to do.
        #[serde(default)]
        waited: f64,
        /// Seconds of the epoch, validation included.
        seconds: f64,
        /// The most bytes of memory that the program has held so far, where the system tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peak_memory: Option<u64>,
    },
    /// The epochs are over, and the model learns what its training pictures look like.
    Familiarizing {
        /// Pictures that it was shown for that.
        done: usize,
        /// All that it is shown.
        total: usize,
        /// Seconds until it has seen them, estimated.
        seconds_left: f64,
    },
    /// The training is over.
    Finished {
        /// Why it is over.
        ending: Ending,
        /// Epochs that were completed.
        epochs: u32,
        /// The epoch whose weights are kept.
        best_epoch: u32,
        /// What they reach on the validation pictures.
        validation: Score,
        /// Seconds from the start of the command's work.
        seconds: f64,
    },
}

/// Why a training is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It ran its length.
    Completed,
    /// No epoch was better for as long as the patience lasts.
    Stalled,
    /// The user stopped it.
    Interrupted,
}

/// What weights reach on pictures that were not trained on.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Score {
    /// The mean loss.
    pub loss: f64,
    /// What `value` is.
    pub metric: Metric,
    /// From 0 to 1, higher is better.
    pub value: f64,
}

impl Score {
    /// Whether this is better than `other`: a higher value, or the same value at a lower loss. A loss that is not finite
    /// beats nothing.
    pub fn beats(&self, other: &Self) -> bool {
        self.loss.is_finite()
            && (self.value > other.value || (self.value == other.value && self.loss < other.loss))
    }
}

/// How many validation pictures there are of each class or label, and how many were given each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answers {
    /// Pictures of each class.
    pub wanted: Vec<usize>,
    /// Pictures that were given each class.
    pub given: Vec<usize>,
    /// Pictures of each class that were given it.
    pub right: Vec<usize>,
}

impl Answers {
    /// Whether every picture was given its class, or its labels and no other.
    pub fn are_all_right(&self) -> bool {
        self.right == self.wanted && self.given == self.wanted
    }
}

/// Someone who is told what happens.
pub trait Listener {
    /// Takes note of an event. Training waits for it to return.
    fn on(&mut self, event: &Event);
}

impl<F: FnMut(&Event)> Listener for F {
    fn on(&mut self, event: &Event) {
        self(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: f64, loss: f64) -> Score {
        Score { loss, metric: Metric::Accuracy, value }
    }

    #[test]
    fn a_tie_is_broken_by_the_loss() {
        assert!(score(0.9, 0.5).beats(&score(0.8, 0.1)));
        assert!(score(0.9, 0.4).beats(&score(0.9, 0.5)));
        assert!(!score(0.9, 0.5).beats(&score(0.9, 0.5)));
        assert!(!score(0.9, f64::NAN).beats(&score(0.9, 0.5)));
    }

    #[test]
    fn a_loss_that_is_not_finite_beats_nothing() {
        for loss in [f64::NAN, f64::INFINITY] {
            assert!(!score(0.9, loss).beats(&score(0.5, 0.7)), "{loss}");
        }
    }

    #[test]
    fn events_are_flat_objects_named_by_what_happened() {
        let event = Event::Note { text: "hello".to_owned() };
        assert_eq!(serde_json::to_string(&event).unwrap(), r#"{"event":"note","text":"hello"}"#);
        let finished = Event::Finished {
            ending: Ending::Interrupted,
            epochs: 2,
            best_epoch: 1,
            validation: score(0.5, 0.7),
            seconds: 1.5,
        };
        let text = serde_json::to_string(&finished).unwrap();
        assert!(
            text.contains(r#""ending":"interrupted""#) && text.contains(r#""metric":"accuracy""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), finished);
    }
}
