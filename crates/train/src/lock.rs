//! One process at a time trains in a run's folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use same_file::Handle;

use crate::error::TrainError;
use crate::run::RunFolder;

/// The right to write into a run's folder, which ends with this value or with the process, however that ends.
///
/// It is an advisory lock on a file in the folder. Where the file system has no locks it keeps nobody out.
#[derive(Debug)]
pub(crate) struct RunLock {
    run: PathBuf,
    path: PathBuf,
    held: Mutex<Held>,
}

/// What is held as long as it is open.
#[derive(Debug)]
struct Held {
    folder: Handle,
    /// Locked.
    file: File,
}

impl RunLock {
    /// Takes the lock at `path` in the folder `run`.
    ///
    /// # Errors
    /// [`TrainError::RunBusy`] where another process has it, [`TrainError::Write`] where the file cannot be made.
    pub(crate) fn take(run: &Path, path: &Path) -> Result<Self, TrainError> {
        let held = Mutex::new(Held::take(run, path)?);
        Ok(Self { run: run.to_owned(), path: path.to_owned(), held })
    }

    /// Whether the folder is the one that was locked: it may have been deleted, and another process may have made one in its place.
    pub(crate) fn holds(&self) -> bool {
        let held = self.held();
        match held.has_file_at(&self.path) {
            Ok(is_same) => is_same,
            Err(_) => held.has_folder_at(&self.run),
        }
    }

    /// Makes sure that the folder is there and locked by this process. One that was deleted is made again.
    ///
    /// # Errors
    /// [`TrainError::RunBusy`] and [`TrainError::RunExists`] where another process trains or has trained in its place, [`TrainError::Write`] where it cannot be
    /// made or looked at.
    pub(crate) fn hold(&self) -> Result<(), TrainError> {
        self.hold_unless(|| RunFolder::refuse_used(&self.run))
    }

    /// As [`Self::hold`], where `taken` says whether another folder that is there is another's.
    ///
    /// # Errors
    /// As [`Self::hold`], and those of `taken`.
    pub(crate) fn hold_unless(
        &self,
        taken: impl FnOnce() -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        let mut held = self.held();
        let failed = |source| TrainError::Write { path: self.path.clone(), source };
        match held.has_file_at(&self.path) {
            Ok(true) => return Ok(()),
            Ok(false) => {
                let by = "another process".to_owned();
                return Err(TrainError::RunBusy { path: self.run.clone(), by });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(source)),
        }
        if !held.has_folder_at(&self.run) {
            taken()?;
            fs::create_dir_all(&self.run).map_err(failed)?;
        }
        *held = Held::take(&self.run, &self.path)?;
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn take(run: &Path, path: &Path) -> Result<Self, TrainError> {
        let failed = |source| TrainError::Write { path: path.to_owned(), source };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(failed)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(TrainError::RunBusy { path: run.to_owned(), by: holder(file) });
        }
        // The number is for people alone.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { folder: Handle::from_path(run).map_err(failed)?, file })
    }

    /// Whether the folder is the one at `run`.
    fn has_folder_at(&self, run: &Path) -> bool {
        Handle::from_path(run).is_ok_and(|folder| folder == self.folder)
    }

    /// Whether the file that is locked is the one at `path`.
    fn has_file_at(&self, path: &Path) -> io::Result<bool> {
        Ok(Handle::from_path(path)? == Handle::from_file(self.file.try_clone()?)?)
    }
}

/// The process that has locked the file, as it has written there.
fn holder(mut file: File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(1..=10) if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("process {text}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_locked_until_its_lock_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = RunLock::take(folder.path(), &path).unwrap();
        let refused = RunLock::take(folder.path(), &path).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
        drop(lock);
        RunLock::take(folder.path(), &path).unwrap();
    }

    #[test]
    fn a_folder_that_was_deleted_is_made_and_locked_again_unless_another_process_has_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("runs/run");
        fs::create_dir_all(&run).unwrap();
        let path = run.join("lock");
        let lock = RunLock::take(&run, &path).unwrap();
        lock.hold().unwrap();
        for _ in 0..2 {
            fs::remove_dir_all(folder.path().join("runs")).unwrap();
            assert!(!lock.holds());
            lock.hold().unwrap();
            assert!(lock.holds() && RunLock::take(&run, &path).is_err(), "it is locked again");
        }
        fs::remove_file(&path).unwrap();
        assert!(lock.holds(), "the folder is the same");
        fs::write(run.join("config.toml"), "the run's own").unwrap();
        lock.hold().unwrap();

        fs::remove_dir_all(&run).unwrap();
        fs::create_dir(&run).unwrap();
        fs::write(run.join("config.toml"), "another's, that has come to its end").unwrap();
        assert!(matches!(lock.hold(), Err(TrainError::RunExists { .. })) && !lock.holds());
        let _other = RunLock::take(&run, &path).unwrap();
        assert!(matches!(lock.hold(), Err(TrainError::RunBusy { .. })) && !lock.holds());
    }

    #[test]
    fn what_another_left_in_the_file_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "17 and a lot of other things").unwrap();
        let _lock = RunLock::take(folder.path(), &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), std::process::id().to_string());
    }
}
