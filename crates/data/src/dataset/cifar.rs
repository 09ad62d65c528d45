//! CIFAR-10 and CIFAR-100 in their binary version.
//!
//! A file is a row of records: the label in one byte (of CIFAR-100 two, the coarse one and the fine one), then 32 x 32 pixels, all
//! red bytes, all green ones, all blue ones. A text file beside them names the labels, a line each
//! (<https://www.cs.toronto.edu/~kriz/cifar.html>, "Binary version").

use super::array::Array;
use super::classes::Classes;
use super::{Dataset, LabelKind, Layout, Location, Part, Sample, Source};
use crate::decode::Channels;
use crate::error::DataError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Height and width of all pictures.
const SIDE: usize = 32;
/// Names of labels take no more.
const MOST_NAME_BYTES: u64 = 1 << 20;

/// The files of a set.
pub(super) struct Found {
    version: Version,
    batches: Vec<(Part, PathBuf)>,
    /// The file that names the labels.
    names: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Ten,
    Hundred,
}

impl Version {
    /// The part that a file holds, by its name.
    fn part(self, name: &str) -> Option<Part> {
        let batch = || name.strip_prefix("data_batch_")?.strip_suffix(".bin")?.parse::<u8>().ok();
        match (self, name) {
            (Self::Ten, "test_batch.bin") | (Self::Hundred, "test.bin") => Some(Part::Test),
            (Self::Hundred, "train.bin") => Some(Part::Train),
            (Self::Ten, _) => batch().map(|_| Part::Train),
            (Self::Hundred, _) => None,
        }
    }

    fn names(self) -> &'static str {
        match self {
            Self::Ten => "batches.meta.txt",
            Self::Hundred => "fine_label_names.txt",
        }
    }

    /// Bytes before the pixels, the last of which is the label.
    fn label_bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    fn classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }
}

/// Finds the files of a set by name among `files` of `folder`.
///
/// # Errors
/// [`DataError::Cifar`] for the version that only Python reads.
pub(super) fn find(folder: &Path, files: &[PathBuf]) -> Result<Option<Found>, DataError> {
    let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let named = |wanted: &str| files.iter().find(|file| name(file) == wanted).cloned();
    for version in [Version::Ten, Version::Hundred] {
        let names = named(version.names());
        let batches = files.iter().filter_map(|file| Some((version.part(&name(file))?, file.clone())));
        let mut batches: Vec<(Part, PathBuf)> = batches.collect();
        batches.sort_by_key(|(part, _)| *part);
        // `train.bin` alone may be anything.
        if !batches.is_empty() && (version == Version::Ten || names.is_some()) {
            return Ok(Some(Found { version, batches, names }));
        }
    }
    match (named("data_batch_1"), named("batches.meta")) {
        (Some(_), Some(_)) => Err(DataError::Cifar {
            path: folder.to_owned(),
            fault: "this is the version of CIFAR-10 for Python, which runs as code when it is read; get the binary version".to_owned(),
        }),
        _ => Ok(None),
    }
}

/// Reads the files of a set.
pub(super) fn open(location: &Location, found: &Found) -> Result<Dataset, DataError> {
    let classes = found.version.classes();
    let by_value = match &found.names {
        Some(path) => read_names(location, path, classes)?,
        None => (0..classes).map(|value| value.to_string()).collect(),
    };
    let names = Classes::new(by_value.iter().cloned().collect());
    let labels: Vec<_> = by_value.iter().map(|name| names.label(LabelKind::Classes, [name])).collect();
    let (mut arrays, mut samples) = (Vec::new(), Vec::new());
    for (part, path) in &found.batches {
        let array = read_batch(location, path, found.version)?;
        for item in 0..array.len() {
            let value = array.label(item).last().copied().unwrap_or_default();
            let label = labels.get(usize::from(value)).cloned().ok_or_else(|| DataError::Cifar {
                path: path.clone(),
                fault: format!("picture {item} has the label {value}, but there are {classes}; get it again"),
            })?;
            samples.push(Sample {
                source: Source::Item { array: arrays.len(), item },
                label,
                part: Some(*part),
            });
        }
        arrays.push(array);
    }
    Ok(Dataset { arrays, ..Dataset::new(location, Layout::Cifar, LabelKind::Classes, names, samples) })
}

fn read_names(location: &Location, path: &Path, classes: usize) -> Result<Vec<String>, DataError> {
    let bytes = location.files.read(path, MOST_NAME_BYTES).map_err(|error| error.of(path))?;
    let text = String::from_utf8_lossy(&bytes);
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    if names.len() != classes || distinct.len() != classes {
        let fault = format!(
            "it holds {} names, of which {} differ, but there are {classes} labels; get it again",
            names.len(),
            distinct.len()
        );
        return Err(DataError::Cifar { path: path.to_owned(), fault });
    }
    Ok(names)
}

fn read_batch(location: &Location, path: &Path, version: Version) -> Result<Array, DataError> {
    let bytes = location.files.read(path, location.limits.max_array_bytes).map_err(|error| error.of(path))?;
    let before = version.label_bytes();
    let record = before + SIDE * SIDE * Channels::Rgb.count();
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        let fault = format!(
            "it has {} bytes, which are no whole number of records of {record}; get it again",
            bytes.len()
        );
        return Err(DataError::Cifar { path: path.to_owned(), fault });
    }
    let file_name = path.file_name().unwrap_or_default().to_owned();
    Ok(Array { file_name, height: SIDE, width: SIDE, channels: Channels::Rgb, before, bytes })
}
