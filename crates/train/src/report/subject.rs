//! Which pictures a report is about.

use std::path::PathBuf;
use std::sync::Arc;

use divvy_data::{Dataset, Part};
use divvy_model::Trained;
use divvy_nn::Task;
use serde::Serialize;

use super::ReportConfig;
use super::asked::Asked;
use super::made::GroupCounts;
use super::own::OwnPictures;
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
    /// The run's own pictures, where it tells them and they are still there.
    pub(super) own: Option<OwnPictures>,
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
        let own = OwnPictures::open(&config.run, folder, trained.classes());
        let subjects = match &config.data {
            Some(data) => {
                let dataset = Dataset::open(data, &config.read)?.with_classes(trained.classes())?;
                let own = own.ok();
                let choosing =
                    own.as_ref().map_or(Choosing::Nothing, |own| Choosing::Validation(own.validation()));
                Self { measured: Subject::of_data(Arc::new(dataset)), choosing, own }
            }
            None => Self::of_own(own?),
        };
        if trained.head().task() != Task::MultiLabel {
            require_one_label(&subjects.measured.dataset, &subjects.measured.inquiry.samples())?;
        }
        Ok(subjects)
    }

    /// The run's test part, or where there is none what validates.
    fn of_own(own: OwnPictures) -> Self {
        let (measured, choosing) = match own.test() {
            Some(test) => (test, Choosing::Validation(own.validation())),
            None => (own.validation(), Choosing::Measured),
        };
        Self { measured, choosing, own: Some(own) }
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

    /// Whether each picture that was asked about is one of those that whoever answered was trained on; none where the run does not tell its `own`.
    pub(super) fn learnt(&self, own: Option<&OwnPictures>, asked: &Asked) -> Option<Vec<bool>> {
        match self.inquiry {
            Inquiry::Model(_) => own.map(|own| own.learnt(&self.dataset, &asked.samples)),
            Inquiry::Folds(_) => Some(vec![false; asked.samples.len()]),
        }
    }

    /// What is said of the pictures once they were asked about; `learnt` as [`Self::learnt`] has it.
    pub(super) fn measured_on(&self, asked: &Asked, learnt: Option<&[bool]>) -> MeasuredOn {
        let counts = self.dataset.class_counts(&asked.samples);
        let groups = self.dataset.classes().iter().zip(counts);
        let skipped = self.dataset.skipped().iter().map(ToString::to_string);
        MeasuredOn {
            data: self.dataset.root().to_owned(),
            part: self.part,
            n: asked.samples.len(),
            groups: groups.map(|(name, n)| GroupCounts { group: name.clone(), n }).collect(),
            trained_on: learnt.map(OwnPictures::count),
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
