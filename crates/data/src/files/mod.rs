//! Listing and reading files, on disk and in archives, and writing them whole or not at all.

mod archive;
mod disk;
mod tree;

pub(crate) use tree::Files;

use crate::error::{DataError, Skipped};
use crate::natural::natural_cmp;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What file names of images end in, lower case. A file that ends otherwise is not looked into; what a file *is* is
/// decided by its content.
const IMAGE_EXTENSIONS: [&str; 12] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "apng", "bmp", "dib", "gif", "webp", "tif", "tiff"];

/// Names that systems leave in folders and that no one put there on purpose. Names that begin with a dot go without saying.
const CLUTTER: [&str; 7] = [
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "__macosx",
    "@eadir",
    "$recycle.bin",
    "system volume information",
];

/// The images found under a path, and what else is there.
#[derive(Debug, Default, Clone)]
pub struct ImageListing {
    /// Files whose names end like an image's, in natural order of their paths' components.
    pub images: Vec<PathBuf>,
    /// How many other files there are, by lower-case extension (empty for none).
    pub others: BTreeMap<String, usize>,
    /// Folders and links that could not be read.
    pub skipped: Vec<Skipped>,
}

impl ImageListing {
    /// What else is there, in parentheses after a space, or nothing: ` (3 txt and 1 csv files)`.
    pub(crate) fn describe_others(&self) -> String {
        if self.others.is_empty() { String::new() } else { format!(" ({})", describe_counts(&self.others)) }
    }

    fn add(&mut self, path: PathBuf) {
        match image_extension(&path) {
            Some(_) => self.images.push(path),
            None => *self.others.entry(extension(&path)).or_default() += 1,
        }
    }
}

/// Counts of files by extension in words: `3 txt, 1 csv, 2 without extension`.
pub(crate) fn describe_counts(counts: &BTreeMap<String, usize>) -> String {
    let words: Vec<String> = counts
        .iter()
        .map(|(extension, n)| match extension.as_str() {
            "" => format!("{n} without extension"),
            known => format!("{n} {known}"),
        })
        .collect();
    words.join(", ")
}

/// Lists the images under `path`: the file itself, or all files in the folder and its subfolders, in a fixed order.
///
/// Hidden files and what systems leave in folders (`.DS_Store`, `Thumbs.db`, `__MACOSX`) are passed over. Links are
/// followed, but no folder is entered twice, so that loops end. Names need not be UTF-8.
///
/// # Errors
/// [`DataError::NoSuchPath`], [`DataError::Read`] for a folder that may not be read, and [`DataError::NoImages`].
pub fn find_images(path: &Path) -> Result<ImageListing, DataError> {
    if disk::metadata(path)?.is_file() {
        return Ok(ImageListing { images: vec![path.to_owned()], ..ImageListing::default() });
    }
    fs::read_dir(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    let listing = disk::list(path);
    if listing.images.is_empty() {
        return Err(DataError::NoImages { path: path.to_owned(), found: listing.describe_others() });
    }
    Ok(listing)
}

fn compare_names(a: &OsStr, b: &OsStr) -> std::cmp::Ordering {
    natural_cmp(&a.to_string_lossy(), &b.to_string_lossy()).then_with(|| a.cmp(b))
}

fn is_clutter(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    name.starts_with('.') || CLUTTER.contains(&name.as_str())
}

/// The lower-case extension, empty where there is none.
pub(crate) fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// The lower-case extension where it is an image's.
pub(crate) fn image_extension(path: &Path) -> Option<&'static str> {
    let extension = extension(path);
    IMAGE_EXTENSIONS.into_iter().find(|known| *known == extension)
}

/// Why a file cannot be read whole.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// What the system said, or what unpacks it.
    Io(io::Error),
    /// It has more bytes than allowed.
    TooLarge {
        /// Its size, as far as it is known.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl ReadError {
    /// The complaint about a file that is no image.
    pub(crate) fn of(self, path: &Path) -> DataError {
        let source = match self {
            Self::Io(error) => error,
            Self::TooLarge { limit, .. } => {
                io::Error::new(io::ErrorKind::InvalidInput, format!("it has more than {limit} bytes"))
            }
        };
        DataError::Read { path: path.to_owned(), source }
    }
}

/// Reads a regular file of at most `most` bytes: a pipe could be waited for without end, and a device read without end.
///
/// # Errors
/// [`DataError::Read`].
pub fn read_limited(path: &Path, most: u64) -> Result<Vec<u8>, DataError> {
    Files::Disk.read(path, most).map_err(|error| error.of(path))
}

/// Reads a text file in UTF-8 as [`read_limited`] does.
///
/// # Errors
/// [`DataError::Read`].
pub fn read_text_limited(path: &Path, most: u64) -> Result<String, DataError> {
    String::from_utf8(read_limited(path, most)?).map_err(|_| DataError::Read {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"),
    })
}

/// Writes a file whole or not at all: into a temporary file beside it, to disk, then renamed over it. The new name is on the disk, too, when
/// this returns, on systems that can be asked for it.
///
/// # Errors
/// [`DataError::Write`]; what stood at `path` before is then unchanged and the temporary file is gone.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), DataError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let result = write_synced(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    if result.is_ok() {
        sync_folder(path.parent().unwrap_or(Path::new("")));
    }
    result.map_err(|source| {
        // The write has failed already; where the left-over cannot be removed either, that is not the news.
        let _ = fs::remove_file(&temporary);
        DataError::Write { path: path.to_owned(), source }
    })
}

fn write_synced(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut writer = BufWriter::new(File::create(path)?);
    write(&mut writer)?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Brings the names in a folder onto the disk. Where that cannot be had the file is there all the same, and a crash of the whole machine may
/// bring the one before back.
fn sync_folder(folder: &Path) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
