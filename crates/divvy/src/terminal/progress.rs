//! A progress bar or panel for people.

use std::sync::{Mutex, MutexGuard, PoisonError};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::duration;
#[cfg(unix)]
use super::typed::Undisturbed;

/// Steps that a bar is divided into, so that parts need not be whole numbers.
const STEPS: u64 = 10_000;

/// What is shown now, for whoever writes and does not hold it: Ctrl-C is answered by a thread of its own.
static PRESENT: Mutex<Option<Present>> = Mutex::new(None);

struct Present {
    bar: ProgressBar,
    #[cfg(unix)]
    _typed: Undisturbed,
}

impl Present {
    fn lock() -> MutexGuard<'static, Option<Self>> {
        PRESENT.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `print` while whatever is shown is off the screen.
pub(super) fn beside<T>(print: impl FnOnce() -> T) -> T {
    let bar = Present::lock().as_ref().map(|present| present.bar.clone());
    match bar {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

/// Leaves the terminal as it was found.
pub(crate) fn leave() {
    *Present::lock() = None;
}

/// Columns and rows that can be drawn on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Room {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Room {
    /// A terminal's, as it is now.
    pub(super) fn of(term: &Term) -> Self {
        let (rows, columns) = term.size();
        // A line that fills the last column would wrap on some terminals.
        Self { columns: usize::from(columns).saturating_sub(1), rows: rows.into() }
    }
}

/// A bar or a panel of lines on standard error, or nothing at all. It is taken away when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar that nobody sees.
    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// A bar under a title.
    pub(crate) fn shown(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
        // What does not fit the terminal's width is cut off.
        let template = "{prefix}  {bar:20}  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(what.to_owned());
        Self::put_up(bar)
    }

    /// A panel that has no lines yet.
    pub(crate) fn panel() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self::put_up(bar)
    }

    fn put_up(bar: ProgressBar) -> Self {
        *Present::lock() = Some(Present {
            bar: bar.clone(),
            #[cfg(unix)]
            _typed: Undisturbed::new(),
        });
        Self(bar)
    }

    /// What a panel can be drawn on, as the terminal is now; none where nobody sees it.
    pub(crate) fn room(&self) -> Option<Room> {
        (!self.0.is_hidden()).then(|| Room::of(&Term::stderr()))
    }

    /// Draws a panel's lines in the place of those before.
    pub(crate) fn draw(&self, lines: &[String]) {
        self.0.set_message(lines.join("\n"));
    }

    /// The bar under another title, from its beginning when the title is new.
    pub(crate) fn renamed(&self, what: &'static str) -> &Self {
        if self.0.prefix() != what {
            self.0.reset();
            self.0.set_prefix(what);
        }
        self
    }

    /// Shows that `done` of `total` are done.
    pub(crate) fn count(&self, done: usize, total: usize) {
        let left = duration(self.0.eta().as_secs_f64());
        self.show(done as f64 / total.max(1) as f64, &format!("{done} of {total}, {left} left"));
    }

    /// Shows a part from 0 to 1 and a few words.
    pub(crate) fn show(&self, part: f64, words: &str) {
        self.0.set_position((part * STEPS as f64) as u64);
        self.0.set_message(words.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.0.is_hidden() {
            leave();
        }
        self.0.finish_and_clear();
    }
}
