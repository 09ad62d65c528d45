//! Colours, where they are wanted.

use std::io::{self, IsTerminal};

/// Colours for a stream, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Palette {
    coloured: bool,
}

impl Palette {
    /// Those of standard output.
    pub(crate) fn of_results() -> Self {
        Self { coloured: io::stdout().is_terminal() && is_wanted() }
    }

    /// Those of standard error.
    pub(crate) fn of_errors() -> Self {
        Self { coloured: io::stderr().is_terminal() && is_wanted() }
    }

    pub(crate) fn heading(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub(crate) fn hint(self, text: &str) -> String {
        self.paint("1;36", text)
    }

    pub(crate) fn warning(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    pub(crate) fn error(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// `text` between the codes of ECMA-48 that begin and end a rendition.
    fn paint(self, rendition: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{rendition}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Whether the environment leaves colours on: no `NO_COLOR` (<https://no-color.org>), and a terminal that knows them.
fn is_wanted() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(Palette { coloured: false }.error("error"), "error");
        assert_eq!(Palette { coloured: true }.error("error"), "\x1b[1;31merror\x1b[0m");
    }
}
