//! The two files of a run's checkpoints: the next one is written in place of the older, so that the newer is there until it is whole.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use divvy_data::write_atomically;
use divvy_nn::StateTensor;

use super::file::{self, Opened};
use super::{Checkpoint, CheckpointFault, State};
use crate::error::TrainError;
use crate::run::RunFolder;

/// Where the next checkpoint goes.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    paths: [PathBuf; 2],
    /// The place of the one that is not the newest.
    next: usize,
    serial: u64,
}

/// The newest checkpoint of a run.
pub(crate) enum Latest {
    /// One that is whole.
    Usable {
        checkpoint: Box<Checkpoint>,
        path: PathBuf,
        slots: Slots,
        /// What is wrong with newer ones, a sentence each.
        passed_over: Vec<String>,
    },
    /// None is; what is wrong with those that are there.
    None { passed_over: Vec<String> },
}

impl Slots {
    /// Of a run that has no checkpoint yet.
    pub(crate) fn new(run: &RunFolder) -> Self {
        Self { paths: run.checkpoints(), next: 0, serial: 1 }
    }

    /// Looks for the newest checkpoint that is whole and of this training, as `is_own` says; where none is, for the newest that is whole.
    pub(crate) fn latest(run: &RunFolder, is_own: impl Fn(&State) -> bool) -> Latest {
        let mut passed_over = Vec::new();
        let mut opened = Vec::new();
        for (place, path) in run.checkpoints().into_iter().enumerate() {
            match open(&path) {
                Ok(Some(file)) => opened.push((is_own(&file.state), file, place, path)),
                Ok(None) => {}
                Err(fault) => passed_over.push(told(&path, &fault)),
            }
        }
        opened.sort_by_key(|(is_own, file, ..)| std::cmp::Reverse((*is_own, file.state.serial)));
        if opened.iter().any(|(is_own, ..)| *is_own) {
            let others = opened.iter().filter(|(is_own, ..)| !is_own);
            passed_over
                .extend(others.map(|(.., path)| format!("{}: it is of another training", path.display())));
        }
        for (_, file, place, path) in opened {
            match file.tensors() {
                Ok((state, tensors)) => {
                    let slots =
                        Self { next: 1 - place, serial: state.serial.saturating_add(1), ..Self::new(run) };
                    let checkpoint = Box::new(Checkpoint { state, tensors });
                    return Latest::Usable { checkpoint, path, slots, passed_over };
                }
                Err(fault) => passed_over.push(told(&path, &fault)),
            }
        }
        Latest::None { passed_over }
    }

    /// The number of the next checkpoint.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Writes the next checkpoint. One that fails leaves what is there as it is.
    ///
    /// # Errors
    /// [`TrainError::Data`] with what keeps it from being written.
    pub(crate) fn write(
        &mut self,
        state: &State,
        tensors: impl Iterator<Item = StateTensor>,
    ) -> Result<(), TrainError> {
        write_atomically(&self.paths[self.next], |to| file::write(to, state, tensors))?;
        self.next = 1 - self.next;
        self.serial = self.serial.saturating_add(1);
        Ok(())
    }
}

fn told(path: &Path, fault: &CheckpointFault) -> String {
    format!("{}: {fault}", path.display())
}

/// The checkpoint at `path`, if there is anything.
fn open(path: &Path) -> Result<Option<Opened<BufReader<File>>>, CheckpointFault> {
    let unreadable = |error: io::Error| CheckpointFault::Unreadable { reason: error.to_string() };
    let found = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(unreadable)?,
    };
    if !found.is_file() {
        return Err(CheckpointFault::Foreign { found: "no regular file" });
    }
    let file = File::open(path).map_err(unreadable)?;
    let len = file.metadata().map_err(unreadable)?.len();
    Opened::new(BufReader::new(file), len).map(Some)
}
