//! Trainings through the public interface, and what is made of their runs.

#[path = "../common/mod.rs"]
mod common;

mod balance;
mod comparing;
mod evaluating;
mod events;
mod folds;
mod labels;
mod reporting;
mod running_away;
mod training;
