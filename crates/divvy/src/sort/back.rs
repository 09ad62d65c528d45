//! Pictures that were set aside, on their way back.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Local, is_empty, is_taken, same_contents};
use super::names::first_free;
use super::place::{clear, part_of, put};
use super::record::Record;
use super::sorter::no_name_left;
use super::{Mode, SET_ASIDE, SortError};

/// Pictures that were set aside, on their way back, the last first. While it lives, nobody else can work in the same folder.
pub struct PutBack {
    aside: PathBuf,
    record: Record,
    disk: Box<dyn Disk>,
}

/// What became of a picture that was set aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Returned {
    /// It is where it was.
    Back(PathBuf),
    /// Something else is there now, so that it has another name beside it.
    Renamed {
        /// Where it was.
        from: PathBuf,
        /// Where it is.
        to: PathBuf,
    },
    /// It is neither aside nor where it was: someone else took it.
    Missing(PathBuf),
}

impl PutBack {
    /// Begins to put back what was set aside into a folder, or goes on with it.
    ///
    /// # Errors
    /// A [`SortError`] where nothing is set aside there, someone else is at work in it, or its `set-aside.csv` is no record.
    pub fn open(aside: &Path) -> Result<Self, SortError> {
        Self::open_on(Box::new(Local), aside)
    }

    pub(super) fn open_on(disk: Box<dyn Disk>, aside: &Path) -> Result<Self, SortError> {
        if !is_taken(&aside.join(SET_ASIDE)) {
            return Err(SortError::NothingAside { path: aside.to_owned() });
        }
        let aside = fs::canonicalize(aside).map_err(SortError::disk(aside, "read"))?;
        let record = Record::open(&*disk, aside.join(SET_ASIDE))?;
        let back = Self { aside, record, disk };
        back.settle()?;
        Ok(back)
    }

    /// How many are still aside.
    pub fn left(&self) -> usize {
        self.record.len()
    }

    /// Puts back the picture that was set aside last, under its own name or a numbered one where that is taken now. Once all
    /// are back, the record and the folders that are empty then are removed.
    ///
    /// # Errors
    /// A [`SortError`] that names the file or folder and what could not be done with it. The picture is then still aside.
    pub fn next_back(&mut self) -> Result<Option<Returned>, SortError> {
        let Some(line) = self.record.last() else {
            self.tidy()?;
            return Ok(None);
        };
        let (original, aside) = (line.file.clone(), self.aside.join(&line.destination));
        let returned = if is_taken(&aside) {
            let to = self.bring(&aside, &original)?;
            if to == original { Returned::Back(to) } else { Returned::Renamed { from: original, to } }
        } else if is_taken(&original) {
            Returned::Back(original)
        } else {
            Returned::Missing(original)
        };
        self.record.withdraw(&*self.disk)?;
        Ok(Some(returned))
    }

    /// Moves a picture to its old name or the first free one after it, and returns where it is.
    fn bring(&self, aside: &Path, original: &Path) -> Result<PathBuf, SortError> {
        let folder = original.parent().unwrap_or(original);
        fs::create_dir_all(folder).map_err(SortError::disk(folder, "created"))?;
        let name = original.file_name().unwrap_or(original.as_os_str());
        let free = first_free(name, |name| self.try_bring(aside, &folder.join(name)))?;
        Ok(folder.join(free.ok_or_else(|| no_name_left(folder))?))
    }

    /// Moves a picture to a name; false where that is taken by another.
    fn try_bring(&self, aside: &Path, to: &Path) -> Result<bool, SortError> {
        let moved = Mode::Move.verb(to);
        if !is_taken(to) {
            match put(&*self.disk, Mode::Move, aside, to) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
                done => done.map_err(SortError::disk(aside, moved))?,
            }
        } else if !same_contents(aside, to) {
            return Ok(false);
        }
        // It was copied, now or before an interruption.
        if is_taken(aside) {
            clear(&*self.disk, aside, to).map_err(SortError::disk(aside, "deleted now that it is copied"))?;
        }
        Ok(true)
    }

    /// Clears up after a move that was interrupted, in either direction: what it may have left of the last picture is a part of a
    /// copy, or the empty file that took a name.
    fn settle(&self) -> Result<(), SortError> {
        let Some(line) = self.record.last() else { return Ok(()) };
        let remove = |path: &Path| self.disk.remove(path).map_err(SortError::disk(path, "removed"));
        let aside = self.aside.join(&line.destination);
        for part in [part_of(&line.file), part_of(&aside)].iter().filter(|part| is_taken(part)) {
            remove(part)?;
        }
        let was_empty = line.stamp.bytes == 0;
        match (is_taken(&aside), is_taken(&line.file)) {
            (true, true) if is_empty(&aside) && !was_empty => remove(&aside),
            (true, true) if is_empty(&line.file) && !was_empty => remove(&line.file),
            _ => Ok(()),
        }
    }

    /// Removes the record and the folders that are empty without it.
    fn tidy(&self) -> Result<(), SortError> {
        let record = self.record.path();
        if is_taken(record) {
            self.disk.remove(record).map_err(SortError::disk(record, "removed"))?;
        }
        let folders = walkdir::WalkDir::new(&self.aside).contents_first(true).into_iter().flatten();
        for folder in folders.filter(|entry| entry.file_type().is_dir()) {
            // One that is not empty holds what someone else put there.
            let _ = self.disk.remove_folder(folder.path());
        }
        Ok(())
    }
}

impl fmt::Debug for PutBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutBack").field("aside", &self.aside).finish_non_exhaustive()
    }
}
