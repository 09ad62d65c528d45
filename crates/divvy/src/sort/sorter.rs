//! A sort in progress.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use divvy_data::{DataError, ImageListing, Skipped, find_images};

use super::disk::{Disk, Local, is_empty, is_taken, same_contents, same_file};
use super::names::first_free;
use super::place::{clear, part_of, put};
use super::record::{Line, Record};
use super::stamp::Stamp;
use super::{Mode, SET_ASIDE, SORTED, SortError};

/// A picture to sort.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the folder that is sorted.
    pub name: PathBuf,
}

/// What a folder holds for a sort.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Gathered {
    /// The pictures to sort, in natural order.
    pub pending: Vec<Item>,
    /// How many were sorted before.
    pub done: usize,
    /// Folders that could not be read.
    pub skipped: Vec<Skipped>,
}

/// A sort into a folder. While it lives, no other can sort into the same folder.
pub struct Sorter {
    into: PathBuf,
    mode: Mode,
    record: Record,
    disk: Box<dyn Disk>,
}

impl Sorter {
    /// Begins to sort the pictures of `folder` and its subfolders, or the one file, into `into`, which is created where it
    /// is not there. A sort that was interrupted is taken up: the last line of the record is looked at, and withdrawn
    /// where its picture did not reach its place.
    ///
    /// What lies in `into` is left out, unless `folder` is in it. A picture counts as sorted before when the record has it and it has
    /// not been changed since. To have it sorted again, delete its line, or the record.
    ///
    /// # Errors
    /// A [`SortError`] where there is no such folder, nothing in it was or can be sorted, it is `into` itself, `into`
    /// cannot be written, another sort is at work in it, or its `sorted.csv` is no record.
    pub fn open(folder: &Path, into: &Path, mode: Mode) -> Result<(Self, Gathered), SortError> {
        Self::open_on(Box::new(Local), folder, into, mode)
    }

    pub(super) fn open_on(
        disk: Box<dyn Disk>,
        folder: &Path,
        into: &Path,
        mode: Mode,
    ) -> Result<(Self, Gathered), SortError> {
        let found = match find_images(folder) {
            // A sort before may have moved them all.
            Err(DataError::NoImages { .. }) if is_taken(&into.join(SORTED)) => None,
            found => Some(found?),
        };
        if same_file(folder, into) {
            return Err(SortError::IntoItself { path: folder.to_owned() });
        }
        let sorter = Self::begin(disk, into, SORTED, mode)?;
        let folder = std::path::absolute(folder).map_err(SortError::disk(folder, "read"))?;
        let listing = match found {
            Some(listing) => listing,
            None if sorter.record.knows(&folder) => ImageListing::default(),
            None => find_images(&folder)?,
        };
        let gathered = sorter.gather(&folder, listing)?;
        Ok((sorter, gathered))
    }

    /// Begins to set pictures aside into `into`, which is created where it is not there: [`Self::place`] moves them, and
    /// [`PutBack`](super::PutBack) moves them back. What was interrupted is taken up as by [`Self::open`].
    ///
    /// # Errors
    /// A [`SortError`] where `into` cannot be written, someone else is at work in it, or its `set-aside.csv` is no record.
    pub fn set_aside(into: &Path) -> Result<Self, SortError> {
        Self::begin(Box::new(Local), into, SET_ASIDE, Mode::Move)
    }

    pub(super) fn begin(
        disk: Box<dyn Disk>,
        into: &Path,
        record: &str,
        mode: Mode,
    ) -> Result<Self, SortError> {
        fs::create_dir_all(into).map_err(SortError::disk(into, "created"))?;
        let into = fs::canonicalize(into).map_err(SortError::disk(into, "read"))?;
        let record = Record::open(&*disk, into.join(record))?;
        let mut sorter = Self { into, mode, record, disk };
        sorter.settle()?;
        Ok(sorter)
    }

    /// Tells the pictures sorted before from the rest.
    fn gather(&self, folder: &Path, listing: ImageListing) -> Result<Gathered, SortError> {
        let base = if folder.is_dir() { folder } else { folder.parent().unwrap_or(folder) };
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let holds_into = self.into.starts_with(real(folder));
        let mut gathered = Gathered { skipped: listing.skipped, ..Gathered::default() };
        for image in listing.images {
            let path = std::path::absolute(&image).map_err(SortError::disk(&image, "read"))?;
            if holds_into && real(path.parent().unwrap_or(&path)).starts_with(&self.into) {
                continue;
            }
            if self.is_done(&path) {
                gathered.done += 1;
            } else {
                let name = path.strip_prefix(base).unwrap_or(&path).to_owned();
                gathered.pending.push(Item { path, name });
            }
        }
        Ok(gathered)
    }

