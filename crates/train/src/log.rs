//! events.jsonl as a file: lines are added to it, and it can be cut back to what it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::TrainError;
use crate::safekeeping::write_again;

/// The file of a run's events. A line is written at once, so that others can follow; what cannot be written is kept, and written before
/// the next line that can. A file that was deleted is still open, and is put back when its lines must be on the disk.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    /// The file's length.
    written: u64,
    /// What is still to be written.
    pending: Vec<u8>,
}

impl Log {
    /// A new file, in place of one that is there.
    ///
    /// # Errors
    /// [`TrainError::Write`].
    pub(crate) fn create(path: PathBuf) -> Result<Self, TrainError> {
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        match open {
            Ok(file) => Ok(Self { path, file, written: 0, pending: Vec::new() }),
            Err(source) => Err(TrainError::Write { path, source }),
        }
    }

    /// The file that is there, without what was written after it had `len` bytes. Of one that is shorter, which no training leaves, the
    /// whole lines stay.
    ///
    /// # Errors
    /// [`TrainError::Write`].
    pub(crate) fn cut_back(path: PathBuf, len: u64) -> Result<Self, TrainError> {
        match open_cut(&path, len) {
            Ok((file, written)) => Ok(Self { path, file, written, pending: Vec::new() }),
            Err(source) => Err(TrainError::Write { path, source }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there are lines that could not be written.
    pub(crate) fn is_behind(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Adds a line.
    ///
    /// # Errors
    /// What keeps it from being written; it is kept and need not be added again.
    pub(crate) fn add(&mut self, line: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(line);
        self.pending.push(b'\n');
        self.write_pending()
    }

    /// Brings all lines onto the disk; the file's length.
    ///
    /// # Errors
    /// What keeps them from it.
    pub(crate) fn settle(&mut self) -> io::Result<u64> {
        self.write_pending()?;
        if !self.path.exists() {
            self.put_back()?;
        }
        self.file.sync_data()?;
        Ok(self.written)
    }

    /// Writes to a file of the same lines from here on.
    fn put_back(&mut self) -> io::Result<()> {
        let written = write_again(&self.path, &mut self.file);
        // Where the next line goes, if it is to be this file still.
        self.file.seek(SeekFrom::End(0))?;
        written?;
        (self.file, self.written) = open_cut(&self.path, self.written).inspect_err(|_| {
            // It is tried again where there is none.
            let _ = fs::remove_file(&self.path);
        })?;
        Ok(())
    }

    fn write_pending(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            match self.file.write(&self.pending) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count as u64;
                    self.pending.drain(..count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Opens a file and cuts it back to `len` bytes, or to the end of its last whole line where it is shorter.
fn open_cut(path: &Path, len: u64) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let len = if file.metadata()?.len() < len { whole_lines(&mut file)? } else { len };
    file.set_len(len)?;
    file.seek(SeekFrom::Start(len))?;
    Ok((file, len))
}

/// How many bytes at the start of a file are whole lines.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_after_a_length_is_gone_and_new_lines_follow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut log = Log::create(path.clone()).unwrap();
        log.add(b"one").unwrap();
        let len = log.settle().unwrap();
        log.add(b"two").unwrap();
        fs::write(&path, "one\ntwo\nthr").unwrap();
        let mut log = Log::cut_back(path.clone(), len).unwrap();
        log.add(b"other").unwrap();
        assert_eq!(
            (log.settle().unwrap(), fs::read_to_string(&path).unwrap().as_str()),
            (10, "one\nother\n")
        );
    }

    #[test]
    fn of_a_file_that_is_too_short_the_whole_lines_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for (left, kept) in [("one\ntw", "one\n"), ("on", ""), ("", ""), ("one\n", "one\n")] {
            fs::write(&path, left).unwrap();
            let mut log = Log::cut_back(path.clone(), 100).unwrap();
            log.add(b"next").unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{kept}next\n"));
        }
        fs::remove_file(&path).unwrap();
        Log::cut_back(path.clone(), 100).unwrap().add(b"next").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "next\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_was_deleted_is_put_back_with_all_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/events.jsonl");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let mut log = Log::create(path.clone()).unwrap();
        log.add(b"one").unwrap();
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        log.add(b"two").unwrap();
        assert!(log.settle().is_err(), "there is no folder for it");
        log.add(b"three").unwrap();
        fs::create_dir(path.parent().unwrap()).unwrap();
        assert_eq!(log.settle().unwrap(), 14);
        log.add(b"four").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\nfour\n");
        assert_eq!(log.settle().unwrap(), 19);
    }

    /// Writing to this device fails as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn lines_that_a_full_disk_does_not_take_are_written_when_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut log = Log::create(path.clone()).unwrap();
        log.add(b"one").unwrap();
        let file =
            std::mem::replace(&mut log.file, OpenOptions::new().write(true).open("/dev/full").unwrap());
        assert_eq!(log.add(b"two").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(log.add(b"three").is_err() && log.settle().is_err() && log.is_behind());
        log.file = file;
        log.add(b"four").unwrap();
        assert!(!log.is_behind());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\nfour\n");
        assert_eq!(log.settle().unwrap(), 19);
    }
}
