//! One process at a time trains in a run's folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use crate::error::TrainError;

/// The right to write into a run's folder, which ends with this value or with the process, however that ends.
///
/// It is an advisory lock on a file in the folder. Where the file system has no locks it keeps nobody out.
#[derive(Debug)]
pub(crate) struct RunLock {
    /// Locked as long as it is open.
    _file: File,
}

impl RunLock {
    /// Takes the lock at `path` in the folder `run`.
    ///
    /// # Errors
    /// [`TrainError::RunBusy`] where another process has it, [`TrainError::Write`] where the file cannot be made.
    pub(crate) fn take(run: &Path, path: &Path) -> Result<Self, TrainError> {
        let failed = |source| TrainError::Write { path: path.to_owned(), source };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(failed)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(TrainError::RunBusy { path: run.to_owned(), by: holder(file) });
        }
        // The number is for people alone.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
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
    fn what_another_left_in_the_file_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "17 and a lot of other things").unwrap();
        let _lock = RunLock::take(folder.path(), &path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), std::process::id().to_string());
    }
}
