//! What a person is told when a command cannot do what was asked.

use std::fmt;

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

/// Prints an error: `error: ` and what it says, then `help: ` and what to do where that is known.
///
/// Errors of the library name their cause themselves, and findings come with their number (`error[H01]: ...`).
pub(crate) fn report(error: &anyhow::Error, palette: Palette) {
    let text = error.to_string();
    let (label, said) = match text.split_once(": ") {
        Some((label, said)) if label.starts_with("error[") => (label, said),
        _ => ("error", text.as_str()),
    };
    complain(format_args!("{}: {said}", palette.error(label)));
    if let Some(help) = error.downcast_ref::<Failure>().and_then(Failure::hint) {
        complain(format_args!("{}: {help}", palette.hint("help")));
    }
}
