//! What is trained, from what was typed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::{AugmentChoice, AugmentError};
use divvy::nn::{Optimizer, Wiring};
use divvy::train::TrainConfig;

use crate::args::{
    AugmentFlag, BalanceFlag, ChannelsFlag, Denied, HeadChoice, OptimizerChoice, RecipeArgs, TaskChoice,
};

impl RecipeArgs {
    /// From what was typed, and the file that was named, to what is trained. What was typed goes before the file.
    pub(super) fn config(self, photos: Option<PathBuf>, file: Option<&Path>) -> Result<TrainConfig> {
        let mut base = file.map(TrainConfig::read).transpose()?.unwrap_or_default();
        if let Some(HeadChoice::Auto) = self.head {
            (base.wiring.activation, base.wiring.units) = (None, None);
        }
        let stated = Wiring {
            activation: self.head.and_then(HeadChoice::activation),
            loss: self.loss,
            metric: self.metric,
            ..Wiring::default()
        };
        let (optimizer, usual_rate) = match self.optimizer {
            Some(choice) => optimizer(choice),
            None => (base.optimizer, base.learning_rate),
        };
        let optimizer = Optimizer { average: self.average.or(base.optimizer.average), ..optimizer };
        let mut allow = base.allow;
        let read = self.group_by.options(self.read.options(base.read));
        allow.extend(self.policy.allow);
        Ok(TrainConfig {
            data: photos.unwrap_or(base.data),
            architecture: self.arch.unwrap_or(base.architecture),
            task: self.task.map_or(base.task, TaskChoice::task),
            wiring: stated.or(&base.wiring),
            positive: self.positive.or(base.positive),
            split: self.split.or(base.split),
            allow,
            deny_warnings: base.deny_warnings || self.policy.deny == Some(Denied::Warnings),
            exact: base.exact || self.compute.exact,
            read,
            channels: self.channels.map(ChannelsFlag::channels).or(base.channels),
            size: self.size.unwrap_or(base.size),
            batch: self.batch.unwrap_or(base.batch),
            precision: self.precision.unwrap_or(base.precision),
            seed: self.seed.unwrap_or(base.seed),
            augment: self.augment.map(AugmentFlag::choice).transpose()?.unwrap_or(base.augment),
            balance: self.balance.map_or(base.balance, BalanceFlag::balance),
            learning_rate: usual_rate,
            optimizer,
            ..base
        })
    }
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
