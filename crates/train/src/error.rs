//! Why a training or an evaluation could not be done.

use std::fmt;
use std::io;
use std::path::PathBuf;

use divvy_data::{DataError, Fold, OutOfRange, Part, PreprocessError};
use divvy_eval::{CostError, EvalError};
use divvy_model::ModelError;
use divvy_nn::{ArchitectureError, BuildError, Diagnostic, NotFinite, OutOfMemory, PrecisionError};
use thiserror::Error;

use crate::checkpoint::CheckpointFault;

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
    /// A rule is broken: task, head, loss, labels and pictures do not fit together, or a warning is denied.
    #[error(transparent)]
    Finding(#[from] Diagnostic),
    /// The model file.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A model that is in 8 bits already.
    #[error("{path}: the model is in 8 bits already; use it as it is", path = path.display())]
    Quantized {
        /// The run or model.
        path: PathBuf,
    },
    /// The 8-bit form is no model.
    #[error("{path}: {reason}; train the model again", path = path.display())]
    Unfit {
        /// The run or model.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Metrics could not be computed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Costs of mistakes that fit no groups.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// The batch is too large for the machine.
    #[error("{source}; {fix}")]
    Memory {
        /// What is needed, and what there is.
        source: OutOfMemory,
        /// What would fit.
        fix: String,
    },
    /// The numbers that were asked for are not for this machine.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// The numbers ran away.
    #[error("{source}{left}")]
    NotFinite {
        /// What happened, and when.
        source: NotFinite,
        /// What is left.
        left: ModelsLeft,
    },
    /// A record of a training in which none begins.
    #[error("{path}: it records no training; give the folder of a run as `divvy train` left it", path = path.display())]
    NoRecord {
        /// The file.
        path: PathBuf,
    },
    /// A file of settings that does not say what it should.
    #[error("{path}, line {line}: {fault}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        fault: String,
    },
    /// The numbers ran away in a step whose own loss, computed before it, did not show it yet.
    #[error(
        "{found} after step {step}: the learning rate is too high for this network; train again with a tenth of it{left}"
    )]
    RanAway {
        /// What is not finite.
        found: String,
        /// The step, from 1.
        step: u64,
        /// What is left.
        left: ModelsLeft,
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
    /// A setting of the augmentation outside its range.
    #[error(transparent)]
    Augment(#[from] OutOfRange),
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
    /// Too few different pictures to set a part of them aside.
    #[error(
        "{data}: {images} pictures leave none for the {part} part, as copies stay together and each group keeps one to train \
         on; add pictures, or a folder of them called {part}",
        data = data.display()
    )]
    EmptyPart {
        /// The pictures' folder or list.
        data: PathBuf,
        /// The part: validation or test.
        part: Part,
        /// How many readable pictures there are to divide.
        images: usize,
    },
    /// Pictures that could be read once and not again, so that two results are not of the same pictures.
    #[error(
        "{data}: not all models could be tested on the same pictures, as files changed meanwhile; leave them as they are and run the \
         command again",
        data = data.display()
    )]
    PicturesChanged {
        /// The pictures' folder or list.
        data: PathBuf,
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
        "{path}: cannot write: {source}; free some space, or give a folder that can be written with --out",
        path = path.display()
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process trains in the run's folder.
    #[error(
        "{path}: {by} is training in this folder; wait for it or stop it, or give another folder with --out",
        path = path.display()
    )]
    RunBusy {
        /// The folder.
        path: PathBuf,
        /// Which process, as far as it is known.
        by: String,
    },
    /// A folder in which there is no training to go on with.
    #[error(
        "{path}: there is no run to go on with, as it holds no config.toml; give the folder of a run, or begin one with \
         `divvy train PHOTOS`",
        path = path.display()
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A run whose model would be lost if it began again, and which cannot go on.
    #[error(
        "{path}: it cannot go on: {reasons}; its model is kept. Train again with `divvy train --config {config} --out OTHER`, or \
         delete {model} and resume, to begin again here",
        path = path.display(),
        config = path.join("config.toml").display(),
        model = path.join("model.divvy").display()
    )]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
        /// What is wrong with each checkpoint.
        reasons: String,
    },
    /// A checkpoint from which the training cannot go on.
    #[error("{path}: {fault}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: CheckpointFault,
    },
    /// A picture of an interrupted training that can no longer be read.
    #[error("{reason}; the training was begun with this picture: put it back as it was, then resume")]
    PictureLost {
        /// Which picture, and why.
        reason: String,
    },
    /// What keeps one of several folds from being trained.
    #[error("{fold}: {source}")]
    Fold {
        /// Which fold.
        fold: Fold,
        /// What keeps it.
        source: Box<TrainError>,
    },
    /// A fold that was dealt of other pictures than the first.
    #[error(
        "{data}: {fold} is of other pictures than the first, as files were added, taken away or changed since that was begun; put them back and \
         delete the folder of {fold}, or train all again with another --out",
        data = data.display()
    )]
    FoldsChanged {
        /// The pictures' folder or list.
        data: PathBuf,
        /// The fold.
        fold: Fold,
    },
    /// Figures of folds that are not as they were written.
    #[error("{path}: {fault}; delete it and the model beside it, and resume the run, to have both made again", path = path.display())]
    Figures {
        /// The file.
        path: PathBuf,
        /// What is wrong there.
        fault: String,
    },
    /// A run that does not tell what networks say of pictures that they were not trained on.
    #[error("{path}: labels are doubted by networks that were not trained on the pictures, as a run with folds has them; {instead}", path = path.display())]
    NoFolds {
        /// The run or model.
        path: PathBuf,
        /// What to type.
        instead: String,
    },
    /// A model without probabilities, by which labels are doubted.
    #[error("{path}: labels are doubted by probabilities, and its head gives none; train with another, such as `--head softmax`", path = path.display())]
    NoProbabilities {
        /// The run or model.
        path: PathBuf,
    },
    /// A file that may hold what a person has written, and is not written over.
    #[error("{path}: this file is there already and may have been edited; name another with --into, or delete it", path = path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A model without the run that it came of, which would tell the pictures to ask it about.
    #[error(
        "{path}: no run lies beside this model that tells which pictures it was measured on; name some that are in groups: `divvy report RUN DATA`",
        path = path.display()
    )]
    NoPictures {
        /// The model.
        path: PathBuf,
    },
    /// Two models of which one puts each picture into a group and the other gives it any number of labels.
    #[error(
        "{path}: its labels do not mean what those of {with} mean, so that there is nothing to compare; name a model for the same question",
        path = path.display(), with = with.display()
    )]
    Incomparable {
        /// The one.
        path: PathBuf,
        /// The other.
        with: PathBuf,
    },
    /// The models of the folds do not make one.
    #[error("the folds make no model together: {reason}")]
    Ensemble {
        /// What does not fit, and what to do.
        reason: String,
    },
    /// Stopped before there was anything to keep.
    #[error("stopped before the first step; nothing was saved")]
    Interrupted,
    /// A comparison was stopped between its trainings or in one, which is then not kept.
    #[error("stopped; {}", reusable(*.done, *.of))]
    ComparisonStopped {
        /// Trainings that are done.
        done: usize,
        /// Trainings of the comparison.
        of: usize,
    },
    /// A folder in which there is no tune to go on with.
    #[error(
        "{path}: there is no tune to go on with, as it holds no tune.toml; give the folder of a tune, or begin one with \
         `divvy tune PHOTOS --minutes 60`",
        path = path.display()
    )]
    NoTune {
        /// The folder.
        path: PathBuf,
    },
    /// A tune was stopped between its trainings or in one, which can be gone on with.
    #[error("stopped; {done} trainings are done. `divvy tune --resume {path}` goes on", path = path.display())]
    TuneStopped {
        /// The folder.
        path: PathBuf,
        /// Trainings that are done.
        done: usize,
    },
    /// No training of a tune came to a model.
    #[error("none of {trials} trainings came to a model; the first: {reason}")]
    NothingTrained {
        /// How many were tried.
        trials: usize,
        /// Why the first did not.
        reason: String,
    },
}

