//! A training in the terminal.

use divvy::train::{Course, Event, Listener};

use super::panel::{self, Pace};
use super::words;
use crate::terminal::{Palette, Terminal, complain};

/// Shows a training while it goes on: for people the curves and the time left, for everyone a line an epoch.
pub(crate) struct Screen<'a> {
    terminal: &'a mut Terminal,
    course: Course,
    pace: Pace,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(terminal: &'a mut Terminal) -> Self {
        Self { terminal, course: Course::new(), pace: Pace::default() }
    }

    /// The group that ROC AUC is about.
    pub(crate) fn positive(&self) -> Option<String> {
        self.course.classes().get(1).cloned()
    }

    /// How many pictures were left alone for testing.
    pub(crate) fn test_images(&self) -> usize {
        match self.course.started() {
            Some(Event::Started { test_images, .. }) => *test_images,
            _ => 0,
        }
    }

    /// Ends the view. The curves stay on the screen, above what comes next.
    pub(crate) fn close(&mut self) {
        let room = self.terminal.progress().room();
        let lines =
            room.map(|room| panel::curves(&self.course, room, Palette::of_errors())).unwrap_or_default();
        self.terminal.stop();
        if !lines.is_empty() {
            complain(lines.join("\n"));
        }
    }

    /// Draws the panel anew, unless it was just drawn.
    fn draw(&mut self) {
        if let Some(room) = self.terminal.progress().room().filter(|_| self.pace.is_due()) {
            self.terminal.progress().draw(&panel::lines(&self.course, room, Palette::of_errors()));
        }
    }
}

impl Listener for Screen<'_> {
    fn on(&mut self, event: &Event) {
        self.course.take(event);
        match event {
            Event::Started { .. } => {
                self.terminal.tell(words::started(event));
                self.terminal.start("reading pictures");
            }
            Event::Loading { done, total } => {
                self.terminal.progress().count(*done, *total);
                if done == total {
                    self.terminal.start_panel();
                }
            }
            Event::Resumed { epoch, step, steps, .. } => {
                self.terminal.tell(words::resumed(*epoch, *step, *steps, self.course.epochs_wanted()));
            }
            Event::Forecast { .. } => self.terminal.tell(words::forecast(event)),
            Event::Note { text } => Terminal::warn(text),
            Event::Finding { finding } if finding.is_error() => {}
            Event::Finding { finding } => self.terminal.find(finding),
            Event::Step { .. } => self.draw(),
            Event::Epoch { .. } => {
                let columns = Terminal::room().map(|room| room.columns);
                let line = words::epoch(event, self.positive().as_deref(), columns, self.terminal.palette());
                self.terminal.tell(line);
                self.pace.hurry();
                self.draw();
            }
            Event::Familiarizing { .. } => {
                if let Some(line) = words::familiarizing(event) {
                    self.terminal.tell(line);
                }
                self.draw();
            }
            Event::Finished { .. } => {}
        }
    }
}
