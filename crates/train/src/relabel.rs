//! What of the labels of a run with folds is likely wrong, and the corrections that are made of it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use divvy_data::{Correction, Corrections, LABEL_SEPARATOR};
use divvy_eval::EvalError;
use divvy_model::Trained;
use divvy_nn::Task;
use serde::{Serialize, Serializer};

use crate::config::{Folds, TrainConfig};
use crate::doubts::{Doubt, LabelDoubts};
use crate::error::TrainError;
use crate::folds::{Predicted, Predictions};
use crate::run::RunFolder;

/// The columns of a file of corrections that are there for people.
const FOR_PEOPLE: [&str; 4] = ["suspected", "suggested", "p_label", "p_suggested"];

/// The labels of a run with folds, ranked by how far networks that were not trained on the pictures contradict them.
#[derive(Clone, PartialEq, Debug)]
pub struct Relabelling {
    /// How many labels are wrong, by estimate: a measure of what labels and networks disagree about, no census.
    pub estimated: f64,
    /// How many pictures are suspected to be labelled wrongly.
    pub suspected: usize,
    /// All pictures, the one whose label is contradicted most first.
    pub ranking: Vec<RankedLabel>,
    /// What the run was trained with instead of what its data says.
    earlier: Vec<Correction>,
}

/// What speaks against the label of a picture.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RankedLabel {
    /// What the picture is called in lists, byte for byte: its path relative to the data.
    #[serde(rename = "path", serialize_with = "as_text")]
    pub name: Vec<u8>,
    /// The group or the labels that the networks were trained with.
    pub label: Vec<String>,
    /// What it more likely is: the likeliest other group; of labels those given, but for the suspected ones, or where none is for the most doubtful one.
    pub suggested: Vec<String>,
    /// The probability of the label, or that the most doubtful one of several is rightly given, or not given.
    pub p_label: f32,
    /// The probability of what is suggested, or that the most doubtful one of several labels is not as it is.
    pub p_suggested: f32,
    /// Whether the label is suspected to be wrong.
    pub suspected: bool,
}

/// Which pictures of a ranking are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relabelled {
    /// Those that are suspected to be labelled wrongly.
    Suspected,
    /// So many, the most contradicted first, suspected or not.
    First(usize),
    /// All.
    All,
}

impl Relabelling {
    /// Ranks the labels of the run at `path`, of which each fold was asked about pictures that it was not trained on.
    ///
    /// # Errors
    /// [`TrainError::NoFolds`] and [`TrainError::NoProbabilities`] where that is not known, and errors of files that cannot be read or are not as they
    /// were written.
    pub fn of_run(path: &Path) -> Result<Self, TrainError> {
        let trained = Trained::open(path)?;
        let run = RunFolder::at(path);
        let config = with_folds(path, &run)?;
        if !trained.head().has_probabilities() {
            return Err(TrainError::NoProbabilities { path: path.to_owned() });
        }
        let task = trained.head().task();
        let Predictions { classes, pictures } = Predictions::read(&run, task != Task::MultiLabel)?;
        let given: Vec<&[usize]> = pictures.iter().map(|picture| picture.truth.as_slice()).collect();
        let rows: Vec<f32> =
            pictures.iter().flat_map(|picture| picture.probabilities.iter().copied()).collect();
        let unfit =
            |error: EvalError| TrainError::Figures { path: run.predictions(), fault: error.to_string() };
        let doubts = LabelDoubts::of(task, classes.len(), &given, &rows).map_err(unfit)?;
        let earlier = match &config.read.corrections {
            Some(file) => Corrections::read(file)?.iter().cloned().collect(),
            None => Vec::new(),
        };
        let ranked = |doubt: &Doubt| RankedLabel::of(doubt, &pictures[doubt.picture], &classes);
        Ok(Self {
            estimated: doubts.estimated,
            suspected: doubts.suspected().count(),
            ranking: doubts.ranking.iter().map(ranked).collect(),
            earlier,
        })
    }

