//! A trained model on labelled pictures.

use std::path::Path;
use std::sync::Arc;

use divvy_data::{Dataset, ImageStore, Label, Loader, OpenOptions, Part, StoreOptions};
use divvy_eval::{Answers, ExclusiveReport, MultiLabelReport, Report};
use divvy_model::{Classifier, Prediction};
use divvy_nn::{Head, HeadKind, Task};

use crate::error::TrainError;

/// How a model did on labelled pictures.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The metrics.
    pub report: Report,
    /// The part of the data that was used: the test part where there is one, else all of it.
    pub part: Option<Part>,
    /// What is wrong with pictures that could not be read and are in no metric, a sentence each.
    pub unreadable: Vec<String>,
}

/// Pictures prepared at a time.
const BATCH: usize = 32;

/// Classifies the labelled pictures at `data` (their test part where there is one) and measures how well.
///
/// `options` say how pictures are read, and who is told of the progress.
///
/// # Errors
/// A [`TrainError`] when the data cannot be used, has groups that the model does not know, or is read in vain.
pub fn evaluate(
    classifier: &mut Classifier,
    data: &Path,
    options: &StoreOptions<'_>,
) -> Result<Evaluation, TrainError> {
    let dataset = Arc::new(Dataset::open(data, &OpenOptions::default())?.with_classes(classifier.classes())?);
    let samples = dataset.evaluation_samples();
    let store = Arc::new(ImageStore::load(&dataset, classifier.preprocess(), &samples, options)?);
    let bad = store.unreadable_samples();
    let readable: Vec<_> = samples.into_iter().filter(|sample| bad.binary_search(sample).is_err()).collect();
    let scaling = classifier.preprocess().scaling().clone();
    let loader = Loader::for_evaluation(&store, &readable, &scaling, BATCH).with_threads(options.threads);
    let mut predictions = Vec::with_capacity(readable.len());
    for batch in loader.epoch(0) {
        predictions.extend(classifier.classify(batch?.images()));
    }
    let labels: Vec<_> = readable.iter().map(|&sample| &dataset.samples()[sample].label).collect();
    let part = (!dataset.part(Some(Part::Test)).is_empty()).then_some(Part::Test);
    let report = report(classifier.head(), classifier.classes(), &labels, &predictions)?;
    Ok(Evaluation {
        report,
        part,
        unreadable: store.unreadable().iter().map(|bad| bad.error.to_string()).collect(),
    })
}

/// The metrics that suit the head.
fn report(
    head: &Head,
    classes: &[String],
    labels: &[&Label],
    predictions: &[Prediction],
) -> Result<Report, TrainError> {
    let probabilities: Vec<f32> =
        predictions.iter().flat_map(|p| p.probabilities.iter().flatten().copied()).collect();
    if head.task() == Task::MultiLabel {
        let truth: Vec<_> = labels.iter().map(|label| label.indices()).collect();
        let thresholds = vec![Head::DEFAULT_THRESHOLD; classes.len()];
        return Ok(MultiLabelReport::new(classes, &truth, &probabilities, &thresholds)?.into());
    }
    let truth: Vec<_> = labels.iter().map(|label| label.indices()[0]).collect();
    let second: Vec<f32> = probabilities.iter().skip(1).step_by(2).copied().collect();
    let scores: Vec<f32> = predictions.iter().filter_map(|p| p.score).collect();
    let threshold = Head::DEFAULT_THRESHOLD;
    let answers = match (head.kind(), head.units()) {
        (HeadKind::Linear, _) => Answers::Scores { scores: &scores, threshold },
        (HeadKind::Sigmoid, 1) => Answers::PositiveProbabilities { probabilities: &second, threshold },
        _ => Answers::Probabilities(&probabilities),
    };
    Ok(ExclusiveReport::new(classes, &truth, answers)?.into())
}
