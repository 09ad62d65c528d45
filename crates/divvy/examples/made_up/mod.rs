//! Tiny pictures made up on the spot, and a network that learns from them.

use std::error::Error;

use divvy::Cpu;
use divvy::data::Label;
use divvy::model::targets;
use divvy::nn::{Choice, Device, Engine, Head, Network, Optimizer};

/// Height and width of a picture, which has one channel.
pub(crate) const SIDE: usize = 12;

/// What a picture can show, apart from noise.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "each example shows some of them")]
pub(crate) enum Pattern {
    LyingStripes,
    StandingStripes,
    Checks,
    Spot,
    Frame,
    Nothing,
}

/// Numbers that look random and are the same every time (Marsaglia's xorshift).
pub(crate) struct Chance(u64);

impl Chance {
    /// Uniform in `[0, 1)`.
    pub(crate) fn share(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }

    /// Uniform in `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.share() * end as f32) as usize
    }
}

/// A picture of noise with all `patterns` laid over it, each somewhere else every time.
pub(crate) fn picture(patterns: &[Pattern], chance: &mut Chance) -> Vec<f32> {
    let (across, down) = (chance.below(4), chance.below(4));
    let is_lit = |pattern: &Pattern, x: usize, y: usize| match pattern {
        Pattern::LyingStripes => (y + down) % 4 < 2,
        Pattern::StandingStripes => (x + across) % 4 < 2,
        Pattern::Checks => ((x + across) % 4 < 2) == ((y + down) % 4 < 2),
        Pattern::Spot => x.abs_diff(4 + across) + y.abs_diff(4 + down) < 3,
        Pattern::Frame => x < 1 + across / 2 || y < 1 + down / 2,
        Pattern::Nothing => false,
    };
    let pixels = (0..SIDE * SIDE).map(|i| (i % SIDE, i / SIDE));
    pixels
        .map(|(x, y)| 0.4 * chance.share() + if patterns.iter().any(|p| is_lit(p, x, y)) { 0.6 } else { 0.0 })
        .collect()
}

/// Trains on pictures as `draw` gives them with their labels, and returns the share of new ones that come out right.
pub(crate) fn learn(
    network: Network,
    mut draw: impl FnMut(&mut Chance) -> (Vec<f32>, Label),
) -> Result<f64, Box<dyn Error>> {
    const BATCH: usize = 32;
    const STEPS: usize = 300;
    const NEW: usize = 500;

    let head = *network.head();
    let mut engine = Engine::new(network, Device::new(Cpu::new(2)), 0);
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    let mut batch = |pictures: usize| -> (Vec<f32>, Vec<Label>) {
        let drawn = (0..pictures).map(|_| draw(&mut chance));
        let (images, labels): (Vec<_>, Vec<_>) = drawn.unzip();
        (images.concat(), labels)
    };

    let mut wanted = Vec::new(); // [batch, units]: what the output should be
    for _ in 0..STEPS {
        let (images, labels) = batch(BATCH); // [batch, height, width, channels]
        targets::encode(&head, labels.iter(), &mut wanted)?;
        engine.train_step(&images, &wanted, BATCH, &Optimizer::adam(), 0.01)?;
    }

    let (images, labels) = batch(NEW);
    let logits = engine.logits(&images, NEW).chunks_exact(head.units());
    let is_right = |(logits, label): &(&[f32], &Label)| match head.decide(logits, Head::DEFAULT_THRESHOLD) {
        Choice::Class(class) => label.indices() == [class],
        Choice::Labels(chosen) => label.indices() == chosen,
    };
    Ok(logits.zip(&labels).filter(is_right).count() as f64 / NEW as f64)
}