    /// Puts a picture into a group's folder under its own name, or a numbered one where that is taken, and returns where
    /// it is now, below the folder that is sorted into.
    ///
    /// `folder` comes from [`GroupFolders`](super::GroupFolders) or is [`UNSURE`](super::UNSURE); `label` is what the
    /// record says. A picture that is in its place already stays there.
    ///
    /// # Errors
    /// A [`SortError`] that names the file or folder and what could not be done with it. Everything is then as it was
    /// before this picture, but that an original whose copy is in place may still be there.
    pub fn place(
        &mut self,
        item: &Item,
        folder: &str,
        label: &str,
        probability: Option<f32>,
    ) -> Result<PathBuf, SortError> {
        let metadata = fs::metadata(&item.path).map_err(SortError::disk(&item.path, "read"))?;
        let stamp = Stamp::of(&metadata);
        if let Some(copy) = self.finished_copy(item, &stamp) {
            self.clear(&item.path, &self.into.join(copy))?;
            return Ok(copy.to_owned());
        }
        let parent =
            self.make_folder(&Path::new(folder).join(item.name.parent().unwrap_or(Path::new(""))))?;
        let name = item.name.file_name().unwrap_or(item.name.as_os_str());
        let free = first_free(name, |name| {
            let (file, destination) = (item.path.clone(), parent.join(name));
            let line = Line { file, destination, label: label.to_owned(), probability, stamp: stamp.clone() };
            self.try_place(line)
        })?;
        Ok(parent.join(free.ok_or_else(|| no_name_left(&self.into.join(&parent)))?))
    }

    /// Puts a picture where a line says; false where that name is taken.
    fn try_place(&mut self, line: Line) -> Result<bool, SortError> {
        let (from, to) = (line.file.clone(), self.into.join(&line.destination));
        if is_taken(&to) {
            return Ok(same_file(&from, &to));
        }
        self.record.add(&*self.disk, line)?;
        if let Err(error) = put(&*self.disk, self.mode, &from, &to) {
            // Where the line cannot be taken back now, the next sort does it.
            let _ = self.record.withdraw(&*self.disk);
            return match error.kind() {
                ErrorKind::AlreadyExists => Ok(false),
                _ => Err(SortError::disk(&from, self.mode.verb(&to))(error)),
            };
        }
        if self.mode == Mode::Move && is_taken(&from) {
            self.clear(&from, &to)?;
        }
        Ok(true)
    }

    /// Deletes the original of a picture that was copied in order to move it.
    fn clear(&self, original: &Path, copy: &Path) -> Result<(), SortError> {
        clear(&*self.disk, original, copy).map_err(SortError::disk(original, "deleted now that it is copied"))
    }

    /// Whether a picture needs nothing more.
    fn is_done(&self, path: &Path) -> bool {
        let stamp = || fs::metadata(path).map(|metadata| Stamp::of(&metadata));
        let placed = self.record.line_of(path);
        self.mode != Mode::Move && placed.is_some_and(|line| stamp().is_ok_and(|stamp| stamp == line.stamp))
    }

    /// Where the copy is of a picture that was copied before and is now to be moved.
    fn finished_copy(&self, item: &Item, stamp: &Stamp) -> Option<&Path> {
        let line = self.record.line_of(&item.path).filter(|line| line.stamp == *stamp)?;
        let copy = self.into.join(&line.destination);
        let is_copy = same_contents(&item.path, &copy) && !same_file(&item.path, &copy);
        (self.mode == Mode::Move && is_copy).then_some(&line.destination)
    }

    /// Clears up after the last line, whose picture may not have reached its place: what is there then is nothing, or the
    /// empty file that took the name.
    fn settle(&mut self) -> Result<(), SortError> {
        let Some(line) = self.record.last() else { return Ok(()) };
        let (original, destination) = (line.file.clone(), self.into.join(&line.destination));
        let remove = |path: &Path| self.disk.remove(path).map_err(SortError::disk(path, "removed"));
        let part = part_of(&destination);
        if is_taken(&part) {
            remove(&part)?;
        }
        let is_unfilled = is_empty(&destination);
        if is_taken(&original) && (is_unfilled || !is_taken(&destination)) {
            if is_unfilled {
                remove(&destination)?;
            }
            self.record.withdraw(&*self.disk)?;
        }
        Ok(())
    }

    /// Creates a folder below the one that is sorted into, numbering those whose names are taken by files, and returns
    /// what it is called there.
    fn make_folder(&self, wanted: &Path) -> Result<PathBuf, SortError> {
        let mut made = PathBuf::new();
        for component in wanted.components() {
            let Component::Normal(name) = component else { continue };
            let free = first_free(name, |name| self.try_folder(&self.into.join(&made).join(name)))?;
            made.push(free.ok_or_else(|| no_name_left(&self.into.join(&made)))?);
        }
        Ok(made)
    }

    /// Whether there is, or now is, a folder of that name.
    fn try_folder(&self, path: &Path) -> Result<bool, SortError> {
        if path.is_dir() {
            return Ok(true);
        }
        match self.disk.create_folder(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(path.is_dir()),
            Err(error) => Err(SortError::disk(path, "created")(error)),
        }
    }
}

impl fmt::Debug for Sorter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sorter").field("into", &self.into).field("mode", &self.mode).finish_non_exhaustive()
    }
}

pub(super) fn no_name_left(folder: &Path) -> SortError {
    SortError::disk(folder, "given one more file of that name")(ErrorKind::AlreadyExists.into())
}
