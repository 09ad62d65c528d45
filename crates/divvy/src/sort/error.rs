//! Why a sort stops.

use std::io;
use std::path::{Path, PathBuf};

use divvy_data::DataError;

/// Why a sort stops. What was sorted before stays so, and the same command goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SortError {
    /// The pictures' folder cannot be listed.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The pictures would be sorted into their own folder.
    #[error("{}: this is the folder being sorted; give another one with --into", path.display())]
    IntoItself {
        /// The folder.
        path: PathBuf,
    },
    /// Something could not be done to a file or folder.
    #[error("{}: cannot be {what}: {source}; mend that and run the same command again, it goes on from here", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done with it.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// Another sort writes into the same folder.
    #[error("{}: another sort is at work in this folder; wait until it is done", path.display())]
    Busy {
        /// The record that it holds.
        path: PathBuf,
    },
    /// No pictures were set aside into the folder, or all are back.
    #[error("{}: nothing is set aside here: there is no {}; give the folder that `divvy check --move-to` named", path.display(), super::SET_ASIDE)]
    NothingAside {
        /// The folder.
        path: PathBuf,
    },
    /// What is there under the record's name is something else.
    #[error("{}: {fault}; move this file away, or give another folder", path.display())]
    ForeignRecord {
        /// The file.
        path: PathBuf,
        /// What was found.
        fault: String,
    },
}

impl SortError {
    /// A closure that adds to an I/O error what was tried on which path.
    pub(super) fn disk(path: &Path, what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let (path, what) = (path.to_owned(), what.into());
        move |source| Self::Disk { path, what, source }
    }
}
