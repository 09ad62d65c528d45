//! What of a training a checkpoint holds beside the numbers of the network.

use std::time::Duration;

use divvy_nn::StepCounts;
use serde::{Deserialize, Serialize};

use super::Bond;
use crate::progress::Progress;
use crate::watch::Watch;

/// A training's state at one moment, but for the numbers of the network.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// The version of divvy that wrote it.
    pub(crate) divvy: String,
    /// Which checkpoint of the training it is, from 1.
    pub(crate) serial: u64,
    /// What it belongs to.
    pub(crate) bond: Bond,
    /// The length of events.jsonl in bytes.
    pub(crate) events: u64,
    /// The time that the training has taken.
    pub(crate) taken: Duration,
    /// When in this time the first step began.
    pub(crate) first_step: Duration,
    pub(crate) counts: StepCounts,
    pub(crate) progress: Progress,
    pub(crate) watch: Watch,
}
