//! The command as a person uses it: run, interrupted, fed with nonsense.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod bad_input;
mod convert;
mod folds;
mod interruption;
mod path;
mod quantize;
mod recipe;
mod relabel;
mod reporting;
mod resuming;
mod rules;
mod speed;
mod suspects;
mod terminal;
mod tuning;
