//! From what was prepared to a loop that can begin.

use std::time::Duration;

use divvy_data::Loader;
use divvy_model::{Prior, TrainingRecord};
use divvy_nn::Cpu;

use super::Trainer;
use crate::checkpoint::Keeper;
use crate::clock::{Clock, Stopwatch};
use crate::closing::Closing;
use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::familiarize::Familiarizer;
use crate::kept::{KeptModels, Record};
use crate::learner::Learner;
use crate::lock::RunLock;
use crate::pictures::Pictures;
use crate::prepare::Prepared;
use crate::progress::Progress;
use crate::run::RunFolder;

impl<'a> Trainer<'a> {
    /// A training before its first step, whose first step begins now.
    ///
    /// # Errors
    /// [`TrainError::Setting`] where copies that were put together left a group, of which a share is stated, without pictures;
    /// [`TrainError::Data`] where pictures cannot be read any more.
    pub(crate) fn new(
        config: &'a TrainConfig,
        run: &'a RunFolder,
        lock: &'a RunLock,
        prepared: Prepared,
        pictures: Pictures,
        cpu: Cpu,
        closing: Closing,
        stopwatch: Stopwatch,
        keeper: Keeper,
    ) -> Result<Self, TrainError> {
        let Prepared { dataset, preprocess, network, growth, augment, metric, .. } = prepared;
        let (threads, told) = (cpu.threads(), augment.to_string());
        let prior = config.prior.of(network.head(), &dataset, &pictures.split)?;
        let familiarizer = Familiarizer::new(config, &dataset, &pictures, threads);
        let Learner { engine, batches: training, correction } =
            Learner::new(config, network, &augment, &dataset, &pictures, cpu)?;
        let Pictures { validation, split, scaling, reading, .. } = pictures;
        let validation = Loader::for_evaluation(&validation, &split.validation, &scaling, config.at_once())
            .with_threads(threads);
        let epochs = config.length.epochs(split.train.len());
        let clock = match (config.length, epochs) {
            (Length::Minutes(minutes), _) => Clock::time(Duration::from_secs_f64(minutes * 60.0), stopwatch),
            (_, epochs) => {
                Clock::steps(u64::from(epochs.unwrap_or(1)) * training.batches() as u64, stopwatch)
            }
        };
        let preprocess =
            preprocess.with_scaling(scaling).expect("the scaling was measured on pictures of this recipe");
        let record = record(config, told, prior, &training, &validation);
        let models =
            KeptModels::new(run.clone(), dataset.classes().to_vec(), preprocess, config.views, record, lock);
        let progress = Progress::default();
        Ok(Self {
            config,
            run,
            dataset,
            training,
            validation,
            metric,
            correction,
            epochs,
            clock,
            engine,
            growth,
            progress,
            models,
            lock,
            familiarizer,
            closing,
            reading,
            keeper,
        })
    }
}

/// How the models of a training are made.
fn record(
    config: &TrainConfig,
    augment: String,
    prior: Option<Prior>,
    training: &Loader,
    validation: &Loader,
) -> Record {
    let (training_images, validation_images) = (training.samples().len(), validation.samples().len());
    let config = config.clone();
    Box::new(move |epoch, validation, calibration| TrainingRecord {
        divvy: env!("CARGO_PKG_VERSION").to_owned(),
        seed: config.seed,
        training_images,
        validation_images,
        batch: config.batch,
        learning_rate: config.learning_rate,
        optimizer: config.optimizer,
        schedule: config.schedule,
        warmup: config.warmup,
        plateau: config.plateau,
        augment: augment.clone(),
        label_smoothing: (config.label_smoothing > 0.0).then_some(config.label_smoothing),
        balance: (!config.balance.is_none()).then(|| config.balance.name().to_owned()),
        calibration,
        prior: prior.clone(),
        epoch,
        validation,
    })
}
