//! Zip and tar archives whose files are read where they lie: nothing is unpacked to disk.
//!
//! Opening one reads its index alone. Names never lead out of the archive, because they are no paths on disk; what they may
//! take is limited, so that neither millions of entries nor names without end exhaust memory.

mod tar;
mod zip;

use super::{ReadError, disk};
use crate::decode::{Limits, group_digits};
use crate::error::{DataError, Skipped};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// The most entries that are listed: above any set of pictures in one file (the training part of `ImageNet` has 1.3 million).
const MOST_ENTRIES: usize = 4_000_000;
/// The most bytes of all names.
const MOST_NAME_BYTES: usize = 256 << 20;
/// The most folders in each other. Each is an entry of its own, which a hostile name would have many of.
const DEEPEST: usize = 32;

/// An archive and where its files are.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    content: Content,
    /// By path in the archive. The order is that of components, so that what is in a folder stands behind it.
    entries: BTreeMap<PathBuf, Entry>,
    /// What cannot be read: links, encrypted files.
    skipped: Vec<Skipped>,
}

#[derive(Debug)]
enum Content {
    Zip(zip::Zip),
    Tar(tar::Tar),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    /// The file's number in the content.
    File(usize),
}

/// What the first bytes of a file say about how it is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Zip,
    Tar,
    Gzip,
    /// A way that is not read, by name.
    Other(&'static str),
}

impl Packing {
    fn of(head: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| head.starts_with(magic);
        if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
            Some(Self::Zip)
        } else if starts(b"\x1f\x8b") {
            Some(Self::Gzip)
        } else if head.get(257..262) == Some(b"ustar") {
            Some(Self::Tar)
        } else if starts(b"7z\xbc\xaf\x27\x1c") {
            Some(Self::Other("7z"))
        } else if starts(b"Rar!\x1a\x07") {
            Some(Self::Other("rar"))
        } else if starts(b"\xfd7zXZ\0") {
            Some(Self::Other("xz"))
        } else if starts(b"BZh") {
            Some(Self::Other("bzip2"))
        } else if starts(b"\x28\xb5\x2f\xfd") {
            Some(Self::Other("zstd"))
        } else {
            None
        }
    }
}

impl Archive {
    /// Opens the archive at `path`; `None` where the file is none, by its content.
    ///
    /// # Errors
    /// [`DataError::Archive`] for one that is damaged, of a kind not read here, or beyond the limits.
    pub(super) fn open(path: &Path, limits: &Limits) -> Result<Option<Self>, DataError> {
        let failed = |source| DataError::Read { path: path.to_owned(), source };
        let fault = |fault| DataError::Archive { path: path.to_owned(), fault };
        let mut file = disk::open(path).map_err(failed)?;
        let mut head = Vec::new();
        (&mut file).take(512).read_to_end(&mut head).map_err(failed)?;
        let Some(packing) = Packing::of(&head) else { return Ok(None) };
        let mut index = Index::new(path);
        let content = match packing {
            Packing::Zip => zip::Zip::read(file, &mut index).map(Content::Zip),
            Packing::Tar => tar::Tar::in_file(file, &mut index).map(Content::Tar),
            Packing::Gzip => tar::Tar::packed(path, limits, &mut index).map(Content::Tar),
            Packing::Other(name) => Err(format!(
                "it is packed with {name}, which is not read; unpack it, or make a zip or tar of it"
            )),
        };
        let content = content.map_err(fault)?;
        Ok(Some(Self { path: path.to_owned(), content, entries: index.entries, skipped: index.skipped }))
    }

