//! What a tune tries: the choice that it begins from, and settings drawn around it.

use std::fmt;

use divvy_data::{AugmentChoice, Preset};
use divvy_nn::Optimizer;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::recipe::{Facts, Recipe, Stated, learnt_sides};

/// By how much a learning rate is at most above or below the usual one.
const REACH: f64 = 4.0;
/// Sizes are drawn in steps of so many pixels.
const GRAIN: usize = 8;
/// The least side that pictures are brought to.
const LEAST: usize = 16;
/// Draws after which a space is taken to hold nothing new.
const DRAWS: u64 = 1000;

/// The settings that stay as they are, because someone has stated them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each setting is held or not, whatever the others are")]
pub struct Held {
    /// The network.
    pub architecture: bool,
    /// The height and width that pictures are brought to.
    pub size: bool,
    /// The sides that training pictures begin with and come to, which else follow from network, size and changes.
    pub sides: bool,
    /// The learning rate.
    pub learning_rate: bool,
    /// The optimizer, which else follows from the network.
    pub optimizer: bool,
    /// How training pictures are changed.
    pub augment: bool,
}

/// Where the choice comes from that a tune begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// What the pictures speak for, and what was stated.
    Recipe,
    /// A file of settings.
    File,
}

impl Origin {
    /// The choice, in a sentence.
    pub fn choice(self) -> &'static str {
        match self {
            Self::Recipe => "the recipe's own choice",
            Self::File => "the file's own choice",
        }
    }
}

/// What can be tried around a choice.
pub(super) struct Space<'a> {
    /// The choice.
    pub(super) base: &'a TrainConfig,
    /// What is known of the pictures.
    pub(super) facts: &'a Facts,
    pub(super) held: Held,
}

impl Space<'_> {
    /// At most so many different candidates, the choice itself first. The same seed gives the same, and the first of many are those that are
    /// drawn where fewer are asked for.
    pub(super) fn candidates(&self, most: usize) -> Vec<TrainConfig> {
        let mut candidates = vec![self.base.clone()];
        for number in 1..=DRAWS {
            if candidates.len() >= most {
                break;
            }
            let drawn = self.draw(number);
            if !candidates.contains(&drawn) {
                candidates.push(drawn);
            }
        }
        candidates
    }

    /// Draws everything each time, so that a setting that is held does not move the others.
    fn draw(&self, number: u64) -> TrainConfig {
        let mut random = stream(self.base.seed, number);
        let [size, architecture, augment, rate]: [f64; 4] = std::array::from_fn(|_| random.random());
        let size = pick(&self.sizes(), size);
        let architecture = pick(&self.architectures(size), architecture);
        let augment = pick(&self.augments(), augment);
        let mut drawn = self.with_network(architecture, size, &augment);
        if self.held.learning_rate {
            drawn.learning_rate = self.base.learning_rate;
        } else {
            drawn.learning_rate = rounded(drawn.learning_rate * REACH.powf(2.0 * rate - 1.0));
        }
        drawn
    }

    /// The base with another network: its optimizer and learning rate go with it as the recipe has them, unless they were stated.
    fn with_network(&self, architecture: String, size: usize, augment: &AugmentChoice) -> TrainConfig {
        let is_usual = size == self.base.size
            && architecture == self.base.architecture
            && augment.crops() == self.base.augment.crops();
        let (start_size, end_size) = if self.held.sides || is_usual {
            (self.base.start_size, self.base.end_size)
        } else {
            learnt_sides(&architecture, size, augment.crops())
        };
        let base = TrainConfig { size, start_size, end_size, augment: *augment, ..self.base.clone() };
        if architecture == base.architecture {
            return base;
        }
        let stated = Stated {
            architecture: Some(architecture.clone()),
            size: Some(size),
            task: base.task,
            wiring: base.wiring.clone(),
            augment: Some(*augment),
            stochastic_depth: base.stochastic_depth,
            ..Stated::default()
        };
        let usual = Recipe::choose(self.facts, &stated).into_config();
        let (optimizer, learning_rate) = if self.held.optimizer {
            (base.optimizer, base.learning_rate)
        } else {
            (Optimizer { average: base.optimizer.average, ..usual.optimizer }, usual.learning_rate)
        };
        TrainConfig { architecture, learning_rate, optimizer, ..base }
    }

    /// The usual size, and a quarter less and a third more, as far as pictures are not made larger than they are.
    fn sizes(&self) -> Vec<usize> {
        let usual = self.base.size;
        let mut sizes = vec![usual];
        if !self.held.size {
            let most = self.facts.side.unwrap_or(usual);
            let near = [usual * 3 / 4, usual * 4 / 3].map(|size| size.next_multiple_of(GRAIN));
            let stated = self.base.end_size.or(self.base.start_size).filter(|_| self.held.sides);
            let least = stated.unwrap_or(LEAST);
            sizes.extend(near.into_iter().filter(|size| (least..=most).contains(size) && *size != usual));
        }
        sizes
    }

    /// The usual network, and others that suit pictures of that size.
    fn architectures(&self, size: usize) -> Vec<String> {
        let mut architectures = vec![self.base.architecture.clone()];
        if !self.held.architecture {
            // `classic` is another network for each size, and so for pictures that grow, or are classified larger.
            let grows = self.held.sides && (self.base.start_size, self.base.end_size) != (None, None);
            // It has no shortcuts either.
            let skips = self.base.stochastic_depth > 0.0;
            let suited = [
                ("resnet8", size <= 96),
                ("resnet9_photo", size >= 48),
                ("classic", size <= 128 && !grows && !skips),
            ];
            let others = suited.into_iter().filter(|(name, suits)| *suits && *name != self.base.architecture);
            architectures.extend(others.map(|(name, _)| name.to_owned()));
        }
        architectures
    }

    /// The usual changes of pictures, and the presets.
    fn augments(&self) -> Vec<AugmentChoice> {
        let usual = self.base.augment;
        let mut augments = vec![usual];
        if !self.held.augment {
            let presets = [Preset::Light, Preset::Standard, Preset::Strong].map(AugmentChoice::from);
            augments.extend(presets.into_iter().filter(|preset| *preset != usual));
        }
        augments
    }
}

