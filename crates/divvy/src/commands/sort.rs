//! `divvy sort`: puts pictures into a folder for each group.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use divvy::data::LABEL_SEPARATOR;
use divvy::model::{Classifier, Prediction};
use divvy::sort::{GroupFolders, Item, Mode, Sorter, UNSURE};

use super::{UNFAMILIAR, go_on, is_interruption, labels};
use crate::Status;
use crate::args::{ModeArgs, SortArgs};
use crate::failure::Failure;
use crate::terminal::{Terminal, thousands};

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

/// Which pictures go to the folder for those of which the model is not sure.
pub(super) struct Doubt {
    /// Those whose group is less probable than this.
    pub(super) unsure: f32,
    /// Those that are unlike the training pictures, where such as are like them are taken for it at most so often.
    pub(super) unfamiliar: f64,
}

impl Doubt {
    /// No picture does.
    pub(super) const NONE: Self = Self { unsure: 0.0, unfamiliar: 0.0 };

    fn is_about(&self, prediction: &Prediction) -> bool {
        !prediction.is_sure(self.unsure) || prediction.is_unfamiliar(self.unfamiliar)
    }
}

/// What became of the pictures.
#[derive(Default)]
pub(super) struct Tally {
    /// How many went where.
    pub(super) folders: BTreeMap<PathBuf, usize>,
    /// How many could not be read and stayed.
    unreadable: usize,
    /// Whether someone asked to stop before all were looked at.
    pub(super) interrupted: bool,
}

/// Sorts, and says how many pictures went where.
pub(crate) fn run(args: &SortArgs, terminal: &mut Terminal) -> Result<Status> {
    let mut classifier = super::classifier(&args.run, args.precision.device(&args.compute)?)?;
    args.precision.tell(true, terminal);
    if args.unsure.is_some() && !classifier.head().has_probabilities() {
        let message = "--unsure: this model gives numbers that are no probabilities to compare with";
        return Err(Failure::new(message).help("leave --unsure out").into());
    }
    let (mut sorter, gathered) = Sorter::open(&args.folder, &args.into, args.mode.mode())?;
    for skipped in &gathered.skipped {
        Terminal::warn(skipped);
    }
    if gathered.done > 0 {
        terminal.tell(format_args!("{} pictures were sorted before", thousands(gathered.done)));
    }
    let doubt = Doubt {
        unsure: args.unsure.unwrap_or(USUALLY_UNSURE),
        unfamiliar: args.unlike.map_or(UNFAMILIAR, f64::from),
    };
    let tally = sort(&mut classifier, &mut sorter, &gathered.pending, &doubt, terminal)?;

    for (folder, count) in &tally.folders {
        terminal.print(format_args!("{:>7}  {}", thousands(*count), args.into.join(folder).display()));
    }
    terminal.print(format_args!("{:>7}  sorted in all", thousands(tally.folders.values().sum())));
    if tally.unreadable > 0 {
        let count = thousands(tally.unreadable);
        terminal.print(format_args!("{count:>7}  could not be read and stayed where they are"));
    }
    if tally.interrupted {
        Terminal::warn("interrupted; the same command goes on from here");
    }
    Ok(Status::partial_if(tally.interrupted || tally.unreadable > 0 || !gathered.skipped.is_empty()))
}

/// Classifies pictures and puts each in its place at once, those in doubt in the folder for them.
pub(super) fn sort(
    classifier: &mut Classifier,
    sorter: &mut Sorter,
    pending: &[Item],
    doubt: &Doubt,
    terminal: &mut Terminal,
) -> Result<Tally> {
    let classes = classifier.classes().to_vec();
    let folders = GroupFolders::new(&classes);
    let paths = pending.iter().map(|item| item.path.clone()).collect();
    let mut items = pending.iter().enumerate();
    let mut tally = Tally::default();
    terminal.start("sorting");
    let answered = classifier.classify_files(paths, |_, prediction| -> Result<()> {
        go_on()?;
        let Some((index, item)) = items.next() else { return Ok(()) };
        match prediction {
            Ok(prediction) => {
                let confidence = prediction.confidence();
                let is_doubtful = doubt.is_about(&prediction);
                let folder = if is_doubtful { UNSURE.to_owned() } else { folders.of(&prediction.chosen) };
                let label = labels(&classes, &prediction).join(LABEL_SEPARATOR);
                let placed = sorter.place(item, &folder, &label, confidence)?;
                let group = placed.iter().next().map(PathBuf::from).unwrap_or_default();
                *tally.folders.entry(group).or_default() += 1;
            }
            Err(error) => {
                tally.unreadable += 1;
                Terminal::warn(error);
            }
        }
        terminal.progress().count(index + 1, pending.len());
        Ok(())
    });
    terminal.stop();
    match answered {
        Err(error) if is_interruption(&error) => tally.interrupted = true,
        answered => answered?,
    }
    Ok(tally)
}
