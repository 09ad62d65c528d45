//! How good a run's model is, how sure, where it fails and how it was made: everything a report shows, as one value.
//!
//! ```text
//! ReportConfig ──▶ Subject ──▶ Asked ──▶ HowGood, HowSure, WhereToCut, … ─┐
//!    RUN, DATA     pictures    answers                                            ├─▶ RunReport ──▶ JSON, page, terminal
//!                  RunFolder ─────────────────────────────────────────▶ HowMade ─┘
//! ```
//!
//! docs/report.md describes every key.

mod against;
mod asked;
mod curves;
mod cut;
mod fails;
mod familiar;
mod good;
mod labels;
mod made;
mod own;
mod prior;
mod slices;
mod subject;
mod summary;
mod sure;
mod why;

use std::path::PathBuf;
use std::sync::Arc;

use divvy_data::{Dataset, OpenOptions, StoreOptions};
use divvy_eval::{Aim, Level};
use divvy_model::{Classifier, Trained};
use divvy_nn::Device;
use serde::Serialize;

use crate::error::TrainError;
use crate::evaluate::require_exclusive;
use crate::run::RunFolder;

pub use against::Against;
pub use curves::GroupCurves;
pub use cut::{Abstaining, Threshold, WhereToCut};
pub use fails::{Gallery, Mistake, ShownPicture, WhereItFails};
pub use familiar::{FalseAlarms, HowFamiliar};
pub use good::{GroupFigures, HowGood};
pub use labels::{DoubtfulLabel, DoubtfulLabels};
pub use made::{DataTable, EpochFigures, GroupCounts, GroupParts, HowMade, NetworkFacts, TrainingCourse};
pub use prior::{StatedShare, UnderPrior};
pub use subject::{Measured, MeasuredOn};
pub use sure::{Calibrated, HowSure};
pub use why::Why;

pub(crate) use fails::SHOWN_IN_ALL;
pub(crate) use why::PARTS;

use asked::Asked;
use subject::{Choosing, Subject, Subjects};

/// What a report is asked for.
#[derive(Clone, Debug)]
pub struct ReportConfig {
    /// The run's folder, or a model file.
    pub run: PathBuf,
    /// Pictures in groups to measure on; by default the test part of those that the run was trained on, or where there is none the
    /// validation pictures.
    pub data: Option<PathBuf>,
    /// How `data` is opened.
    pub read: OpenOptions,
    /// The group of two that ROC AUC and average precision are about; by default the model's second.
    pub positive: Option<String>,
    /// Another run or model to hold this one against, on the same pictures.
    pub against: Option<PathBuf>,
    /// What mistakes cost, each as `TRUE->ANSWER=COST`; all others cost 1.
    pub costs: Vec<String>,
    /// What thresholds are chosen for; by default the least cost where costs are stated, else F1 and, of two groups, Youden's index, too.
    pub aim: Option<Aim>,
    /// How often sets of groups are to hold the true one.
    pub coverage: Level,
    /// Which share of the answers is to be right where the model answers only when it is sure.
    pub accuracy: Level,
}

impl ReportConfig {
    /// The report of a run on its own pictures, with sets that hold the true group, and sure answers that are right, 95 times in 100.
    pub fn new(run: impl Into<PathBuf>) -> Self {
        Self {
            run: run.into(),
            data: None,
            read: OpenOptions::default(),
            positive: None,
            against: None,
            costs: Vec::new(),
            aim: None,
            coverage: usual_level(),
            accuracy: usual_level(),
        }
    }
}

/// 95 in 100.
fn usual_level() -> Level {
    Level::new(0.95).unwrap_or_else(|_| unreachable!("it lies between 0 and 1"))
}

/// What a report says. Serialises to what `report.json` holds.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The version of divvy that wrote the report.
    pub divvy: String,
    /// The run or the model.
    pub run: PathBuf,
    /// The report in a few sentences.
    pub summary: Vec<String>,
    /// Which pictures the model was asked about.
    pub measured_on: MeasuredOn,
    /// How often it is right.
    pub how_good: HowGood,
    /// Whether its probabilities can be believed; none of a model without.
    pub how_sure: Option<HowSure>,
    /// What it is worth where groups come in other shares; none of a model of which no such are stated.
    pub prior: Option<UnderPrior>,
    /// Whether the pictures look like those that it was trained on; none of a model that does not know what these look like.
    pub how_familiar: Option<HowFamiliar>,
    /// Thresholds, answers that are held back, and sets; none where the run does not tell pictures to choose them by.
    pub where_to_cut: Option<WhereToCut>,
    /// What it gets wrong.
    pub where_it_fails: WhereItFails,
    /// What the maps over these pictures are worth.
    pub why: Why,
    /// Labels that are likely wrong; none of a model without probabilities, and where it was trained on all of the pictures.
    pub labels: Option<DoubtfulLabels>,
    /// How it does beside another, where one was named.
    pub against: Option<Against>,
    /// How it came about.
    pub how_made: HowMade,
}

