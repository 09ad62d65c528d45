//! What the weights reach on pictures that are not trained on.

use divvy_data::{Dataset, Label, Loader};
use divvy_eval::MultiLabelReport;
use divvy_model::targets;
use divvy_nn::{Choice, Engine, Head, Task};

use crate::error::TrainError;
use crate::event::{Metric, Score};

/// Runs the validation pictures through the network as it is.
pub(crate) fn validate(engine: &mut Engine, dataset: &Dataset, loader: &Loader) -> Result<Score, TrainError> {
    let head = *engine.network().head();
    let mut all = Answers { head, logits: Vec::new(), losses: 0.0, labels: Vec::new() };
    let mut encoded = Vec::new();
    for batch in loader.epoch(0) {
        let batch = batch?;
        let labels = || batch.samples().iter().map(|&sample| &dataset.samples()[sample].label);
        targets::encode(&head, labels(), &mut encoded)?;
        let logits = engine.logits(batch.images(), batch.len());
        all.take(logits, &encoded, labels());
    }
    all.score(dataset.classes())
}

/// The logits of all validation pictures, and what they should have been.
struct Answers<'a> {
    head: Head,
    logits: Vec<f32>,
    losses: f64,
    labels: Vec<&'a Label>,
}

impl<'a> Answers<'a> {
    fn take(&mut self, logits: &[f32], targets: &[f32], labels: impl Iterator<Item = &'a Label>) {
        let units = self.head.units();
        let rows = logits.chunks_exact(units).zip(targets.chunks_exact(units));
        self.losses += rows.map(|(z, t)| self.head.loss_of(z, t)).sum::<f64>();
        self.logits.extend_from_slice(logits);
        self.labels.extend(labels);
    }

    fn score(self, classes: &[String]) -> Result<Score, TrainError> {
        let loss = self.losses / self.labels.len() as f64;
        let (metric, value) = match self.head.task() {
            Task::MultiLabel => (Metric::MacroF1, self.macro_f1(classes)?),
            Task::Binary | Task::MultiClass | Task::Regression => (Metric::Accuracy, self.accuracy()),
        };
        Ok(Score { loss, metric, value })
    }

    fn accuracy(&self) -> f64 {
        let rows = self.logits.chunks_exact(self.head.units());
        let right = rows.zip(&self.labels).filter(|(row, label)| {
            matches!(self.head.decide(row, Head::DEFAULT_THRESHOLD), Choice::Class(class) if label.indices() == [class])
        });
        right.count() as f64 / self.labels.len() as f64
    }

    fn macro_f1(&self, classes: &[String]) -> Result<f64, TrainError> {
        let mut probabilities = Vec::new();
        self.head.probabilities(&self.logits, &mut probabilities);
        let truth: Vec<_> = self.labels.iter().map(|label| label.indices()).collect();
        let thresholds = vec![Head::DEFAULT_THRESHOLD; classes.len()];
        let report = MultiLabelReport::new(classes, &truth, &probabilities, &thresholds)?;
        // Undefined only where no label occurs and none was predicted: then nothing was got wrong, nor right.
        Ok(report.f1_macro.unwrap_or(0.0))
    }
}