    /// What cannot be read, and why.
    pub(super) fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The path in the archive of one that begins with the archive's; `None` where it leads elsewhere.
    fn inner(&self, path: &Path) -> Option<PathBuf> {
        let mut inner = PathBuf::new();
        for component in path.strip_prefix(&self.path).ok()?.components() {
            match component {
                Component::Normal(name) => inner.push(name),
                Component::ParentDir if inner.pop() => {}
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(inner)
    }

    fn entry(&self, path: &Path) -> Option<Entry> {
        let inner = self.inner(path)?;
        if inner.as_os_str().is_empty() { Some(Entry::Folder) } else { self.entries.get(&inner).copied() }
    }

    pub(super) fn is_file(&self, path: &Path) -> bool {
        matches!(self.entry(path), Some(Entry::File(_)))
    }

    pub(super) fn is_folder(&self, path: &Path) -> bool {
        self.entry(path) == Some(Entry::Folder)
    }

    /// All that is in a folder at any depth: the path within the folder, and whether it is a file.
    pub(super) fn below(&self, folder: &Path) -> impl Iterator<Item = (&Path, bool)> {
        let inner = self.inner(folder);
        let from = inner.clone().unwrap_or_default();
        let entries = self.entries.range(from..).map_while(move |(path, entry)| {
            let within = path.strip_prefix(inner.as_ref()?).ok()?;
            Some((within, matches!(entry, Entry::File(_))))
        });
        entries.filter(|(within, _)| !within.as_os_str().is_empty())
    }

    /// The bytes of a file, unpacked as they are read.
    pub(super) fn reader(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        match (self.entry(path), &self.content) {
            (Some(Entry::File(file)), Content::Zip(zip)) => zip.reader(file),
            (Some(Entry::File(file)), Content::Tar(tar)) => Ok(Box::new(tar.reader(file))),
            (Some(Entry::Folder), _) => Err(io::ErrorKind::IsADirectory.into()),
            (None, _) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Reads a file whole, up to `most` bytes.
    pub(super) fn read(&self, path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
        let bytes = match (self.entry(path), &self.content) {
            (Some(Entry::File(file)), Content::Zip(zip)) => zip.claimed_bytes(file),
            (Some(Entry::File(file)), Content::Tar(tar)) => tar.bytes(file),
            _ => 0,
        };
        if bytes > most {
            return Err(ReadError::TooLarge { bytes, limit: most });
        }
        disk::read_up_to(self.reader(path)?, most)
    }
}

/// Files as they are found in an archive.
struct Index<'a> {
    archive: &'a Path,
    entries: BTreeMap<PathBuf, Entry>,
    skipped: Vec<Skipped>,
    name_bytes: usize,
}

impl<'a> Index<'a> {
    fn new(archive: &'a Path) -> Self {
        Self { archive, entries: BTreeMap::new(), skipped: Vec::new(), name_bytes: 0 }
    }

    /// Takes up a file. A later one of the same name replaces it, as unpacking would.
    fn add_file(&mut self, name: &Path, number: usize) -> Result<(), String> {
        self.add(name, Entry::File(number))
    }

    fn add_folder(&mut self, name: &Path) -> Result<(), String> {
        self.add(name, Entry::Folder)
    }

    fn skip(&mut self, name: &Path, reason: &str) -> Result<(), String> {
        self.count(name)?;
        self.skipped.push(Skipped { path: self.archive.join(name), reason: reason.to_owned() });
        Ok(())
    }

    fn add(&mut self, name: &Path, entry: Entry) -> Result<(), String> {
        let Some(path) = plain(name) else {
            return self.skip(name, "has a name that leads out of the archive");
        };
        if path.components().count() > DEEPEST {
            return self.skip(name, &format!("lies in more than {DEEPEST} folders in each other"));
        }
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            if self.entries.get(folder) == Some(&Entry::Folder) {
                break;
            }
            self.count(folder)?;
            self.entries.insert(folder.to_owned(), Entry::Folder);
        }
        self.count(&path)?;
        if !path.as_os_str().is_empty() {
            self.entries.insert(path, entry);
        }
        Ok(())
    }

    /// Refuses what would take too much memory.
    fn count(&mut self, name: &Path) -> Result<(), String> {
        self.name_bytes += name.as_os_str().len();
        if self.entries.len() + self.skipped.len() >= MOST_ENTRIES || self.name_bytes > MOST_NAME_BYTES {
            return Err(format!(
                "it lists more than {} files, or names of more than {} bytes in all; divide it",
                group_digits(MOST_ENTRIES as u64),
                group_digits(MOST_NAME_BYTES as u64)
            ));
        }
        Ok(())
    }
}

/// A name without what does nothing; `None` where it leads out of the archive.
fn plain(name: &Path) -> Option<PathBuf> {
    name.components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| matches!(component, Component::Normal(_)).then_some(component))
        .collect()
}

/// Reads a file on disk that is packed with gzip, unpacked up to `most` bytes.
fn unpack(path: &Path, most: u64) -> Result<Vec<u8>, ReadError> {
    let file = io::BufReader::new(File::open(path)?);
    disk::read_up_to(flate2::bufread::MultiGzDecoder::new(file), most)
}
