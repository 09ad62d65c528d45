//! A training for each fold of the pictures, what each says of those it has not seen, and the model that they make together.
//!
//! ```text
//! TrainConfig ──▶ fold-1 .. fold-K, a run each ──▶ Answered ──▶ predictions.csv, folds.json
//!                                        └──▶ Ensemble ──▶ model.divvy
//! ```
//!
//! One after the other, each on all threads: two at a time on one thread each were measured, and gained a tenth at the most (docs/folds.md).

mod answered;
mod figures;
mod predictions;
mod share;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use divvy_data::{Dataset, Fold};
use divvy_model::{Ensemble, Model};
use divvy_nn::ParameterTable;

pub use figures::{CrossValidation, FoldFigures};
pub(crate) use predictions::{Predicted, Predictions};

use crate::clock::Stopwatch;
use crate::config::{Folds, Length, TrainConfig};
use crate::error::TrainError;
use crate::event::{Ending, Event};
use crate::lock::RunLock;
use crate::outcome::Outcome;
use crate::prepare::{Prepared, open, prepare};
use crate::resources::Resources;
use crate::run::{Attempt, RunFolder};
use crate::start::{resume, train};
use answered::Answered;
use share::Share;

/// What came of a training with folds.
#[derive(Clone, PartialEq, Debug)]
pub enum FoldsOutcome {
    /// All folds have come to their end: what they reach on the pictures that each has not seen.
    Finished(CrossValidation),
    /// Someone asked to stop; [`resume_folds`] goes on.
    Interrupted {
        /// Folds that have come to their end.
        done: usize,
        /// Folds that there are.
        of: usize,
    },
}

/// Deals the training and validation pictures into the folds of `config`, and trains a network for each, which validates on its fold and learns from the others.
/// `out`, a new folder, then holds a run for each (`fold-1` and so on), what each answers about the pictures that it has not seen
/// (predictions.csv), how good that is (folds.json), and the model that answers with the mean of all (model.divvy).
///
/// A length in minutes is that of all folds together. `told` hears what happens in each.
///
/// # Errors
/// As [`train`], with the fold where one could not be trained; and [`TrainError::Setting`] where `config` says nothing of folds.
pub fn train_folds(
    config: &TrainConfig,
    out: &Path,
    resources: impl Into<Resources>,
    told: &mut (dyn FnMut(Fold, &Event) + Send),
    stop: &AtomicBool,
) -> Result<FoldsOutcome, TrainError> {
    RunFolder::refuse_used(out)?;
    let training = FoldsTraining::new(config, resources.into(), stop)?;
    let attempt = Attempt::begin(out)?;
    attempt.run().write_config(config)?;
    training.run(attempt.run(), attempt.lock(), told)
}

/// Goes on with the training in the folder `run` where it was interrupted: folds that have come to their end stay, one that was interrupted goes on as
/// by [`resume`], and the rest follow. The same bits come of it as without interruption, unless the length is in minutes.
///
/// # Errors
/// As [`resume`].
pub fn resume_folds(
    run: &Path,
    resources: impl Into<Resources>,
    told: &mut (dyn FnMut(Fold, &Event) + Send),
    stop: &AtomicBool,
) -> Result<FoldsOutcome, TrainError> {
    let run = RunFolder::at(run);
    if !run.config().is_file() {
        return Err(TrainError::NoRun { path: run.path().to_owned() });
    }
    let lock = run.lock();
    // What has come to its end is there to be read, whoever may write.
    if run.model().is_file() {
        if lock.is_ok() {
            run.remove_left_over();
        }
        return Ok(FoldsOutcome::Finished(CrossValidation::read(&run)?));
    }
    let lock = lock?;
    run.remove_temporary();
    let config = run.read_config()?;
    FoldsTraining::new(&config, resources.into(), stop)?.run(&run, &lock, told)
}

/// What all folds are trained with.
struct FoldsTraining<'a> {
    config: &'a TrainConfig,
    folds: Vec<Fold>,
    dataset: Arc<Dataset>,
    resources: Resources,
    stopwatch: Stopwatch,
    stop: &'a AtomicBool,
}

/// A fold that has come to its end.
struct Done {
    fold: Fold,
    outcome: Outcome,
    answered: Answered,
}

impl<'a> FoldsTraining<'a> {
    /// Makes sure that the first fold can be trained, and that one file can hold as many of its networks as there are folds.
    fn new(config: &'a TrainConfig, resources: Resources, stop: &'a AtomicBool) -> Result<Self, TrainError> {
        let stopwatch = Stopwatch::start();
        let folds = folds(config)?;
        let Prepared { network, .. } = prepare(&of_fold(config, folds[0], config.length), &resources.cpu)?;
        let parameters = folds.len() * ParameterTable::new(network.graph()).values_len();
        if parameters > Ensemble::MAX_PARAMETERS {
            let reason = format!(
                "{} networks of this kind have {parameters} parameters, more than the {} that one file holds; give fewer folds, or a \
                 smaller network",
                folds.len(),
                Ensemble::MAX_PARAMETERS
            );
            return Err(TrainError::Ensemble { reason });
        }
        Ok(Self { config, folds, dataset: Arc::new(open(config)?), resources, stopwatch, stop })
    }

