//! Folders and files on disk.

use super::{ImageListing, ReadError, compare_names, is_clutter};
use crate::error::{DataError, Skipped};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// The metadata of what `path` leads to.
pub(super) fn metadata(path: &Path) -> Result<fs::Metadata, DataError> {
    fs::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DataError::NoSuchPath { path: path.to_owned() },
        _ => DataError::Read { path: path.to_owned(), source },
    })
}

/// Lists a folder and its subfolders.
pub(super) fn list(folder: &Path) -> ImageListing {
    let mut listing = ImageListing::default();
    let mut trail = Trail::from(folder);
    let walk =
        WalkDir::new(folder).follow_links(true).sort_by(|a, b| compare_names(a.file_name(), b.file_name()));
    for entry in walk.into_iter().filter_entry(|entry| trail.leads_to(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => listing.add(entry.into_path()),
            Ok(_) => {}
            Err(error) if error.loop_ancestor().is_some() => {}
            Err(error) => listing.skipped.push(Skipped {
                path: error.path().unwrap_or(folder).to_owned(),
                reason: format!(
                    "cannot be read: {}",
                    error.io_error().map_or_else(|| "unknown".to_owned(), ToString::to_string)
                ),
            }),
        }
    }
    listing
}

/// Where a walk has been.
struct Trail {
    /// The folder that it began in and the one that this lies in, which differ in more than the last name where it is a link.
    start: Vec<PathBuf>,
    entered: HashSet<PathBuf>,
}

impl Trail {
    fn from(folder: &Path) -> Self {
        let start = [Some(folder), folder.parent()].into_iter().flatten();
        Self {
            start: start.filter_map(|folder| fs::canonicalize(folder).ok()).collect(),
            entered: HashSet::new(),
        }
    }

    /// True for what a person put there, and for folders only the first time.
    ///
    /// `WalkDir` refuses links to a folder it is in. Links to folders beside it can still multiply (ten folders that each link
    /// twice to the next are a thousand walks), so a folder is entered once however many names lead to it. Links to what lies above the
    /// start lead around in a circle, and to the pictures of other groups on the way.
    fn leads_to(&mut self, entry: &DirEntry) -> bool {
        if entry.depth() > 0 && is_clutter(entry.file_name()) {
            return false;
        }
        if !entry.file_type().is_dir() {
            return true;
        }
        let Ok(folder) = fs::canonicalize(entry.path()) else { return false };
        let is_above = entry.depth() > 0 && self.start.iter().any(|start| start.starts_with(&folder));
        !is_above && self.entered.insert(folder)
    }
}

/// The subfolders of a folder in natural order, without clutter; links to folders count.
pub(super) fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// The regular files directly in a folder in natural order, without clutter.
pub(super) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_file()).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |source| DataError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !is_clutter(&name) {
            names.push(name);
        }
    }
    names.sort_by(|a, b| compare_names(a, b));
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Opens a regular file: opening a pipe or a device could wait for ever.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a folder"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// Reads a file whole, up to `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    let bytes = file.metadata()?.len();
    if bytes > most { Err(ReadError::TooLarge { bytes, limit: most }) } else { read_up_to(file, most) }
}

/// Reads a stream to its end, up to `most` bytes: it can have more than was said, as a file that grows.
pub(super) fn read_up_to(stream: impl Read, most: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    stream.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        bytes if bytes > most => Err(ReadError::TooLarge { bytes, limit: most }),
        _ => Ok(bytes),
    }
}
