//! What can be told of data, networks and runs without training: the rules that are broken.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use divvy_data::check::{self, Finding};
use divvy_data::{Channels, Dataset, Split, StoreOptions, Survey};
use divvy_model::{Model, Trained};
use divvy_nn::{Architecture, Circumstances, Network, Task, Wiring};
use divvy_rules::{Diagnostic, Policy, Stage};

use crate::architecture::open_architecture;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::event::Event;
use crate::recipe::Parts;
use crate::run::RunFolder;
use crate::watch::Watch;

/// What a network is to be checked for.
#[derive(Clone, Debug)]
pub struct NetworkQuestion {
    /// What the labels will mean; by default what so many exclusive classes mean.
    pub task: Option<Task>,
    /// How many classes or labels there will be; by default as many as the file states units, or two.
    pub classes: Option<usize>,
    /// Height and width of the pictures, in pixels.
    pub size: usize,
    /// Pictures in a step, where that is known.
    pub batch: Option<usize>,
    /// What is stated of the head beside what the file states.
    pub wiring: Wiring,
}

impl Default for NetworkQuestion {
    /// Pictures of 64 pixels, and the rest as it follows.
    fn default() -> Self {
        Self { task: None, classes: None, size: 64, batch: None, wiring: Wiring::default() }
    }
}

/// Checks an architecture, by name or from a TOML file, and what it states of its head. Adds what the file allows to `policy`.
///
/// # Errors
/// A [`TrainError`] when there is no such architecture or its layers do not fit together. A rule that is broken is no error here.
pub fn check_network(
    name: &str,
    question: &NetworkQuestion,
    policy: &mut Policy,
) -> Result<Vec<Diagnostic>, TrainError> {
    let architecture = open_architecture(name)?;
    policy.allow_also(architecture.allowed().iter().copied());
    match build(&architecture, question) {
        Ok((network, mut findings)) => {
            let circumstances = Circumstances { batch: question.batch, input_is_scaled: true };
            findings.extend(architecture.lint(&network, &circumstances));
            Ok(findings)
        }
        Err(error) => error.into_finding().map(|finding| vec![finding]),
    }
}

fn build(
    architecture: &Architecture,
    question: &NetworkQuestion,
) -> Result<(Network, Vec<Diagnostic>), TrainError> {
    let exclusive = question.task != Some(Task::MultiLabel);
    let classes = question.classes.unwrap_or_else(|| architecture.usual_classes());
    let decision = architecture.decide(&question.wiring, question.task, classes, exclusive)?;
    let input = [question.size, question.size, Channels::Rgb.count()];
    Ok((architecture.network(input, decision.head())?, decision.notes().to_vec()))
}

/// Checks a run: what was found when it began, and the course of its training; of a model without such a record the network. Adds what
/// its configuration allows to `policy`.
///
/// # Errors
/// A [`TrainError`] when there is no run, or its model cannot be read.
pub fn check_run(path: &Path, policy: &mut Policy) -> Result<Vec<Diagnostic>, TrainError> {
    let run = RunFolder::at(path);
    if let Ok(config) = run.read_config() {
        allow(&config, policy);
    }
    // A model that cannot be used is no run to be content with.
    let trained = run.model().is_file().then(|| Trained::open(&run.model())).transpose()?;
    if run.events().is_file() {
        return replay(&run);
    }
    let folds = run.folds();
    if !folds.is_empty() {
        return check_folds(&folds, policy);
    }
    let trained = trained.map_or_else(|| Trained::open(path), Ok)?;
    let lint = |model: &Model| {
        model.network().lint(&Circumstances { batch: Some(model.record().batch), input_is_scaled: true })
    };
    Ok(each_once(trained.members().iter().flat_map(lint)))
}

/// Checks the folds of a run that have begun.
fn check_folds(folds: &[RunFolder], policy: &mut Policy) -> Result<Vec<Diagnostic>, TrainError> {
    let mut findings = Vec::new();
    for fold in folds.iter().filter(|fold| fold.events().is_file()) {
        findings.extend(check_run(fold.path(), policy)?);
    }
    Ok(each_once(findings))
}

/// Findings without those that are the same as one before: what is wrong with the data or the network is so in every fold.
fn each_once(findings: impl IntoIterator<Item = Diagnostic>) -> Vec<Diagnostic> {
    let mut each: Vec<Diagnostic> = Vec::new();
    for finding in findings {
        if !each.contains(&finding) {
            each.push(finding);
        }
    }
    each
}

