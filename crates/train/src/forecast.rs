//! What a training will take of memory and time, found before its first step.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use divvy_model::targets;
use divvy_nn::{
    Cpu, Engine, Isa, Network, OutOfMemory, another_cpu, free_memory, held_memory, needed_memory,
    needed_memory_to_train,
};

use crate::closing::Closing;
use crate::config::{Length, TrainConfig};
use crate::error::TrainError;
use crate::event::Event;
use crate::pictures::Pictures;
use crate::prepare::Prepared;

/// The least side of pictures that is proposed.
const LEAST_SIZE: usize = 16;
/// Pictures of the first look at the speed.
const GLANCE: usize = 2;
/// How long a step may take that is tried, of as many pictures of a batch as go into that.
const PATIENCE: Duration = Duration::from_millis(500);
/// What looking at a picture takes beside learning from it: a forward pass of the three passes that a step is.
pub(crate) const LOOKING: f64 = 1.0 / 3.0;

/// Batches of pictures that are there at once: the one that is learnt from, and those that are prepared meanwhile.
const BATCHES: usize = 4;

/// Bytes that training as `trained`, the network for the largest pictures to learn from, and judging as `asked`, that for pictures at use, need.
pub(crate) fn needed(config: &TrainConfig, [trained, asked]: [&Network; 2], isa: Isa, threads: usize) -> u64 {
    let in_parts = config.accumulate > NonZeroUsize::MIN;
    let accumulated = if in_parts { trained.graph().summary().trainable } else { 0 };
    let prepared = BATCHES * config.batch * trained.graph().input_shape().len();
    let options = config.plan_options(isa);
    needed_memory_to_train(trained, asked, &config.optimizer, config.most_at_once(), options, threads)
        + ((accumulated + prepared) * size_of::<f32>()) as u64
}

/// Bytes that the training which was prepared needs, beside its pictures: until the last epoch, and then for another engine that gets to know them.
pub(crate) fn needed_once_prepared(config: &TrainConfig, prepared: &Prepared, cpu: &Cpu) -> u64 {
    let asked = &prepared.network;
    let networks = [prepared.growth.largest(asked), asked];
    let (isa, threads) = (cpu.isa(), cpu.threads());
    needed(config, networks, isa, threads)
        + needed_memory(asked, None, config.batch, config.plan_options(isa), threads)
}

/// Makes sure that there is memory to train `network` as `config` says; `of_size` makes the same network for pictures of another side.
///
/// # Errors
/// [`TrainError::Memory`], which says what would fit.
pub(crate) fn require_memory(
    config: &TrainConfig,
    network: &Network,
    of_size: impl Fn(usize) -> Option<Network>,
    cpu: &Cpu,
) -> Result<(), TrainError> {
    let Some(free) = free_memory() else { return Ok(()) };
    let needed_for =
        |config: &TrainConfig, network: &Network| needed(config, [network; 2], cpu.isa(), cpu.threads());
    let needed = needed_for(config, network);
    if needed <= free {
        return Ok(());
    }
    let source = OutOfMemory { batch: config.batch, needed, free };
    Err(TrainError::Memory {
        source,
        fix: fix(config, network, of_size, |config, network| needed_for(config, network) <= free),
    })
}

/// Bytes of memory that are left for pictures beside what training takes; none where the system does not tell.
pub(crate) fn room_for_pictures(config: &TrainConfig, prepared: &Prepared, cpu: &Cpu) -> Option<usize> {
    let left = free_memory()?.saturating_sub(needed_once_prepared(config, prepared, cpu));
    Some(usize::try_from(left).unwrap_or(usize::MAX))
}

