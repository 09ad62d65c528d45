//! What is drawn on a terminal while a training goes on, and of learning rates that are tried: a pseudo-terminal, whose screen is read as a person would.

#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pty_process::Size;
use pty_process::blocking::{Command, open};
use vt100::{Parser, Screen};

use crate::common::{Desk, SMALL, program};

/// Rows and columns.
const WIDE: (u16, u16) = (30, 100);
const NARROW: (u16, u16) = (12, 40);

/// A command on a terminal of its own.
struct Session {
    child: Child,
    keyboard: File,
    display: Receiver<Vec<u8>>,
    emulator: Parser,
    /// All that was written, codes and all.
    written: Vec<u8>,
}

impl Session {
    /// Trains for so many epochs, each of which takes a few milliseconds.
    fn train(desk: &Desk, size: (u16, u16), epochs: u32, variables: &[(&str, &str)]) -> Self {
        let words = format!("train photos --out run --lr 0.02 --epochs {epochs}");
        Self::start(desk, size, &words, variables)
    }

    /// Starts the command with a small network on small pictures.
    fn start(desk: &Desk, (rows, columns): (u16, u16), words: &str, variables: &[(&str, &str)]) -> Self {
        desk.write("small.toml", SMALL);
        let words = format!("{words} --arch small.toml --size 16 --batch 16");
        let (pty, pts) = open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let command = Command::new(program()).args(words.split(' ')).current_dir(desk.path(""));
        let command = command.env("TERM", "xterm").env_remove("NO_COLOR").envs(variables.iter().copied());
        let child = command.spawn(pts).unwrap();
        let keyboard = File::from(OwnedFd::from(pty));
        let emulator = Parser::new(rows, columns, 1000);
        Self { child, display: display(&keyboard), keyboard, emulator, written: Vec::new() }
    }

