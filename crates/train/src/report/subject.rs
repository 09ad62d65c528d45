//! Which pictures a report is about.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use divvy_data::{Dataset, Part, Split};
use divvy_model::Trained;
use divvy_nn::Task;
use serde::Serialize;

use super::ReportConfig;
use super::asked::Asked;
use super::made::GroupCounts;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::evaluate::require_one_label;
use crate::run::RunFolder;

/// Which of its pictures a model is measured on, and so what the figures are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// The test part, which training never looks at.
    Test,
    /// Other pictures, all that there are.
    All,
    /// The validation pictures, by which the best epoch was chosen: what is measured on them flatters a little.
    Validation,
    /// Each picture by the fold that was not trained on it, which is a single network where the model is the mean of all.
    Folds,
}

/// The pictures that a report is about.
#[derive(Clone, Debug, Serialize)]
pub struct MeasuredOn {
    /// Their folder or list.
    pub data: PathBuf,
    /// Which of them.
    pub part: Measured,
    /// How many could be asked about.
    pub n: usize,
    /// How many of each group or label there are.
    pub groups: Vec<GroupCounts>,
    /// How many of them the model was trained on; none where its run does not tell.
    pub trained_on: Option<usize>,
    /// What is in no figure because it could not be read or used, a sentence each.
    pub left_out: Vec<String>,
}

/// What a report asks about.
pub(super) struct Subjects {
    /// What is measured on.
    pub(super) measured: Subject,
    pub(super) choosing: Choosing,
}

/// By which pictures something may be chosen that is then measured.
pub(super) enum Choosing {
    /// By those that are measured on, which flatters what is chosen.
    Measured,
    /// By the run's validation pictures.
    Validation(Subject),
    /// By none: the run does not tell its pictures, or they are not there any more.
    Nothing,
}

/// The pictures that a model is asked about.
pub(super) struct Subject {
    pub(super) dataset: Arc<Dataset>,
    pub(super) part: Measured,
    pub(super) inquiry: Inquiry,
}

/// Who is asked about what.
pub(super) enum Inquiry {
    /// The model, about these.
    Model(Vec<usize>),
    /// Each fold's own model, about those that it has not seen.
    Folds(Vec<(PathBuf, Vec<usize>)>),
}

impl Subjects {
    /// Finds the pictures that `config` asks for.
    pub(super) fn find(
        config: &ReportConfig,
        folder: &RunFolder,
        trained: &Trained,
    ) -> Result<Self, TrainError> {
        let own = || OwnPictures::open(&config.run, folder, trained);
        let subjects = match &config.data {
            Some(data) => {
                let dataset = Dataset::open(data, &config.read)?.with_classes(trained.classes())?;
                let choosing = match own() {
                    Ok(own) => Choosing::Validation(own.validation()),
                    Err(_) => Choosing::Nothing,
                };
                Self { measured: Subject::of_data(Arc::new(dataset)), choosing }
            }
            None => own()?.subjects(),
        };
        if trained.head().task() != Task::MultiLabel {
            require_one_label(&subjects.measured.dataset, &subjects.measured.inquiry.samples())?;
        }
        Ok(subjects)
    }
}

/// The pictures that a run was made of.
struct OwnPictures {
    dataset: Arc<Dataset>,
    folds: Vec<RunFolder>,
    /// One, or that of each fold.
    splits: Vec<Split>,
}

impl OwnPictures {
    fn open(path: &Path, folder: &RunFolder, trained: &Trained) -> Result<Self, TrainError> {
        if !folder.config().is_file() {
            return Err(TrainError::NoPictures { path: path.to_owned() });
        }
        let TrainConfig { data, read, .. } = folder.read_config()?;
        let dataset = Arc::new(Dataset::open(&data, &read)?.with_classes(trained.classes())?);
        let folds = folder.folds();
        let runs = if folds.is_empty() { std::slice::from_ref(folder) } else { folds.as_slice() };
        let split = |run: &RunFolder| Split::read_csv(&run.split(), &dataset);
        let splits = runs.iter().map(split).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { dataset, folds, splits })
    }

    /// The test part, or where there is none what validates.
    fn subjects(self) -> Subjects {
        let test = self.splits.first().map(|split| split.test.clone()).unwrap_or_default();
        if test.is_empty() {
            return Subjects { measured: self.validation(), choosing: Choosing::Measured };
        }
        let measured = Subject {
            dataset: Arc::clone(&self.dataset),
            part: Measured::Test,
            inquiry: Inquiry::Model(test),
        };
        Subjects { measured, choosing: Choosing::Validation(self.validation()) }
    }

    /// What validates.
    fn validation(self) -> Subject {
        let validation = self.splits.into_iter().map(|split| split.validation);
        let (part, inquiry) = if self.folds.is_empty() {
            (Measured::Validation, Inquiry::Model(validation.flatten().collect()))
        } else {
            let models = self.folds.iter().map(RunFolder::model);
            (Measured::Folds, Inquiry::Folds(models.zip(validation).collect()))
        };
        Subject { dataset: self.dataset, part, inquiry }
    }
}

impl Subject {
    /// The test part of other pictures, or all of them.
    fn of_data(dataset: Arc<Dataset>) -> Self {
        let has_test = !dataset.part(Some(Part::Test)).is_empty();
        let part = if has_test { Measured::Test } else { Measured::All };
        let inquiry = Inquiry::Model(dataset.evaluation_samples());
        Self { dataset, part, inquiry }
    }

    /// What is said of the pictures once they were asked about.
    pub(super) fn measured_on(&self, folder: &RunFolder, asked: &Asked) -> MeasuredOn {
        let counts = self.dataset.class_counts(&asked.samples);
        let groups = self.dataset.classes().iter().zip(counts);
        let trained_on = match self.inquiry {
            Inquiry::Model(_) => trained_on(folder, &self.dataset, &asked.samples),
            Inquiry::Folds(_) => Some(0),
        };
        let skipped = self.dataset.skipped().iter().map(ToString::to_string);
        MeasuredOn {
            data: self.dataset.root().to_owned(),
            part: self.part,
            n: asked.samples.len(),
            groups: groups.map(|(name, n)| GroupCounts { group: name.clone(), n }).collect(),
            trained_on,
            left_out: skipped.chain(asked.unreadable.iter().cloned()).collect(),
        }
    }
}

impl Inquiry {
    /// All pictures.
    fn samples(&self) -> Vec<usize> {
        match self {
            Self::Model(samples) => samples.clone(),
            Self::Folds(folds) => folds.iter().flat_map(|(_, samples)| samples.iter().copied()).collect(),
        }
    }
}

/// How many of `samples` a run was trained on: those that are the same files. None where its own pictures are not told, or not there any more.
pub(super) fn trained_on(run: &RunFolder, dataset: &Dataset, samples: &[usize]) -> Option<usize> {
    let config = run.read_config().ok()?;
    let own = Dataset::open(&config.data, &config.read).ok()?;
    let folds = run.folds();
    let runs = if folds.is_empty() { vec![run.clone()] } else { folds };
    let mut places = Places::default();
    let mut learnt: HashSet<PathBuf> = HashSet::new();
    for run in runs {
        let split = Split::read_csv(&run.split(), &own).ok()?;
        learnt.extend(split.train.iter().map(|&sample| places.of(&own.sample_path(sample))));
    }
    Some(samples.iter().filter(|&&sample| learnt.contains(&places.of(&dataset.sample_path(sample)))).count())
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
