//! What is opened and read as for a training, and is no run: whatever is learnt of it is forgotten.

use std::sync::atomic::AtomicBool;

use divvy_nn::Cpu;

use crate::clock::Stopwatch;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::event::Listener;
use crate::pictures::{Pictures, Reader};
use crate::prepare::{Prepared, prepare};
use crate::recorder::Recorder;
use crate::resources::Resources;

/// A training before its first step, with a listener alone to tell.
pub(crate) struct Unwritten<'a> {
    pub(crate) recorder: Recorder<'a>,
    pub(crate) prepared: Prepared,
    pub(crate) pictures: Pictures,
    pub(crate) cpu: Cpu,
}

impl<'a> Unwritten<'a> {
    /// Opens and reads what `config` says. Nothing is written but, as in a training, decoded pictures where the cache is on disk.
    ///
    /// # Errors
    /// As [`train`](crate::train), before its first step.
    pub(crate) fn open(
        config: &TrainConfig,
        resources: Resources,
        stopwatch: Stopwatch,
        listener: &'a mut (dyn Listener + Send),
        stop: &AtomicBool,
    ) -> Result<Self, TrainError> {
        let Resources { cpu, cache, .. } = resources;
        let cpu = config.precision.on(cpu)?;
        let prepared = prepare(config, &cpu)?;
        let mut recorder = Recorder::unwritten(listener, stopwatch, prepared.policy.clone());
        prepared.tell(&mut recorder)?;
        let reader = Reader { threads: cpu.threads(), cache, stop };
        let pictures = Pictures::load(config, &prepared, &reader, &mut recorder)?;
        Ok(Self { recorder, prepared, pictures, cpu })
    }
}
