//! The folder of a run: `model.divvy`, `events.jsonl`, `split.csv`, `config.toml`, its report, and views that were asked for; until it has come to its
//! end two checkpoints and a lock. A run with folds holds a run for each, and what they say together.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use divvy_data::{DataError, Fold, read_limited, write_atomically};
use divvy_model::{MODEL_FILE, Model, Trained};

use crate::config::{Folds, TrainConfig};
use crate::error::TrainError;
use crate::event::{Ending, Event};
use crate::lock::RunLock;
use crate::outcome::Outcome;

/// The folder of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// What a folder that a run would go into holds already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Contents {
    /// Nothing, or there is no such folder yet.
    Nothing,
    /// A run with a model, told in a sentence.
    Model(String),
    /// A run that has no model yet.
    Unfinished,
    /// Files that are no run's.
    Other(usize),
}

impl RunFolder {
    /// Makes the folder for a new run.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] when the folder holds anything, [`TrainError::Write`] when it cannot be made or written to.
    pub fn create(path: &Path) -> Result<Self, TrainError> {
        Self::refuse_used(path)?;
        fs::create_dir_all(path).map_err(|source| TrainError::Write { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned() })
    }

    /// The run that a path stands for: its folder, or the model file in it.
    pub fn at(path: &Path) -> Self {
        let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        Self { path: folder.to_owned() }
    }

    /// Reads events.jsonl: each event with its line, from 1. Lines that are no known event are passed over.
    ///
    /// # Errors
    /// [`TrainError::Data`] when it cannot be read.
    pub fn read_events(&self) -> Result<Vec<(usize, Event)>, TrainError> {
        /// A line a second for many years.
        const MOST: u64 = 256 << 20;
        let text = read_limited(&self.events(), MOST)?;
        let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
        Ok(lines.filter_map(|(number, line)| Some((number, serde_json::from_slice(line).ok()?))).collect())
    }

    /// Takes a run's files and folder away; a folder that holds anything else stays.
    pub(crate) fn remove(&self) {
        self.remove_files();
        let _ = fs::remove_dir(&self.path);
    }

    /// Takes a run's files away. What cannot be removed is reported by the next command, as a run without a model.
    fn remove_files(&self) {
        for file in self.replaced().into_iter().chain([self.events()]).chain(self.board()) {
            let _ = fs::remove_file(file);
        }
        self.remove_left_over();
    }

    /// Takes away what a process that was killed has left of a run that has come to its end.
    pub(crate) fn remove_left_over(&self) {
        self.remove_temporary();
        self.remove_working();
    }

    /// The files that stay, of those that are written whole in place of what was there: their halves lie beside them meanwhile.
    fn replaced(&self) -> Vec<PathBuf> {
        let once = [self.model(), self.last(), self.split(), self.config(), self.page()];
        let of_folds = [self.predictions(), self.figures()];
        once.into_iter().chain(of_folds).chain(self.report()).chain(self.epochs()).collect()
    }

    /// Takes away what a run needs only as long as it goes on.
    pub(crate) fn remove_working(&self) {
        for file in self.checkpoints().into_iter().chain([self.lock_file()]) {
            let _ = fs::remove_file(file);
        }
    }

    /// Takes away the halves of files that a process was writing when it was killed.
    pub(crate) fn remove_temporary(&self) {
        let written: Vec<PathBuf> = self.replaced().into_iter().chain(self.checkpoints()).collect();
        for file in self.files() {
            let whole = file.file_name().and_then(|name| half_of(name.to_str()?));
            let whole = whole.map(|whole| self.path.join(whole));
            if whole.is_some_and(|whole| written.contains(&whole) || self.is_epoch(&whole)) {
                let _ = fs::remove_file(file);
            }
        }
    }

