//! What learns: a network with its first weights, and the batches that it learns from.

use divvy_data::{Augment, Batch, Dataset, Loader};
use divvy_model::targets;
use divvy_nn::{Cpu, Engine, Head, Network, NotFinite, Whitening};

use crate::balance::{Balanced, Correction};
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::pictures::Pictures;

/// A network before its first step, and the pictures in the order and with the changes that it is shown them.
pub(crate) struct Learner {
    pub(crate) engine: Engine,
    pub(crate) batches: Loader,
    /// What makes up for groups that are not shown or counted as often as they occur.
    pub(crate) correction: Correction,
}

impl Learner {
    /// # Errors
    /// [`TrainError::Data`] where pictures that its first weights follow from cannot be read any more.
    pub(crate) fn new(
        config: &TrainConfig,
        network: Network,
        augment: &Augment,
        dataset: &Dataset,
        pictures: &Pictures,
        cpu: Cpu,
    ) -> Result<Self, TrainError> {
        let Pictures { training, split, scaling, .. } = pictures;
        let (batch, seed, threads) = (config.batch, config.seed, cpu.threads());
        let Balanced { loss, drawn, correction } = config.balance.of(network.head(), dataset, &split.train);
        let batches = match drawn {
            None => Loader::for_training(training, &split.train, scaling, batch, seed, *augment),
            Some(groups) => Loader::for_balanced_training(training, groups, scaling, batch, seed, *augment),
        };
        let mut engine = Engine::new(network, config.device(cpu), seed);
        engine.weigh_loss(loss);
        if let Some(mut whitening) = engine.whitening() {
            let unchanged =
                Loader::for_training(training, &split.train, scaling, batch, seed, Augment::none());
            gather(&mut whitening, &unchanged.with_threads(threads))?;
            engine.whiten(&whitening);
        }
        Ok(Self { engine, batches: batches.with_threads(threads), correction })
    }
}

/// Lets it see as many pictures as are enough, if there are so many.
fn gather(whitening: &mut Whitening, batches: &Loader) -> Result<(), TrainError> {
    let (mut seen, enough) = (0, whitening.pictures());
    for batch in batches.epoch(0) {
        let batch = batch?;
        whitening.see(batch.images());
        seen += batch.len();
        if seen >= enough {
            break;
        }
    }
    Ok(())
}

/// One step on a batch at this rate; its loss, or that its numbers ran away. `encoded` is room for what is to be answered.
///
/// # Errors
/// A [`TrainError`] where labels do not fit the head.
pub(crate) fn step(
    config: &TrainConfig,
    engine: &mut Engine,
    dataset: &Dataset,
    batch: &Batch,
    rate: f64,
    encoded: &mut Vec<f32>,
) -> Result<Result<f32, NotFinite>, TrainError> {
    encode(config, engine.network().head(), dataset, batch, encoded)?;
    let TrainConfig { accumulate, optimizer, .. } = config;
    Ok(engine.train_step_in_parts(batch.images(), encoded, batch.len(), *accumulate, optimizer, rate))
}

/// What the network should answer for a batch, mixed as its pictures are and smoothed as `config` says, in place of what `encoded` held.
fn encode(
    config: &TrainConfig,
    head: &Head,
    dataset: &Dataset,
    batch: &Batch,
    encoded: &mut Vec<f32>,
) -> Result<(), TrainError> {
    let labels = batch.samples().iter().map(|&sample| &dataset.samples()[sample].label);
    targets::encode(head, labels, encoded)?;
    if let Some(shares) = batch.own_shares() {
        targets::mix(head, shares, encoded);
    }
    targets::smooth(head, config.label_smoothing, encoded);
    Ok(())
}
