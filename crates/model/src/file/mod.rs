//! The model file: safetensors, whose metadata holds the rest as JSON. docs/model-file.md has it byte for byte.

mod foreign;
mod header;
mod tensors;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use divvy_data::write_atomically;
use divvy_nn::Graph;
use safetensors::tensor::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use crate::{Ensemble, MODEL_FILE, Model, ModelError, Trained};
use header::{Count, One, Part, Several, Version};
use tensors::{Stored, Tensors, member_prefix};

/// The metadata's only key. One key, because the order of several is not fixed and the same model is the same bytes.
const KEY: &str = "divvy";

/// The most bytes a model file can have: all parameters that a graph may have, and safetensors' longest header.
const MAX_FILE: u64 = (Graph::MAX_PARAMETERS as u64) * 4 + (100 << 20);

impl Model {
    /// Writes the model to `path`: to a temporary file beside it, synced, then renamed.
    ///
    /// # Errors
    /// [`ModelError::Write`]; the file that was there before, if any, is then as it was.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        save(&self.to_bytes(), path)
    }

    /// The content of the model file. The same model gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(&One::of(self), Stored::all(self, "").collect())
    }

    /// Reads a model: `path` is the file or a run's folder with a `model.divvy` in it.
    ///
    /// # Errors
    /// A [`ModelError`] that says what is wrong with the file; [`ModelError::Several`] where it holds several models.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let path = locate(path)?;
        Self::from_bytes(&read_limited(&path)?, &path)
    }

    /// Reads the content of a model file; `path` is what errors name.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        match Trained::from_bytes(bytes, path)? {
            Trained::One(model) => Ok(*model),
            Trained::Several(ensemble) => {
                let members = ensemble.members().len();
                Err(ModelError::Several { path: path.to_owned(), members })
            }
        }
    }
}

impl Ensemble {
    /// As [`Model::save`].
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        save(&self.to_bytes(), path)
    }

    /// As [`Model::to_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let begins: Vec<_> = (1..=self.members().len()).map(member_prefix).collect();
        let members = self.members().iter().zip(&begins);
        let tensors = members.flat_map(|(model, begin)| Stored::all(model, begin)).collect();
        to_bytes(&Several::of(self.members()), tensors)
    }
}

impl Trained {
    /// Reads what is in a model file: `path` is the file or a run's folder with a `model.divvy` in it.
    ///
    /// # Errors
    /// A [`ModelError`] that says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let path = locate(path)?;
        Self::from_bytes(&read_limited(&path)?, &path)
    }

    /// Reads the content of a model file; `path` is what errors name.
    ///
    /// # Errors
    /// A [`ModelError`] that says what is wrong with the content.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| foreign::unreadable(bytes, &error, path))?;
        let header = metadata.metadata().as_ref().and_then(|all| all.get(KEY)).ok_or_else(|| {
            ModelError::Foreign { path: path.to_owned(), found: "a safetensors file of another program" }
        })?;
        let Version { version } = parsed(header, path)?;
        if version > header::NEWEST {
            return Err(ModelError::Version { path: path.to_owned(), found: version, known: header::NEWEST });
        }
        let members = match version {
            ..header::SEVERAL => None,
            _ => parsed::<Count>(header, path)?.members,
        };
        match members {
            None if version == header::SEVERAL => Err(ModelError::damaged(path, &"it names no members")),
            None => one(header, bytes, path).map(Self::from),
            Some(members) => several(header, members.len(), bytes, path).map(Self::from),
        }
    }
}

/// The model of a file that holds one.
fn one(header: &str, bytes: &[u8], path: &Path) -> Result<Model, ModelError> {
    let part: Part<'_> = parsed(header, path)?;
    refuse_too_many(std::slice::from_ref(&part), bytes, path)?;
    part.model(Tensors::of(bytes, path)?, path)
}

/// The models of a file that holds so many.
fn several(header: &str, count: usize, bytes: &[u8], path: &Path) -> Result<Ensemble, ModelError> {
    if !(2..=Ensemble::MOST).contains(&count) {
        return Err(ModelError::damaged(path, &format!("it says to hold {count} models")));
    }
    let Several { members, .. } = parsed(header, path)?;
    refuse_too_many(&members, bytes, path)?;
    let mut tensors = Tensors::of(bytes, path)?;
    let models = (1..).zip(members).map(|(number, part)| part.model(tensors.take_member(number), path));
    let models = models.collect::<Result<Vec<_>, _>>()?;
    if let Some(name) = tensors.left() {
        return Err(ModelError::damaged(path, &format!("'{name}' belongs to none of its models")));
    }
    Ensemble::new(models).map_err(|reason| ModelError::damaged(path, &reason))
}

/// Makes sure that a file has as many numbers as its graphs have parameters, before room is made for these.
fn refuse_too_many(parts: &[Part<'_>], bytes: &[u8], path: &Path) -> Result<(), ModelError> {
    let expected: usize = parts.iter().filter(|part| part.is_f32()).map(Part::parameters).sum();
    let found = bytes.len() / size_of::<f32>();
    if expected > found {
        let reason = format!("the graph has {expected} parameters, the file at most {found} numbers");
        return Err(ModelError::damaged(path, &reason));
    }
    Ok(())
}

/// A header, or a part of it.
fn parsed<'a, T: Deserialize<'a>>(header: &'a str, path: &Path) -> Result<T, ModelError> {
    serde_json::from_str(header).map_err(|error| ModelError::damaged(path, &error))
}

/// The content of a file with this header and these tensors.
fn to_bytes(header: &impl Serialize, tensors: Vec<(String, Stored)>) -> Vec<u8> {
    let header =
        serde_json::to_string(header).expect("a header has string keys only and no failing serialiser");
    serialize(tensors, Some(HashMap::from([(KEY.to_owned(), header)])))
        .expect("names are unique, and lengths are those of the shapes")
}

fn save(bytes: &[u8], path: &Path) -> Result<(), ModelError> {
    write_atomically(path, |file| file.write_all(bytes))
        .map_err(|error| ModelError::Write { path: path.to_owned(), source: error.into_io() })
}

/// The model file that a path stands for.
fn locate(path: &Path) -> Result<PathBuf, ModelError> {
    if path.is_dir() {
        let file = path.join(MODEL_FILE);
        return if file.is_file() { Ok(file) } else { Err(ModelError::NoModel { path: path.to_owned() }) };
    }
    if path.exists() { Ok(path.to_owned()) } else { Err(ModelError::Missing { path: path.to_owned() }) }
}

/// Reads a regular file of at most [`MAX_FILE`] bytes.
fn read_limited(path: &Path) -> Result<Vec<u8>, ModelError> {
    let failed = |source| ModelError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")));
    }
    let file = fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    if length <= MAX_FILE {
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    let found = length.max(bytes.len() as u64);
    if found > MAX_FILE { Err(ModelError::TooLarge { path: path.to_owned(), found }) } else { Ok(bytes) }
}
