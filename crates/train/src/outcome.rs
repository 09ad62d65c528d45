//! What came of a training.

use crate::event::{Ending, Score};
use crate::run::RunFolder;

/// How a training ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Its folder.
    pub run: RunFolder,
    /// Why it ended.
    pub ending: Ending,
    /// The epochs that were completed.
    pub epochs: u32,
    /// The epoch whose weights are kept.
    pub best_epoch: u32,
    /// What they reach on the validation pictures.
    pub validation: Score,
    /// How many pictures that was measured on.
    pub validation_images: usize,
    /// The seconds that it took.
    pub seconds: f64,
}