/// The first, which is the usual, in half of the cases, and else each of the others alike; `chance` is from 0 to below 1.
fn pick<T: Clone>(options: &[T], chance: f64) -> T {
    let (usual, others) = options.split_first().expect("there is always the usual");
    let place = (2.0 * chance - 1.0) * others.len() as f64;
    if place < 0.0 { usual.clone() } else { others.get(place as usize).unwrap_or(usual).clone() }
}

/// A number with two digits, as people type it.
fn rounded(number: f64) -> f64 {
    format!("{number:.1e}").parse().unwrap_or(number)
}

/// Random numbers for one candidate alone.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    key[16..20].copy_from_slice(b"tune");
    ChaCha8Rng::from_seed(key)
}

/// What is searched of a training's settings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The network.
    pub architecture: String,
    /// The height and width that pictures are brought to.
    pub size: usize,
    /// The learning rate at its highest.
    pub learning_rate: f64,
    /// How training pictures are changed: a preset's name, or the settings.
    pub augment: String,
}

impl Settings {
    pub(super) fn of(config: &TrainConfig) -> Self {
        let augment = match config.augment {
            AugmentChoice::Preset(preset) => preset.name().to_owned(),
            AugmentChoice::Stated { augment, .. } => augment.to_string(),
        };
        let TrainConfig { architecture, size, learning_rate, .. } = config.clone();
        Self { architecture, size, learning_rate, augment }
    }

    /// What is different from `usual`, in words; nothing where all is the same.
    pub fn unlike(&self, usual: &Self) -> String {
        let told = [
            (self.architecture != usual.architecture).then(|| self.architecture.clone()),
            (self.size != usual.size).then(|| format!("size {}", self.size)),
            (self.learning_rate != usual.learning_rate).then(|| format!("rate {}", self.learning_rate)),
            (self.augment != usual.augment).then(|| format!("augment {}", self.augment)),
        ];
        told.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, size, learning_rate, augment } = self;
        write!(f, "{architecture}, size {size}, rate {learning_rate}, augment {augment}")
    }
}

#[cfg(test)]
mod tests {
    use divvy_data::Channels;
    use divvy_nn::Isa;

    use super::*;
    use crate::architecture::architecture_of;
    use crate::recipe::{Machine, Parts};

    fn facts(images: usize, side: usize) -> Facts {
        let machine = Machine { isa: Isa::best(), threads: 2, free_memory: None };
        let parts = Parts { images, validating: 0, testing: 0 };
        let channels = Channels::Rgb;
        Facts { parts, side: Some(side), channels, mirrors: true, classes: 3, exclusive: true, machine }
    }

    /// The recipe's choice where each picture is seen often: photos are learnt from at other sides than they are classified at.
    fn base(facts: &Facts) -> TrainConfig {
        Recipe::choose(facts, &Stated { epochs: Some(200), ..Stated::default() }).into_config()
    }

    fn drawn(facts: &Facts, held: Held, seed: u64) -> Vec<TrainConfig> {
        let base = TrainConfig { seed, ..base(facts) };
        Space { base: &base, facts, held }.candidates(60)
    }

