//! Searching for better settings than those at hand, within a time: successive halving.
//!
//! ```text
//! Pilot ──▶ TunePlan ──▶ a TuneTrial for each candidate of a rung ──▶ the best third ──▶ the next rung ─▶ ... ──▶ Tuning
//! split, speed  candidates, rungs     a run folder each
//! ```
//!
//! A trial is an ordinary training whose length is in minutes, so that its schedule ends in time, and all divide the pictures alike. The plan
//! and the trials that are over lie in the folder ([`TuneFolder`]); going on after an interruption is reading them.

mod folder;
mod pilot;
mod report;
mod rungs;
mod search;
mod space;
mod trial;
mod verdict;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use divvy_data::AugmentChoice;
use serde::Serialize;

pub use folder::{TuneFolder, TunePlan};
pub use report::{Fate, Tried, Tuning};
pub use rungs::Rung;
pub use space::{Held, Origin, Settings};
pub use trial::{TrialResult, TuneTrial};
pub use verdict::{Advantage, Verdict};

use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::event::Event;
use crate::recipe::Facts;
use crate::resources::Resources;
use pilot::Pilot;
use search::Search;
use space::Space;

/// The most candidates of a tune.
const MOST: usize = 50;

/// What is searched, and for how long.
#[derive(Clone, PartialEq, Debug)]
pub struct TuneConfig {
    /// The choice that the search begins from: the first candidate. Its seed draws the others, and its length is left for the training that
    /// someone may do with the result.
    pub base: TrainConfig,
    /// Where it comes from.
    pub origin: Origin,
    /// What is not searched.
    pub held: Held,
    /// The time for all of it, in minutes.
    pub minutes: f64,
}

impl TuneConfig {
    /// The share of the time that the last training has, roughly: from three fifths of a short search to a sixth of a long one. The choice that a search begins from
    /// should suit a training of that length.
    pub const LAST_SHARE: f64 = 1.0 / 3.0;
}

/// How far a tune is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct TuneTurn {
    /// The rung, from 1.
    pub rung: usize,
    /// The candidate's place in the plan.
    pub candidate: usize,
    /// Which training of the rung it is, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// The seconds planned for all trainings that come after it.
    pub after: f64,
}

/// What happens in a tune.
#[derive(Clone, Copy, Debug)]
pub enum TuneEvent<'a> {
    /// While pictures are read and the speed is measured.
    Pilot(&'a Event),
    /// What will be tried.
    Planned(&'a TunePlan),
    /// In a training.
    During(TuneTurn, &'a Event),
    /// A training is over.
    Ended(TuneTurn, &'a TuneTrial),
}

/// Searches below `out`, a new folder, and leaves the best model and its settings there. `resources` are taken anew for each training.
///
/// # Errors
/// A [`TrainError`] as for [`train`](crate::train) where the first choice cannot be trained at all; [`TrainError::Setting`] where there is nothing
/// to search or no time for it; [`TrainError::RunExists`] where the folder holds anything; [`TrainError::TuneStopped`] after `stop` was set, and
/// [`TrainError::NothingTrained`] where each training failed; the folder is then gone. A single training that fails is a line in the result.
pub fn tune(
    config: &TuneConfig,
    out: &Path,
    resources: &dyn Fn() -> Resources,
    told: &mut (dyn FnMut(TuneEvent<'_>) + Send),
    stop: &AtomicBool,
) -> Result<Tuning, TrainError> {
    let begun = Instant::now();
    check_minutes(config.minutes)?;
    let folder = TuneFolder::refuse_used(out)?;
    let mut listener = |event: &Event| told(TuneEvent::Pilot(event));
    let pilot = pilot::fly(&config.base, config.minutes, resources(), &mut listener, stop)?;
    let plan = plan(config, &pilot, begun)?;
    let _lock = folder.begin(&pilot.split, &pilot.dataset, &plan)?;
    drop(pilot);
    Search { folder: &folder, plan: &plan, resources, stop }.go_on(told)
}

/// Goes on with the tune in the folder `out` where it was interrupted, in whatever way. One that has come to its end is left as it is.
///
/// # Errors
/// As [`tune`]; [`TrainError::NoTune`] where there is none.
pub fn resume_tune(
    out: &Path,
    resources: &dyn Fn() -> Resources,
    told: &mut (dyn FnMut(TuneEvent<'_>) + Send),
    stop: &AtomicBool,
) -> Result<Tuning, TrainError> {
    let folder = TuneFolder::at(out);
    if let Some(tuning) = folder.result()? {
        return Ok(tuning);
    }
    let plan = folder.plan()?;
    let _lock = folder.lock()?;
    Search { folder: &folder, plan: &plan, resources, stop }.go_on(told)
}

fn check_minutes(minutes: f64) -> Result<(), TrainError> {
    if minutes > 0.0 && minutes <= Length::MAX_MINUTES {
        return Ok(());
    }
    let wanted = "give a number of minutes above 0 and at most 525600 (a year), such as 60";
    Err(TrainError::Setting { setting: "the time", found: format!("{minutes} minutes"), wanted })
}

/// Draws the candidates, and gives them the time that is left.
fn plan(config: &TuneConfig, pilot: &Pilot, begun: Instant) -> Result<TunePlan, TrainError> {
    let facts = Facts::of(&pilot.dataset, pilot.machine);
    // What was left open about mirroring is decided: a file has no word for it.
    let augment = match config.base.augment {
        preset @ AugmentChoice::Preset(_) => preset,
        stated @ AugmentChoice::Stated { .. } => stated.resolved(&pilot.dataset),
    };
    let base = TrainConfig { augment, ..config.base.clone() };
    let mut candidates = Space { base: &base, facts: &facts, held: config.held }.candidates(MOST);
    if candidates.len() < 2 {
        let found = "stated, each of them".to_owned();
        let wanted =
            "leave one out of learning rate, size, network and changes of pictures, to search for it";
        return Err(TrainError::Setting { setting: "what is to be searched", found, wanted });
    }
    let (before, after) = (begun.elapsed().as_secs_f64(), pilot.pace.closing());
    let left = config.minutes * 60.0 - before - after;
    let rungs = rungs::plan(left, pilot.pace.least(), candidates.len());
    let epochs = rungs.first().map_or(0.0, |rung| pilot.pace.epochs(rung.seconds));
    if left <= 0.0 || epochs <= 0.0 {
        let found = format!(
            "{} minutes, of which reading the pictures and measuring the speed took {before:.1} seconds, and each training reads them again",
            config.minutes
        );
        let wanted = "give more --minutes";
        return Err(TrainError::Setting { setting: "the time", found, wanted });
    }
    candidates.truncate(rungs[0].candidates);
    Ok(TunePlan { origin: config.origin, minutes: config.minutes, before, after, epochs, rungs, candidates })
}
