//! What the weights reach on pictures that are not trained on.

use std::sync::atomic::{AtomicBool, Ordering};

use divvy_data::{Dataset, Label, Loader};
use divvy_model::{Calibration, Prediction, Views, targets};
use divvy_nn::{Engine, Head, Metric, Network};

use crate::calibrate;
use crate::error::TrainError;
use crate::evaluate::{report, value};
use crate::event::{Answers, Score};

/// Runs the validation pictures through the network as it is, looked at as pictures will be at use. What is decided is decided by probabilities that were made to
/// come true on them; the loss is that of the network before.
///
/// # Errors
/// [`TrainError::Interrupted`] after `stop` was set, when a batch has been looked at.
pub(crate) fn validate(
    engine: &mut Engine,
    views: Views,
    dataset: &Dataset,
    loader: &Loader,
    metric: Metric,
    stop: Option<&AtomicBool>,
) -> Result<Validated, TrainError> {
    let head = *engine.network().head();
    let mut gathered = Gathered { head, logits: Vec::new(), losses: 0.0, labels: Vec::new() };
    let (mut encoded, mut logits) = (Vec::new(), Vec::new());
    let shape = loader.shape();
    let image_len: usize = shape.iter().product();
    let mut network = |images: &[f32], logits: &mut Vec<f32>| {
        logits.extend_from_slice(engine.logits(images, images.len() / image_len));
    };
    for batch in loader.epoch(0) {
        let batch = batch?;
        let labels = || batch.samples().iter().map(|&sample| &dataset.samples()[sample].label);
        targets::encode(&head, labels(), &mut encoded)?;
        logits.clear();
        views.logits(batch.images(), shape, &mut network, &mut logits);
        gathered.take(&logits, &encoded, labels());
        if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(TrainError::Interrupted);
        }
    }
    let calibration = gathered.calibrate(engine.network())?;
    let predictions = gathered.predictions();
    let answers = gathered.answers(dataset.classes(), &predictions);
    let score = gathered.score(dataset.classes(), &predictions, metric)?;
    Ok(Validated { score, answers, calibration })
}

/// What came of a look at the validation pictures.
pub(crate) struct Validated {
    pub(crate) score: Score,
    /// How the groups or labels did.
    pub(crate) answers: Answers,
    /// What makes the network's probabilities come true; none where it has none, or cannot hold it.
    pub(crate) calibration: Option<Calibration>,
}

/// The logits of all validation pictures, and what they should have been.
struct Gathered<'a> {
    head: Head,
    logits: Vec<f32>,
    losses: f64,
    labels: Vec<&'a Label>,
}

impl<'a> Gathered<'a> {
    fn take(&mut self, logits: &[f32], targets: &[f32], labels: impl Iterator<Item = &'a Label>) {
        let units = self.head.units();
        let rows = logits.chunks_exact(units).zip(targets.chunks_exact(units));
        self.losses += rows.map(|(z, t)| self.head.loss_of(z, t)).sum::<f64>();
        self.logits.extend_from_slice(logits);
        self.labels.extend(labels);
    }

    /// Moves the logits to where probabilities come true, unless they are no numbers.
    fn calibrate(&mut self, network: &Network) -> Result<Option<Calibration>, TrainError> {
        if !self.losses.is_finite() {
            return Ok(None);
        }
        let fitted = calibrate::fit(&self.head, &self.logits, &self.labels)?;
        let Some(calibration) = fitted else { return Ok(None) };
        let lines = calibration.lines(self.head.units());
        if !network.takes(&lines) {
            return Ok(None);
        }
        for (logit, line) in self.logits.iter_mut().zip(lines.iter().cycle()) {
            *logit = line.at(*logit);
        }
        Ok(Some(calibration))
    }

    /// What is said of each picture.
    fn predictions(&self) -> Vec<Prediction> {
        let rows = self.logits.chunks_exact(self.head.units());
        rows.map(|row| Prediction::from_logits(&self.head, row)).collect()
    }

    /// What each picture belongs to beside what it is given, counted by classes.
    fn answers(&self, classes: &[String], predictions: &[Prediction]) -> Answers {
        let none = || vec![0; classes.len()];
        let mut answers = Answers { wanted: none(), given: none(), right: none() };
        for (Prediction { chosen: given, .. }, label) in predictions.iter().zip(&self.labels) {
            let wanted = label.indices();
            for &class in wanted {
                answers.wanted[class] += 1;
            }
            for &class in given {
                answers.given[class] += 1;
                answers.right[class] += usize::from(wanted.contains(&class));
            }
        }
        answers
    }

    /// A loss that is not finite comes alone: there is nothing to measure then. The metric is computed by the report that `evaluate` prints, so that both mean the same.
    fn score(
        &self,
        classes: &[String],
        predictions: &[Prediction],
        metric: Metric,
    ) -> Result<Score, TrainError> {
        let loss = self.losses / self.labels.len() as f64;
        if !loss.is_finite() {
            return Ok(Score { loss, metric, value: 0.0 });
        }
        let report = report(&self.head, classes, &self.labels, predictions, None)?;
        Ok(Score { loss, metric, value: value(&report, metric) })
    }
}
