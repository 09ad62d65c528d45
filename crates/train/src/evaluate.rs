//! A trained model on labelled pictures.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use divvy_data::{DataError, Dataset, ImageStore, Label, Loader, OpenOptions, Part, StoreOptions};
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
    /// What is in no metric because it could not be used, and why: pictures, lines of a list, folders, a sentence each.
    pub left_out: Vec<String>,
}

/// Classifies the labelled pictures at `data` (their test part where there is one) and measures how well.
///
/// `options` say how pictures are read, who is told of it, and what stops it and the classifying after it. `classified` is
/// told how many pictures of how many are classified.
///
/// # Errors
/// A [`TrainError`] when the data cannot be used, has groups that the model does not know or several where it chooses one, or
/// is read in vain.
pub fn evaluate(
    classifier: &mut Classifier,
    data: &Path,
    options: &StoreOptions<'_>,
    classified: &dyn Fn(usize, usize),
) -> Result<Evaluation, TrainError> {
    let dataset = Arc::new(Dataset::open(data, &OpenOptions::default())?.with_classes(classifier.classes())?);
    let samples = dataset.evaluation_samples();
    if classifier.head().task() != Task::MultiLabel {
        require_one_label(&dataset, &samples)?;
    }
    let store = Arc::new(ImageStore::load(&dataset, classifier.preprocess(), &samples, options)?);
    let bad = store.unreadable_samples();
    let readable: Vec<_> = samples.into_iter().filter(|sample| bad.binary_search(sample).is_err()).collect();
    let scaling = classifier.preprocess().scaling().clone();
    let loader =
        Loader::for_evaluation(&store, &readable, &scaling, classifier.batch()).with_threads(options.threads);
    let mut predictions = Vec::with_capacity(readable.len());
    for batch in loader.epoch(0) {
        predictions.extend(classifier.classify(batch?.images()));
        classified(predictions.len(), readable.len());
        if options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(DataError::Interrupted.into());
        }
    }
    let labels: Vec<_> = readable.iter().map(|&sample| &dataset.samples()[sample].label).collect();
    let part = (!dataset.part(Some(Part::Test)).is_empty()).then_some(Part::Test);
    let report = report(classifier.head(), classifier.classes(), &labels, &predictions)?;
    let skipped = dataset.skipped().iter().map(ToString::to_string);
    let unreadable = store.unreadable().iter().map(|bad| bad.error.to_string());
    Ok(Evaluation { report, part, left_out: skipped.chain(unreadable).collect() })
}

/// Makes sure that each picture has exactly one label, as an exclusive model answers.
fn require_one_label(dataset: &Dataset, samples: &[usize]) -> Result<(), TrainError> {
    let labels = |sample: usize| dataset.samples()[sample].label.indices();
    let Some(&sample) = samples.iter().find(|&&sample| labels(sample).len() != 1) else { return Ok(()) };
    let names: Vec<_> = labels(sample).iter().map(|&class| dataset.classes()[class].as_str()).collect();
    let found = match names.as_slice() {
        [] => "no label".to_owned(),
        names => format!("{} labels ({})", names.len(), names.join(", ")),
    };
    Err(TrainError::NotExclusive {
        data: dataset.root().to_owned(),
        picture: dataset.sample_name(sample).to_string_lossy().into_owned(),
        labels: found,
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