/// What a run was allowed when it was trained.
fn allow(config: &TrainConfig, policy: &mut Policy) {
    policy.allow_also(config.allow.iter().copied());
    if let Ok(architecture) = open_architecture(&config.architecture) {
        policy.allow_also(architecture.allowed().iter().copied());
    }
}

/// What the events of a training show. Findings that were told before its first step are taken over as they were; those of its course
/// are found anew.
fn replay(run: &RunFolder) -> Result<Vec<Diagnostic>, TrainError> {
    let mut watch = Watch::new();
    let mut findings = Vec::new();
    let events = run.read_events()?;
    if !events.iter().any(|(_, event)| matches!(event, Event::Started { .. })) {
        return Err(TrainError::NoRecord { path: run.events() });
    }
    for (line, event) in events {
        match event {
            Event::Finding { finding } if finding.rule.stage() != Stage::Training => findings.push(finding),
            Event::Finding { .. } => {}
            event => findings.extend(watch.on(&event).into_iter().map(|finding| {
                let place = finding.place.clone().inside(&run.events(), Some(line));
                finding.at(place)
            })),
        }
    }
    Ok(findings)
}

/// What [`check_data`] is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataCheck {
    /// Looking at each file and picture.
    Files,
    /// Comparing pictures with each other.
    Pictures,
}

/// What was found in labelled pictures.
#[derive(Clone, Debug)]
pub struct DataFindings {
    /// Rules that are broken, with the pictures that break them.
    pub findings: Vec<Finding>,
    /// What else is wrong, a sentence each: files that are left out, and why nothing could be trained.
    pub problems: Vec<String>,
    /// Pictures that are there more than once.
    pub copies: check::Copies,
    /// Height and width in pixels of each picture as it is seen; `None` for those that cannot be read.
    pub sizes: Vec<Option<(usize, usize)>>,
}

impl From<Vec<Diagnostic>> for DataFindings {
    /// Findings that are not about pictures, where nothing else is wrong.
    fn from(findings: Vec<Diagnostic>) -> Self {
        let findings = findings.into_iter().map(Finding::from).collect();
        Self { findings, problems: Vec::new(), copies: check::Copies::default(), sizes: Vec::new() }
    }
}

/// Checks labelled pictures: names, parts, files, and the pictures themselves. Where the data brings no validation part, it is about one
/// that is drawn with the usual share and seed. `told` hears how far each part of the work is.
///
/// # Errors
/// A [`TrainError`] when pictures cannot be read, or `stop` is set.
pub fn check_data(
    dataset: &Arc<Dataset>,
    threads: usize,
    told: &(dyn Fn(DataCheck, usize, usize) + Sync),
    stop: &AtomicBool,
) -> Result<DataFindings, TrainError> {
    let mut findings: Vec<Finding> = check::names(dataset).into_iter().map(Finding::from).collect();
    let progress = |done, total| told(DataCheck::Files, done, total);
    let options =
        StoreOptions { threads, progress: Some(&progress), cancel: Some(stop), ..StoreOptions::default() };
    let survey = Survey::of(dataset, &options)?;
    findings.extend(check::files(&survey));
    findings.extend(check::types(&survey));
    findings.extend(check::quality(&survey));

    let progress = |done, total| told(DataCheck::Pictures, done, total);
    let options = StoreOptions { progress: Some(&progress), ..options };
    let copies = check::Copies::find(&survey, &options)?;
    findings.extend(check::shortcut(&survey, &copies));
    let (share, seed) = (Parts::of(dataset).validation_share(), TrainConfig::new(dataset.root()).seed);
    let split = Split::keeping_together(dataset, share, seed, &copies.together())?;
    findings.extend(check::split(dataset, &split).into_iter().map(Finding::from));
    let unreadable: Vec<usize> = survey.unreadable().iter().map(|bad| bad.sample).collect();
    // What cannot be read is no copy, and in no share of copies.
    let readable = split.without(&unreadable, dataset).unwrap_or(split);
    findings.extend(check::copies(dataset, &copies, &readable));
    let skipped = dataset.skipped().iter().map(|skipped| format!("left out: {skipped}"));
    let untrainable = dataset.require_trainable().err().map(|error| error.to_string());
    let problems = skipped.chain(untrainable).collect();
    let sizes = (0..dataset.samples().len()).map(|sample| survey.size(sample)).collect();
    Ok(DataFindings { findings, problems, copies, sizes })
}
