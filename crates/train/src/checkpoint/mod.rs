//! What of a training survives its process: two files in the run's folder, written in turn.

mod bond;
mod file;
mod keeper;
mod slots;
mod state;

use std::io::Write;

use divvy_nn::StateTensor;
use thiserror::Error;

pub(crate) use bond::Bond;
pub(crate) use keeper::Keeper;
pub(crate) use slots::{Latest, Slots};
pub(crate) use state::State;

/// A training as it was at one moment: with the run's folder and the pictures, all that is needed to go on.
#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoint {
    pub(crate) state: State,
    /// The numbers of the network and of its optimizer.
    pub(crate) tensors: Vec<StateTensor>,
}

impl Checkpoint {
    /// Reads the content of a checkpoint's file. Memory is taken for as much as the bytes can hold, whatever they say.
    ///
    /// # Errors
    /// A [`CheckpointFault`] where they are no checkpoint, or not all of one as it was written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointFault> {
        let (state, tensors) = file::Opened::new(bytes, bytes.len() as u64)?.tensors()?;
        Ok(Self { state, tensors })
    }

    /// Writes the content of a checkpoint's file.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> std::io::Result<()> {
        file::write(to, &self.state, self.tensors.iter().cloned())
    }
}

/// Why a training cannot go on from a checkpoint.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CheckpointFault {
    /// It is of another format.
    #[error("this is no checkpoint but {found}")]
    Foreign {
        /// What it looks like.
        found: &'static str,
    },
    /// It was written by another version.
    #[error(
        "the checkpoint has format version {found}, this divvy reads {known}; go on with the divvy that the run was begun with"
    )]
    Version {
        /// The version found.
        found: u32,
        /// The version known.
        known: u32,
    },
    /// It ends before it should.
    #[error("the checkpoint is cut short")]
    CutShort,
    /// Its bytes are not those that were written.
    #[error("the checkpoint is damaged: its checksum is another")]
    Checksum,
    /// It says what no training writes.
    #[error("the checkpoint is damaged: {reason}")]
    Damaged {
        /// What does not fit.
        reason: String,
    },
    /// The system does not give it.
    #[error("the checkpoint cannot be read: {reason}")]
    Unreadable {
        /// What the system said.
        reason: String,
    },
    /// It is whole, and of another training.
    #[error(
        "the checkpoint belongs to another training: {what} is not what it was begun with; put it back as it was, or delete the \
         checkpoints to begin again"
    )]
    Other {
        /// What differs.
        what: &'static str,
    },
}
