//! MNIST-style idx files, gzip-compressed or not.
//!
//! An idx file is two zero bytes, the type of its values (0x08 for bytes), the number of dimensions, each dimension as a
//! big-endian `u32`, then the values in row-major order and nothing else
//! (<https://yann.lecun.com/exdb/mnist/>, "the IDX file format").

use super::array::{Array, read_exactly};
use super::classes::Classes;
use super::{Dataset, LabelKind, Layout, Location, Part, Sample, Source};
use crate::decode::{Channels, Limits};
use crate::error::DataError;
use flate2::read::GzDecoder;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The type code of unsigned bytes, the only one images and labels are stored as.
const UNSIGNED_BYTES: u8 = 0x08;
/// A side longer than this is no image but a damaged header.
const LONGEST_SIDE: usize = 16_384;
/// The image and label file of one part.
pub(super) struct Pair {
    part: Part,
    images: PathBuf,
    labels: PathBuf,
}

/// Finds pairs of idx files by name among `files` of `folder`.
///
/// # Errors
/// [`DataError::Idx`] where one of a pair is missing, or where it is unclear which files belong together.
pub(super) fn find(folder: &Path, files: &[PathBuf]) -> Result<Option<Vec<Pair>>, DataError> {
    let mut found: BTreeMap<(Part, Kind), PathBuf> = BTreeMap::new();
    for file in files {
        let Some(key) = recognise(file) else { continue };
        match found.get(&key) {
            // The same data packed and unpacked: the unpacked one is quicker to read.
            Some(other) if other.with_extension("") == *file => {}
            Some(other) if file.with_extension("") == *other => continue,
            Some(other) => {
                let fault = format!(
                    "this folder holds both {} and {}; keep one set of idx files in it",
                    file_name(other),
                    file_name(file)
                );
                return Err(DataError::Idx { path: folder.to_owned(), fault });
            }
            None => {}
        }
        found.insert(key, file.clone());
    }
    let mut pairs = Vec::new();
    for part in Part::ALL {
        match (found.remove(&(part, Kind::Images)), found.remove(&(part, Kind::Labels))) {
            (Some(images), Some(labels)) => pairs.push(Pair { part, images, labels }),
            (Some(alone), None) => return Err(unpaired(alone, "label")),
            (None, Some(alone)) => return Err(unpaired(alone, "image")),
            (None, None) => {}
        }
    }
    Ok((!pairs.is_empty()).then_some(pairs))
}

fn unpaired(path: PathBuf, missing: &str) -> DataError {
    DataError::Idx {
        path,
        fault: format!("the {missing} file that belongs to it is missing; put it beside it"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Images,
    Labels,
}

/// What an idx file's name says it holds: `train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte.gz`...
fn recognise(file: &Path) -> Option<(Part, Kind)> {
    let name = file.file_name()?.to_str()?.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let (kind, marker) =
        if name.contains("images") { (Kind::Images, "idx3") } else { (Kind::Labels, "idx1") };
    if !name.contains(marker) || (kind == Kind::Labels && !name.contains("labels")) {
        return None;
    }
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let part = words
        .into_iter()
        .find_map(|word| if word == "t10k" { Some(Part::Test) } else { Part::from_name(word) })?;
    Some((part, kind))
}

/// Reads pairs of idx files. The classes are the label values that occur.
pub(super) fn open(location: &Location, pairs: &[Pair]) -> Result<Dataset, DataError> {
    let mut arrays = Vec::new();
    let mut labels = Vec::new();
    for pair in pairs {
        let images = read_images(location, &pair.images)?;
        let values = read_labels(location, &pair.labels)?;
        if images.len() != values.len() {
            let (n, m, other) = (values.len(), images.len(), file_name(&pair.images));
            let fault =
                format!("it has {n} labels, but {other} has {m} images; get both files from the same set");
            return Err(DataError::Idx { path: pair.labels.clone(), fault });
        }
        arrays.push(images);
        labels.push(values);
    }
    let values: BTreeSet<u8> = labels.iter().flatten().copied().collect();
    let classes = Classes::new(values.iter().map(u8::to_string).collect());
    let by_value: BTreeMap<u8, _> =
        values.iter().map(|v| (*v, classes.label(LabelKind::Classes, [&v.to_string()]))).collect();
    let mut samples = Vec::with_capacity(labels.iter().map(Vec::len).sum());
    for (array, (pair, values)) in pairs.iter().zip(&labels).enumerate() {
        samples.extend(values.iter().enumerate().map(|(item, value)| Sample {
            source: Source::Item { array, item },
            label: by_value[value].clone(),
            part: Some(pair.part),
        }));
    }
    Ok(Dataset { arrays, ..Dataset::new(location, Layout::Idx, LabelKind::Classes, classes, samples) })
}

fn read_images(location: &Location, path: &Path) -> Result<Array, DataError> {
    let (dimensions, bytes) = read(location, path, 3)?;
    let (height, width) = (dimensions[1], dimensions[2]);
    if !(1..=LONGEST_SIDE).contains(&height) || !(1..=LONGEST_SIDE).contains(&width) || bytes.is_empty() {
        let fault = format!(
            "it claims {} images of {width} x {height} pixels, which cannot be; download it again",
            dimensions[0]
        );
        return Err(DataError::Idx { path: path.to_owned(), fault });
    }
    let file_name = path.file_name().unwrap_or_default().to_owned();
    Ok(Array { file_name, height, width, channels: Channels::Grey, before: 0, bytes })
}

fn read_labels(location: &Location, path: &Path) -> Result<Vec<u8>, DataError> {
    read(location, path, 1).map(|(_, bytes)| bytes)
}

/// Reads an idx file of unsigned bytes with `rank` dimensions.
fn read(location: &Location, path: &Path, rank: u8) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let file = location.files.reader(path)?;
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let parsed = if packed {
        parse(GzDecoder::new(file), rank, &location.limits)
    } else {
        parse(file, rank, &location.limits)
    };
    parsed.map_err(|fault| DataError::Idx { path: path.to_owned(), fault })
}

/// Parses an idx stream to the end. The fault says what was found and what to do.
fn parse(mut stream: impl Read, rank: u8, limits: &Limits) -> Result<(Vec<usize>, Vec<u8>), String> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut short; download it again".to_owned(),
        _ => format!("it cannot be unpacked or read ({error}); download it again"),
    };
    let mut magic = [0; 4];
    stream.read_exact(&mut magic).map_err(broken)?;
    if magic != [0, 0, UNSIGNED_BYTES, rank] {
        return Err(format!(
            "it begins with the bytes {magic:02x?}, but an idx file of unsigned bytes with {rank} dimensions begins with [00, 00, 08, 0{rank}]; check that it is the right file"
        ));
    }
    let mut dimensions = Vec::with_capacity(usize::from(rank));
    for _ in 0..rank {
        let mut dimension = [0; 4];
        stream.read_exact(&mut dimension).map_err(broken)?;
        dimensions.push(u32::from_be_bytes(dimension) as usize);
    }
    let claimed = dimensions.iter().try_fold(1u64, |product, &d| product.checked_mul(d as u64));
    let Some(expected) = claimed.filter(|&bytes| bytes <= limits.max_array_bytes) else {
        return Err(format!(
            "it claims the dimensions {dimensions:?}, more than the limit of {} bytes; use a smaller set",
            limits.max_array_bytes
        ));
    };
    let bytes = read_exactly(stream, expected).map_err(broken)?;
    bytes
        .map(|bytes| (dimensions, bytes))
        .ok_or_else(|| "it goes on after its last value; download it again".to_owned())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
