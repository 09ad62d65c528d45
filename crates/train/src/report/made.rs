//! How a model came about, as its run and its file tell.

use std::path::{Path, PathBuf};

use divvy_model::{Trained, Weights};
use divvy_nn::{Diagnostic, HeadKind, Metric, Task};
use serde::Serialize;

use super::own::OwnPictures;
use crate::config::{Length, TrainConfig};
use crate::course::Course;
use crate::event::{Ending, Event};
use crate::folds::CrossValidation;
use crate::run::RunFolder;

/// How a model came about. What its run does not tell is left out.
#[derive(Clone, Debug, Serialize)]
pub struct HowMade {
    /// The version of divvy that trained it.
    pub divvy: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The network.
    pub network: NetworkFacts,
    /// The pictures that it learnt from.
    pub data: Option<DataTable>,
    /// All settings of the training.
    pub settings: Option<TrainConfig>,
    /// The course of the training, of each where there are folds.
    pub trainings: Vec<TrainingCourse>,
    /// How good the folds are on what each has not seen.
    pub folds: Option<CrossValidation>,
    /// What was found wrong, or worth knowing, each once.
    pub findings: Vec<Diagnostic>,
    /// The command that trains it again, word by word.
    pub command: Option<Vec<String>>,
    /// Whether that gives the same model to the last bit, on a processor with the same instructions: not where the length was given in minutes.
    pub to_the_bit: bool,
}

/// What is to be known of a network.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkFacts {
    /// The name or file of its architecture.
    pub architecture: Option<String>,
    /// How many networks answer together.
    pub networks: usize,
    /// Numbers that each has learnt.
    pub parameters: usize,
    /// Height, width and channels of the pictures as it sees them.
    pub input: [usize; 3],
    /// What the labels mean.
    pub task: Task,
    /// The activation of the last layer.
    pub head: HeadKind,
    /// The units of the last layer.
    pub units: usize,
    /// The numbers that its weights are: `f32` or `int8`.
    pub weights: &'static str,
}

/// The pictures that were learnt from.
#[derive(Clone, Debug, Serialize)]
pub struct DataTable {
    /// Their folder or list.
    pub data: PathBuf,
    /// Pictures to learn from.
    pub training: usize,
    /// Pictures by which the best epoch was chosen.
    pub validation: usize,
    /// Pictures that training never looked at.
    pub test: usize,
    /// The same for each group or label.
    pub groups: Vec<GroupParts>,
}

/// How many pictures of a group each part has.
#[derive(Clone, Debug, Serialize)]
pub struct GroupParts {
    /// Its name.
    pub group: String,
    /// Pictures to learn from.
    pub training: usize,
    /// Pictures by which the best epoch was chosen.
    pub validation: usize,
    /// Pictures that training never looked at.
    pub test: usize,
}

/// How many pictures there are of a group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupCounts {
    /// Its name.
    pub group: String,
    /// How many.
    pub n: usize,
}

/// How a training went.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingCourse {
    /// Which fold it is, from 1, where there are some.
    pub fold: Option<usize>,
    /// Each epoch.
    pub epochs: Vec<EpochFigures>,
    /// The epoch whose weights are kept.
    pub best_epoch: Option<u32>,
    /// By what epochs were compared.
    pub metric: Option<Metric>,
    /// Why it ended, once it has.
    pub ending: Option<Ending>,
    /// The seconds that it took.
    pub seconds: Option<f64>,
}

/// An epoch of a training.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct EpochFigures {
    /// From 1.
    pub epoch: u32,
    /// The mean loss over the training pictures, as they came.
    pub training_loss: f64,
    /// The loss on the validation pictures.
    pub validation_loss: f64,
    /// The metric on the validation pictures.
    pub value: f64,
    /// The learning rate of its last step.
    pub rate: f64,
    /// The seconds that it took.
    pub seconds: f64,
}

