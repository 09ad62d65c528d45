//! The command people type.

mod args;
mod commands;
mod demo;
mod failure;
mod interrupt;
mod page;
mod plot;
mod terminal;
mod usage;
mod views;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::report;
use terminal::{Palette, Terminal};

/// How far a command came that met no error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    /// All that was asked.
    Done,
    /// It was interrupted, some pictures could not be read, or a check found an error.
    Partial,
}

impl Status {
    fn code(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Partial => 1,
        }
    }

    fn partial_if(partial: bool) -> Self {
        if partial { Self::Partial } else { Self::Done }
    }
}

/// The exit code of a command that could not be done.
const NOT_DONE: u8 = 2;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => refuse(&error),
    }
}

fn run(cli: Cli) -> ExitCode {
    interrupt::listen();
    let mut terminal = Terminal::new(cli.quiet);
    let outcome = match cli.command {
        Command::Train(args) => commands::train::run(*args, &mut terminal),
        Command::Lr(args) => commands::lr::run(*args, &mut terminal),
        Command::Tune(args) => commands::tune::run(*args, &mut terminal),
        Command::Evaluate(args) => commands::evaluate::run(&args, &mut terminal),
        Command::Report(args) => commands::report::run(&args, &mut terminal),
        Command::Relabel(args) => commands::relabel::run(&args, &mut terminal),
        Command::Predict(args) => commands::predict::run(&args, &mut terminal),
        Command::Sort(args) => commands::sort::run(&args, &mut terminal),
        Command::Check(args) => commands::check::run(&args, &mut terminal),
        Command::PutBack(args) => commands::put_back::run(&args, &mut terminal),
        Command::Augment(args) => commands::augment::run(&args, &mut terminal),
        Command::Compare(args) => commands::compare::run(&args, &mut terminal),
        Command::Explain(args) => Ok(commands::explain::run(&args, &mut terminal)),
        Command::Convert(args) => commands::convert::run(&args, &mut terminal),
        Command::Quantize(args) => commands::quantize::run(&args, &mut terminal),
        Command::Summary(args) => commands::summary::run(&args, &mut terminal),
        Command::Plan(args) => commands::plan::run(&args, &mut terminal),
        Command::Bench(args) => commands::bench::run(&args, &mut terminal),
        Command::Demo(args) => commands::demo::run(&args, &mut terminal),
    };
    match outcome.and_then(|status| Ok(terminal.finish().map(|()| status)?)) {
        Ok(status) => ExitCode::from(status.code() as u8),
        Err(error) if commands::is_interruption(&error) => {
            Terminal::warn(error);
            ExitCode::from(Status::Partial.code() as u8)
        }
        Err(error) => {
            report(&error, Palette::of_errors());
            ExitCode::from(NOT_DONE)
        }
    }
}

/// Answers a command line that is no command: with help and version where they were asked for, else with what is wrong.
fn refuse(error: &clap::Error) -> ExitCode {
    if let Some(failure) = usage::failure(error) {
        report(&failure.into(), Palette::of_errors());
        return ExitCode::from(NOT_DONE);
    }
    // A reader that has gone, as in `divvy --help | head -1`, has read enough.
    let _ = error.print();
    ExitCode::from(error.exit_code() as u8)
}
