//! What a model says of the pictures that a report is about.

use std::sync::Arc;

use divvy_data::{Attributes, Dataset, Measuring, StoreOptions};
use divvy_model::{Classifier, Model, Prediction};
use divvy_nn::{Device, Head, Task};

use super::subject::{Inquiry, Subject};
use crate::error::TrainError;
use crate::evaluate::{Classified, classify_by};

/// Pictures, what is true of each, and what the model says.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) dataset: Arc<Dataset>,
    pub(super) head: Head,
    /// Those that could be read.
    pub(super) samples: Vec<usize>,
    /// One for each of them.
    pub(super) predictions: Vec<Prediction>,
    /// What can be told of each whatever it shows, measured at its own size.
    pub(super) attributes: Vec<Attributes>,
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
            attributes: Vec::new(),
            unreadable: Vec::new(),
        };
        let options = StoreOptions { measuring: Measuring::Whole, ..options.clone() };
        let classify = |classifier: &mut Classifier, samples: &[usize]| {
            let ask = Classifier::classify_and_compare;
            classify_by(ask, classifier, dataset, samples.to_vec(), &options, classified)
        };
        match &subject.inquiry {
            Inquiry::Model(samples) => asked.take(classify(classifier, samples)?),
            Inquiry::Folds(folds) => {
                for (model, samples) in folds {
                    // They are asked about the pictures that each was calibrated on.
                    let mut fold = Classifier::new(Model::open(model)?.without_biases(), device.another())?;
                    asked.take(classify(&mut fold, samples)?);
                }
            }
        }
        Ok(asked)
    }

    fn take(&mut self, classified: Classified) {
        self.samples.extend(classified.samples);
        self.predictions.extend(classified.predictions);
        self.attributes.extend(classified.attributes);
        self.unreadable.extend(classified.unreadable);
    }

    /// These pictures, and those of `other` where they are of the same data.
    pub(super) fn joined(mut self, other: Option<&Self>) -> Self {
        if let Some(other) = other.filter(|other| Arc::ptr_eq(&other.dataset, &self.dataset)) {
            self.samples.extend(&other.samples);
            self.predictions.extend(other.predictions.iter().cloned());
            self.attributes.extend(&other.attributes);
        }
        self
    }

    /// The pictures of which this is not so, one of `left_out` for each.
    pub(super) fn without(&self, left_out: &[bool]) -> Self {
        fn kept<T: Clone>(all: &[T], left_out: &[bool]) -> Vec<T> {
            all.iter().zip(left_out).filter(|(_, out)| !**out).map(|(one, _)| one.clone()).collect()
        }
        Self {
            samples: kept(&self.samples, left_out),
            predictions: kept(&self.predictions, left_out),
            attributes: kept(&self.attributes, left_out),
            dataset: Arc::clone(&self.dataset),
            head: self.head,
            unreadable: Vec::new(),
        }
    }

    /// The groups or labels.
    pub(super) fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    /// What a picture is labelled with; pictures are counted from 0 here, in the order in which they were asked about.
    pub(super) fn truth(&self, picture: usize) -> &[usize] {
        self.dataset.samples()[self.samples[picture]].label.indices()
    }

    /// What each is labelled with.
    pub(super) fn truths(&self) -> Vec<&[usize]> {
        (0..self.samples.len()).map(|picture| self.truth(picture)).collect()
    }

    /// The group of each, where groups exclude each other.
    pub(super) fn classes_of_truth(&self) -> Vec<usize> {
        (0..self.samples.len()).map(|picture| self.truth(picture)[0]).collect()
    }

    /// Whether each label is there, a row a picture.
    pub(super) fn labels_there(&self) -> Vec<bool> {
        let classes = self.classes().len();
        let row = |picture| (0..classes).map(move |class| self.truth(picture).contains(&class));
        (0..self.samples.len()).flat_map(row).collect()
    }

    /// The probabilities of all groups or labels, a row a picture; nothing from a head without.
    pub(super) fn rows(&self) -> Vec<f32> {
        self.predictions.iter().flat_map(|p| p.probabilities.iter().flatten().copied()).collect()
    }

    /// Whether each belongs to a group or has a label, and how much speaks for it: the probability, or of two groups without probabilities a number
    /// that grows with it.
    pub(super) fn of_group(&self, group: usize) -> (Vec<bool>, Vec<f32>) {
        let truth = (0..self.samples.len()).map(|picture| self.truth(picture).contains(&group)).collect();
        let score = |prediction: &Prediction| match (&prediction.probabilities, prediction.score) {
            (Some(row), _) => row[group],
            (None, Some(score)) if group == 1 => score,
            (None, score) => -score.unwrap_or_default(),
        };
        (truth, self.predictions.iter().map(score).collect())
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