    /// Trains what is still to be trained of the folds in `run`, and joins them.
    fn run(
        &self,
        run: &RunFolder,
        lock: &RunLock,
        told: &mut (dyn FnMut(Fold, &Event) + Send),
    ) -> Result<FoldsOutcome, TrainError> {
        let (config, spent, afterwards) = (self.config, self.stopwatch.elapsed(), self.resources.afterwards);
        let mut share = Share::new(config.length, self.folds.len(), spent, afterwards);
        let mut done: Vec<Done> = Vec::new();
        for &fold in &self.folds {
            let trained =
                self.fold(fold, &run.fold(fold.number()), share.next(), &mut |event| told(fold, event));
            self.stay(run, lock)?;
            match trained {
                Ok(fold) => {
                    let training = Duration::try_from_secs_f64(fold.outcome.seconds).unwrap_or_default();
                    share.take(training, fold.answered.time);
                    done.push(fold);
                }
                Err(error) if error.is_interruption() && (!done.is_empty() || run.is_resumable()) => {
                    return Ok(FoldsOutcome::Interrupted { done: done.len(), of: self.folds.len() });
                }
                Err(error) if error.is_interruption() => return Err(error),
                Err(source) => return Err(TrainError::Fold { fold, source: Box::new(source) }),
            }
            if done.last().map(|last| &last.answered.used) != done.first().map(|first| &first.answered.used) {
                return Err(TrainError::FoldsChanged { data: self.config.data.clone(), fold });
            }
        }
        self.join(run, &done).map(FoldsOutcome::Finished)
    }

    /// Puts the settings back where the folder was deleted, so that the training can be gone on with; folds have put themselves back.
    fn stay(&self, run: &RunFolder, lock: &RunLock) -> Result<(), TrainError> {
        lock.hold_unless(|| {
            let is_run = run.config().exists() || run.model().exists();
            if is_run { RunFolder::refuse_used(run.path()) } else { Ok(()) }
        })?;
        if run.config().is_file() { Ok(()) } else { run.write_config(self.config) }
    }

    /// Trains a fold in `run`, goes on with it, or leaves it as it is where it has come to its end; and asks it about the pictures that it has
    /// not seen.
    ///
    /// # Errors
    /// [`TrainError::Interrupted`] where it did not come to its end.
    fn fold(
        &self,
        fold: Fold,
        run: &RunFolder,
        length: Length,
        mut told: &mut (dyn FnMut(&Event) + Send),
    ) -> Result<Done, TrainError> {
        let resources = self.resources.again();
        let outcome = if run.config().is_file() {
            resume(run.path(), resources, &mut told, self.stop)?
        } else {
            // What a process leaves that is killed before its first file.
            run.remove();
            train(&of_fold(self.config, fold, length), run.path(), resources, &mut told, self.stop)?
        };
        if outcome.ending == Ending::Interrupted {
            return Err(TrainError::Interrupted);
        }
        let answered = Answered::of(run, self.config, &self.dataset, &self.resources, self.stop)?;
        Ok(Done { fold, outcome, answered })
    }

    /// Writes what the folds say together. The model is the last: a run with a model has come to its end.
    fn join(&self, run: &RunFolder, done: &[Done]) -> Result<CrossValidation, TrainError> {
        let models = self.folds.iter().map(|fold| Model::open(run.fold(fold.number()).path()));
        let models = models.collect::<Result<Vec<_>, _>>()?;
        let ensemble = Ensemble::new(models).map_err(|reason| TrainError::Ensemble { reason })?;
        let figures = CrossValidation::of(&self.dataset, done)?;
        predictions::write(&run.predictions(), &self.dataset, done)?;
        figures.write(run)?;
        ensemble.save(&run.model())?;
        run.remove_working();
        Ok(figures)
    }
}

/// The folds that the pictures are dealt into.
fn folds(config: &TrainConfig) -> Result<Vec<Fold>, TrainError> {
    let refuse =
        |setting, found: &str, wanted| Err(TrainError::Setting { setting, found: found.to_owned(), wanted });
    match config.folds {
        Some(Folds::Each(_)) if config.split.is_some() => refuse(
            "the split",
            "given beside folds",
            "leave out one of them: folds divide the pictures themselves",
        ),
        Some(Folds::Each(of)) => Ok(Fold::all(of)?),
        Some(Folds::One(_)) => {
            refuse("folds", "a single one", "train it with `divvy train`, or give their number")
        }
        None => refuse("folds", "left out", "give their number, such as 5"),
    }
}

/// What a fold is trained with.
fn of_fold(config: &TrainConfig, fold: Fold, length: Length) -> TrainConfig {
    TrainConfig { folds: Some(Folds::One(fold)), length, ..config.clone() }
}
