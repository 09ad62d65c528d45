//! Tar archives: entries follow each other, each behind its header.

use super::{Index, unpack};
use crate::decode::{Limits, group_digits};
use crate::files::ReadError;
use rawzip::{FileReader, RangeReader, ReaderAt};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// The most bytes of the headers of one entry, long names included.
const MOST_HEADER_BYTES: u64 = 1 << 20;

/// An open tar archive.
#[derive(Debug)]
pub(super) struct Tar {
    bytes: Bytes,
    /// Where each file lies.
    files: Vec<Range<u64>>,
}

/// Where the archive's bytes are.
#[derive(Debug)]
enum Bytes {
    OnDisk(FileReader),
    InMemory(Vec<u8>),
}

impl ReaderAt for Bytes {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::OnDisk(file) => file.read_at(buffer, offset),
            Self::InMemory(bytes) => bytes.read_at(buffer, offset),
        }
    }
}

impl Tar {
    /// Reads the headers of an archive on disk into `index`. The fault says what was found and what to do.
    pub(super) fn in_file(mut file: File, index: &mut Index<'_>) -> Result<Self, String> {
        let length = file.rewind().and_then(|()| file.metadata()).map_err(damaged)?.len();
        let files = read_headers(BufReader::new(&file), length, index)?;
        Ok(Self { bytes: Bytes::OnDisk(file.into()), files })
    }

    /// Unpacks an archive packed with gzip into memory, which has no places to read from, and reads its headers into `index`.
    pub(super) fn packed(path: &Path, limits: &Limits, index: &mut Index<'_>) -> Result<Self, String> {
        let bytes = unpack(path, limits.max_array_bytes).map_err(|error| match error {
            ReadError::TooLarge { limit, .. } => format!(
                "unpacked it has more than {} bytes, too many to keep in memory; unpack it, or make a plain tar or a zip of it, which are read in place",
                group_digits(limit)
            ),
            ReadError::Io(error) => format!("it cannot be unpacked ({error}); get it again"),
        })?;
        let files = read_headers(Cursor::new(&bytes), bytes.len() as u64, index)?;
        Ok(Self { bytes: Bytes::InMemory(bytes), files })
    }

    /// How many bytes a file has.
    pub(super) fn bytes(&self, file: usize) -> u64 {
        self.files[file].end - self.files[file].start
    }

    /// The bytes of a file.
    pub(super) fn reader(&self, file: usize) -> impl Read + '_ {
        RangeReader::new(&self.bytes, self.files[file].clone())
    }
}

fn damaged(error: impl std::fmt::Display) -> String {
    format!("it is a damaged or incomplete tar archive ({error}); get it again")
}

fn read_headers(
    stream: impl Read + Seek,
    length: u64,
    index: &mut Index<'_>,
) -> Result<Vec<Range<u64>>, String> {
    let (left, ended) = (Cell::new(MOST_HEADER_BYTES), Cell::new(false));
    let mut archive = tar::Archive::new(Rationed { stream, left: &left, ended: &ended });
    let mut files = Vec::new();
    for entry in archive.entries_with_seek().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let name = entry.path().map_err(damaged)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            index.add_folder(&name)?;
        } else if kind.is_file() || kind.is_contiguous() {
            let start = entry.raw_file_position();
            let end = start.checked_add(entry.size()).filter(|end| *end <= length);
            let end = end.ok_or_else(|| damaged(format!("it breaks off in {}", name.display())))?;
            index.add_file(&name, files.len())?;
            files.push(start..end);
        } else if kind.is_symlink() || kind.is_hard_link() {
            index.skip(&name, "is a link, and links in archives are not followed")?;
        } else if !kind.is_pax_global_extensions() {
            index.skip(&name, "is neither a file nor a folder")?;
        }
        left.set(MOST_HEADER_BYTES);
    }
    // Blocks of zeros mark the end. Without them, nobody knows what is missing.
    if ended.get() { Err(damaged("it breaks off")) } else { Ok(files) }
}

/// A stream of which only so much is read before the ration is filled again: names and sparse files could claim to be endless.
struct Rationed<'a, S> {
    stream: S,
    left: &'a Cell<u64>,
    /// Set when the stream has no more bytes.
    ended: &'a Cell<bool>,
}

impl<S: Read> Read for Rationed<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 && !buffer.is_empty() {
            return Err(io::Error::other("the header of an entry has no end"));
        }
        let read = (&mut self.stream).take(self.left.get()).read(buffer)?;
        self.left.set(self.left.get() - read as u64);
        self.ended.set(self.ended.get() || (read == 0 && !buffer.is_empty()));
        Ok(read)
    }
}

impl<S: Seek> Seek for Rationed<'_, S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream.seek(to)
    }
}
