//! `divvy evaluate`: measures a model on pictures whose groups are known.

use std::fs;
use std::path::Path;

use anyhow::Result;
use divvy::data::{OpenOptions, StoreOptions};
use divvy::eval::Report;
use divvy::train::{Evaluation, RunFolder, evaluate};
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
    /// What is in no figure because it could not be read or used, a sentence each.
    left_out: &'a [String],
}

/// Evaluates and prints the report.
pub(crate) fn run(args: &EvaluateArgs, terminal: &mut Terminal) -> Result<Status> {
    let mut classifier = super::classifier(&args.run, args.measure.precision.device(&args.measure.compute)?)?;
    args.measure.precision.tell(!args.measure.json, terminal);
    let evaluation = {
        let progress = terminal.start("reading pictures");
        let count = |done, total| progress.count(done, total);
        let (threads, cancel) = (args.measure.compute.processor.threads(), Some(interrupt::asked()));
        let options = StoreOptions { threads, progress: Some(&count), cancel, ..StoreOptions::default() };
        let classified = |done, total| progress.renamed("classifying").count(done, total);
        evaluate(
            &mut classifier,
            &args.data,
            &args.measure.read.options(OpenOptions::default()),
            args.measure.positive.as_deref(),
            &options,
            &classified,
        )?
    };
    terminal.stop();

    let Evaluation { report, part, left_out } = &evaluation;
    let part = if part.is_some() { "test" } else { "all" };
    if part == "all" && was_trained_on(&args.run, &args.data) {
        Terminal::warn(format_args!(
            "{} is what the model was trained on: on pictures it has not seen it does worse than this",
            args.data.display()
        ));
    }
    for sentence in left_out {
        Terminal::warn(format_args!("left out: {sentence}"));
    }
    if args.measure.json {
        terminal.print(serde_json::to_string(&Printed { report, part, left_out })?);
    } else {
        let used = if part == "test" { "the test part of" } else { "all pictures of" };
        terminal.tell(format_args!("{used} {}\n", args.data.display()));
        terminal.print(report.to_string().trim_end());
    }
    Ok(Status::partial_if(!left_out.is_empty()))
}

/// Whether `data` is what the run says it was trained on.
fn was_trained_on(run: &Path, data: &Path) -> bool {
    let trained_on = RunFolder::at(run).read_config().map(|config| config.data);
    let real = |path: &Path| fs::canonicalize(path).ok();
    trained_on.ok().and_then(|path| real(&path)).is_some_and(|path| Some(path) == real(data))
}
