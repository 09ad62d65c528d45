//! `divvy sort`: puts pictures into a folder for each group.

use std::collections::BTreeMap;

use anyhow::Result;
use divvy::model::Prediction;
use divvy::sort::{Gathered, GroupFolders, Item, Mode, Sorter, UNSURE};

use super::{go_on, is_interruption};
use crate::Status;
use crate::args::{ModeArgs, SortArgs};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Where `--unsure` is not given.
const USUALLY_UNSURE: f32 = 0.8;

impl ModeArgs {
    fn mode(&self) -> Mode {
        match (self.relocate, self.link) {
            (true, _) => Mode::Move,
            (_, true) => Mode::Link,
            _ => Mode::Copy,
        }
    }
}

/// What became of the pictures.
#[derive(Default)]
pub(super) struct Tally {
    /// How many went where.
    pub(super) folders: BTreeMap<String, usize>,
    /// How many could not be read and stayed.
    pub(super) unreadable: usize,
}

/// Sorts, and says how many pictures went where.
pub(crate) fn run(args: &SortArgs, terminal: &mut Terminal) -> Result<Status> {
    let mut classifier = super::classifier(&args.run, &args.compute)?;
    if args.unsure.is_some() && !classifier.head().has_probabilities() {
        let message = "--unsure: this model gives numbers that are no probabilities, so nothing can be compared with it";
        return Err(Failure::new(message).help("leave --unsure out").into());
    }
    let (mut sorter, gathered) = Sorter::open(&args.folder, &args.into, args.mode.mode())?;
    let Gathered { pending, done, skipped } = gathered;
    for skipped in &skipped {
        terminal.warn(skipped);
    }
    if done > 0 {
        terminal.tell(format_args!("{done} pictures were sorted before"));
    }
    let unsure = args.unsure.unwrap_or(USUALLY_UNSURE);
    let mut tally = Tally::default();
    let sorted = sort(&mut classifier, &mut sorter, &pending, unsure, &mut tally, terminal);
    let interrupted = sorted.as_ref().is_err_and(is_interruption);
    if !interrupted {
        sorted?;
    }
    for (folder, count) in &tally.folders {
        terminal.print(format_args!("{count:>6}  {}", args.into.join(folder).display()));
    }
    terminal.print(format_args!("{:>6}  sorted in all", tally.folders.values().sum::<usize>()));
    if tally.unreadable > 0 {
        terminal.print(format_args!("{:>6}  could not be read and stayed where they are", tally.unreadable));
    }
    if interrupted {
        terminal.warn("interrupted; the same command goes on from here");
    }
    Ok(Status::partial_if(interrupted || tally.unreadable > 0 || !skipped.is_empty()))
}

/// Classifies pictures and puts each in its place at once.
pub(super) fn sort(
    classifier: &mut divvy::model::Classifier,
    sorter: &mut Sorter,
    pending: &[Item],
    unsure: f32,
    tally: &mut Tally,
    terminal: &mut Terminal,
) -> Result<()> {
    let folders = GroupFolders::new(classifier.classes());
    let classes = classifier.classes().to_vec();
    let paths = pending.iter().map(|item| item.path.clone()).collect();
    let total = pending.len();
    let mut items = pending.iter().enumerate();
    terminal.start("sorting");
    let answered = classifier.classify_files(paths, |_, prediction| -> Result<()> {
        go_on()?;
        let Some((index, item)) = items.next() else { return Ok(()) };
        match prediction {
            Ok(prediction) => {
                let folder = if is_unsure(&prediction, unsure) {
                    UNSURE.to_owned()
                } else {
                    folders.of(&prediction.chosen)
                };
                let label = prediction
                    .chosen
                    .iter()
                    .map(|&class| classes[class].as_str())
                    .collect::<Vec<_>>()
                    .join("|");
                sorter.place(item, &folder, &label, prediction.confidence())?;
                *tally.folders.entry(folder).or_default() += 1;
            }
            Err(error) => {
                tally.unreadable += 1;
                terminal.warn(error);
            }
        }
        terminal.progress().count(index + 1, total);
        Ok(())
    });
    terminal.stop();
    answered
}

fn is_unsure(prediction: &Prediction, unsure: f32) -> bool {
    prediction.confidence().is_some_and(|confidence| confidence < unsure)
}
