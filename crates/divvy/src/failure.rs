//! What a person is told when a command cannot do what was asked.

use std::fmt;

use divvy::data::DataError;
use divvy::nn::{ArchitectureError, BuildError};
use divvy::rules::Diagnostic;
use divvy::train::TrainError;

use crate::terminal::{Palette, complain};

/// A mistake in what was asked, and what to do instead.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// What to type instead.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// With a second line that says what to type.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints an error: `error: ` and what it says, then `help: ` and what to do where that is known. Broken rules are printed with their
/// number.
///
/// Errors of the library name their cause themselves.
pub(crate) fn report(error: &anyhow::Error, palette: Palette) {
    if let Some(finding) = finding(error) {
        complain(palette.finding(finding));
        complain(format_args!("{}: `divvy explain {}` says more", palette.hint("help"), finding.rule));
        return;
    }
    complain(format_args!("{}: {error}", palette.error("error")));
    if let Some(help) = error.downcast_ref::<Failure>().and_then(Failure::hint) {
        complain(format_args!("{}: {help}", palette.hint("help")));
    }
}

/// The broken rule that an error is about.
fn finding(error: &anyhow::Error) -> Option<&Diagnostic> {
    error
        .downcast_ref::<Diagnostic>()
        .or_else(|| error.downcast_ref().and_then(TrainError::finding))
        .or_else(|| error.downcast_ref().and_then(BuildError::finding))
        .or_else(|| error.downcast_ref().and_then(ArchitectureError::finding))
        .or_else(|| error.downcast_ref().and_then(DataError::finding))
}