    /// Takes what is written next; false when the command has ended.
    fn goes_on(&mut self) -> bool {
        match self.display.recv_timeout(Duration::from_mins(1)) {
            Ok(bytes) => {
                self.emulator.process(&bytes);
                self.written.extend(bytes);
                let broken = broken(self.emulator.screen());
                assert_eq!(broken, None, "does not fit in\n{}", self.emulator.screen().contents());
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => {
                panic!("nothing more came after\n{}", self.emulator.screen().contents())
            }
        }
    }

    /// Goes on until all of this is on the screen at once.
    fn shows(&mut self, parts: &[&str]) {
        let is_missing = |screen: &Screen| {
            let contents = screen.contents();
            parts.iter().any(|part| !contents.contains(part))
        };
        while is_missing(self.emulator.screen()) {
            assert!(
                self.goes_on(),
                "{parts:?} were never seen together\n{}",
                self.emulator.screen().contents()
            );
        }
    }

    fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).unwrap();
    }

    /// Goes on to the end, where the cursor must be shown and nothing be left of what is drawn anew. The exit code, and each line, those too that
    /// have left the screen.
    fn ends(&mut self) -> (Option<i32>, Vec<String>) {
        while self.goes_on() {}
        let code = self.child.wait().unwrap().code();
        assert!(!self.emulator.screen().hide_cursor());
        let lines = history(&mut self.emulator);
        let left: Vec<&String> = lines.iter().filter(|line| is_redrawn(line)).collect();
        assert!(left.is_empty(), "{left:?} are left over in\n{}", lines.join("\n"));
        (code, lines)
    }

    /// Whether colours or other renditions were asked for: a code that begins with ESC [ and ends with m (ECMA-48).
    fn is_coloured(&self) -> bool {
        let is_parameter = |byte: &u8| matches!(byte, b'0'..=b'9' | b';');
        let codes = self.written.windows(2).enumerate().filter(|(_, pair)| *pair == b"\x1b[");
        let mut ends = codes.map(|(at, _)| self.written[at + 2..].iter().find(|byte| !is_parameter(byte)));
        ends.any(|end| end == Some(&b'm'))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Of a test that failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is written to the terminal, until nobody is left to write.
fn display(terminal: &File) -> Receiver<Vec<u8>> {
    let mut terminal = terminal.try_clone().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = terminal.read(&mut bytes) {
            if sender.send(bytes[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A row of the panel that reaches into the last column, where it would go on in the next row.
fn broken(screen: &Screen) -> Option<String> {
    let columns = screen.size().1;
    let is_full = |row| screen.cell(row, columns - 1).is_some_and(|cell| !cell.contents().trim().is_empty());
    let mut rows = screen.rows(0, columns).zip(0..);
    rows.find(|(text, row)| is_drawn(text) && !is_alone(text) && is_full(*row)).map(|(text, _)| text)
}

/// Every line that was written, from the first, whether the terminal shows it in one row or in several.
fn history(emulator: &mut Parser) -> Vec<String> {
    let screen = emulator.screen_mut();
    let columns = screen.size().1;
    screen.set_scrollback(usize::MAX);
    let mut rows = Vec::new();
    for above in (1..=screen.scrollback()).rev() {
        screen.set_scrollback(above);
        rows.extend(screen.rows(0, columns).next().map(|text| (text, screen.row_wrapped(0))));
    }
    screen.set_scrollback(0);
    rows.extend(screen.rows(0, columns).zip(0..).map(|(text, row)| (text, screen.row_wrapped(row))));

    let mut lines = vec![String::new()];
    for (text, goes_on) in rows {
        let line = lines.last_mut().expect("there is one from the beginning");
        *line += &text;
        if !goes_on {
            line.truncate(line.trim_end().len());
            lines.push(String::new());
        }
    }
    lines
}

/// Whether a line is of the panel: a bar, a curve or the figures.
fn is_drawn(line: &str) -> bool {
    line.contains(['━', '╸', '─']) || has_braille(line) || is_redrawn(line)
}

/// Whether a part of a curve is in a line.
fn has_braille(line: &str) -> bool {
    line.contains(|c: char| matches!(c, '\u{2801}'..='\u{28ff}'))
}

/// Whether a line is a bar without a panel, which is cut where the row ends.
fn is_alone(line: &str) -> bool {
    ["trying rates", "classifying"].iter().any(|title| line.starts_with(title))
}

/// Whether a line is drawn anew as long as the training goes on: the progress or the figures.
fn is_redrawn(line: &str) -> bool {
    line.contains("images/s") || line.ends_with(" left") && !line.contains(", took ")
}

/// The lines of so many epochs, each once, with all of these parts and in one row of a terminal that wide.
fn assert_epochs(lines: &[String], count: usize, (_, columns): (u16, u16), parts: &[&str]) {
    let epochs: Vec<&String> = lines.iter().filter(|line| line.starts_with("epoch ")).collect();
    assert_eq!(epochs.len(), count, "{}", lines.join("\n"));
    for (number, line) in epochs.into_iter().enumerate() {
        assert!(line.starts_with(&format!("epoch {:>3}/{count}  ", number + 1)), "{line}");
        assert!(parts.iter().all(|part| line.contains(part)), "{parts:?} are not all in {line}");
        assert!(line.chars().count() < usize::from(columns), "{line} is wider than {columns} columns");
    }
}

fn count(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

#[test]
fn a_panel_is_drawn_in_one_place_and_its_curves_stay() {
    let desk = Desk::with_photos();
    let mut session = Session::train(&desk, WIDE, 40, &[]);
    let (losses, metric) = ("loss  ── training  ·· validation", "validation accuracy");
    session.shows(&[" % ", " left", " images/s  rate ", losses, metric, "blue  ━", "red   ━"]);
    let (code, lines) = session.ends();
    assert_eq!(code, Some(0));
    assert!(session.is_coloured());
    assert_epochs(&lines, 40, WIDE, &["  loss ", "  validation ", "  accuracy ", " img/s"]);
    for (part, times) in [
        (losses, 1),
        (metric, 1),
        (" of 40: accuracy ", 1),
        ("model: run/model.divvy", 1),
        ("report: run/report.html", 1),
        ("next:", 1),
    ] {
        assert_eq!(count(&lines, part), times, "{part} in\n{}", lines.join("\n"));
    }
}

#[test]
fn a_narrow_terminal_has_a_panel_that_fits() {
    let desk = Desk::with_photos();
    let mut session = Session::train(&desk, NARROW, 40, &[]);
    session.shows(&[" % ", " left", " images/s", "loss  ── training", "blue  ━", "red   ━"]);
    let (code, lines) = session.ends();
    assert_eq!(code, Some(0));
    assert_epochs(&lines, 40, NARROW, &["  accuracy "]);
    assert_eq!(count(&lines, "loss  ── training"), 1, "{}", lines.join("\n"));
    assert_eq!(count(&lines, "model: run/model.divvy"), 1, "{}", lines.join("\n"));
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    const CTRL_C: u8 = 3;
    for size in [WIDE, NARROW] {
        let desk = Desk::with_photos();
        let mut session = Session::train(&desk, size, 100_000, &[]);
        session.shows(&[" images/s", "loss  ── training"]);
        session.press(CTRL_C);
        let (code, lines) = session.ends();
        assert_eq!(code, Some(1));
        for part in ["stopping; press Ctrl-C again to leave at once", "(interrupted)", "--resume run"] {
            assert_eq!(count(&lines, part), 1, "{part} in\n{}", lines.join("\n"));
        }
        assert_eq!(count(&lines, "loss  ── training"), 1, "{}", lines.join("\n"));
    }
}

#[test]
fn each_fold_has_its_panel_below_a_bar_over_all() {
    let desk = Desk::with_photos();
    for (size, parts) in [
        (WIDE, &[" images/s  rate ", "loss  ── training", "validation accuracy", "blue  ━", "red   ━"][..]),
        (NARROW, &[" images/s", "loss  ── training"][..]),
    ] {
        let run = format!("run-{}", size.0);
        let words = format!("train photos --out {run} --lr 0.02 --epochs 40 --folds 3");
        let mut session = Session::start(&desk, size, &words, &[]);
        session.shows(&[parts, &["fold 2 of 3  ━"]].concat());
        let (code, lines) = session.ends();
        assert_eq!(code, Some(0));
        assert_eq!(count(&lines, ": best epoch "), 3, "{}", lines.join("\n"));
        assert_eq!(lines.iter().filter(|line| has_braille(line)).count(), 0, "{}", lines.join("\n"));
    }
}

#[test]
fn the_losses_of_rates_that_were_tried_are_drawn_where_they_fit() {
    let desk = Desk::with_photos();
    for (size, rows) in [(WIDE, 10), (NARROW, 4)] {
        let mut session = Session::start(&desk, size, "lr photos --steps 60", &[]);
        let (code, lines) = session.ends();
        assert_eq!(code, Some(0));
        assert!(session.is_coloured());
        let text = lines.join("\n");
        for part in ["Loss of small.toml by learning rate", "suggested: --lr ", "; nothing was kept"] {
            assert_eq!(count(&lines, part), 1, "{part} in\n{text}");
        }
        assert_eq!(count(&lines, "│"), rows, "{text}");
        assert!(lines.iter().any(|line| line.contains('│') && has_braille(line)), "{text}");
    }
    // There is no room for a drawing.
    let mut session = Session::start(&desk, (8, 40), "lr photos --steps 60", &[("NO_COLOR", "1")]);
    let (code, lines) = session.ends();
    assert_eq!((code, count(&lines, "learning rate"), count(&lines, "suggested: --lr ")), (Some(0), 0, 1));
    assert!(!session.is_coloured());
}

#[test]
fn no_colours_where_they_are_not_wanted() {
    let desk = Desk::with_photos();
    let mut session = Session::train(&desk, WIDE, 20, &[("NO_COLOR", "1")]);
    session.shows(&[" images/s", "loss  ── training"]);
    assert_eq!(session.ends().0, Some(0));
    assert!(!session.is_coloured());
}
