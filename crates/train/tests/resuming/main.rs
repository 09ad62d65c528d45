//! Trainings that were interrupted and go on: to the bits of one that was not.

#[path = "../common/mod.rs"]
mod common;

mod disks;
mod files;
mod interruptions;
mod keeping;
mod reader;
mod support;
