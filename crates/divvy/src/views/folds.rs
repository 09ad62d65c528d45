//! Trainings of folds in the terminal.

use std::path::PathBuf;
use std::time::Instant;

use divvy::data::Fold;
use divvy::rules::{Diagnostic, Stage};
use divvy::train::{Course, Event, Listener};

use super::panel::{self, Pace};
use super::{ViewFiles, words};
use crate::terminal::{Palette, Terminal, duration, thousands};

/// Shows a training for each of several folds: the panel of the one that is trained now below a bar over all of them, a line for each that is over, and once what someone
/// should know. The files of a view are written for each.
pub(crate) struct FoldsScreen<'a> {
    terminal: &'a mut Terminal,
    board: bool,
    /// The fold that is trained now.
    present: Option<Present>,
    /// What was told already.
    noted: Vec<String>,
    found: Vec<Diagnostic>,
    test_images: usize,
}

struct Present {
    begun: Instant,
    course: Course,
    pace: Pace,
    run: PathBuf,
    files: ViewFiles,
}

impl<'a> FoldsScreen<'a> {
    pub(crate) fn new(terminal: &'a mut Terminal, board: bool) -> Self {
        Self { terminal, board, present: None, noted: Vec::new(), found: Vec::new(), test_images: 0 }
    }

    /// Ends the view; how many pictures were left alone for testing.
    pub(crate) fn close(mut self) -> usize {
        self.terminal.stop();
        self.close_files();
        self.test_images
    }

    fn close_files(&mut self) {
        if let Some(Present { files, run, .. }) = self.present.take() {
            for fault in files.close(&run) {
                Terminal::warn(fault);
            }
        }
    }

    /// Takes note of an event of a fold's training.
    pub(crate) fn on(&mut self, fold: Fold, event: &Event) {
        if let Event::Started { run, test_images, .. } = event {
            self.close_files();
            self.test_images = *test_images;
            let files = ViewFiles::new(self.board);
            let (begun, course, pace) = (Instant::now(), Course::new(), Pace::default());
            self.present = Some(Present { begun, course, pace, run: run.clone(), files });
        }
        if let Some(present) = &mut self.present {
            present.files.on(event);
            present.course.take(event);
        }
        self.show(fold, event);
    }

    fn show(&mut self, fold: Fold, event: &Event) {
        match event {
            Event::Started { training_images, validation_images, .. } => {
                if self.noted.is_empty() {
                    self.noted.push(words::started(event));
                    self.terminal.tell(words::started(event));
                }
                self.terminal.tell(format_args!(
                    "{fold}: {} pictures to train on, {} that it is not shown",
                    thousands(*training_images),
                    thousands(*validation_images)
                ));
                self.terminal.start("reading pictures");
            }
            Event::Loading { done, total } => {
                let part = (fold.number() - 1) as f64 / fold.of() as f64;
                self.terminal.progress().show(part, &format!("{fold}: picture {done} of {total}"));
                if done == total {
                    self.terminal.start_panel();
                }
            }
            Event::Resumed { epoch, step, steps, .. } => {
                let epochs = self.present.as_ref().and_then(|present| present.course.epochs_wanted());
                let place = words::resumed(*epoch, *step, *steps, epochs);
                self.terminal.tell(format_args!("{fold}: {place}"));
            }
            // The others are as long.
            Event::Forecast { .. } if fold.number() > 1 => {}
            Event::Forecast { seconds, .. } => self.terminal.tell(format_args!(
                "{fold}: {}, {} for all",
                words::forecast(event).trim_end(),
                duration(seconds * fold.of() as f64)
            )),
            Event::Note { text } => self.note(fold, text),
            Event::Finding { finding } if finding.is_error() => {}
            Event::Finding { finding } => self.find(fold, finding),
            Event::Step { progress, seconds_left, .. } => self.draw(fold, *progress, *seconds_left),
            Event::Epoch { .. } => {
                if let Some(present) = &mut self.present {
                    present.pace.hurry();
                }
            }
            Event::Familiarizing { seconds_left, .. } => {
                if let Some(line) = words::familiarizing(event) {
                    self.terminal.tell(format_args!("{fold}: {line}"));
                }
                self.draw(fold, 1.0, *seconds_left);
            }
            Event::Finished { epochs, best_epoch, validation, seconds, .. } => {
                let left = match fold.of() - fold.number() {
                    0 => String::new(),
                    folds => format!(", about {} left", duration(seconds * folds as f64)),
                };
                self.terminal.tell(format_args!(
                    "{fold}: best epoch {best_epoch} of {epochs}, {} {:.4}, took {}{left}",
                    validation.metric.in_words(),
                    validation.value,
                    duration(*seconds)
                ));
            }
        }
    }

    /// Draws the panel anew, unless it was just drawn: of this fold so much is done.
    fn draw(&mut self, fold: Fold, progress: f64, seconds_left: f64) {
        let left = self.seconds_left(fold, seconds_left);
        let part = ((fold.number() - 1) as f64 + progress) / fold.of() as f64;
        let (Some(room), Some(present)) = (self.terminal.progress().room(), &mut self.present) else {
            return;
        };
        if present.pace.is_due() {
            let of_all = (fold.to_string(), part, left);
            let lines = panel::lines_of_one(&present.course, of_all, room, Palette::of_errors());
            self.terminal.progress().draw(&lines);
        }
    }

    /// Seconds until all folds are over, if the others take as long as this one.
    fn seconds_left(&self, fold: Fold, of_this: f64) -> f64 {
        let taken = self.present.as_ref().map_or(0.0, |present| present.begun.elapsed().as_secs_f64());
        of_this + (fold.of() - fold.number()) as f64 * (taken + of_this)
    }

    /// What is the same for every fold is told once.
    fn note(&mut self, fold: Fold, text: &String) {
        if !self.noted.contains(text) {
            self.noted.push(text.clone());
            Terminal::warn(format_args!("{fold}: {text}"));
        }
    }

    fn find(&mut self, fold: Fold, finding: &Diagnostic) {
        let finding = match finding.rule.stage() {
            Stage::Training => finding.clone().at(format!("{fold}: {}", finding.place)),
            _ => finding.clone(),
        };
        if !self.found.contains(&finding) {
            self.terminal.find(&finding);
            self.found.push(finding);
        }
    }
}
