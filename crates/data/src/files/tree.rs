//! Files on disk or in an archive, by the same calls.

use super::archive::Archive;
use super::{ImageListing, ReadError, compare_names, disk, is_clutter};
use crate::dataset::Part;
use crate::decode::Limits;
use crate::error::{DataError, Skipped};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where files are. Paths of files in an archive begin with the archive's own, as if it were a folder: `photos.zip/cats/1.jpg`.
#[derive(Debug, Clone)]
pub(crate) enum Files {
    /// On disk.
    Disk,
    /// In an archive, read where they lie.
    Archive(Arc<Archive>),
}

impl Files {
    /// Finds what `path` leads to: a file or folder on disk, an archive, or something in an archive. Gives where it is and its path
    /// there, which for an archive that holds a single folder around all else is that folder.
    ///
    /// # Errors
    /// [`DataError::NoSuchPath`], [`DataError::Read`] and [`DataError::Archive`].
    pub(crate) fn find(path: &Path, limits: &Limits) -> Result<(Self, PathBuf), DataError> {
        let metadata = match disk::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return Self::find_inside(path, limits).unwrap_or(Err(error)),
        };
        if metadata.is_file()
            && let Some(archive) = Archive::open(path, limits)?
        {
            let files = Self::Archive(Arc::new(archive));
            let inner = files.within_wrappers(path.to_owned());
            return Ok((files, inner));
        }
        Ok((Self::Disk, path.to_owned()))
    }

    /// What `path` leads to in an archive that one of the folders above it turns out to be.
    fn find_inside(path: &Path, limits: &Limits) -> Option<Result<(Self, PathBuf), DataError>> {
        let above = path.ancestors().skip(1).find(|above| above.is_file())?;
        match Archive::open(above, limits) {
            Ok(None) => None,
            Ok(Some(archive)) => {
                let is_there = archive.is_folder(path) || archive.is_file(path);
                is_there.then(|| Ok((Self::Archive(Arc::new(archive)), path.to_owned())))
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// The folder that is alone in `folder` and holds more than pictures, as archivers wrap what they pack; else `folder`.
    fn within_wrappers(&self, folder: PathBuf) -> PathBuf {
        let (Ok(folders), Ok(files)) = (self.subfolders(&folder), self.files_in(&folder)) else {
            return folder;
        };
        let [inner] = &folders[..] else { return folder };
        let name = inner.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let holds_more =
            !self.subfolders(inner).is_ok_and(|inner| inner.is_empty()) || self.list(inner).images.is_empty();
        if files.is_empty() && holds_more && Part::from_name(name).is_none() {
            self.within_wrappers(inner.clone())
        } else {
            folder
        }
    }

    /// True for a file.
    pub(crate) fn is_file(&self, path: &Path) -> bool {
        match self {
            Self::Disk => path.is_file(),
            Self::Archive(archive) => archive.is_file(path),
        }
    }

    /// Lists a folder and its subfolders, without what systems leave there.
    pub(crate) fn list(&self, folder: &Path) -> ImageListing {
        match self {
            Self::Disk => disk::list(folder),
            Self::Archive(archive) => {
                let mut listing = ImageListing::default();
                let files =
                    archive.below(folder).filter(|(within, is_file)| *is_file && !is_in_clutter(within));
                files.for_each(|(within, _)| listing.add(folder.join(within)));
                listing.images.sort_by(|a, b| compare_paths(a, b));
                listing
            }
        }
    }

    /// The subfolders of a folder in natural order, without what systems leave there; links to folders count.
    pub(crate) fn subfolders(&self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        match self {
            Self::Disk => disk::subfolders(folder),
            Self::Archive(archive) => Ok(children(archive, folder, false)),
        }
    }

    /// The files directly in a folder in natural order, without what systems leave there.
    pub(crate) fn files_in(&self, folder: &Path) -> Result<Vec<PathBuf>, DataError> {
        match self {
            Self::Disk => disk::files_in(folder),
            Self::Archive(archive) => Ok(children(archive, folder, true)),
        }
    }

    /// Reads a regular file whole, up to `most` bytes.
    pub(crate) fn read(&self, path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
        match self {
            Self::Disk => disk::read(path, most),
            Self::Archive(archive) => archive.read(path, most),
        }
    }

    /// The bytes of a regular file as a stream.
    pub(crate) fn reader(&self, path: &Path) -> Result<Box<dyn Read + '_>, DataError> {
        let reader = match self {
            Self::Disk => disk::open(path).map(|file| Box::new(BufReader::new(file)) as Box<dyn Read>),
            Self::Archive(archive) => archive.reader(path),
        };
        reader.map_err(|source| DataError::Read { path: path.to_owned(), source })
    }

    /// What an archive holds that cannot be read.
    pub(crate) fn skipped(&self) -> &[Skipped] {
        match self {
            Self::Disk => &[],
            Self::Archive(archive) => archive.skipped(),
        }
    }
}

/// What lies directly in a folder of an archive.
fn children(archive: &Archive, folder: &Path, files: bool) -> Vec<PathBuf> {
    let direct = archive.below(folder).filter(|(within, is_file)| {
        *is_file == files && within.components().count() == 1 && !is_in_clutter(within)
    });
    let found: BTreeSet<PathBuf> = direct.map(|(within, _)| folder.join(within)).collect();
    let mut found: Vec<PathBuf> = found.into_iter().collect();
    found.sort_by(|a, b| compare_paths(a, b));
    found
}

fn is_in_clutter(within: &Path) -> bool {
    within.components().any(|component| is_clutter(component.as_os_str()))
}

/// Natural order, folder by folder, as walking the disk has it.
fn compare_paths(a: &Path, b: &Path) -> Ordering {
    let (mut a, mut b) = (a.components(), b.components());
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match compare_names(a.as_os_str(), b.as_os_str()) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}
