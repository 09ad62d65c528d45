//! `divvy evaluate`: measures a model on pictures whose groups are known.

use anyhow::Result;
use divvy::data::StoreOptions;
use divvy::eval::Report;
use divvy::train::{Evaluation, evaluate};
use serde::Serialize;

use crate::args::EvaluateArgs;
use crate::terminal::Terminal;
use crate::{Status, interrupt};

/// The report as a program reads it.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// The part of the data that was used: `test`, or `all`.
    part: &'static str,
    /// Pictures that are in no figure because they could not be read, a sentence each.
    unreadable: &'a [String],
}

/// Evaluates and prints the report.
pub(crate) fn run(args: &EvaluateArgs, terminal: &mut Terminal) -> Result<Status> {
    let mut classifier = super::classifier(&args.run, &args.compute)?;
    let evaluation = {
        let progress = terminal.start("reading pictures");
        let count = |done, total| progress.count(done, total);
        let threads = args.compute.cpu().threads();
        let cancel = Some(interrupt::asked());
        let options = StoreOptions { threads, progress: Some(&count), cancel, ..StoreOptions::default() };
        evaluate(&mut classifier, &args.data, &options)?
    };
    terminal.stop();

    let Evaluation { report, part, unreadable } = &evaluation;
    let part = if part.is_some() { "test" } else { "all" };
    for sentence in unreadable {
        terminal.warn(format_args!("left out: {sentence}"));
    }
    if args.json {
        terminal.print(serde_json::to_string(&Printed { report, part, unreadable })?);
    } else {
        let used = if part == "test" { "the test part of" } else { "all pictures of" };
        terminal.tell(format_args!("{used} {}\n", args.data.display()));
        terminal.print(report.to_string().trim_end());
    }
    Ok(Status::partial_if(!unreadable.is_empty()))
}
