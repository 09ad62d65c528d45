//! A network at work on noise, to be measured.

use std::time::{Duration, Instant};

use divvy::nn::machine::Caches;
use divvy::nn::{
    Device, Engine, Mode, Network, Optimizer, PlanOptions, free_memory, needed_memory, peak_memory,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::failure::Failure;
use crate::interrupt;

/// Steps before the clock starts: the first compile the plan and touch the memory.
const WARM_UP: usize = 3;

/// The fewest steps that a median is taken of.
const FEWEST: usize = 5;

/// Steps of training, or batches to classify, with pictures that are in memory.
pub(super) struct Workload {
    engine: Engine,
    options: PlanOptions,
    mode: Mode,
    batch: usize,
    images: Vec<f32>,
    targets: Vec<f32>,
}

impl Workload {
    /// The optimizer of its steps.
    pub(super) fn optimizer() -> Optimizer {
        Optimizer::adam()
    }

    /// Refuses a network and batch that this machine has no memory for, before it is asked for.
    pub(super) fn new(network: Network, mode: Mode, batch: usize, device: Device) -> Result<Self, Failure> {
        let threads = device.cpu().threads();
        let options = device.plan_options();
        refuse_too_large(&network, mode, batch, options, threads)?;
        let units = network.head().units();
        let images = noise(&network, batch);
        let targets =
            (0..batch * units).map(|i| f32::from(u8::from(i % units == i / units % units))).collect();
        Ok(Self { engine: Engine::new(network, device, 0), options, mode, batch, images, targets })
    }

    /// What its plans are compiled for.
    pub(super) fn options(&self) -> PlanOptions {
        self.options
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Runs steps for so many seconds, or until someone asks to stop, after some to warm up; `told` hears how long each took.
    pub(super) fn run(&mut self, seconds: f64, mut told: impl FnMut(&mut Engine, Duration)) {
        repeat(seconds, |is_measured| {
            let start = Instant::now();
            self.step();
            if is_measured {
                told(&mut self.engine, start.elapsed());
            }
        });
    }

    /// One step, or one batch to classify.
    pub(super) fn step(&mut self) {
        match self.mode {
            Mode::Infer => {
                std::hint::black_box(self.engine.logits(&self.images, self.batch));
            }
            Mode::Train => {
                // Noise cannot be learnt, so the loss may run away; a step costs the same all the while.
                let _ =
                    self.engine.train_step(&self.images, &self.targets, self.batch, &Self::optimizer(), 1e-4);
            }
        }
    }
}

/// Calls `step` some times to warm up, and then for so many seconds or until someone asks to stop; it is told which it is.
pub(super) fn repeat(seconds: f64, mut step: impl FnMut(bool)) {
    (0..WARM_UP).for_each(|_| step(false));
    let (mut steps, begun) = (0, Instant::now());
    while steps < FEWEST || (begun.elapsed().as_secs_f64() < seconds && !interrupt::is_asked()) {
        step(true);
        steps += 1;
    }
}

/// Pictures of noise, as the network takes them.
pub(super) fn noise(network: &Network, batch: usize) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    (0..batch * network.graph().input_shape().len()).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// Refuses a network and batch that this machine has no memory for.
pub(super) fn refuse_too_large(
    network: &Network,
    mode: Mode,
    batch: usize,
    options: PlanOptions,
    threads: usize,
) -> Result<(), Failure> {
    let optimizer = (mode == Mode::Train).then(Workload::optimizer);
    let needed = needed_memory(network, optimizer.as_ref(), batch, options, threads);
    // The pictures are once here and once in the plan's buffers.
    let pictures = (batch * network.graph().input_shape().len() * size_of::<f32>()) as u64;
    refuse_more_than_free(needed + pictures)
        .map_err(|failure| failure.help("give a smaller --batch or --size"))
}

/// Refuses where the memory is not free that the machine's limits are measured in.
pub(super) fn refuse_without_room_to_measure(caches: &Caches) -> Result<(), Failure> {
    refuse_more_than_free((caches.memory_len() * size_of::<f32>()) as u64)
}

/// Refuses to take more bytes of memory than are free, where the system tells.
fn refuse_more_than_free(needed: u64) -> Result<(), Failure> {
    let Some(available) = free_memory() else { return Ok(()) };
    if needed <= available {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(Failure::new(format!(
        "this needs {} MiB of memory, and {} MiB are free",
        mib(needed),
        mib(available)
    )))
}

/// The most memory that this process held, in MiB, where the system tells.
pub(super) fn peak_rss_mib() -> Option<u64> {
    peak_memory().map(|bytes| bytes >> 20)
}
