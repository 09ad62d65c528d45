//! `divvy train`: learns from pictures that are in groups.

use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::{AugmentChoice, AugmentError, Dataset, OpenOptions};
use divvy::nn::{Optimizer, Wiring};
use divvy::train::{Ending, Facts, Length, Recipe, Resources, Stated, TrainConfig, train};

use super::resume;
use super::training::{Screen, told};
use crate::args::{
    AugmentFlag, BalanceFlag, ChannelsFlag, Denied, HeadChoice, OptimizerChoice, TaskChoice, TrainArgs,
};
use crate::terminal::{Terminal, program, quoted, thousands};
use crate::{Status, interrupt};

/// Trains, shows how it goes, and says what came of it and what to type next.
pub(crate) fn run(mut args: TrainArgs, terminal: &mut Terminal) -> Result<Status> {
    let resources = Resources {
        cpu: args.compute.processor.cpu(),
        cache: args.cache.options(),
        checkpoint_every: args.checkpoint_every.unwrap_or(Resources::CHECKPOINT_EVERY),
    };
    let (out, resumed) = (args.out.take(), args.resume.take());
    let mut screen;
    let (run, data, trained) = if let Some(run) = resumed {
        let begun = resume::begun(&run, args, terminal)?;
        screen = Screen::new(terminal);
        let trained = divvy::train::resume(&run, resources, &mut screen, interrupt::asked());
        (run, begun.data, trained)
    } else {
        let base = base(&args, terminal)?;
        let config = config(args, base)?;
        let run = out.unwrap_or_else(|| default_run(&config.data));
        screen = Screen::new(terminal);
        let trained = train(&config, &run, resources, &mut screen, interrupt::asked());
        (run, config.data, trained)
    };
    let (test_images, positive) = (screen.test_images(), screen.positive());
    terminal.stop();
    let outcome = trained.inspect_err(|error| resume::tell_after(error, &run, terminal))?;

    let interrupted = outcome.ending == Ending::Interrupted;
    terminal.print("");
    terminal.print(told(&outcome, positive.as_deref(), terminal.palette()));
    terminal.tell(if interrupted { resume::next_step(&run) } else { next_steps(&run, &data, test_images) });
    Ok(Status::partial_if(interrupted))
}

/// The name by which a network is asked for that fits the pictures.
const AUTO: &str = "auto";

/// What holds where nothing is typed: the file of settings that was named, or else what the pictures speak for, which is told.
fn base(args: &TrainArgs, terminal: &mut Terminal) -> Result<TrainConfig> {
    if let Some(file) = &args.config {
        return Ok(TrainConfig::read(file)?);
    }
    let recipe = recipe(args)?;
    terminal.tell(chosen(&recipe, args));
    Ok(recipe.into_config())
}

/// What the pictures speak for.
fn recipe(args: &TrainArgs) -> Result<Recipe> {
    let photos = args.photos.as_deref().unwrap_or(Path::new(""));
    let read = args.group_by.options(args.read.options(OpenOptions::default()));
    let facts = Facts::of(&Dataset::open(photos, &read)?);
    let stated = Stated {
        architecture: args.arch.clone().filter(|name| name != AUTO),
        size: args.size,
        task: args.task.and_then(TaskChoice::task),
        wiring: wiring(args),
    };
    Ok(Recipe::choose(&facts, &stated))
}

/// What of a recipe nobody has typed, a line each.
fn chosen(recipe: &Recipe, args: &TrainArgs) -> String {
    let is_open = |setting: &str| match setting {
        "batch" => args.batch.is_none(),
        "optimizer" => args.optimizer.is_none() && args.lr.is_none(),
        "augment" => args.augment.is_none(),
        "label_smoothing" => args.label_smoothing.is_none(),
        "views" => args.views.is_none(),
        _ => true,
    };
    let open = recipe.choices().iter().filter(|choice| is_open(choice.setting));
    open.map(|choice| format!("{choice}\n")).collect()
}

