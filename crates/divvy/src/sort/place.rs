//! One picture into its place.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Mode;
use super::disk::{Disk, is_empty, same_contents};

/// What a copy is called while it is being written, beside its destination so that it is on the same disk. Pictures are placed one at a
/// time, so one name is enough, and it is known which file an interrupted sort left behind.
const PART: &str = ".divvy-part";

/// Where the copy for `destination` is written.
pub(super) fn part_of(destination: &Path) -> PathBuf {
    destination.with_file_name(PART)
}

/// Brings the picture `from` to the name `to`, in a folder that exists. Where it cannot be moved in one step it is
/// copied, and [`clear`] is left to do.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] when the name is taken, and whatever the disk says. Everything is then as it was.
pub(super) fn put(disk: &dyn Disk, mode: Mode, from: &Path, to: &Path) -> io::Result<()> {
    match mode {
        Mode::Copy => claimed(disk, to, || copy(disk, from, to)),
        Mode::Move => claimed(disk, to, || rename_or_copy(disk, from, to)),
        Mode::Link => link(disk, from, to),
    }
}

/// Deletes the original of a picture that was copied, having made sure of the copy.
pub(super) fn clear(disk: &dyn Disk, original: &Path, copy: &Path) -> io::Result<()> {
    if !same_contents(original, copy) {
        return Err(io::Error::other(format!("{} is not the same", copy.display())));
    }
    sync_folder_of(copy)?;
    disk.remove(original)
}

/// Takes the name `to`, runs `fill`, and gives the name back if that fails.
fn claimed(disk: &dyn Disk, to: &Path, fill: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    disk.claim(to)?;
    fill().inspect_err(|_| {
        // Network disks report failures of steps that were done after all: what is not empty is the picture.
        if is_empty(to) {
            // Where the name cannot be given back, the next sort clears it away.
            let _ = disk.remove(to);
        }
    })
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    let part = part_of(to);
    disk.copy(from, &part).and_then(|()| disk.rename(&part, to)).inspect_err(|_| {
        // Likewise.
        let _ = disk.remove(&part);
    })
}

fn rename_or_copy(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    // A moved link would lead elsewhere, or nowhere: what it leads to is copied instead.
    if fs::symlink_metadata(from)?.is_symlink() {
        return copy(disk, from, to);
    }
    match disk.rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => copy(disk, from, to),
        renamed => renamed,
    }
}

fn link(disk: &dyn Disk, from: &Path, to: &Path) -> io::Result<()> {
    let file = fs::canonicalize(from)?;
    match disk.hard_link(&file, to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => disk.symbolic_link(&file, to),
        linked => linked,
    }
}

/// Brings the name of a file to disk, so that deleting the original cannot leave neither.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path.parent().unwrap_or(path))?.sync_all() } else { Ok(()) }
}
