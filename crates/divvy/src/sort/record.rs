//! A CSV of what went where, written before it goes.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::SortError;
use super::disk::Disk;
use super::stamp::Stamp;

const COLUMNS: [&str; 6] = ["file", "destination", "label", "probability", "bytes", "modified"];

/// One line of the record.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    /// Where the picture was, as an absolute path.
    pub(super) file: PathBuf,
    /// Where it goes, below the folder that is sorted into.
    pub(super) destination: PathBuf,
    /// The group, or the labels.
    pub(super) label: String,
    /// How sure the classifier is, where it says so.
    pub(super) probability: Option<f32>,
    /// The picture when it was placed.
    pub(super) stamp: Stamp,
}

/// The record, held open and locked.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    file: File,
    /// Where the next line begins.
    end: u64,
    /// In the order of the file.
    entries: Vec<Entry>,
    /// Which entry is the latest of each picture.
    latest: HashMap<PathBuf, usize>,
}

#[derive(Debug)]
struct Entry {
    /// Where its line begins.
    start: u64,
    line: Line,
    /// The entry before it of the same picture.
    before: Option<usize>,
}

impl Record {
    /// Opens the record at `path`, or begins one. A last line that was not written to its end is dropped: its picture
    /// was not touched.
    pub(super) fn open(disk: &dyn Disk, path: PathBuf) -> Result<Self, SortError> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(SortError::disk(&path, "written"))?;
        // Some network disks know no locks and say so; two sorts at a time are then the user's own affair.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(SortError::Busy { path });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(SortError::disk(&path, "read"))?;

        let mut record = Self { path, file, end: 0, entries: Vec::new(), latest: HashMap::new() };
        record.read(&bytes)?;
        record.cut(disk, record.end)?;
        if record.end == 0 {
            record.append(disk, &csv_line(COLUMNS.map(str::as_bytes)))?;
        }
        Ok(record)
    }

    /// Takes the lines of the file in, up to one that is not written to its end.
    fn read(&mut self, bytes: &[u8]) -> Result<(), SortError> {
        let foreign = |fault: String| SortError::ForeignRecord { path: self.path.clone(), fault };
        let header = csv_line(COLUMNS.map(str::as_bytes));
        let Some(rows) = bytes.strip_prefix(&*header) else {
            let is_torn = header.starts_with(bytes);
            return if is_torn { Ok(()) } else { Err(foreign("this is not a record of a sort".to_owned())) };
        };
        self.end = header.len() as u64;

        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rows);
        let mut row = csv::ByteRecord::new();
        let mut lines = Vec::new();
        while reader.read_byte_record(&mut row).map_err(|error| foreign(error.to_string()))? {
            let end = reader.position().byte() as usize;
            match Line::read(&row).filter(|_| rows[..end].ends_with(b"\n")) {
                Some(line) => lines.push((self.end, line)),
                None if end == rows.len() => break,
                None => {
                    return Err(foreign(format!("row {} is not one that a sort writes", lines.len() + 1)));
                }
            }
            self.end = (header.len() + end) as u64;
        }
        for (start, line) in lines {
            self.push(start, line);
        }
        Ok(())
    }

    /// The line of a picture, if it has one.
    pub(super) fn line_of(&self, file: &Path) -> Option<&Line> {
        self.latest.get(file).map(|&entry| &self.entries[entry].line)
    }

    /// The last line.
    pub(super) fn last(&self) -> Option<&Line> {
        self.entries.last().map(|entry| &entry.line)
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether any picture came from under `folder`.
    pub(super) fn knows(&self, folder: &Path) -> bool {
        self.latest.keys().any(|file| file.starts_with(folder))
    }

    /// Adds a line, which must be there before its picture is touched.
    pub(super) fn add(&mut self, disk: &dyn Disk, line: Line) -> Result<(), SortError> {
        let start = self.end;
        self.append(disk, &line.write())?;
        self.push(start, line);
        Ok(())
    }

    /// Takes the last line back: its picture was not placed, or is back where it was.
    pub(super) fn withdraw(&mut self, disk: &dyn Disk) -> Result<(), SortError> {
        let Some(Entry { start, line, before }) = self.entries.pop() else { return Ok(()) };
        match before {
            Some(entry) => self.latest.insert(line.file, entry),
            None => self.latest.remove(&line.file),
        };
        self.cut(disk, start)
    }

    fn push(&mut self, start: u64, line: Line) {
        let before = self.latest.insert(line.file.clone(), self.entries.len());
        self.entries.push(Entry { start, line, before });
    }

    fn append(&mut self, disk: &dyn Disk, bytes: &[u8]) -> Result<(), SortError> {
        match disk.append(&mut self.file, bytes) {
            Ok(()) => {
                self.end += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                // What was written of the line is dropped now, or where even that fails by the next sort.
                let _ = self.cut(disk, self.end);
                Err(SortError::disk(&self.path, "written")(source))
            }
        }
    }

    /// Drops everything from `end` on.
    fn cut(&mut self, disk: &dyn Disk, end: u64) -> Result<(), SortError> {
        disk.cut(&mut self.file, end).map_err(SortError::disk(&self.path, "written"))?;
        self.end = end;
        Ok(())
    }
}

impl Line {
    fn read(row: &csv::ByteRecord) -> Option<Self> {
        let fields: [&[u8]; COLUMNS.len()] = row.iter().collect::<Vec<_>>().try_into().ok()?;
        let [file, destination, label, probability, bytes, modified] = fields;
        let text = |field: &[u8]| String::from_utf8(field.to_owned()).ok();
        Some(Self {
            file: path_of(file)?,
            destination: path_of(destination)?,
            label: text(label)?,
            probability: if probability.is_empty() { None } else { Some(text(probability)?.parse().ok()?) },
            stamp: Stamp { bytes: text(bytes)?.parse().ok()?, modified: text(modified)? },
        })
    }

    fn write(&self) -> Vec<u8> {
        let probability = self.probability.map(|p| p.to_string()).unwrap_or_default();
        csv_line([
            bytes_of(&self.file),
            bytes_of(&self.destination),
            self.label.as_bytes(),
            probability.as_bytes(),
            self.stamp.bytes.to_string().as_bytes(),
            self.stamp.modified.as_bytes(),
        ])
    }
}

/// A row of fields with the newline at its end.
fn csv_line(fields: [&[u8]; COLUMNS.len()]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(fields);
    written.ok().and_then(|()| writer.into_inner().ok()).expect("memory takes every write")
}

/// A path as the system has it, which need not be text.
#[cfg(unix)]
fn bytes_of(path: &Path) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str())
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere not every name can be read back")]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(bytes);
    Some(name.into())
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}
