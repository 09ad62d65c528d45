//! The model file: safetensors, whose metadata holds the rest as JSON. docs/model-file.md has it byte for byte.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use divvy_data::{DataError, Preprocess, write_atomically};
use divvy_nn::{
    Graph, Head, Network, Numbers, ParameterTable, Parameters, Quantized, QuantizedValues, Task, Tensor,
};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View, serialize};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::record::TrainingRecord;
use crate::{MODEL_FILE, Model, ModelError, Views, Weights};

/// The newest version of the format. Models in `f32` that look at a picture once are written as version 1, which older readers know.
const VERSION: u64 = 3;

/// The metadata's only key. One key, because the order of several is not fixed and the same model is the same bytes.
const KEY: &str = "divvy";

/// The most bytes a model file can have: all parameters that a graph may have, and safetensors' longest header.
const MAX_FILE: u64 = (Graph::MAX_PARAMETERS as u64) * 4 + (100 << 20);

/// Everything in a model file but the numbers.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    version: u64,
    /// Since version 2; `f32` where it is missing.
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    precision: Precision,
    task: Task,
    head: Head,
    classes: Cow<'a, [String]>,
    preprocess: Cow<'a, Preprocess>,
    /// Since version 3; `single` where it is missing.
    #[serde(default, skip_serializing_if = "Views::is_single")]
    views: Views,
    graph: Cow<'a, Graph>,
    record: Cow<'a, TrainingRecord>,
}

/// How the weights are stored.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Precision {
    #[default]
    F32,
    Int8,
}

impl Precision {
    fn of(weights: &Weights) -> Self {
        match weights {
            Weights::F32(_) => Self::F32,
            Weights::Int8(_) => Self::Int8,
        }
    }

    /// The first version that knows it.
    fn version(self) -> u64 {
        match self {
            Self::F32 => 1,
            Self::Int8 => 2,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_f32(&self) -> bool {
        *self == Self::F32
    }
}

/// What is read of a header before anything else is looked at.
#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl Model {
    /// Writes the model to `path`: to a temporary file beside it, synced, then renamed.
    ///
    /// # Errors
    /// [`ModelError::Write`]; the file that was there before, if any, is then as it was.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let bytes = self.to_bytes();
        write_atomically(path, |file| file.write_all(&bytes)).map_err(|error| ModelError::Write {
            path: path.to_owned(),
            source: match error {
                DataError::Write { source, .. } => source,
                other => io::Error::other(other),
            },
        })
    }

    /// The content of the model file. The same model gives the same bytes.
    ///
    /// # Panics
    /// Never: names are unique, lengths are those of the shapes, and a header has nothing that JSON cannot hold.
    pub fn to_bytes(&self) -> Vec<u8> {
        let precision = Precision::of(&self.weights);
        let header = Header {
            version: if self.views.is_single() { precision.version() } else { VERSION },
            precision,
            task: self.network.head().task(),
            head: *self.network.head(),
            classes: Cow::Borrowed(&self.classes),
            preprocess: Cow::Borrowed(&self.preprocess),
            views: self.views,
            graph: Cow::Borrowed(self.network.graph()),
            record: Cow::Borrowed(&self.record),
        };
        let header =
            serde_json::to_string(&header).expect("a header has string keys only and no failing serialiser");
        let tensors: Vec<(String, Stored)> = match &self.weights {
            Weights::F32(parameters) => parameters.tensors().map(Stored::named).collect(),
            Weights::Int8(quantized) => {
                let stored =
                    |(name, values): (&String, &QuantizedValues)| (name.clone(), Stored(values.clone()));
                quantized.tensors().iter().map(stored).collect()
            }
        };
        serialize(tensors, Some(HashMap::from([(KEY.to_owned(), header)])))
            .expect("names are unique, and lengths are those of the shapes")
    }

    /// Reads a model: `path` is the file or a run's folder with a `model.divvy` in it.
    ///
    /// # Errors
    /// A [`ModelError`] that says what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let path = locate(path)?;
        let bytes = read_limited(&path)?;
        Self::from_bytes(&bytes, &path)
    }

    /// Reads the content of a model file; `path` is what errors name.
    ///
    /// # Errors
    /// A [`ModelError`] that says what is wrong with the content.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let damaged = |reason: &dyn ToString| ModelError::damaged(path, reason);
        let (_, metadata) =
            SafeTensors::read_metadata(bytes).map_err(|error| unreadable(bytes, &error, path))?;
        let header = metadata.metadata().as_ref().and_then(|all| all.get(KEY)).ok_or_else(|| {
            ModelError::Foreign { path: path.to_owned(), found: "a safetensors file of another program" }
        })?;
        let Version { version } = serde_json::from_str(header).map_err(|error| damaged(&error))?;
        if version > VERSION {
            return Err(ModelError::Version { path: path.to_owned(), found: version, known: VERSION });
        }
        let header: Header<'_> = serde_json::from_str(header).map_err(|error| damaged(&error))?;
        let network =
            Network::new(header.graph.into_owned(), header.task).map_err(|error| damaged(&error))?;
        if *network.head() != header.head {
            return Err(damaged(&format!(
                "the head is said to be {}, the graph ends in {}",
                header.head,
                network.head()
            )));
        }
        let (network, weights) = match header.precision {
            Precision::F32 => {
                let parameters = read_parameters(bytes, ParameterTable::new(network.graph()), path)?;
                (network, Weights::F32(parameters))
            }
            Precision::Int8 => {
                let quantized = read_quantized(bytes, network, path)?;
                (quantized.network().clone(), Weights::Int8(quantized))
            }
        };
        let (classes, preprocess) = (header.classes.into_owned(), header.preprocess.into_owned());
        let views = header.views;
        let model = Self { network, classes, preprocess, views, weights, record: header.record.into_owned() };
        model.checked().map_err(|reason| damaged(&reason))
    }
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

