//! What is trained, from what was typed.

use std::path::{Path, PathBuf};

use anyhow::Result;
use divvy::data::{AugmentChoice, AugmentError, Dataset, OpenOptions};
use divvy::nn::{Optimizer, Wiring};
use divvy::train::{Choice, Facts, Recipe, Stated, StatedPrior, TrainConfig};

use crate::args::{
    AugmentFlag, BalanceFlag, ChannelsFlag, Denied, HeadChoice, OptimizerChoice, RecipeArgs, TaskChoice,
};

/// The name by which a network is asked for that fits the pictures.
pub(super) const AUTO: &str = "auto";

impl RecipeArgs {
    /// What holds where nothing is typed: the file of settings that was named, or else what the pictures and the length of a training speak for, where it is stated, with the
    /// choices that nobody has made.
    pub(super) fn base(
        &self,
        photos: Option<&Path>,
        file: Option<&Path>,
        minutes: Option<f64>,
        epochs: Option<u32>,
    ) -> Result<(TrainConfig, Vec<Choice>)> {
        if let Some(file) = file {
            return Ok((TrainConfig::read(file)?, Vec::new()));
        }
        let read = self.group_by.options(self.read.options(OpenOptions::default()));
        let dataset = Dataset::open(photos.unwrap_or(Path::new("")), &read)?;
        let facts = Facts::of(&dataset, self.compute.processor.machine());
        let stated = Stated {
            architecture: self.arch.clone().filter(|name| name != AUTO),
            size: self.size,
            start_size: self.start_size,
            end_size: self.end_size,
            task: self.task.and_then(TaskChoice::task),
            wiring: self.wiring(),
            augment: self.augment.clone().map(AugmentFlag::choice).transpose()?,
            stochastic_depth: self.stochastic_depth.unwrap_or_default(),
            minutes,
            epochs,
        };
        let recipe = Recipe::choose(&facts, &stated);
        let is_open = |choice: &&Choice| self.is_open(choice.setting);
        let open = recipe.choices().iter().filter(is_open).cloned().collect();
        Ok((recipe.into_config(), open))
    }

    /// Whether nothing was typed of a setting that a recipe chooses whatever is stated.
    fn is_open(&self, setting: &str) -> bool {
        match setting {
            // By the share, epochs are reckoned.
            "validation_share" | "length" => self.validation_share.is_none() && self.split.is_none(),
            "batch" => self.batch.is_none(),
            "accumulate" => self.accumulate.is_none(),
            "optimizer" | "learning_rate" => self.optimizer.is_none(),
            "channels" => self.channels.is_none(),
            "augment" => self.augment.is_none(),
            "views" => self.views.is_none(),
            "label_smoothing" => self.label_smoothing.is_none(),
            "balance" => self.balance.is_none(),
            "average" => self.average.is_none(),
            "clip_norm" => self.clip_norm.is_none(),
            "precision" => self.precision.is_none(),
            _ => true,
        }
    }

    /// What was typed of the head.
    fn wiring(&self) -> Wiring {
        Wiring {
            activation: self.head.and_then(HeadChoice::activation),
            loss: self.loss,
            metric: self.metric.clone(),
            ..Wiring::default()
        }
    }

    /// From the settings that hold otherwise and what was typed, which goes before them, to what is trained.
    pub(super) fn config(self, photos: Option<PathBuf>, mut base: TrainConfig) -> Result<TrainConfig> {
        if let Some(HeadChoice::Auto) = self.head {
            (base.wiring.activation, base.wiring.units) = (None, None);
        }
        let stated = self.wiring();
        let (optimizer, usual_rate) = match self.optimizer {
            Some(choice) => optimizer(choice),
            None => (base.optimizer, base.learning_rate),
        };
        let optimizer = Optimizer {
            average: self.average.or(base.optimizer.average),
            weight_decay: self.weight_decay.unwrap_or(optimizer.weight_decay),
            clip_norm: self.clip_norm.or(base.optimizer.clip_norm),
            ..optimizer
        };
        let mut allow = base.allow;
        let read = self.group_by.options(self.read.options(base.read));
        allow.extend(self.policy.allow);
        Ok(TrainConfig {
            data: photos.unwrap_or(base.data),
            architecture: self.arch.filter(|name| name != AUTO).unwrap_or(base.architecture),
            task: self.task.map_or(base.task, TaskChoice::task),
            wiring: stated.or(&base.wiring),
            positive: self.positive.or(base.positive),
            validation_share: self.validation_share.unwrap_or(base.validation_share),
            split: self.split.or(base.split),
            allow,
            deny_warnings: base.deny_warnings || self.policy.deny == Some(Denied::Warnings),
            exact: base.exact || self.compute.exact,
            read,
            channels: self.channels.map(ChannelsFlag::channels).or(base.channels),
            size: self.size.unwrap_or(base.size),
            start_size: self.start_size.or(base.start_size),
            end_size: self.end_size.or(base.end_size),
            batch: self.batch.unwrap_or(base.batch),
            accumulate: self.accumulate.unwrap_or(base.accumulate),
            precision: self.precision.unwrap_or(base.precision),
            seed: self.seed.unwrap_or(base.seed),
            augment: self.augment.map(AugmentFlag::choice).transpose()?.unwrap_or(base.augment),
            prior: if self.prior.is_empty() { base.prior } else { StatedPrior::new(self.prior)? },
            balance: self.balance.map_or(base.balance, BalanceFlag::balance),
            views: self.views.unwrap_or(base.views),
            label_smoothing: self.label_smoothing.unwrap_or(base.label_smoothing),
            stochastic_depth: self.stochastic_depth.unwrap_or(base.stochastic_depth),
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
        OptimizerChoice::Sgdw => (Optimizer::nesterov_w(0.9, 5e-3), 1e-2),
        OptimizerChoice::Rmsprop => (Optimizer::rms_prop(), 1e-3),
    }
}
