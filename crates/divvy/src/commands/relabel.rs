//! `divvy relabel`: which labels are likely wrong, as a file of corrections to look through and train with.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::LABEL_SEPARATOR;
use divvy::train::{RankedLabel, Relabelled, Relabelling, RunFolder};
use serde::Serialize;

use crate::Status;
use crate::args::RelabelArgs;
use crate::terminal::{Terminal, program, quoted, thousands, write_aligned};

/// How many pictures are named on the terminal.
const NAMED: usize = 10;

/// What was found as a program reads it.
#[derive(Serialize)]
struct Printed<'a> {
    n: usize,
    estimated: f64,
    suspected: usize,
    /// Those that were asked for, the most contradicted first.
    ranking: &'a [&'a RankedLabel],
    /// The corrections; none where there is nothing to be corrected.
    file: Option<&'a Path>,
}

/// Ranks the labels, writes the corrections and names the first.
pub(crate) fn run(args: &RelabelArgs, terminal: &mut Terminal) -> Result<Status> {
    let relabelling = Relabelling::of_run(&args.run)?;
    let chosen = relabelling.chosen(args.which());
    let file = args.into.clone().unwrap_or_else(|| RunFolder::at(&args.run).corrections());
    let lines = relabelling.write_corrections(&chosen, &file)?;
    let file = (lines > 0).then_some(file);
    let n = relabelling.ranking.len();
    let Relabelling { estimated, suspected, .. } = relabelling;
    if args.json {
        let (ranking, file) = (chosen.as_slice(), file.as_deref());
        terminal.print(serde_json::to_string(&Printed { n, estimated, suspected, ranking, file })?);
        return Ok(Status::Done);
    }
    let of_those = match suspected {
        0 => "none is suspected to be wrong".to_owned(),
        1 => "1 is suspected to be wrong".to_owned(),
        n => format!("{} are suspected to be wrong", thousands(n)),
    };
    terminal.print(format_args!(
        "of {} pictures' labels {of_those}, by networks that were not trained on the picture",
        thousands(n)
    ));
    if !chosen.is_empty() {
        terminal.print("");
        terminal.print(First(&chosen));
    }
    match &file {
        Some(file) => tell_next(&args.run, file, lines, terminal),
        None => terminal.tell("nothing was written"),
    }
    Ok(Status::Done)
}

/// Where the corrections are, and what can be done with them.
fn tell_next(run: &Path, file: &Path, lines: usize, terminal: &mut Terminal) {
    let folder = RunFolder::at(run);
    let (out, config, divvy) = (quoted(&beside(folder.path())), quoted(&folder.config()), program());
    let file = quoted(file);
    let lines = if lines == 1 { "1 picture".to_owned() } else { format!("{} pictures", thousands(lines)) };
    terminal.print(format_args!("corrections: {file}, {lines}"));
    terminal.tell(format_args!(
        "\nnext:\n  look through {file}: what `corrected` says will hold; delete a line, and the picture keeps its label\n  \
         {divvy} train --config {config} --corrections {file} --out {out}\n      learns with the corrected labels"
    ));
}

/// A folder for the next run, beside that of this one.
fn beside(run: &Path) -> PathBuf {
    let mut name = run.file_name().unwrap_or_default().to_owned();
    name.push("-relabelled");
    run.with_file_name(name)
}

/// The first of a ranking, and how many more there are.
struct First<'a>(&'a [&'a RankedLabel]);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |p: f32| format!("{:.1} %", 100.0 * p);
        let row = |ranked: &&RankedLabel| {
            [
                ranked.name().into_owned(),
                said(&ranked.label),
                percent(ranked.p_label),
                format!("-> {}", said(&ranked.suggested)),
                percent(ranked.p_suggested),
            ]
        };
        let first = ["picture", "label", "", "   suggested", ""].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(first).chain(self.0.iter().take(NAMED).map(row)).collect();
        write_aligned(f, &rows, 4)?;
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => writeln!(f, "and {} more", thousands(more)),
        }
    }
}

/// Labels as they are named in a table.
fn said(labels: &[String]) -> String {
    if labels.is_empty() { "none".to_owned() } else { labels.join(LABEL_SEPARATOR) }
}

impl RelabelArgs {
    fn which(&self) -> Relabelled {
        match self.most {
            _ if self.all => Relabelled::All,
            Some(most) => Relabelled::First(most as usize),
            None => Relabelled::Suspected,
        }
    }
}
