//! Colours, where they are wanted, and the width of lines.

use std::io::{self, IsTerminal};

use console::Term;

/// Colours and width of a stream, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Palette {
    coloured: bool,
    /// Columns of the terminal; none where the stream is no terminal, and lines are as long as they are.
    width: Option<usize>,
}

impl Palette {
    /// Those of standard output.
    pub(crate) fn of_results() -> Self {
        Self { coloured: io::stdout().is_terminal() && is_wanted(), width: width(&Term::stdout()) }
    }

    /// Those of standard error.
    pub(crate) fn of_errors() -> Self {
        Self { coloured: io::stderr().is_terminal() && is_wanted(), width: width(&Term::stderr()) }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { coloured: false, width: None }
    }

    /// No colours, on a terminal so wide.
    #[cfg(test)]
    pub(crate) fn narrow(width: usize) -> Self {
        Self { coloured: false, width: Some(width) }
    }

    /// The columns of the terminal; none where there is no terminal.
    pub(crate) fn width(self) -> Option<usize> {
        self.width
    }

    /// A paragraph in lines that fit the terminal, all but the first behind `indent`; as it is where there is no terminal.
    pub(crate) fn wrapped(self, text: &str, indent: &str) -> String {
        /// On narrower terminals words would stand alone.
        const NARROWEST: usize = 30;
        match self.width {
            Some(width) => {
                let options = textwrap::Options::new(width.max(NARROWEST)).subsequent_indent(indent);
                textwrap::fill(&text.replace("\n  ", " ").replace('\n', " "), options.break_words(false))
            }
            None => text.to_owned(),
        }
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

    /// What stands back: labels, fences.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What can be typed or written.
    pub(crate) fn code(self, text: &str) -> String {
        self.paint("36", text)
    }

    /// What belongs to one of several curves: of two hues that differ to all eyes, on light and dark.
    pub(crate) fn curve(self, index: usize, text: &str) -> String {
        self.paint(if index == 0 { "36" } else { "35" }, text)
    }

    /// `text` between the codes of ECMA-48 that begin and end a rendition.
    fn paint(self, rendition: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{rendition}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The columns of a terminal.
fn width(term: &Term) -> Option<usize> {
    term.is_term().then(|| usize::from(term.size().1))
}

/// Whether the environment leaves colours on: no `NO_COLOR` (<https://no-color.org>), and a terminal that knows them.
fn is_wanted() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && !is_dumb()
}

/// Whether the terminal can do nothing but print, so that nothing can be drawn twice in one place.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_fit_the_terminal() {
        let text = "  why: one two three four five six seven eight";
        assert_eq!(
            Palette::narrow(30).wrapped(text, "       "),
            "  why: one two three four five\n       six seven eight"
        );
        assert_eq!(Palette::plain().wrapped(text, "       "), text);
    }

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(Palette::plain().error("error"), "error");
        assert_eq!(Palette { coloured: true, width: None }.error("error"), "\x1b[1;31merror\x1b[0m");
    }
}
