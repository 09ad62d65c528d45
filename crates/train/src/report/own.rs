//! The pictures that a run was made of.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use divvy_data::{Dataset, Split};

use super::subject::{Inquiry, Measured, Subject};
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::run::RunFolder;

/// The pictures that a run was made of, and how it divided them.
pub(super) struct OwnPictures {
    dataset: Arc<Dataset>,
    folds: Vec<RunFolder>,
    /// One, or that of each fold.
    splits: Vec<Split>,
}

impl OwnPictures {
    /// Opens what the run in `folder` was trained on, with `classes` numbered as its model does. `path` is what the run is called.
    ///
    /// # Errors
    /// [`TrainError::NoPictures`] of a model without its run, and [`TrainError::Data`] where the pictures are not as they were.
    pub(super) fn open(path: &Path, folder: &RunFolder, classes: &[String]) -> Result<Self, TrainError> {
        if !folder.config().is_file() {
            return Err(TrainError::NoPictures { path: path.to_owned() });
        }
        let TrainConfig { data, read, .. } = folder.read_config()?;
        let dataset = Arc::new(Dataset::open(&data, &read)?.with_classes(classes)?);
        let folds = folder.folds();
        let runs = if folds.is_empty() { std::slice::from_ref(folder) } else { folds.as_slice() };
        let split = |run: &RunFolder| Split::read_csv(&run.split(), &dataset);
        let splits = runs.iter().map(split).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { dataset, folds, splits })
    }

    /// All of them.
    pub(super) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// How they were divided; of folds, how the first did.
    pub(super) fn split(&self) -> &Split {
        &self.splits[0]
    }

    /// The test part, where there is one.
    pub(super) fn test(&self) -> Option<Subject> {
        let test = self.split().test.clone();
        (!test.is_empty()).then(|| Subject {
            dataset: Arc::clone(&self.dataset),
            part: Measured::Test,
            inquiry: Inquiry::Model(test),
        })
    }

    /// What validates.
    pub(super) fn validation(&self) -> Subject {
        let validation = self.splits.iter().map(|split| split.validation.clone());
        let (part, inquiry) = if self.folds.is_empty() {
            (Measured::Validation, Inquiry::Model(validation.flatten().collect()))
        } else {
            let models = self.folds.iter().map(RunFolder::model);
            (Measured::Folds, Inquiry::Folds(models.zip(validation).collect()))
        };
        Subject { dataset: Arc::clone(&self.dataset), part, inquiry }
    }

    /// Whether each of `samples` is one of those that the run was trained on: the same file, by whatever way.
    pub(super) fn learnt(&self, dataset: &Dataset, samples: &[usize]) -> Vec<bool> {
        let mut places = Places::default();
        let trained_on: HashSet<usize> =
            self.splits.iter().flat_map(|split| split.train.iter().copied()).collect();
        let learnt: HashSet<PathBuf> =
            trained_on.into_iter().map(|sample| places.of(&self.dataset.sample_path(sample))).collect();
        samples.iter().map(|&sample| learnt.contains(&places.of(&dataset.sample_path(sample)))).collect()
    }

    /// How many pictures are `learnt`.
    pub(super) fn count(learnt: &[bool]) -> usize {
        learnt.iter().filter(|learnt| **learnt).count()
    }
}

/// Where files really lie, by whatever links they are reached.
#[derive(Default)]
struct Places {
    known: HashMap<PathBuf, PathBuf>,
}

impl Places {
    fn of(&mut self, file: &Path) -> PathBuf {
        if let Ok(real) = fs::canonicalize(file) {
            return real;
        }
        // An item of an array, `PATH#ITEM`, or a file in an archive.
        if let Some((array, item)) = file.to_str().and_then(|text| text.rsplit_once('#')) {
            return self.once(Path::new(array)).join(item);
        }
        match (file.parent(), file.file_name()) {
            (Some(folder), Some(name)) => self.once(folder).join(name),
            _ => file.to_owned(),
        }
    }

    /// Where something really lies that many files lie in.
    fn once(&mut self, path: &Path) -> PathBuf {
        let real = || fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.known.entry(path.to_owned()).or_insert_with(real).clone()
    }
}
