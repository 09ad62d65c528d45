//! The training loop, its events, the run folder and evaluation.
//!
//! ```text
//! TrainConfig ──▶ prepare ──▶ Trainer ──▶ RunFolder (model.divvy, events.jsonl, split.csv, config.toml)
//!                 data, split, │
//!                 network      └─▶ Event ──▶ every Listener
//! ```
//!
//! The loop knows nothing of terminals: whatever shows a training listens to its [`Event`]s.

mod clock;
mod config;
mod error;
mod evaluate;
mod event;
mod prepare;
mod recorder;
mod run;
mod trainer;
mod validate;

pub use config::{AugmentChoice, Length, TrainConfig};
pub use error::TrainError;
pub use evaluate::{Evaluation, evaluate};
pub use event::{Ending, Event, Listener, Metric, Score};
pub use run::{Contents, RunFolder};
pub use trainer::{Outcome, train};