impl TrainError {
    /// The broken rule that the error is about, if it is about one.
    pub fn finding(&self) -> Option<&Diagnostic> {
        match self {
            Self::Finding(finding) => Some(finding),
            Self::Build(error) => error.finding(),
            Self::Architecture(error) => error.finding(),
            Self::Data(error) => error.finding(),
            Self::Fold { source, .. } => source.finding(),
            _ => None,
        }
    }

    /// Whether nothing is wrong but that someone asked to stop.
    pub(crate) fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Data(DataError::Interrupted))
    }

    /// The broken rule that the error is about.
    ///
    /// # Errors
    /// The error, when it is about something else.
    pub(crate) fn into_finding(self) -> Result<Diagnostic, Self> {
        match self.finding() {
            Some(finding) => Ok(finding.clone()),
            None => Err(self),
        }
    }
}

fn reusable(done: usize, of: usize) -> String {
    match done {
        0 => format!("none of the {of} trainings is done yet"),
        1 => format!("1 of {of} trainings is done and will be used again"),
        _ => format!("{done} of {of} trainings are done and will be used again"),
    }
}

/// The epochs whose models are left of a training that ended with an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ModelsLeft {
    /// The best one, whose model is `model.divvy`.
    pub best: Option<u32>,
    /// The last one, whose model is `last.divvy`, unless it is the best.
    pub last: Option<u32>,
}

impl fmt::Display for ModelsLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.best, self.last) {
            (None, _) => write!(f, ". No model was saved"),
            (Some(best), None) => write!(f, ". The model of epoch {best} is kept"),
            (Some(best), Some(last)) => {
                write!(f, ". The models of epoch {best}, the best, and of epoch {last}, the last, are kept")
            }
        }
    }
}