impl HowMade {
    pub(super) fn of(path: &Path, folder: &RunFolder, trained: &Trained, own: Option<&OwnPictures>) -> Self {
        let record = trained.members()[0].record();
        let settings = folder.read_config().ok();
        let folds = folder.folds();
        let runs: Vec<(Option<usize>, &RunFolder)> = if folds.is_empty() {
            vec![(None, folder)]
        } else {
            folds.iter().enumerate().map(|(index, run)| (Some(index + 1), run)).collect()
        };
        let read = |(fold, run): &(Option<usize>, &RunFolder)| {
            let events = run.read_events().ok()?;
            Some((*fold, Course::of(events.iter().map(|(_, event)| event)), seconds(&events)))
        };
        let courses: Vec<_> = runs.iter().filter_map(read).collect();
        let mut findings: Vec<Diagnostic> = Vec::new();
        for finding in courses.iter().flat_map(|(_, course, _)| course.findings()) {
            if !findings.contains(finding) {
                findings.push(finding.clone());
            }
        }
        Self {
            divvy: record.divvy.clone(),
            seed: record.seed,
            network: NetworkFacts::of(trained, settings.as_ref()),
            data: own.map(DataTable::of),
            command: settings.is_some().then(|| command(path, folder)),
            to_the_bit: settings
                .as_ref()
                .is_some_and(|settings| !matches!(settings.length, Length::Minutes(_))),
            settings,
            trainings: courses
                .iter()
                .map(|(fold, course, seconds)| TrainingCourse::of(*fold, course, *seconds))
                .collect(),
            folds: CrossValidation::read(folder).ok(),
            findings,
        }
    }
}

/// The command that trains with the settings of the run, into a folder beside it.
fn command(path: &Path, folder: &RunFolder) -> Vec<String> {
    let run = if path.is_file() { folder.path() } else { path };
    let again = format!("{}-again", run.display().to_string().trim_end_matches('/'));
    let config = folder.config().display().to_string();
    ["divvy", "train", "--config", &config, "--out", &again].map(str::to_owned).to_vec()
}

/// How long a training took.
fn seconds(events: &[(usize, Event)]) -> Option<f64> {
    events.iter().rev().find_map(|(_, event)| match event {
        Event::Finished { seconds, .. } => Some(*seconds),
        _ => None,
    })
}

impl NetworkFacts {
    fn of(trained: &Trained, settings: Option<&TrainConfig>) -> Self {
        let member = &trained.members()[0];
        let head = trained.head();
        Self {
            architecture: settings.map(|settings| settings.architecture.clone()),
            networks: trained.members().len(),
            parameters: member.network().graph().summary().trainable,
            input: trained.preprocess().shape(),
            task: head.task(),
            head: head.kind(),
            units: head.units(),
            weights: match member.weights() {
                Weights::F32(_) => "f32",
                Weights::Int8(_) => "int8",
            },
        }
    }
}

impl DataTable {
    fn of(own: &OwnPictures) -> Self {
        let (dataset, split) = (own.dataset(), own.split());
        let parts = [&split.train, &split.validation, &split.test];
        let counts = parts.map(|samples| dataset.class_counts(samples));
        let groups = dataset.classes().iter().enumerate().map(|(class, name)| GroupParts {
            group: name.clone(),
            training: counts[0][class],
            validation: counts[1][class],
            test: counts[2][class],
        });
        Self {
            data: dataset.root().to_owned(),
            training: split.train.len(),
            validation: split.validation.len(),
            test: split.test.len(),
            groups: groups.collect(),
        }
    }
}

impl TrainingCourse {
    fn of(fold: Option<usize>, course: &Course, seconds: Option<f64>) -> Self {
        let epochs = course.epochs().iter().map(|record| EpochFigures {
            epoch: record.epoch,
            training_loss: record.training_loss,
            validation_loss: record.validation.loss,
            value: record.validation.value,
            rate: record.rate,
            seconds: record.seconds,
        });
        Self {
            fold,
            epochs: epochs.collect(),
            best_epoch: course.best().map(|best| best.epoch),
            metric: course.epochs().first().map(|record| record.validation.metric),
            ending: course.ending(),
            seconds,
        }
    }
}
