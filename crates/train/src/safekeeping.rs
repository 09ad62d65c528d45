//! What a training has written into its run's folder, held open: where someone deletes it while the training goes on, it is put back.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use divvy_data::{DataError, write_atomically};

use crate::error::TrainError;
use crate::run::RunFolder;

/// The files in a run's folder that stay as they are once they are written. A file that is open can be read even when it was deleted.
///
/// Not for what grows, which [`Log`](crate::log::Log) puts back itself, nor for what is written again anyway.
#[derive(Debug)]
pub(crate) struct Safekeeping {
    files: Vec<(PathBuf, File)>,
}

impl Safekeeping {
    /// The files of this kind that are there.
    pub(crate) fn of(run: &RunFolder) -> Self {
        let mut held = Self { files: Vec::new() };
        for file in [run.config(), run.split(), run.model()].into_iter().chain(run.epochs()) {
            // What is not there was not written, or deleted before this process began.
            let _ = held.hold(&file);
        }
        held
    }

    /// Holds what is at `path` now, in place of what it held of that name.
    ///
    /// # Errors
    /// What keeps it from being opened.
    pub(crate) fn hold(&mut self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        self.let_go(|held| held == path);
        self.files.push((path.to_owned(), file));
        Ok(())
    }

    /// Holds these no more.
    pub(crate) fn let_go(&mut self, goes: impl Fn(&Path) -> bool) {
        self.files.retain(|(path, _)| !goes(path));
    }

    /// Puts back what is missing in the folder, which is there. A file that cannot be written keeps no other from it.
    ///
    /// # Errors
    /// [`TrainError::Write`] with what keeps the first from being written.
    pub(crate) fn put_back(&mut self) -> Result<(), TrainError> {
        let missing = self.files.iter_mut().filter(|(path, _)| !path.exists());
        let mut result = Ok(());
        for (path, file) in missing {
            let this =
                put_back(path, file).map_err(|source| TrainError::Write { path: path.clone(), source });
            result = result.and(this);
        }
        result
    }
}

/// Writes what is held to its place, and holds that in its stead.
fn put_back(path: &Path, file: &mut File) -> io::Result<()> {
    write_again(path, file)?;
    *file = File::open(path)?;
    Ok(())
}

/// Writes all that a file holds to `path`, where it may have been deleted.
pub(crate) fn write_again(path: &Path, file: &mut File) -> io::Result<()> {
    write_atomically(path, |to| {
        file.rewind()?;
        io::copy(file, to).map(|_| ())
    })
    .map_err(DataError::into_io)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::lock::RunLock;
    use std::fs;

    /// A run's folder with its lock, a config and a model.
    fn run() -> (tempfile::TempDir, RunFolder, RunLock) {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&folder.path().join("runs/run")).unwrap();
        let lock = run.lock().unwrap();
        fs::write(run.config(), "seed = 7").unwrap();
        fs::write(run.model(), "weights").unwrap();
        (folder, run, lock)
    }

    #[test]
    fn what_was_deleted_is_put_back_and_what_is_there_is_left_alone() {
        let (folder, run, lock) = run();
        let mut held = Safekeeping::of(&run);
        fs::write(run.config(), "seed = 8").unwrap();
        held.put_back().unwrap();
        assert_eq!(fs::read_to_string(run.config()).unwrap(), "seed = 8");
        fs::remove_file(run.model()).unwrap();
        held.put_back().unwrap();
        assert_eq!(fs::read_to_string(run.model()).unwrap(), "weights");
        for _ in 0..2 {
            fs::remove_dir_all(folder.path().join("runs")).unwrap();
            lock.hold().unwrap();
            held.put_back().unwrap();
            assert_eq!(fs::read_to_string(run.model()).unwrap(), "weights");
            assert_eq!(fs::read_to_string(run.config()).unwrap(), "seed = 8");
        }
    }

    #[test]
    fn of_a_file_that_was_replaced_the_new_one_is_held_and_of_one_let_go_none() {
        let (_folder, run, lock) = run();
        let mut held = Safekeeping::of(&run);
        write_atomically(&run.model(), |to| to.write_all(b"better weights")).unwrap();
        held.hold(&run.model()).unwrap();
        held.let_go(|path| path == run.config());
        fs::remove_dir_all(run.path()).unwrap();
        lock.hold().unwrap();
        held.put_back().unwrap();
        assert_eq!(fs::read_to_string(run.model()).unwrap(), "better weights");
        assert!(!run.config().exists());
    }

    #[test]
    fn a_file_that_cannot_be_put_back_keeps_no_other_from_it() {
        let (_folder, run, _lock) = run();
        let gone = run.path().join("gone");
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join("file"), "of a folder that is no more").unwrap();
        let mut held = Safekeeping::of(&run);
        held.hold(&gone.join("file")).unwrap();
        held.files.rotate_right(1);
        fs::remove_dir_all(&gone).unwrap();
        fs::remove_file(run.model()).unwrap();
        let error = held.put_back().unwrap_err();
        assert!(matches!(&error, TrainError::Write { path, .. } if path.ends_with("gone/file")), "{error}");
        assert_eq!(fs::read_to_string(run.model()).unwrap(), "weights");
    }
}