/// What to type so that a training fits: fewer pictures at once, or else smaller ones.
fn fix(
    config: &TrainConfig,
    network: &Network,
    of_size: impl Fn(usize) -> Option<Network>,
    fits: impl Fn(&TrainConfig, &Network) -> bool,
) -> String {
    let of_batch = |batch| TrainConfig { batch, accumulate: NonZeroUsize::MIN, ..config.clone() };
    let halves = |from: usize, least: usize| {
        std::iter::successors(Some(from / 2), |half| Some(half / 2)).take_while(move |half| *half >= least)
    };
    if let Some(batch) = halves(config.batch, 1).find(|batch| fits(&of_batch(*batch), network)) {
        let parts = NonZeroUsize::new((config.batch + 1).div_ceil(batch + 1));
        let in_parts = parts.map(|accumulate| TrainConfig { accumulate, ..config.clone() });
        let or = in_parts.filter(|in_parts| fits(in_parts, network)).map_or_else(String::new, |in_parts| {
            format!(", or --accumulate {} to compute each step in so many parts", in_parts.accumulate)
        });
        return format!("give --batch {batch}{or}, or smaller pictures (--size)");
    }
    let fitting = halves(config.size, LEAST_SIZE)
        .find(|size| of_size(*size).is_some_and(|network| fits(&of_batch(1), &network)));
    match fitting {
        Some(size) => {
            format!("not even a batch of 1 fits; give --size {size} --batch 1, or a smaller network (--arch)")
        }
        None => "nor does a batch of 1, or of smaller pictures; give a smaller network (--arch)".to_owned(),
    }
}

/// How long a training will take, and the memory it will hold: a few steps are taken on made-up pictures and forgotten.
pub(crate) fn forecast(
    config: &TrainConfig,
    prepared: &Prepared,
    pictures: &Pictures,
    closing: Closing,
    cpu: &Cpu,
    elapsed: Duration,
) -> Event {
    let Prepared { network, growth, dataset, .. } = prepared;
    let memory = held_memory().map(|held| held + needed_once_prepared(config, prepared, cpu));
    let (training, validation) = (&pictures.split.train, pictures.split.validation.len());
    let mut target = Vec::new();
    let label = training.first().map(|&sample| &dataset.samples()[sample].label);
    let encoded = targets::encode(network.head(), label.into_iter(), &mut target);
    let image = prepared.preprocess.shape().iter().product();
    let of_picture = match encoded {
        Ok(()) if !target.is_empty() => {
            let picture = MadeUp { image, target: &target };
            seconds_of_picture(config, network.clone(), picture, another_cpu(cpu))
        }
        _ => 0.0,
    };
    let is_by_time = matches!(config.length, Length::Minutes(_));
    let learning = training.len() as f64 * growth.mean_cost(is_by_time);
    let looking = validation as f64 * config.views.count() as f64 * LOOKING;
    let epoch_seconds = of_picture * (learning + looking);
    let look = Duration::try_from_secs_f64(of_picture * LOOKING).unwrap_or_default();
    let after = closing.time(look, pictures.reading).as_secs_f64();
    let (epochs, seconds) = match (config.length, config.length.epochs(training.len())) {
        (Length::Minutes(minutes), _) => {
            let seconds = (minutes * 60.0 - elapsed.as_secs_f64()).max(0.0);
            ((seconds - after).max(0.0) / epoch_seconds.max(f64::MIN_POSITIVE), seconds)
        }
        (_, epochs) => {
            let epochs = f64::from(epochs.unwrap_or(1));
            (epochs, epochs * epoch_seconds + after)
        }
    };
    Event::Forecast { memory, epochs, epoch_seconds, seconds }
}

/// A picture that nobody took: its numbers, and what is to be answered for it.
#[derive(Clone, Copy)]
struct MadeUp<'a> {
    image: usize,
    target: &'a [f32],
}

impl MadeUp<'_> {
    /// So many pictures of it. No two pixels are alike: where all are, a batch norm divides next to nothing by next to nothing, and such numbers are
    /// slow to compute with.
    fn images(self, count: usize) -> Vec<f32> {
        /// The golden ratio, whose multiples leave no gaps between 0 and 1.
        const GOLDEN: f64 = 1.618_033_988_749_895;
        (0..count * self.image).map(|i| ((i as f64 * GOLDEN).fract() * 4.0 - 2.0) as f32).collect()
    }
}

