//! A trained model on labelled pictures.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use divvy_data::{
    Attributes, DataError, Dataset, ImageStore, Label, Loader, OpenOptions, Part, StoreOptions,
};
use divvy_eval::{Answers, ExclusiveReport, MultiLabelReport, Report};
use divvy_model::{Classifier, Prediction};
use divvy_nn::{Head, HeadKind, Metric, Task};

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

/// Classifies the labelled pictures at `data` (their test part where there is one), opened as `read` says, and measures how well.
///
/// Of two groups, ROC AUC and average precision are about the one called `positive`, or the second of the model.
/// `options` say how pictures are read, who is told of it, and what stops it and the classifying after it. `classified` is
/// told how many pictures of how many are classified.
///
/// # Errors
/// A [`TrainError`] when the data cannot be used, has groups that the model does not know or several where it chooses one, or
/// is read in vain.
pub fn evaluate(
    classifier: &mut Classifier,
    data: &Path,
    read: &OpenOptions,
    positive: Option<&str>,
    options: &StoreOptions<'_>,
    classified: &dyn Fn(usize, usize),
) -> Result<Evaluation, TrainError> {
    let dataset = Arc::new(Dataset::open(data, read)?.with_classes(classifier.classes())?);
    require_exclusive(positive, classifier.head())?;
    let positive = positive.map(|name| dataset.positive_class(name)).transpose()?;
    let samples = dataset.evaluation_samples();
    if classifier.head().task() != Task::MultiLabel {
        require_one_label(&dataset, &samples)?;
    }
    let classified = classify(classifier, &dataset, samples, options, classified)?;
    let part = (!dataset.part(Some(Part::Test)).is_empty()).then_some(Part::Test);
    let labels = classified.labels(&dataset);
    let report = report(classifier.head(), classifier.classes(), &labels, &classified.predictions, positive)?;
    let skipped = dataset.skipped().iter().map(ToString::to_string);
    Ok(Evaluation { report, part, left_out: skipped.chain(classified.unreadable).collect() })
}

/// Refuses a positive group among labels that do not exclude each other, of which none is.
pub(crate) fn require_exclusive(positive: Option<&str>, head: &Head) -> Result<(), TrainError> {
    match (positive, head.task()) {
        (Some(name), Task::MultiLabel) => {
            let found = format!("{name}, of labels that do not exclude each other");
            Err(TrainError::Setting { setting: "the positive group", found, wanted: "leave it out" })
        }
        _ => Ok(()),
    }
}

/// Pictures and what a model says of them.
pub(crate) struct Classified {
    /// Those that could be read.
    pub(crate) samples: Vec<usize>,
    /// One for each of them.
    pub(crate) predictions: Vec<Prediction>,
    /// What can be told of each whatever it shows, measured as the store was asked to.
    pub(crate) attributes: Vec<Attributes>,
    /// What is wrong with the others, a sentence each.
    pub(crate) unreadable: Vec<String>,
}

impl Classified {
    /// What the pictures are labelled with.
    pub(crate) fn labels<'a>(&self, dataset: &'a Dataset) -> Vec<&'a Label> {
        self.samples.iter().map(|&sample| &dataset.samples()[sample].label).collect()
    }
}

/// Reads and classifies pictures of a dataset.
pub(crate) fn classify(
    classifier: &mut Classifier,
    dataset: &Arc<Dataset>,
    samples: Vec<usize>,
    options: &StoreOptions<'_>,
    classified: &dyn Fn(usize, usize),
) -> Result<Classified, TrainError> {
    classify_by(Classifier::classify, classifier, dataset, samples, options, classified)
}

/// Reads pictures of a dataset and classifies them by `ask`, which is given prepared ones.
pub(crate) fn classify_by(
    ask: fn(&mut Classifier, &[f32]) -> Vec<Prediction>,
    classifier: &mut Classifier,
    dataset: &Arc<Dataset>,
    samples: Vec<usize>,
    options: &StoreOptions<'_>,
    classified: &dyn Fn(usize, usize),
) -> Result<Classified, TrainError> {
    let store = Arc::new(ImageStore::load(dataset, classifier.preprocess(), &samples, options)?);
    let known = |sample| Some((sample, store.survey().attributes(sample)?));
    let (readable, attributes): (Vec<_>, Vec<_>) = samples.into_iter().filter_map(known).unzip();
    let scaling = classifier.preprocess().scaling().clone();
    let loader =
        Loader::for_evaluation(&store, &readable, &scaling, classifier.batch()).with_threads(options.threads);
    let mut predictions = Vec::with_capacity(readable.len());
    for batch in loader.epoch(0) {
        predictions.extend(ask(classifier, batch?.images()));
        classified(predictions.len(), readable.len());
        if options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(DataError::Interrupted.into());
        }
    }
    let unreadable = store.unreadable().iter().map(|bad| bad.error.to_string()).collect();
    Ok(Classified { samples: readable, predictions, attributes, unreadable })
}

