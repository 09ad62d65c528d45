//! Why a training or an evaluation could not be done.

use std::io;
use std::path::PathBuf;

use divvy_data::{DataError, PreprocessError};
use divvy_eval::EvalError;
use divvy_model::ModelError;
use divvy_nn::{ArchitectureError, BuildError, Diagnostic, NotFinite, OutOfMemory};
use thiserror::Error;

/// Why a training or an evaluation could not be done. Each message says what was found and what to do.
#[derive(Debug, Error)]
pub enum TrainError {
    /// The pictures or their folders.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The size of pictures.
    #[error(transparent)]
    Preprocess(#[from] PreprocessError),
    /// The layers of the network.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The network does not fit together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Task, head and labels do not fit together.
    #[error(transparent)]
    Wiring(#[from] Diagnostic),
    /// The model file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Metrics could not be computed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The batch is too large for the machine.
    #[error("{0}; give a smaller --batch or --size")]
    Memory(#[from] OutOfMemory),
    /// The numbers ran away.
    #[error("{source}{}", kept(*.best_epoch))]
    NotFinite {
        /// What happened, and when.
        source: NotFinite,
        /// The best epoch before, whose model was kept.
        best_epoch: Option<u32>,
    },
    /// The numbers ran away in a step whose own loss, computed before it, did not show it yet.
    #[error(
        "{found} after step {step}: the learning rate is too high for this network; train again with a tenth of it{}",
        kept(*.best_epoch)
    )]
    RanAway {
        /// What is not finite.
        found: String,
        /// The step, from 1.
        step: u64,
        /// The best epoch before, whose model was kept.
        best_epoch: Option<u32>,
    },
    /// A picture without exactly one label, and a model that puts each picture into one group.
    #[error(
        "{data}: {picture} has {labels}, but the model puts each picture into exactly one group; give it one label, or a \
         model trained on pictures with several"
    )]
    NotExclusive {
        /// The pictures' folder or list.
        data: PathBuf,
        /// What the picture is called there.
        picture: String,
        /// How many labels it has and which, in words.
        labels: String,
    },
    /// A setting outside its range.
    #[error("{setting} is {found}; {wanted}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What was given.
        found: String,
        /// What can be given.
        wanted: &'static str,
    },
    /// The run's folder is in use already.
    #[error("{path}: {contents}; nothing was changed. Give another folder with --out, or delete this one")]
    RunExists {
        /// The folder.
        path: PathBuf,
        /// What is there.
        contents: String,
    },
    /// The run's folder or a file in it could not be written.
    #[error(
        "{path}: cannot write: {source}; free some space, or give a folder that can be written with --out"
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Stopped before there was anything to keep.
    #[error("stopped before the first step; nothing was saved")]
    Interrupted,
}

fn kept(best_epoch: Option<u32>) -> String {
    match best_epoch {
        Some(epoch) => format!(". The model of epoch {epoch} is kept"),
        None => ". No model was saved".to_owned(),
    }
}
