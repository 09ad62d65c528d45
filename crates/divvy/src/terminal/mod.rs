//! What a person sees: results on standard output; progress, warnings and hints on standard error.

mod aligned;
mod columns;
mod finding;
mod numbers;
mod output;
mod palette;
mod progress;
mod quote;
#[cfg(unix)]
mod typed;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use console::Term;
use divvy::rules::{Diagnostic, Severity};

use output::Output;

pub(crate) use aligned::write_aligned;
pub(crate) use columns::{shortened, width};
pub(crate) use finding::harmless;
pub(crate) use numbers::{duration, thousands};
pub(crate) use palette::Palette;
pub(crate) use progress::{Progress, Room, leave};
pub(crate) use quote::{program, quoted};

/// Writes a line to standard error, above a progress bar or panel. Where even standard error is closed there is nobody to tell.
pub(crate) fn complain(line: impl Display) {
    let _ = progress::beside(|| writeln!(io::stderr(), "{line}"));
}

/// Where a command writes.
///
/// Progress bars are shown to people only: not where standard error is a file or pipe, and not with `--quiet`. Colours are left
/// out there as well, and where `NO_COLOR` is set.
pub(crate) struct Terminal {
    output: Output,
    quiet: bool,
    palette: Palette,
    progress: Progress,
}

impl Terminal {
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            output: Output::new(Box::new(io::stdout())),
            quiet,
            palette: Palette::of_results(),
            progress: Progress::hidden(),
        }
    }

    /// The colours of what is printed with [`Terminal::print`] and [`Terminal::tell`].
    pub(crate) fn palette(&self) -> Palette {
        self.palette
    }

    /// What results can be drawn on; none where they go to a file or pipe.
    pub(crate) fn room() -> Option<Room> {
        io::stdout().is_terminal().then(|| Room::of(&Term::stdout()))
    }

    /// Prints a line of the result.
    pub(crate) fn print(&mut self, line: impl Display) {
        let output = &mut self.output;
        progress::beside(|| output.line(&line));
    }

    /// Prints a line that leads to or from the result: left out with `--quiet`.
    pub(crate) fn tell(&mut self, line: impl Display) {
        if !self.quiet {
            self.print(line);
        }
    }

    /// Prints a warning on standard error.
    pub(crate) fn warn(warning: impl Display) {
        let palette = Palette::of_errors();
        let text = palette.wrapped(&format!("warning: {warning}"), "  ");
        let text = text.replacen("warning", &palette.warning("warning"), 1);
        complain(text);
    }

    /// Prints a finding on standard error; with `--quiet` only what is more than a note.
    pub(crate) fn find(&self, finding: &Diagnostic) {
        if self.quiet && finding.severity == Severity::Note {
            return;
        }
        let text = Palette::of_errors().finding(finding);
        complain(text);
    }

    /// Whether nobody reads the results any more, as after `| head`.
    pub(crate) fn is_closed(&self) -> bool {
        self.output.is_closed()
    }

    /// Begins a progress bar, which takes the place of one before.
    pub(crate) fn start(&mut self, what: &str) -> &Progress {
        self.show(|| Progress::shown(what))
    }

    /// Begins a panel of lines, which takes the place of a progress bar.
    pub(crate) fn start_panel(&mut self) -> &Progress {
        self.show(Progress::panel)
    }

    fn show(&mut self, progress: impl FnOnce() -> Progress) -> &Progress {
        let shown = !self.quiet && io::stderr().is_terminal() && !palette::is_dumb();
        // The bar before must be gone before the next one takes its line.
        self.stop();
        self.progress = if shown { progress() } else { Progress::hidden() };
        &self.progress
    }

    /// The progress bar that was begun last.
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Takes the progress bar away.
    pub(crate) fn stop(&mut self) {
        self.progress = Progress::hidden();
    }

    /// Brings the last of the results out. A reader that has gone is no error; a disk that is full is.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stop();
        self.output.finish()
    }
}
