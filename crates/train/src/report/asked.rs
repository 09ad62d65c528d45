//! What a model says of the pictures that a report is about.

use std::sync::Arc;

use divvy_data::{Dataset, StoreOptions};
use divvy_model::{Classifier, Model, Prediction};
use divvy_nn::{Device, Head, Task};

use super::subject::{Inquiry, Subject};
use crate::error::TrainError;
use crate::evaluate::{Classified, classify};

/// Pictures, what is true of each, and what the model says.
pub(super) struct Asked {
    pub(super) dataset: Arc<Dataset>,
    pub(super) head: Head,
    /// Those that could be read.
    pub(super) samples: Vec<usize>,
    /// One for each of them.
    pub(super) predictions: Vec<Prediction>,
    /// What is wrong with the others, a sentence each.
    pub(super) unreadable: Vec<String>,
}

impl Asked {
    /// Asks about all of `subject`: `classifier`, or each fold's own on another device like `device`.
    pub(super) fn ask(
        classifier: &mut Classifier,
        subject: &Subject,
        device: &Device,
        options: &StoreOptions<'_>,
        classified: &dyn Fn(usize, usize),
    ) -> Result<Self, TrainError> {
        let dataset = &subject.dataset;
        let mut asked = Self {
            dataset: Arc::clone(dataset),
            head: *classifier.head(),
            samples: Vec::new(),
            predictions: Vec::new(),
            unreadable: Vec::new(),
        };
        match &subject.inquiry {
            Inquiry::Model(samples) => {
                asked.take(classify(classifier, dataset, samples.clone(), options, classified)?);
            }
            Inquiry::Folds(folds) => {
                for (model, samples) in folds {
                    let mut fold = Classifier::new(Model::open(model)?, device.another())?;
                    asked.take(classify(&mut fold, dataset, samples.clone(), options, classified)?);
                }
            }
        }
        Ok(asked)
    }

    fn take(&mut self, classified: Classified) {
        self.samples.extend(classified.samples);
        self.predictions.extend(classified.predictions);
        self.unreadable.extend(classified.unreadable);
    }

    /// The groups or labels.
    pub(super) fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    /// What a picture is labelled with; pictures are counted from 0 here, in the order in which they were asked about.
    pub(super) fn truth(&self, picture: usize) -> &[usize] {
        self.dataset.samples()[self.samples[picture]].label.indices()
    }

    /// Whether each was given its group, or exactly its labels.
    pub(super) fn right(&self) -> Vec<bool> {
        let chosen = self.predictions.iter().enumerate();
        chosen.map(|(picture, prediction)| prediction.chosen == self.truth(picture)).collect()
    }

    /// Whether labels do not exclude each other.
    pub(super) fn is_multi_label(&self) -> bool {
        self.head.task() == Task::MultiLabel
    }
}