/// Seconds that learning from a picture takes, in a batch as `config` says.
fn seconds_of_picture(config: &TrainConfig, network: Network, picture: MadeUp<'_>, cpu: Cpu) -> f64 {
    let mut engine = Engine::new(network, config.device(cpu), config.seed);
    let mut of_batch = |batch: usize| {
        let (images, targets) = (picture.images(batch), picture.target.repeat(batch));
        let mut step = || {
            let begun = Instant::now();
            // Whether the numbers are finite is for the training to find out.
            let _ = engine.train_step_in_parts(
                &images,
                &targets,
                batch,
                config.accumulate,
                &config.optimizer,
                0.0,
            );
            begun.elapsed()
        };
        // The first step makes plans and takes memory.
        step();
        step().min(step())
    };
    let mut of_picture = |batch: usize| of_batch(batch).as_secs_f64() / batch as f64;
    let glance = of_picture(GLANCE.min(config.batch));
    let in_time = (PATIENCE.as_secs_f64() / glance) as usize;
    // Of few pictures each costs more than it will: what is done once a step falls on them.
    if in_time > GLANCE { of_picture(in_time.min(config.batch)) } else { glance }
}

#[cfg(test)]
mod tests {
    use divvy_nn::{Architecture, Head, Mode, ParameterTable, Task};

    use super::*;

    fn of_size(size: usize) -> Option<Network> {
        let head = Head::for_task(Task::Binary, None, 2).ok()?;
        Architecture::by_name("resnet9_photo").ok()?.network([size, size, 3], &head).ok()
    }

    fn side(network: &Network) -> usize {
        (1..=96).find(|side| of_size(*side).is_some_and(|other| other.graph() == network.graph())).unwrap()
    }

    #[test]
    fn what_fits_is_said() {
        let config = TrainConfig { size: 96, batch: 64, ..TrainConfig::new("photos") };
        let network = of_size(96).unwrap();
        let said = fix(&config, &network, of_size, |config, _| config.most_at_once() <= 9);
        assert!(said.contains("--batch 8,") && said.contains("--accumulate 8 "), "{said}");
        let said = fix(&config, &network, of_size, |config, _| config.batch <= 8);
        assert!(said.contains("--batch 8,") && !said.contains("--accumulate"), "{said}");
        let said = fix(&config, &network, of_size, |config, network| {
            config.most_at_once() <= 2 && side(network) <= 30
        });
        assert!(said.contains("--size 24 --batch 1"), "{said}");
        let said = fix(&config, &network, of_size, |_, _| false);
        assert!(said.contains("--arch") && !said.contains("--size"), "{said}");
    }

    #[test]
    fn parts_need_less_memory() {
        let network = of_size(96).unwrap();
        let whole = TrainConfig { size: 96, batch: 64, ..TrainConfig::new("photos") };
        let parts = TrainConfig { accumulate: 4.try_into().unwrap(), ..whole.clone() };
        let of = |config: &TrainConfig| needed(config, [&network; 2], Isa::best(), 1);
        assert!(of(&parts) * 2 < of(&whole), "{} and {}", of(&parts), of(&whole));
    }

    #[test]
    fn memory_is_that_of_the_plans_that_are_run() {
        let network = of_size(96).unwrap();
        for isa in Isa::present() {
            let of = |exact| {
                let config = TrainConfig { exact, ..TrainConfig::new("photos") };
                let mut engine = Engine::new(network.clone(), config.device(Cpu::with_isa(isa, 1)), 0);
                let at_once = config.most_at_once();
                let [learning, answering] = [Mode::Train, Mode::Infer].map(|mode| engine.plan(mode, at_once));
                // Beside each parameter its gradient and Adam's two moments.
                let trained = 4 * ParameterTable::new(network.graph()).trained_len();
                let least = learning.arena_len() + learning.scratch_len(1) + answering.constants_len();
                let prepared = BATCHES * config.batch * network.graph().input_shape().len();
                let numbers = (least + trained + prepared) as u64;
                let needed = needed(&config, [&network; 2], isa, 1) / size_of::<f32>() as u64;
                // What is left is that answers are carried through the network a few pictures at a time.
                assert!((numbers..numbers + numbers / 4).contains(&needed), "{needed} of {numbers}");
                needed
            };
            assert_ne!(of(true), of(false), "{}", isa.name());
        }
    }
}
