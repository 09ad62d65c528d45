//! The steps that change the disk, each of which either happens or does not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The steps that change the disk. Everything a sort does is made of them, so that a test can stop it between any two.
pub(super) trait Disk {
    /// Writes to the end of a file.
    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Drops what a file holds from `end` on, and goes there.
    fn cut(&self, file: &mut File, end: u64) -> io::Result<()> {
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end)).map(drop)
    }

    /// Creates a folder, which must not exist.
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    /// Takes a name by creating an empty file, which must not exist.
    fn claim(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).create_new(true).open(path).map(drop)
    }

    /// Copies content, time and permissions to a file that must not exist, and brings it to disk.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut source = File::open(from)?;
        let metadata = source.metadata()?;
        let mut copy = OpenOptions::new().write(true).create_new(true).open(to)?;
        io::copy(&mut source, &mut copy)?;
        if let Ok(modified) = metadata.modified() {
            copy.set_modified(modified)?;
        }
        copy.set_permissions(metadata.permissions())?;
        copy.sync_all()
    }

    /// Renames over whatever is at `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Gives a file a second name, which must not exist.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    /// Creates a symbolic link, which must not exist.
    fn symbolic_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(unix)]
        return std::os::unix::fs::symlink(from, to);
        #[cfg(windows)]
        return std::os::windows::fs::symlink_file(from, to);
        #[cfg(not(any(unix, windows)))]
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("no links: {from:?} {to:?}")));
    }

    /// Deletes a folder, which must be empty.
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    /// Deletes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The disk itself.
#[derive(Debug)]
pub(super) struct Local;

impl Disk for Local {}

/// Whether there is anything of that name, be it a link that leads nowhere.
pub(super) fn is_taken(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Whether it is a file without content, which no picture is.
pub(super) fn is_empty(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// Whether two names lead to the same place.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

/// Whether two files hold the same bytes; false where either cannot be read.
pub(super) fn same_contents(a: &Path, b: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let (a, b) = (File::open(a)?, File::open(b)?);
        if a.metadata()?.len() != b.metadata()?.len() {
            return Ok(false);
        }
        same_bytes(BufReader::new(a), BufReader::new(b))
    };
    same().unwrap_or(false)
}

fn same_bytes(mut a: impl Read, mut b: impl Read) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = a.read(&mut left)?;
        if read == 0 {
            return Ok(b.read(&mut right)? == 0);
        }
        if b.read_exact(&mut right[..read]).is_err() || left[..read] != right[..read] {
            return Ok(false);
        }
    }
}