    #[test]
    fn the_recipes_own_choice_is_the_first_and_no_two_are_the_same() {
        let facts = facts(2000, 400);
        let candidates = drawn(&facts, Held::default(), 0);
        assert_eq!(candidates.len(), 60);
        assert_eq!(candidates[0], base(&facts));
        for TrainConfig { architecture, size, start_size, end_size, augment, .. } in &candidates {
            let grows = architecture == "resnet9_photo";
            let end = if augment.crops() { size * 6 / 7 / 8 * 8 } else { *size };
            assert_eq!(*start_size, grows.then_some(end * 2 / 3 / 8 * 8), "{architecture} at {size}");
            assert_eq!(*end_size, (grows && augment.crops()).then_some(end), "{architecture} at {size}");
        }
        for (index, candidate) in candidates.iter().enumerate() {
            assert!(!candidates[..index].contains(candidate), "{candidate:?}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_and_fewer_are_the_first_of_many() {
        let facts = facts(2000, 400);
        let candidates = drawn(&facts, Held::default(), 7);
        assert_eq!(candidates, drawn(&facts, Held::default(), 7));
        assert_ne!(candidates[1..], drawn(&facts, Held::default(), 8)[1..]);
        let space = Space { base: &candidates[0], facts: &facts, held: Held::default() };
        assert_eq!(space.candidates(9), candidates[..9]);
    }

    #[test]
    fn where_layers_are_skipped_every_network_has_shortcuts() {
        let facts = facts(2000, 90);
        let candidates = |stochastic_depth| {
            let base = Recipe::choose(&facts, &Stated::default()).into_config();
            let base = TrainConfig { stochastic_depth, ..base };
            Space { base: &base, facts: &facts, held: Held::default() }.candidates(40)
        };
        assert!(candidates(0.0).iter().any(|candidate| candidate.architecture == "classic"));
        let skipping = candidates(0.1);
        assert!(skipping.iter().any(|candidate| candidate.architecture != skipping[0].architecture));
        for candidate in skipping {
            architecture_of(&candidate).expect("it has shortcuts");
        }
    }

    #[test]
    fn what_is_stated_never_changes_and_moves_nothing_else() {
        let facts = facts(2000, 400);
        let free = drawn(&facts, Held::default(), 0);
        let base = &free[0];
        let rates = drawn(&facts, Held { learning_rate: true, ..Held::default() }, 0);
        assert!(rates.iter().all(|candidate| candidate.learning_rate == base.learning_rate));
        let sizes = drawn(&facts, Held { size: true, ..Held::default() }, 0);
        assert!(sizes.iter().all(|candidate| candidate.size == base.size));
        let nets = drawn(&facts, Held { architecture: true, ..Held::default() }, 0);
        assert!(nets.iter().all(|candidate| candidate.architecture == base.architecture));
        assert!(nets.iter().all(|candidate| candidate.optimizer == base.optimizer));
        let changes = drawn(&facts, Held { augment: true, ..Held::default() }, 0);
        assert!(changes.iter().all(|candidate| candidate.augment == base.augment));
        for number in 1..60 {
            let draw = |held| Space { base, facts: &facts, held }.draw(number);
            let (free, held) = (draw(Held::default()), draw(Held { augment: true, ..Held::default() }));
            // Sides go with the changes.
            let TrainConfig { start_size, end_size, augment, .. } = held.clone();
            let free = TrainConfig { start_size, end_size, augment, ..free };
            assert_eq!((free, augment), (held, base.augment), "the others are drawn as before");
        }
        let rules = drawn(&facts, Held { optimizer: true, ..Held::default() }, 0);
        assert!(rules.iter().all(|candidate| candidate.optimizer == base.optimizer));
        let grown = drawn(&facts, Held { sides: true, ..Held::default() }, 0);
        let sides = |config: &TrainConfig| (config.start_size, config.end_size);
        assert!(grown.iter().all(|candidate| sides(candidate) == sides(base)));
        assert!(grown.iter().all(|candidate| candidate.size >= 96 && candidate.architecture != "classic"));
        let all = Held {
            architecture: true,
            size: true,
            sides: true,
            learning_rate: true,
            optimizer: true,
            augment: true,
        };
        assert_eq!(drawn(&facts, all, 0).len(), 1, "nothing is left to search");
    }

    #[test]
    fn rates_are_spread_over_four_times_more_and_less_and_sizes_are_not_beyond_the_pictures() {
        let facts = facts(30_000, 32);
        let candidates = drawn(&facts, Held::default(), 0);
        let [mut above, mut below] = [0, 0];
        for candidate in &candidates[1..] {
            assert!((16..=32).contains(&candidate.size) && candidate.size.is_multiple_of(8), "{candidate:?}");
            assert_ne!(candidate.architecture, "resnet9_photo", "it is for larger pictures");
            let stated = Stated { architecture: Some(candidate.architecture.clone()), ..Stated::default() };
            let usual = Recipe::choose(&facts, &stated).into_config();
            assert_eq!(candidate.optimizer, usual.optimizer, "{}", candidate.architecture);
            let factor = candidate.learning_rate / usual.learning_rate;
            assert!((0.24..=4.2).contains(&factor), "{factor}");
            above += usize::from(factor > 1.0);
            below += usize::from(factor < 1.0);
        }
        assert!(above >= 15 && below >= 15, "{above} above and {below} below the usual");
        assert!(candidates.iter().any(|candidate| candidate.size == 24));
        assert!(candidates.iter().any(|candidate| candidate.architecture == "classic"));
    }

    #[test]
    fn settings_are_told_by_what_is_different() {
        let config = TrainConfig { augment: Preset::Strong.into(), ..TrainConfig::new("photos") };
        let usual = Settings::of(&config);
        assert_eq!(usual.to_string(), "classic, size 64, rate 0.001, augment strong");
        assert_eq!(usual.unlike(&usual), "");
        let other = Settings { size: 48, learning_rate: 0.0021, ..usual.clone() };
        assert_eq!(other.unlike(&usual), "size 48, rate 0.0021");
    }
}