/// A report, with the pictures that it speaks of.
#[derive(Clone, Debug)]
pub struct Reported {
    /// What it says.
    pub report: RunReport,
    /// Where the pictures are that it shows.
    pub dataset: Arc<Dataset>,
}

/// Asks the model of a run about pictures that it was not trained on, and gathers all that can be said of it.
///
/// `device` is what computes; `options` say how pictures are read, who is told of it, and what stops it and the classifying after it;
/// `classified` is told how many pictures of how many are classified.
///
/// # Errors
/// A [`TrainError`] when there is no model, no pictures to ask it about, or they cannot be used or read.
pub fn report_run(
    config: &ReportConfig,
    device: &Device,
    options: &StoreOptions<'_>,
    classified: &dyn Fn(usize, usize),
) -> Result<Reported, TrainError> {
    let trained = Trained::open(&config.run)?;
    let folder = RunFolder::at(&config.run);
    let Subjects { measured: subject, choosing, own } = Subjects::find(config, &folder, &trained)?;
    require_exclusive(config.positive.as_deref(), trained.head())?;
    let positive = config.positive.as_deref().map(|name| subject.dataset.positive_class(name)).transpose()?;
    cut::check(config, trained.head(), !matches!(choosing, Choosing::Nothing))?;
    let how_made = HowMade::of(&config.run, &folder, &trained, own.as_ref());
    let record = match &trained {
        Trained::One(model) => Some(model.record().clone()),
        Trained::Several(_) => None,
    };
    let stated = trained.members()[0].record().prior.clone();
    let mut classifier = Classifier::new(trained, device.another())?;
    let mut ask = |subject: &Subject| Asked::ask(&mut classifier, subject, device, options, classified);
    let asked = ask(&subject)?;
    let validation = match &choosing {
        Choosing::Validation(validation) => Some(ask(validation)?),
        Choosing::Measured | Choosing::Nothing => None,
    };

    let how_good = HowGood::of(&asked, positive)?;
    let how_sure = HowSure::of(&asked, record.as_ref())?;
    let prior = UnderPrior::of(&asked, &how_good, stated.as_ref(), record.is_some())?;
    let choosing = match (&choosing, &validation) {
        (Choosing::Measured, _) => Some((subject.part, &asked, true)),
        (Choosing::Validation(chosen_on), Some(validation)) => Some((chosen_on.part, validation, false)),
        _ => None,
    };
    let where_to_cut = choosing
        .map(|(part, choosing, flatters)| WhereToCut::of(config, positive, part, choosing, &asked, flatters))
        .transpose()?;
    let mut where_it_fails = WhereItFails::of(&asked)?;
    let why = Why::of(&mut classifier, &subject.dataset, &mut where_it_fails.gallery, options, classified)?;
    let learnt = subject.learnt(own.as_ref(), &asked);
    let unseen = learnt.as_ref().map_or_else(|| asked.clone(), |learnt| asked.without(learnt));
    let labels = DoubtfulLabels::of(&unseen.joined(validation.as_ref()))?;
    let against = match &config.against {
        Some(other) => Some(Against::of(other, config, &asked, device, options, classified)?),
        None => None,
    };
    let measured_on = subject.measured_on(&asked, learnt.as_deref());
    let mut report = RunReport {
        divvy: env!("CARGO_PKG_VERSION").to_owned(),
        run: config.run.clone(),
        summary: Vec::new(),
        measured_on,
        how_good,
        how_sure,
        prior,
        how_familiar: HowFamiliar::of(&asked, subject.part),
        where_to_cut,
        where_it_fails,
        why,
        labels,
        against,
        how_made,
    };
    report.summary = summary::sentences(&report);
    Ok(Reported { report, dataset: subject.dataset })
}
