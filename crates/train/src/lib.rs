//! The training loop, its events, the run folder and evaluation.
//!
//! ```text
//! TrainConfig ──▶ prepare ──▶ Trainer ──▶ RunFolder (model.divvy, events.jsonl, split.csv, config.toml)
//!                 data, split, │    ▲
//!                 network      │    └─▶ Checkpoint
//!                              └─▶ Event ──▶ every Listener
//! ```
//!
//! The loop knows nothing of terminals: whatever shows a training listens to its [`Event`]s.

mod architecture;
mod balance;
mod calibrate;
mod check;
mod checkpoint;
mod clock;
mod closing;
mod compare;
mod config;
mod course;
mod doubts;
mod error;
mod evaluate;
mod event;
mod familiarize;
mod folds;
mod forecast;
mod growth;
mod kept;
mod learner;
mod lock;
mod log;
mod outcome;
mod pictures;
mod prepare;
mod prior;
mod progress;
mod quantize;
mod range_test;
mod recipe;
mod recorder;
mod relabel;
mod report;
mod resources;
mod run;
mod safekeeping;
mod start;
mod trainer;
mod tune;
mod unwritten;
mod validate;
mod watch;

pub use architecture::open_architecture;
pub use balance::Balance;
pub use check::{DataCheck, DataFindings, NetworkQuestion, check_data, check_network, check_run};
pub use checkpoint::{Checkpoint, CheckpointFault};
pub use closing::Afterwards;
pub use compare::{
    AtOnce, CompareConfig, Comparison, Contender, Difference, McNemarOfSeed, RunFigures, Spread, Standing,
    Turn, compare,
};
pub use config::{Folds, Length, TrainConfig};
pub use course::{Course, EpochRecord, GroupRecord, LookRecord, StepRecord};
pub use error::{ModelsLeft, TrainError};
pub use evaluate::{Evaluation, evaluate};
pub use event::{Answers, Ending, Event, Listener, Score};
pub use folds::{CrossValidation, FoldFigures, FoldsOutcome, resume_folds, train_folds};
pub use outcome::Outcome;
pub use prior::StatedPrior;
pub use quantize::{Quantization, quantize};
pub use range_test::{Basis, RangeEnd, RangeTest, Reading, Sweep, Trial, read_trials, test_range};
pub use recipe::{Choice, Facts, Machine, Parts, Recipe, Stated};
pub use relabel::{RankedLabel, Relabelled, Relabelling};
pub use report::{
    Abstaining, Against, Calibrated, DataTable, DoubtfulLabel, DoubtfulLabels, EpochFigures, FalseAlarms,
    Gallery, GroupCounts, GroupCurves, GroupFigures, GroupParts, HowFamiliar, HowGood, HowMade, HowSure,
    Measured, MeasuredOn, Mistake, NetworkFacts, ReportConfig, Reported, RunReport, ShownPicture,
    StatedShare, Threshold, TrainingCourse, UnderPrior, WhereItFails, WhereToCut, Why, report_run,
};
pub use resources::Resources;
pub use run::{Contents, RunFolder};
pub use start::{resume, train};
pub use tune::{
    Advantage, Fate, Held, Origin, Rung, Settings, TrialResult, Tried, TuneConfig, TuneEvent, TuneFolder,
    TunePlan, TuneTrial, TuneTurn, Tuning, Verdict, resume_tune, tune,
};
pub use watch::Watch;
