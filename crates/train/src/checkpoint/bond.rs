//! What a checkpoint belongs to.

use std::path::Path;

use divvy_data::{Split, read_limited};
use divvy_nn::Isa;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::CheckpointFault;
use crate::architecture::layers_of;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::pictures::Pictures;
use crate::run::RunFolder;

/// What a training's result hangs on, beside its state: a checkpoint is of use only where it is the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Bond {
    /// The hash of config.toml.
    config: String,
    /// The hash of split.csv.
    split: String,
    /// The hash of the file of layers; none of a named network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layers: Option<String>,
    /// The hash of what all pictures show, those among them that validate.
    pictures: String,
    /// The hash of the pictures' places in the data, on which their random changes hang.
    places: String,
    /// The instruction set, each of which rounds in its own way.
    isa: String,
}

impl Bond {
    /// Of the training in `run`, of which config and split are written.
    ///
    /// # Errors
    /// [`TrainError::Data`] where they cannot be read.
    pub(crate) fn of(
        run: &RunFolder,
        config: &TrainConfig,
        pictures: &Pictures,
        isa: Isa,
    ) -> Result<Self, TrainError> {
        let layers = layers_of(&config.architecture)?;
        Ok(Self {
            config: of_file(&run.config())?,
            split: of_file(&run.split())?,
            layers: layers.map(|layers| format!("{:x}", Sha256::digest(layers))),
            pictures: pictures.training.survey().digest(),
            places: of_places(&pictures.split),
            isa: isa.name().to_owned(),
        })
    }

    /// Whether config and split of `run` are those of the checkpoint.
    pub(crate) fn has_files_of(&self, run: &RunFolder) -> bool {
        matches!(self.other_file(run), Ok(None))
    }

    /// Which of config and split of `run` is another than that of the checkpoint.
    fn other_file(&self, run: &RunFolder) -> Result<Option<&'static str>, TrainError> {
        for (file, hash, what) in [
            (run.config(), &self.config, "the settings in config.toml"),
            (run.split(), &self.split, "the pictures in split.csv"),
        ] {
            if of_file(&file)? != *hash {
                return Ok(Some(what));
            }
        }
        Ok(None)
    }

    /// Refuses a run whose config or split is another than that of the checkpoint at `path`.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`], and [`TrainError::Data`] where they cannot be read.
    pub(crate) fn check_files(&self, run: &RunFolder, path: &Path) -> Result<(), TrainError> {
        let refused =
            |what| TrainError::Checkpoint { path: path.to_owned(), fault: CheckpointFault::Other { what } };
        self.other_file(run)?.map_or(Ok(()), |what| Err(refused(what)))
    }

    /// What of this is otherwise in `now`, of the same run: why the training does not come to the same bits, in sentences.
    ///
    /// # Errors
    /// [`CheckpointFault::Other`] where it is of other layers or pictures.
    pub(crate) fn differences(&self, now: &Self) -> Result<Vec<String>, CheckpointFault> {
        if self.layers != now.layers {
            return Err(CheckpointFault::Other { what: "the layers in the architecture's file" });
        }
        if self.pictures != now.pictures {
            return Err(CheckpointFault::Other { what: "the content of the pictures" });
        }
        let places = (self.places != now.places).then(|| {
            "pictures were added to the data or taken from it, so that those of the training are changed at random in another way: the \
             model will not be the one that a training without interruption gives"
                .to_owned()
        });
        let isa = (self.isa != now.isa).then(|| {
            format!(
                "the training was begun with {} and goes on with {}, which rounds in another way: the model will not be, bit for bit, the \
                 one that a training without interruption gives",
                self.isa, now.isa
            )
        });
        Ok(places.into_iter().chain(isa).collect())
    }
}

fn of_file(path: &Path) -> Result<String, TrainError> {
    /// As for a split.
    const MOST: u64 = 1 << 30;
    Ok(format!("{:x}", Sha256::digest(read_limited(path, MOST)?)))
}

fn of_places(split: &Split) -> String {
    let mut hash = Sha256::new();
    for &sample in split.train.iter().chain(&split.validation) {
        hash.update((sample as u64).to_le_bytes());
    }
    format!("{:x}", hash.finalize())
}