/// What was typed of the head.
fn wiring(args: &TrainArgs) -> Wiring {
    Wiring {
        activation: args.head.and_then(HeadChoice::activation),
        loss: args.loss,
        metric: args.metric.clone(),
        ..Wiring::default()
    }
}

/// From the settings that hold otherwise and what was typed, which goes before them, to what is trained.
pub(super) fn config(args: TrainArgs, mut base: TrainConfig) -> Result<TrainConfig> {
    if let Some(HeadChoice::Auto) = args.head {
        (base.wiring.activation, base.wiring.units) = (None, None);
    }
    let stated = wiring(&args);
    let (optimizer, usual_rate) = match args.optimizer {
        Some(choice) => optimizer(choice),
        None => (base.optimizer, base.learning_rate),
    };
    let optimizer = Optimizer { average: args.average.or(base.optimizer.average), ..optimizer };
    let mut allow = base.allow;
    let read = args.group_by.options(args.read.options(base.read));
    allow.extend(args.policy.allow);
    Ok(TrainConfig {
        data: args.photos.unwrap_or(base.data),
        architecture: args.arch.filter(|name| name != AUTO).unwrap_or(base.architecture),
        task: args.task.map_or(base.task, TaskChoice::task),
        wiring: stated.or(&base.wiring),
        positive: args.positive.or(base.positive),
        split: args.split.or(base.split),
        allow,
        deny_warnings: base.deny_warnings || args.policy.deny == Some(Denied::Warnings),
        exact: base.exact || args.compute.exact,
        read,
        channels: args.channels.map(ChannelsFlag::channels).or(base.channels),
        size: args.size.unwrap_or(base.size),
        batch: args.batch.unwrap_or(base.batch),
        precision: args.precision.unwrap_or(base.precision),
        seed: args.seed.unwrap_or(base.seed),
        augment: args.augment.map(AugmentFlag::choice).transpose()?.unwrap_or(base.augment),
        balance: args.balance.map_or(base.balance, BalanceFlag::balance),
        learning_rate: args.lr.unwrap_or(usual_rate),
        length: match (args.epochs, args.minutes) {
            (Some(epochs), _) => Length::Epochs(epochs),
            (None, Some(minutes)) => Length::Minutes(minutes),
            (None, None) => base.length,
        },
        optimizer,
        views: args.views.unwrap_or(base.views),
        label_smoothing: args.label_smoothing.unwrap_or(base.label_smoothing),
        patience: args.patience.or(base.patience),
        ..base
    })
}

impl AugmentFlag {
    /// The preset, or what the file says.
    pub(super) fn choice(self) -> Result<AugmentChoice, AugmentError> {
        match self {
            Self::Preset(preset) => Ok(preset.into()),
            Self::Table(path) => AugmentChoice::read(&path),
        }
    }
}

/// An optimizer with settings that suit most networks, and the learning rate that goes with them.
pub(super) fn optimizer(choice: OptimizerChoice) -> (Optimizer, f64) {
    match choice {
        OptimizerChoice::Adam => (Optimizer::adam(), 1e-3),
        OptimizerChoice::Adamw => (Optimizer::adam_w(0.01), 1e-3),
        OptimizerChoice::Sgd => (Optimizer::nesterov(0.9), 1e-2),
        OptimizerChoice::Rmsprop => (Optimizer::rms_prop(), 1e-3),
    }
}

/// `runs/NAME`, after the folder or list of the pictures.
pub(super) fn default_run(photos: &Path) -> PathBuf {
    let named = photos.canonicalize().unwrap_or_else(|_| photos.to_owned());
    let name = if named.is_file() { named.file_stem() } else { named.file_name() };
    Path::new("runs").join(name.unwrap_or("photos".as_ref()))
}

fn next_steps(run: &Path, data: &Path, test_images: usize) -> String {
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