    /// What is in the folder.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        fs::read_dir(&self.path).into_iter().flatten().flatten().map(|entry| entry.path())
    }

    /// The right to write here, unless another process has it.
    pub(crate) fn lock(&self) -> Result<RunLock, TrainError> {
        RunLock::take(&self.path, &self.lock_file())
    }

    /// Whether there is a training here that was interrupted and can be gone on with; of a run with folds, whether any of them has begun and
    /// not all have come to their end.
    pub fn is_resumable(&self) -> bool {
        let has_begun = |fold: &Self| fold.model().is_file() || fold.has_checkpoint();
        self.has_checkpoint() || (!self.model().is_file() && self.folds().iter().any(has_begun))
    }

    fn has_checkpoint(&self) -> bool {
        self.config().is_file() && self.checkpoints().iter().any(|file| file.is_file())
    }

    /// The runs of its folds, where it has some.
    pub fn folds(&self) -> Vec<Self> {
        let folds = match self.read_config() {
            Ok(TrainConfig { folds: Some(Folds::Each(folds)), .. }) => folds.min(Fold::MOST),
            _ => 0,
        };
        (1..=folds).map(|number| self.fold(number)).collect()
    }

    /// The run of a fold, from 1.
    pub(crate) fn fold(&self, number: usize) -> Self {
        Self { path: self.path.join(format!("fold-{number}")) }
    }

    /// What came of the training, if it has come to its end.
    ///
    /// # Errors
    /// [`TrainError::Data`] and [`TrainError::Model`] when its events or its model cannot be read.
    pub fn outcome(&self) -> Result<Option<Outcome>, TrainError> {
        let last =
            last_line(&self.events()).map_err(|source| DataError::Read { path: self.events(), source })?;
        let Ok(Event::Finished { ending, epochs, best_epoch, validation, seconds }) =
            serde_json::from_slice(&last)
        else {
            return Ok(None);
        };
        if ending == Ending::Interrupted {
            return Ok(None);
        }
        let validation_images = Model::open(&self.model())?.record().validation_images;
        let run = self.clone();
        Ok(Some(Outcome { run, ending, epochs, best_epoch, validation, validation_images, seconds }))
    }

    /// Looks whether a new run could go to `path`, without making anything.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] when the folder holds anything.
    pub fn refuse_used(path: &Path) -> Result<(), TrainError> {
        let contents = match Self::contents(path)? {
            Contents::Nothing => return Ok(()),
            Contents::Model(told) if Self::at(path).is_resumable() => {
                format!("{told}, and its training can go on: `divvy train --resume {}`", path.display())
            }
            Contents::Model(told) => told,
            Contents::Unfinished => format!(
                "this folder holds a run that stopped before its first model was saved; `divvy train --resume {}` goes on with it",
                path.display()
            ),
            Contents::Other(files) => format!("this folder holds {files} files that are not a run's"),
        };
        Err(TrainError::RunExists { path: path.to_owned(), contents })
    }

    /// What is at `path`.
    ///
    /// # Errors
    /// [`TrainError::Write`] when the folder cannot be looked into, or is a file.
    pub fn contents(path: &Path) -> Result<Contents, TrainError> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries.count(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::Nothing),
            Err(source) => return Err(TrainError::Write { path: path.to_owned(), source }),
        };
        let run = Self { path: path.to_owned() };
        Ok(match Trained::open(path) {
            Ok(trained) => Contents::Model(describe(&trained)),
            _ if entries == 0 => Contents::Nothing,
            _ if run.is_begun() => Contents::Unfinished,
            Err(_) => Contents::Other(entries),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The best model so far.
    pub fn model(&self) -> PathBuf {
        self.path.join(MODEL_FILE)
    }

    /// The model after the last epoch, where that is not the best.
    pub fn last(&self) -> PathBuf {
        self.path.join("last.divvy")
    }

    /// The model of an epoch, from 1, where it is one of the best and those are kept.
    pub fn epoch(&self, epoch: u32) -> PathBuf {
        self.path.join(format!("epoch-{epoch:03}.divvy"))
    }

    /// The models of the best epochs that are kept.
    pub fn epochs(&self) -> Vec<PathBuf> {
        let mut epochs: Vec<_> = self.files().filter(|file| self.is_epoch(file)).collect();
        epochs.sort();
        epochs
    }

    /// Whether a file is named as the model of an epoch is.
    pub(crate) fn is_epoch(&self, file: &Path) -> bool {
        let number = |name: &str| name.strip_prefix("epoch-")?.strip_suffix(".divvy")?.parse().ok();
        let epoch = file.file_name().and_then(|name| number(name.to_str()?));
        epoch.is_some_and(|epoch| self.epoch(epoch) == file)
    }

    /// What happened, one JSON object a line.
    pub fn events(&self) -> PathBuf {
        self.path.join("events.jsonl")
    }

    /// The page that shows the training, where one was written.
    pub fn page(&self) -> PathBuf {
        self.path.join("live.html")
    }

    /// The report: the page, and the same as JSON.
    pub fn report(&self) -> [PathBuf; 2] {
        ["report.html", "report.json"].map(|name| self.path.join(name))
    }

    /// How the names of the files begin that TensorBoard reads.
    pub const BOARD: &str = "events.out.tfevents.";

    /// The files that TensorBoard reads, where some were written.
    pub fn board(&self) -> Vec<PathBuf> {
        let is_board = |file: &PathBuf| {
            file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(Self::BOARD))
        };
        self.files().filter(is_board).collect()
    }

    /// What the folds say of each picture, where there are some.
    pub fn predictions(&self) -> PathBuf {
        self.path.join("predictions.csv")
    }

    /// Labels put right, where some were written for a person to look through.
    pub fn corrections(&self) -> PathBuf {
        self.path.join("corrections.csv")
    }

    /// How good the folds are, where there are some.
    pub fn figures(&self) -> PathBuf {
        self.path.join("folds.json")
    }

    /// Which picture was used for what.
    pub fn split(&self) -> PathBuf {
        self.path.join("split.csv")
    }

    /// The checkpoints, of which one is there or both until the training has come to its end.
    pub fn checkpoints(&self) -> [PathBuf; 2] {
        ["checkpoint.0", "checkpoint.1"].map(|name| self.path.join(name))
    }

    /// What is locked by the process that trains.
    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Whether a training has written anything here.
    fn is_begun(&self) -> bool {
        [self.config(), self.events(), self.lock_file()].iter().any(|file| file.is_file())
    }

    /// What was asked for.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Writes config.toml.
    pub(crate) fn write_config(&self, config: &TrainConfig) -> Result<(), TrainError> {
        let text = toml::to_string(config)
            .map_err(|error| TrainError::Write { path: self.config(), source: io::Error::other(error) })?;
        write_atomically(&self.config(), |file| file.write_all(text.as_bytes())).map_err(TrainError::from)
    }

    /// Reads config.toml.
    ///
    /// # Errors
    /// As [`TrainConfig::read`].
    pub fn read_config(&self) -> Result<TrainConfig, TrainError> {
        TrainConfig::read(&self.config())
    }
}

