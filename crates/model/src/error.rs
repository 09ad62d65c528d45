//! What can be wrong with a model file.

use std::io;
use std::path::{Path, PathBuf};

use divvy_nn::{OutOfMemory, ParameterError, QuantizeError};
use thiserror::Error;

/// Why a model could not be read or written. Each message names the file, what was found and what to do.
#[derive(Debug, Error)]
pub enum ModelError {
    /// There is nothing at that path.
    #[error(
        "{path}: no such file or folder; give a run's folder, as `divvy train` names it, or the model.divvy in it"
    )]
    Missing {
        /// The path given.
        path: PathBuf,
    },
    /// A folder without a model.
    #[error(
        "{path}: this folder holds no model.divvy; give the folder of a run that has finished an epoch, or train one with `divvy train`"
    )]
    NoModel {
        /// The folder.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("{path}: cannot read the model: {source}; check that the file may be read, or copy it again")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file could not be written; what was there before is untouched.
    #[error(
        "{path}: cannot write the model: {source}; free some space or give another --out, the file there is as it was"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any model can be.
    #[error(
        "{path}: the file has {found} bytes, more than a model can have; give a model.divvy made by `divvy train`"
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
    },
    /// The file is of another format.
    #[error("{path}: this is not a divvy model but {found}; give a model.divvy made by `divvy train`")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
    },
    /// The file was cut short or changed.
    #[error(
        "{path}: the model file is damaged ({reason}); copy it again from where it came from, or train again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file was written by a later version.
    #[error(
        "{path}: the model file has format version {found}, this divvy reads up to {known}; update divvy"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u64,
        /// The newest version known.
        known: u64,
    },
    /// Several models where one is needed.
    #[error(
        "{path}: it holds {members} models that answer together, and this can be done with one alone; give the run of one of them, such as {one}",
        one = one_of(.path)
    )]
    Several {
        /// The file.
        path: PathBuf,
        /// How many there are.
        members: usize,
    },
    /// The weights are not those of the graph.
    #[error("{path}: {source}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: ParameterError,
    },
    /// The 8-bit weights are not those of the graph.
    #[error("{path}: {source}")]
    Quantized {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: Box<QuantizeError>,
    },
    /// The machine has no room for the model at work.
    #[error("the model cannot be used here: {0}; end other programs, or train one for a smaller --size")]
    Memory(#[from] OutOfMemory),
}

/// The run of the first of several models, beside the file that holds all.
fn one_of(path: &Path) -> String {
    path.with_file_name("fold-1").display().to_string()
}

impl ModelError {
    pub(crate) fn damaged(path: &Path, reason: &dyn ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}