    /// Some of the ranking, in its order.
    pub fn chosen(&self, which: Relabelled) -> Vec<&RankedLabel> {
        let ranking = self.ranking.iter();
        match which {
            Relabelled::Suspected => ranking.filter(|ranked| ranked.suspected).collect(),
            Relabelled::First(most) => ranking.take(most).collect(),
            Relabelled::All => ranking.collect(),
        }
    }

    /// Writes corrections as docs/labels.md describes them: a line for each of `chosen`, and behind these for what the run was trained with instead of what
    /// its data says, so that the file takes the place of the one before. Of a suspected label the suggestion is to hold, any other stays.
    ///
    /// Says how many lines there are; where there are none, nothing is written.
    ///
    /// # Errors
    /// [`TrainError::FileExists`], and [`TrainError::Data`] where it cannot be written.
    pub fn write_corrections(&self, chosen: &[&RankedLabel], path: &Path) -> Result<usize, TrainError> {
        if path.exists() {
            return Err(TrainError::FileExists { path: path.to_owned() });
        }
        let lines = self.lines(chosen);
        if !lines.is_empty() {
            Corrections::write(path, &FOR_PEOPLE, &lines)?;
        }
        Ok(lines.len())
    }

    fn lines(&self, chosen: &[&RankedLabel]) -> Vec<(Correction, Vec<String>)> {
        let mut earlier: HashMap<&[u8], &Correction> =
            self.earlier.iter().map(|correction| (correction.name.as_slice(), correction)).collect();
        let mut lines: Vec<_> = chosen
            .iter()
            .map(|ranked| {
                let label = ranked.label.join(LABEL_SEPARATOR);
                let given = earlier.remove(ranked.name.as_slice()).map(|correction| correction.given.clone());
                let suggested = ranked.suggested.join(LABEL_SEPARATOR);
                let correction = Correction {
                    name: ranked.name.clone(),
                    given: given.unwrap_or_else(|| label.clone()),
                    corrected: if ranked.suspected { suggested } else { label },
                };
                (correction, ranked.cells())
            })
            .collect();
        let ranked: HashMap<&[u8], &RankedLabel> =
            self.ranking.iter().map(|ranked| (ranked.name.as_slice(), ranked)).collect();
        let kept = self.earlier.iter().filter(|correction| earlier.contains_key(correction.name.as_slice()));
        lines.extend(kept.map(|correction| {
            // Pictures of a test part are in no ranking.
            let cells = ranked.get(correction.name.as_slice()).map(|ranked| ranked.cells());
            (correction.clone(), cells.unwrap_or_else(|| vec![String::new(); FOR_PEOPLE.len()]))
        }));
        lines
    }
}

impl RankedLabel {
    fn of(doubt: &Doubt, picture: &Predicted, classes: &[String]) -> Self {
        let named = |labels: &[usize]| labels.iter().map(|&label| classes[label].clone()).collect();
        Self {
            name: picture.name.clone(),
            label: named(&picture.truth),
            suggested: named(&doubt.suggested),
            p_label: doubt.probability_as_labelled() as f32,
            p_suggested: doubt.probability_of_other() as f32,
            suspected: doubt.suspected,
        }
    }

    /// What the picture is called, as it can be shown.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// What is said of it to people, as [`FOR_PEOPLE`] has it.
    fn cells(&self) -> Vec<String> {
        let suspected = if self.suspected { "yes" } else { "no" }.to_owned();
        vec![
            suspected,
            self.suggested.join(LABEL_SEPARATOR),
            self.p_label.to_string(),
            self.p_suggested.to_string(),
        ]
    }
}

fn as_text<S: Serializer>(name: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(name))
}

/// The settings of a run, where it has folds.
fn with_folds(path: &Path, run: &RunFolder) -> Result<TrainConfig, TrainError> {
    let refuse = |instead: String| Err(TrainError::NoFolds { path: path.to_owned(), instead });
    if !run.config().is_file() {
        return refuse("`divvy train PHOTOS --folds 5` makes one".to_owned());
    }
    let config = run.read_config()?;
    match config.folds {
        Some(Folds::Each(_)) => Ok(config),
        Some(Folds::One(_)) => refuse("this is a single one, so give the folder of all".to_owned()),
        None => refuse(format!("`divvy train {} --folds 5` makes one", config.data.display())),
    }
}
