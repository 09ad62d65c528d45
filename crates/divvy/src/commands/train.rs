//! `divvy train`: learns from pictures that are in groups.

use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::{AugmentChoice, AugmentError};
use divvy::nn::{Optimizer, Wiring};
use divvy::train::{Ending, Length, Resources, TrainConfig, train};

use crate::args::{
    AugmentFlag, BalanceFlag, ChannelsFlag, Denied, HeadChoice, OptimizerChoice, TaskChoice, TrainArgs,
};
use crate::terminal::{Terminal, program, quoted, thousands};
use crate::views::{Screen, told};
use crate::{Status, interrupt};

/// Trains, shows how it goes, and says what came of it and what to type next.
pub(crate) fn run(args: TrainArgs, terminal: &mut Terminal) -> Result<Status> {
    let resources = Resources { cpu: args.compute.processor.cpu(), cache: args.cache.options() };
    let out = args.out.clone();
    let config = config(args)?;
    let out = out.unwrap_or_else(|| default_run(&config.data));

    let mut screen = Screen::new(terminal);
    let trained = train(&config, &out, resources, &mut screen, interrupt::asked());
    screen.close();
    let (test_images, positive) = (screen.test_images(), screen.positive());
    let outcome = trained?;

    terminal.print("");
    terminal.print(told(&outcome, positive.as_deref(), terminal.palette()));
    terminal.tell(next_steps(&out, &config.data, test_images));
    Ok(Status::partial_if(outcome.ending == Ending::Interrupted))
}

/// From what was typed, and the file that was named, to what is trained. What was typed goes before the file.
fn config(args: TrainArgs) -> Result<TrainConfig> {
    let usual = TrainConfig::new(PathBuf::new());
    let filed = args.config.as_deref().map(TrainConfig::read).transpose()?;
    let mut base = filed.unwrap_or(usual);
    if let Some(HeadChoice::Auto) = args.head {
        (base.wiring.activation, base.wiring.units) = (None, None);
    }
    let stated = Wiring {
        activation: args.head.and_then(HeadChoice::activation),
        loss: args.loss,
        metric: args.metric,
        ..Wiring::default()
    };
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
        architecture: args.arch.unwrap_or(base.architecture),
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