fn read_parameters(bytes: &[u8], table: ParameterTable, path: &Path) -> Result<Parameters, ModelError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| ModelError::damaged(path, &error))?;
    // Room is made for the graph's parameters only once the file is known to hold as many numbers.
    let (expected, found) = (table.values_len(), bytes.len() / size_of::<f32>());
    if expected > found {
        return Err(ModelError::damaged(
            path,
            &format!("the graph has {expected} parameters, the file at most {found} numbers"),
        ));
    }
    let mut tensors = file
        .iter()
        .map(|(name, view)| match view.dtype() {
            Dtype::F32 => Ok(Tensor {
                name: name.to_owned(),
                shape: view.shape().to_vec(),
                values: numbers(view.data()),
            }),
            other => {
                Err(ModelError::damaged(path, &format!("'{name}' holds {other:?} where f32 is expected")))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    // The reader gives them in no fixed order; what does not fit should be told the same each time.
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Parameters::from_tensors(Arc::new(table), tensors)
        .map_err(|source| ModelError::Weights { path: path.to_owned(), source })
}

fn read_quantized(bytes: &[u8], network: Network, path: &Path) -> Result<Quantized, ModelError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| ModelError::damaged(path, &error))?;
    let tensors = file.iter().map(|(name, view)| {
        let numbers = match view.dtype() {
            Dtype::F32 => Numbers::F32(numbers(view.data())),
            Dtype::I8 => Numbers::I8(view.data().iter().map(|byte| byte.cast_signed()).collect()),
            other => {
                let found = format!("'{name}' holds {other:?} where i8 or f32 is expected");
                return Err(ModelError::damaged(path, &found));
            }
        };
        Ok((name.to_owned(), QuantizedValues { shape: view.shape().to_vec(), numbers }))
    });
    let tensors = tensors.collect::<Result<BTreeMap<_, _>, _>>()?;
    Quantized::new(network, tensors)
        .map_err(|source| ModelError::Quantized { path: path.to_owned(), source: Box::new(source) })
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

/// What the start of a file that is no safetensors file says about it.
fn unreadable(bytes: &[u8], error: &SafeTensorError, path: &Path) -> ModelError {
    let foreign = |found| ModelError::Foreign { path: path.to_owned(), found };
    match bytes {
        [] => foreign("an empty file"),
        [0x89, b'H', b'D', b'F', ..] => foreign("an HDF5 file, as Keras writes for .h5"),
        [b'P', b'K', 3, 4, ..] => foreign("a zip archive, as Keras writes for .keras and PyTorch for .pt"),
        [0x80, 2..=5, ..] => foreign("a Python pickle, as older PyTorch writes"),
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => foreign("a TensorFlow Lite model"),
        [0xff, 0xd8, 0xff, ..] | [0x89, b'P', b'N', b'G', ..] => foreign("a picture"),
        _ if bytes.starts_with(b"version https://git-lfs") => {
            foreign("a git-LFS pointer; run `git lfs pull` to get the file itself")
        }
        // The eight bytes before a header give its length; what follows is JSON in every safetensors file.
        [_, _, _, _, _, _, _, _, b'{', ..] => ModelError::damaged(path, &error),
        _ => foreign("a file of an unknown format"),
    }
}

/// A tensor as safetensors takes it: little-endian numbers.
struct Stored(QuantizedValues);

impl Stored {
    fn named(tensor: Tensor) -> (String, Self) {
        let Tensor { name, shape, values } = tensor;
        (name, Self(QuantizedValues { shape, numbers: Numbers::F32(values) }))
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        match self.0.numbers {
            Numbers::F32(_) => Dtype::F32,
            Numbers::I8(_) => Dtype::I8,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.0.numbers {
            Numbers::F32(numbers) => {
                numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>().into()
            }
            Numbers::I8(numbers) => {
                numbers.iter().map(|number| number.cast_unsigned()).collect::<Vec<_>>().into()
            }
        }
    }

    fn data_len(&self) -> usize {
        match &self.0.numbers {
            Numbers::F32(numbers) => numbers.len() * size_of::<f32>(),
            Numbers::I8(numbers) => numbers.len(),
        }
    }
}
