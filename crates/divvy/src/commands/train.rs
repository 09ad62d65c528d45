//! `divvy train`: learns from pictures that are in groups.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::nn::{Precision, Schedule, Warmup};
use divvy::train::{
    Afterwards, Choice, Ending, Event, Folds, Length, Listener, Outcome, Recipe, ReportConfig, Resources,
    TrainConfig, TrainError, train,
};

use super::report::{self, Means};
use super::{folds, resume};
use crate::args::{ScheduleChoice, TrainArgs};
use crate::terminal::{Terminal, program, quoted, thousands};
use crate::views::{Screen, ViewFiles, told};
use crate::{Status, interrupt};

/// Trains, shows how it goes, and says what came of it and what to type next.
pub(crate) fn run(mut args: TrainArgs, terminal: &mut Terminal) -> Result<Status> {
    let resources = Resources {
        cpu: args.recipe.compute.processor.cpu(),
        cache: args.recipe.cache.options(),
        checkpoint_every: args.checkpoint_every.unwrap_or(Resources::CHECKPOINT_EVERY),
        afterwards: Afterwards::Report,
    };
    let means = Means::of(&args.recipe.compute, Precision::F32)?;
    let (out, resumed, board) = (args.out.take(), args.resume.take(), args.tensorboard);
    let (run, data, seen) = if let Some(run) = resumed {
        let begun = resume::begun(&run, args, terminal)?;
        if let Some(Folds::Each(_)) = begun.folds {
            return folds::resume(&run, &begun, resources, board, &means, terminal);
        }
        let seen = watched(&run, board, terminal, |listener| {
            divvy::train::resume(&run, resources, listener, interrupt::asked())
        });
        (run, begun.data, seen)
    } else {
        let minutes = args.minutes.map(|all| all / args.folds.unwrap_or(1) as f64);
        let (photos, file) = (args.photos.as_deref(), args.config.as_deref());
        let (base, choices) = args.recipe.base(photos, file, minutes, args.epochs)?;
        let is_open = |choice: &&Choice| match choice.setting {
            "learning_rate" => args.lr.is_none(),
            "schedule" => args.schedule.is_none(),
            "patience" => args.patience.is_none(),
            "length" => args.epochs.is_none() && args.folds.is_none(),
            "validation_share" => args.folds.is_none(),
            _ => true,
        };
        for choice in choices.iter().filter(is_open) {
            terminal.tell(choice);
        }
        let config = config(args, base)?;
        let run = out.unwrap_or_else(|| default_run(&config.data));
        if let Some(Folds::Each(_)) = config.folds {
            return folds::train(&config, &run, resources, board, &means, terminal);
        }
        let seen = watched(&run, board, terminal, |listener| {
            train(&config, &run, resources, listener, interrupt::asked())
        });
        (run, config.data, seen)
    };
    let Seen { trained, test_images, positive } = seen;
    let outcome = trained.inspect_err(|error| resume::tell_after(error, &run))?;

    let interrupted = outcome.ending == Ending::Interrupted;
    terminal.print("");
    terminal.print(told(&outcome, positive.as_deref(), terminal.palette()));
    if !interrupted {
        report::after_training(&ReportConfig::new(&run), &means, terminal);
    }
    terminal.tell(if interrupted { resume::next_step(&run) } else { next_steps(&run, &data, test_images) });
    Ok(Status::partial_if(interrupted))
}

/// What came of a training that was watched.
struct Seen {
    trained: Result<Outcome, TrainError>,
    test_images: usize,
    /// The group that ROC AUC is about.
    positive: Option<String>,
}

/// Shows a training on the terminal, on its page and, where that is asked for, to TensorBoard.
fn watched(
    run: &Path,
    board: bool,
    terminal: &mut Terminal,
    training: impl FnOnce(&mut (dyn Listener + Send)) -> Result<Outcome, TrainError>,
) -> Seen {
    let (mut files, mut screen) = (ViewFiles::new(board), Screen::new(terminal));
    let mut views = |event: &Event| {
        files.on(event);
        screen.on(event);
    };
    let trained = training(&mut views);
    screen.close();
    let (test_images, positive) = (screen.test_images(), screen.positive());
    for fault in files.close(run) {
        Terminal::warn(fault);
    }
    Seen { trained, test_images, positive }
}

/// From the settings that hold otherwise and what was typed, which goes before them, to what is trained.
pub(super) fn config(args: TrainArgs, base: TrainConfig) -> Result<TrainConfig> {
    let base = args.recipe.config(args.photos, base)?;
    Ok(TrainConfig {
        learning_rate: args.lr.unwrap_or(base.learning_rate),
        schedule: args.schedule.map_or(base.schedule, ScheduleChoice::schedule),
        warmup: args.warmup.map(|steps| Warmup { steps, start: 0.01 }).or(base.warmup),
        length: match (args.epochs, args.minutes) {
            (Some(epochs), _) => Length::Epochs(epochs),
            (None, Some(minutes)) => Length::Minutes(minutes),
            (None, None) => base.length,
        },
        patience: args.patience.or(base.patience),
        keep_best: args.keep_best.unwrap_or(base.keep_best),
        folds: args.folds.map(Folds::Each).or(base.folds),
        ..base
    })
}

impl ScheduleChoice {
    /// With the settings that suit most networks.
    fn schedule(self) -> Schedule {
        match self {
            Self::OneCycle => Recipe::SCHEDULE,
            Self::Cosine => Schedule::Cosine { floor: 0.0 },
            Self::Constant => Schedule::Constant,
        }
    }
}

/// `runs/NAME`, after the folder or list of the pictures.
pub(super) fn default_run(photos: &Path) -> PathBuf {
    Path::new("runs").join(default_name(photos))
}

/// What a folder is called after the folder or list of the pictures.
pub(super) fn default_name(photos: &Path) -> OsString {
    let named = photos.canonicalize().unwrap_or_else(|_| photos.to_owned());
    let name = if named.is_file() { named.file_stem() } else { named.file_name() };
    name.unwrap_or("photos".as_ref()).to_owned()
}

pub(super) fn next_steps(run: &Path, data: &Path, test_images: usize) -> String {
    let (divvy, run) = (program(), quoted(run));
    let (labelled, why) = match test_images {
        0 => ("DATA".to_owned(), "how good it is on other pictures in groups".to_owned()),
        n => (quoted(data), format!("how good it is on the {} test pictures", thousands(n))),
    };
    format!(
        "\nnext:\n  {divvy} evaluate {run} {labelled}\n      {why}\n  \
         {divvy} sort {run} FOLDER --into sorted\n      new pictures into a folder for each group"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_after_its_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("clothing.csv");
        std::fs::write(&list, "").unwrap();
        assert_eq!(default_run(&list), Path::new("runs/clothing"));
        let name = folder.path().canonicalize().unwrap();
        assert_eq!(default_run(&folder.path().join(".")), Path::new("runs").join(name.file_name().unwrap()));
        assert_eq!(default_run(Path::new("/")), Path::new("runs/photos"));
        assert_eq!(default_run(Path::new("not/there")), Path::new("runs/there"));
    }
}