/// Makes sure that each picture has exactly one label, as an exclusive model answers.
pub(crate) fn require_one_label(dataset: &Dataset, samples: &[usize]) -> Result<(), TrainError> {
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

/// The metrics that suit the head; of two groups those of ranking are about `positive`, or the second.
pub(crate) fn report(
    head: &Head,
    classes: &[String],
    labels: &[&Label],
    predictions: &[Prediction],
    positive: Option<usize>,
) -> Result<Report, TrainError> {
    if head.task() == Task::MultiLabel {
        let probabilities: Vec<f32> =
            predictions.iter().flat_map(|p| p.probabilities.iter().flatten().copied()).collect();
        let truth: Vec<_> = labels.iter().map(|label| label.indices()).collect();
        let thresholds = vec![Head::DEFAULT_THRESHOLD; classes.len()];
        return Ok(MultiLabelReport::new(classes, &truth, &probabilities, &thresholds)?.into());
    }
    let truth = exclusive_truth(labels);
    let outputs = Outputs::of(head, predictions);
    let report = ExclusiveReport::new(classes, &truth, outputs.answers())?;
    match positive {
        Some(positive) => Ok(report.with_positive(positive, &truth, outputs.answers())?.into()),
        None => Ok(report.into()),
    }
}

/// The figure of a report by which epochs are compared.
pub(crate) fn value(report: &Report, metric: Metric) -> f64 {
    let value = match (report, metric) {
        (Report::Exclusive(report), Metric::Accuracy) => Some(report.accuracy),
        (Report::Exclusive(report), Metric::BalancedAccuracy) => Some(report.balanced_accuracy),
        (Report::Exclusive(report), Metric::MacroF1) => report.f1_macro,
        (Report::Exclusive(report), Metric::RocAuc) => {
            report.binary.as_ref().and_then(|binary| binary.roc_auc)
        }
        (Report::MultiLabel(report), _) => report.f1_macro,
    };
    // Undefined only where nothing was there to be found and nothing was answered: then nothing was got wrong, nor right.
    value.unwrap_or(0.0)
}

/// The class of each picture that has exactly one.
pub(crate) fn exclusive_truth(labels: &[&Label]) -> Vec<usize> {
    labels.iter().map(|label| label.indices()[0]).collect()
}

/// What a head for exclusive classes gave for pictures, as metrics take it.
pub(crate) enum Outputs {
    /// A row of probabilities a picture.
    Rows(Vec<f32>),
    /// The probability of the second of two classes.
    Second(Vec<f32>),
    /// A number that is no probability.
    Scores(Vec<f32>),
}

impl Outputs {
    pub(crate) fn of(head: &Head, predictions: &[Prediction]) -> Self {
        let rows = predictions.iter().flat_map(|p| p.probabilities.iter().flatten().copied());
        match (head.kind(), head.units()) {
            (HeadKind::Linear, _) => Self::Scores(predictions.iter().filter_map(|p| p.score).collect()),
            (HeadKind::Sigmoid, 1) => Self::Second(rows.skip(1).step_by(2).collect()),
            _ => Self::Rows(rows.collect()),
        }
    }

    pub(crate) fn answers(&self) -> Answers<'_> {
        let threshold = Head::DEFAULT_THRESHOLD;
        match self {
            Self::Rows(rows) => Answers::Probabilities(rows),
            Self::Second(probabilities) => Answers::PositiveProbabilities { probabilities, threshold },
            Self::Scores(scores) => Answers::Scores { scores, threshold },
        }
    }
}

/// The log loss of each picture: the mean over its labels, each of which is there or not.
pub(crate) fn losses_of_labels(
    head: &Head,
    labels: &[&Label],
    predictions: &[Prediction],
) -> Result<Vec<f64>, TrainError> {
    let mut sums = vec![0.0; predictions.len()];
    for class in 0..head.classes() {
        let truth: Vec<usize> =
            labels.iter().map(|label| usize::from(label.indices().contains(&class))).collect();
        let given = predictions.iter().filter_map(|prediction| prediction.probabilities.as_ref());
        let probabilities: Vec<f32> = given.map(|row| row[class]).collect();
        let answers = Answers::PositiveProbabilities {
            probabilities: &probabilities,
            threshold: Head::DEFAULT_THRESHOLD,
        };
        for (sum, loss) in sums.iter_mut().zip(answers.losses(2, &truth)?.unwrap_or_default()) {
            *sum += loss / head.classes() as f64;
        }
    }
    Ok(sums)
}
