//! `divvy train --resume`: what is said of a training that goes on or can.

use std::path::Path;

use anyhow::Result;
use divvy::train::{RunFolder, TrainConfig, TrainError};
use toml::{Table, Value};

use super::train::config;
use crate::args::TrainArgs;
use crate::failure::Failure;
use crate::terminal::{Terminal, program, quoted};
use crate::views::ViewFiles;

/// The settings that the run was begun with; what was typed beside them must say the same.
pub(super) fn begun(run: &Path, args: TrainArgs, terminal: &mut Terminal) -> Result<TrainConfig> {
    let folder = RunFolder::at(run);
    if !folder.config().is_file() {
        return Err(TrainError::NoRun { path: run.to_owned() }.into());
    }
    let begun = folder.read_config()?;
    let mut asked = config(args, begun.clone())?;
    if asked.augment.may_have_become(begun.augment) {
        asked.augment = begun.augment;
    }
    if asked != begun {
        return Err(contradiction(run, &asked, &begun)?.into());
    }
    if folder.outcome()?.is_some() {
        tell_finished(run, terminal);
        settle(&folder);
    }
    Ok(begun)
}

/// Says that there is nothing to go on with.
pub(super) fn tell_finished(run: &Path, terminal: &mut Terminal) {
    terminal.tell(format_args!("{} has come to its end already; nothing is left to be done", run.display()));
}

/// Closes the page of a run that has come to its end, where its process could not.
pub(super) fn settle(run: &RunFolder) {
    if let Some(fault) = ViewFiles::settle(run) {
        Terminal::warn(fault);
    }
}

/// Which setting was typed otherwise than the run was begun with.
pub(super) fn contradiction(run: &Path, asked: &TrainConfig, begun: &TrainConfig) -> Result<Failure> {
    let (asked, begun) = (Table::try_from(asked)?, Table::try_from(begun)?);
    let differs = |key: &&String| asked.get(*key) != begun.get(*key);
    let key = begun.keys().chain(asked.keys()).find(differs).map_or("settings", String::as_str);
    let value = |table: &Table| table.get(key).map_or("left out".to_owned(), Value::to_string);
    let message = format!(
        "{} was begun with other settings: `{key}` was {}, and now {} is asked for",
        run.display(),
        value(&begun),
        value(&asked)
    );
    Ok(Failure::new(message)
        .help("leave it out: a training goes on as it was begun; for another one give another --out"))
}

/// What to type after a training was interrupted.
pub(super) fn next_step(run: &Path) -> String {
    format!("\nnext:\n  {} train --resume {}\n      goes on where it was interrupted", program(), quoted(run))
}

/// Says what is left of a training that failed, where there is anything to go on from.
pub(super) fn tell_after(error: &TrainError, run: &Path) {
    let cause = if let TrainError::Fold { source, .. } = error { source } else { error };
    let can_pass = matches!(
        cause,
        TrainError::Data(_)
            | TrainError::Model(_)
            | TrainError::Write { .. }
            | TrainError::PictureLost { .. }
    );
    if can_pass && RunFolder::at(run).is_resumable() {
        Terminal::warn(format_args!(
            "the training can go on once this is put right: {} train --resume {}",
            program(),
            quoted(run)
        ));
    }
}