/// A new run. Dropped before there is a model or a checkpoint, it takes away what it has written, so that the same command, put right,
/// finds its folder free.
pub(crate) struct Attempt {
    run: RunFolder,
    /// The folders that were made for it, innermost first.
    made: Vec<PathBuf>,
    /// None once it is given up.
    lock: Option<RunLock>,
}

impl Attempt {
    /// Makes the folder and takes it for this process.
    ///
    /// # Errors
    /// As [`RunFolder::create`]; [`TrainError::RunBusy`] when another process was faster.
    pub(crate) fn begin(path: &Path) -> Result<Self, TrainError> {
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = path.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        let run = RunFolder::create(path)?;
        let lock = Some(run.lock()?);
        Ok(Self { run, made, lock })
    }

    /// The run's folder.
    pub(crate) fn run(&self) -> &RunFolder {
        &self.run
    }

    /// The right to write there.
    pub(crate) fn lock(&self) -> &RunLock {
        self.lock.as_ref().expect("it is given up when this is dropped")
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // Some systems do not remove a file that is locked.
        let is_own = self.lock.take().is_some_and(|lock| lock.holds());
        if !is_own || self.run.model().exists() || self.run.is_resumable() {
            return;
        }
        // The folder was empty when the run began, so these are the run's own.
        self.run.remove_files();
        // A folder that holds anything else stays.
        for folder in &self.made {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Of which file a process writes a half under this name, if it does.
fn half_of(name: &str) -> Option<&str> {
    let (whole, process) = name.strip_suffix(".tmp")?.rsplit_once('.')?;
    (!process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit())).then_some(whole)
}

/// The last whole line of a file, which may be as long as it likes or not be there.
fn last_line(path: &Path) -> io::Result<Vec<u8>> {
    /// More than any line that ends a training has.
    const MOST: u64 = 1 << 16;
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(MOST)))?;
    let mut end = Vec::new();
    file.take(MOST).read_to_end(&mut end)?;
    let mut lines = end.rsplit(|&byte| byte == b'\n');
    let unfinished = lines.next().is_none_or(|rest| !rest.is_empty());
    Ok(if unfinished { Vec::new() } else { lines.next().unwrap_or_default().to_vec() })
}

/// What a model file holds, in a sentence.
fn describe(trained: &Trained) -> String {
    let classes = trained.classes().join(", ");
    let [model] = trained.members() else {
        return format!(
            "this folder holds {} models for {classes} that answer together",
            trained.members().len()
        );
    };
    let record = model.record();
    format!(
        "this folder holds a model for {classes} (epoch {}, validation {} {:.4})",
        record.epoch, record.validation.metric, record.validation.value,
    )
}
