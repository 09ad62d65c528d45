//! `divvy train --folds`: a training for each fold of the pictures, and what can be said of them together.

use std::path::Path;

use anyhow::Result;
use divvy::data::Fold;
use divvy::train::{
    CrossValidation, Event, FoldsOutcome, ReportConfig, Resources, RunFolder, TrainConfig, TrainError,
    resume_folds, train_folds,
};

use super::report::{self, Means};
use super::{resume, train};
use crate::terminal::{Terminal, program, quoted};
use crate::views::FoldsScreen;
use crate::{Status, interrupt};

/// Trains all folds into a new folder.
pub(super) fn train(
    config: &TrainConfig,
    run: &Path,
    resources: Resources,
    board: bool,
    means: &Means,
    terminal: &mut Terminal,
) -> Result<Status> {
    watched(config, run, board, means, terminal, |told| {
        train_folds(config, run, resources, told, interrupt::asked())
    })
}

/// Goes on with those that an interruption left.
pub(super) fn resume(
    run: &Path,
    begun: &TrainConfig,
    resources: Resources,
    board: bool,
    means: &Means,
    terminal: &mut Terminal,
) -> Result<Status> {
    let folder = RunFolder::at(run);
    if folder.model().is_file() {
        resume::tell_finished(run, terminal);
    }
    for fold in folder.folds() {
        if fold.outcome()?.is_some() {
            resume::settle(&fold);
        }
    }
    watched(begun, run, board, means, terminal, |told| resume_folds(run, resources, told, interrupt::asked()))
}

/// Shows the trainings, says what came of them and what to type next.
fn watched(
    config: &TrainConfig,
    run: &Path,
    board: bool,
    means: &Means,
    terminal: &mut Terminal,
    training: impl FnOnce(&mut (dyn FnMut(Fold, &Event) + Send)) -> Result<FoldsOutcome, TrainError>,
) -> Result<Status> {
    let mut screen = FoldsScreen::new(terminal, board);
    let trained = training(&mut |fold, event| screen.on(fold, event));
    let test_images = screen.close();
    let outcome = trained.inspect_err(|error| resume::tell_after(error, run))?;
    terminal.print("");
    match outcome {
        FoldsOutcome::Interrupted { done, of } => {
            terminal.print(format_args!("stopped: {done} of {of} folds are done"));
            terminal.tell(resume::next_step(run));
            Ok(Status::Partial)
        }
        FoldsOutcome::Finished(figures) => {
            tell(&figures, run, terminal);
            report::after_training(&ReportConfig::new(run), means, terminal);
            terminal.tell(train::next_steps(run, &config.data, test_images));
            terminal.tell(format_args!(
                "  {} relabel {}\n      labels that are likely wrong",
                program(),
                quoted(run)
            ));
            Ok(Status::partial_if(!figures.left_out.is_empty()))
        }
    }
}

/// How good the folds are, what that is a measure of, and what it is not.
fn tell(figures: &CrossValidation, run: &Path, terminal: &mut Terminal) {
    for sentence in &figures.left_out {
        Terminal::warn(format_args!("left out: {sentence}"));
    }
    let CrossValidation { metric, images, value, ci95, mean, deviation, folds, .. } = figures;
    let (metric, of) = (metric.in_words(), folds.len());
    for fold in folds {
        terminal.print(format_args!(
            "fold {:>2}  {metric} {:.4}{} on {} pictures, best epoch {} of {}",
            fold.fold,
            fold.value,
            interval(fold.ci95, ""),
            fold.images,
            fold.best_epoch,
            fold.epochs
        ));
    }
    let value = terminal.palette().heading(&format!("{value:.4}"));
    terminal.print(format_args!(
        "all      {metric} {value}{} on {images} pictures, each answered by a network that was not trained on it",
        interval(*ci95, "95 % interval ")
    ));
    terminal.print(format_args!("mean of the folds {mean:.4}, standard deviation {deviation:.4}"));
    terminal.tell(format_args!(
        "\nThese figures are of single networks that were each trained on {} of {of} parts of the pictures; a fold's epoch was chosen on the pictures it \
         is measured on, which flatters a little. The model answers with the mean of all {of}; it saw every picture, and is not measured. It takes {of} times \
         as long, and as much memory.",
        of - 1
    ));
    terminal.print(format_args!("model: {}", quoted(&RunFolder::at(run).model())));
}

/// An interval in parentheses.
fn interval(ci95: Option<[f64; 2]>, name: &str) -> String {
    ci95.map(|[low, high]| format!(" ({name}{low:.3} to {high:.3})")).unwrap_or_default()
}
