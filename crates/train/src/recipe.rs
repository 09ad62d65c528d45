//! What the pictures and the time speak for, where nobody has said otherwise.

use std::fmt;
use std::iter::successors;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use divvy_data::{Augment, AugmentChoice, Dataset, LabelKind, Mix, Part, Preset};
use divvy_model::Views;
use divvy_nn::{Architecture, Head, Isa, Optimizer, Schedule, Task, Wiring, free_memory};

use crate::architecture::open_architecture;
use crate::config::TrainConfig;
use crate::forecast::needed;

/// Pictures whose sizes are looked at.
const LOOKED_AT: usize = 100;
/// The short side, in pixels, up to which pictures are small: they are taken as they are, by a network without an early pool.
const SMALL: usize = 64;
/// The least side that the network for small pictures is given.
const LEAST: usize = 16;
/// The side that photos are brought to, to be learnt from and to be classified.
const PHOTO: usize = 96;
/// The same for those that are classified where their network learns from enlarged parts: the mean of 1/sqrt(a) over shares a from a half to 1 is 1.17.
const WHOLE_PHOTO: usize = 112;
/// The network for them.
const PHOTO_NETWORK: &str = "resnet9_photo";
/// The network for small pictures.
const SMALL_NETWORK: &str = "resnet8";
/// Pictures below which steps are made of fewer, so that there are enough of them.
const SCARCE: usize = 500;
/// Pictures below which they are changed more from one epoch to the next.
const FEW: usize = 20_000;
/// The share of the running average of weights that stays at each step: it reaches back about 100 steps.
const AVERAGE: f64 = 0.99;

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// What a recipe is chosen by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Pictures to train and to validate on.
    pub images: usize,
    /// The short side of pictures, in pixels: the median; none where no file could be read.
    pub side: Option<usize>,
    /// Whether mirrored pictures mean the same, as far as the groups' names tell.
    pub mirrors: bool,
    /// Groups or labels.
    pub classes: usize,
    /// Whether each picture belongs to exactly one group.
    pub exclusive: bool,
    /// Bytes of memory that are free, where the system tells.
    pub free_memory: Option<u64>,
}

impl Facts {
    /// What is seen of a dataset, looking at the headers of 100 pictures at the most.
    pub fn of(dataset: &Dataset) -> Self {
        let parts = [None, Some(Part::Train), Some(Part::Validation)];
        let images = parts.map(|part| dataset.part(part).len()).iter().sum();
        let sizes = dataset.sizes(LOOKED_AT).into_iter();
        let mut sides: Vec<usize> = sizes.map(|(height, width)| height.min(width)).collect();
        sides.sort_unstable();
        let side = sides.get(sides.len() / 2).copied();
        let exclusive = dataset.label_kind() == LabelKind::Classes;
        let mirrors = AugmentChoice::from(Preset::Light).settings(dataset).flip > 0.0;
        let (classes, free_memory) = (dataset.classes().len(), free_memory());
        Self { images, side, mirrors, classes, exclusive, free_memory }
    }

    /// Whether parts of pictures are enlarged, as is stated or as a recipe does with few pictures.
    fn crops(&self, stated: &Stated) -> bool {
        stated.augment.map_or(self.images < FEW, AugmentChoice::crops)
    }
}

/// What someone has said already of what a recipe would choose.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Stated {
    /// The network.
    pub architecture: Option<String>,
    /// The height and width that pictures are brought to.
    pub size: Option<usize>,
    /// What the labels mean.
    pub task: Option<Task>,
    /// What is said of the head.
    pub wiring: Wiring,
    /// How pictures are changed.
    pub augment: Option<AugmentChoice>,
}

/// One choice and what speaks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The setting, as config.toml calls it.
    pub setting: &'static str,
    /// What was chosen.
    pub value: String,
    /// Why, in a few words.
    pub reason: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.setting, self.value, self.reason)
    }
}

/// All that is chosen for a training, each with its reason.
#[derive(Clone, PartialEq, Debug)]
pub struct Recipe {
    config: TrainConfig,
    choices: Vec<Choice>,
}

impl Recipe {
    /// What `facts` speak for. What is stated stays, and what goes with it is chosen.
    pub fn choose(facts: &Facts, stated: &Stated) -> Self {
        let mut recipe = Self { config: TrainConfig::default(), choices: Vec::new() };
        recipe.choose_network(facts, stated);
        recipe.choose_growth(facts, stated);
        recipe.choose_steps(facts);
        recipe.choose_parts(facts, stated);
        recipe.choose_changes(facts, stated);
        recipe.choose_views(facts);
        recipe.choose_smoothing(facts, stated);
        recipe
    }

    /// The settings; the pictures are still to be named.
    pub fn into_config(self) -> TrainConfig {
        self.config
    }

    /// What was chosen, in the order in which it is told.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    fn note(&mut self, setting: &'static str, value: impl fmt::Display, reason: impl Into<String>) {
        self.choices.push(Choice { setting, value: value.to_string(), reason: reason.into() });
    }

    /// Small pictures are taken as they are, by a network that looks at each pixel; photos are made smaller.
    fn choose_network(&mut self, facts: &Facts, stated: &Stated) {
        let side = stated.size.or(facts.side).unwrap_or(PHOTO);
        let is_small = side <= SMALL;
        let seen = match (stated.size, facts.side) {
            (Some(size), _) => format!("pictures are brought to {size} pixels"),
            (None, Some(side)) => format!("the pictures' short side is {side} pixels, in the median"),
            (None, None) => "no picture's size could be read".to_owned(),
        };
        let fitting = if is_small { SMALL_NETWORK } else { PHOTO_NETWORK };
        self.config.architecture = stated.architecture.clone().unwrap_or_else(|| fitting.to_owned());
        self.config.size = stated.size.unwrap_or_else(|| match is_small {
            true => side.max(LEAST),
            false if self.is_photo_network() && facts.crops(stated) => WHOLE_PHOTO,
            false => PHOTO,
        });
        if stated.size.is_none() {
            self.note("size", self.config.size, seen.clone());
        }
        if stated.architecture.is_none() {
            self.note("architecture", fitting, seen);
        }
    }

    /// Photos are learnt from in small first.
    fn choose_growth(&mut self, facts: &Facts, stated: &Stated) {
        let sides = learnt_sides(&self.config.architecture, self.config.size, facts.crops(stated));
        (self.config.start_size, self.config.end_size) = sides;
        if let Some(start) = sides.0 {
            let why = "pictures grow while it learns, in three stages: more epochs in the same time";
            self.note("start_size", start, why);
        }
        if let Some(end) = sides.1 {
            let why = "what is learnt from are enlarged parts: things look as large in whole pictures that are larger";
            self.note("end_size", end, why);
        }
    }

    fn is_photo_network(&self) -> bool {
        self.config.architecture == PHOTO_NETWORK
    }

    /// How weights move.
    fn choose_steps(&mut self, facts: &Facts) {
        let (batch, why) = match facts.images {
            ..SCARCE => (16, "few pictures, and so more steps"),
            _ => (64, "steps of a good size for a processor"),
        };
        self.config.batch = batch;
        self.note("batch", batch, why);
        let architecture = self.config.architecture.as_str();
        let has_shortcuts = [SMALL_NETWORK, "resnet9", PHOTO_NETWORK].contains(&architecture);
        let (name, optimizer, rate, why) = match (has_shortcuts, facts.images) {
            (true, FEW..) if architecture == SMALL_NETWORK => {
                let optimizer = Optimizer::nesterov(0.85).weight_decay(1.5e-3).bias_rate(64.0);
                ("sgd", optimizer, 0.1, "the better with many pictures; biases move 64 times as fast")
            }
            (true, FEW..) => {
                ("sgd", Optimizer::nesterov(0.9).weight_decay(5e-4), 0.1, "the better with many pictures")
            }
            (true, _) if self.is_photo_network() => {
                ("adamw", Optimizer::adam_w(0.3), 3e-3, "learns from few pictures, too; weights decay fast")
            }
            (true, _) => ("adamw", Optimizer::adam_w(0.02), 3e-3, "learns from few pictures, too"),
            (false, _) => ("adamw", Optimizer::adam_w(0.02), 1e-3, "works with most networks"),
        };
        self.config.optimizer = optimizer.average(AVERAGE);
        self.note("optimizer", name, format!("{why}; the weights' running average is kept"));
        self.config.learning_rate = rate;
        self.note(
            "learning_rate",
            rate,
            "suits network and optimizer; it rises for a quarter of the time, then falls",
        );
        self.config.schedule = Schedule::OneCycle { rise: 0.25, start: 25.0, finish: 1e4 };
    }

    /// In how many parts a step is computed, so that it fits into the memory.
    fn choose_parts(&mut self, facts: &Facts, stated: &Stated) {
        let (Some((architecture, head)), Some(free)) = (self.decided(facts, stated), facts.free_memory)
        else {
            return;
        };
        let side = self.config.end_size.unwrap_or(self.config.size);
        let shape = [side, side, 3];
        let Ok(network) = architecture.network(shape, &head) else { return };
        let threads = available_parallelism().map_or(1, NonZeroUsize::get);
        let in_parts = |parts| TrainConfig { accumulate: parts, ..self.config.clone() };
        let fits = |config: &TrainConfig| {
            needed(config, &network, config.most_at_once(), Isa::best(), threads) <= free
        };
        let doubled = successors(Some(NonZeroUsize::MIN), |parts| parts.checked_mul(TWO));
        let possible = doubled.take_while(|parts| parts.get() <= (self.config.batch / 2).max(1));
        let Some(parts) = possible.map(in_parts).find(fits).map(|config| config.accumulate) else { return };
        if parts.get() > 1 {
            self.config.accumulate = parts;
            self.note("accumulate", parts, "parts of a step, so that it fits into the memory that is free");
        }
    }

    /// How pictures and labels are changed.
    fn choose_changes(&mut self, facts: &Facts, stated: &Stated) {
        let (augment, name) = match facts.images {
            ..FEW if self.is_photo_network() && self.has_one_answer(facts, stated) => {
                (mixing(), "standard, and half of the pictures mixed by CutMix")
            }
            ..FEW => (Preset::Standard.into(), "standard"),
            // Of so many, each is seen a few times only: what blurs or turns them costs more than it teaches.
            _ => (moving(), "by mirroring, and shifts by up to two whole pixels"),
        };
        self.config.augment = augment;
        self.note("augment", name, format!("{} pictures", facts.images));
    }

    /// From how many sides pictures are looked at.
    fn choose_views(&mut self, facts: &Facts) {
        if facts.mirrors {
            self.config.views = Views::Mirrored;
            self.note(
                "views",
                "mirrored",
                "nothing speaks of groups that mirroring changes; classifying takes twice as long",
            );
        }
    }

    /// Whether the network is to give probabilities of which one is true.
    fn has_one_answer(&self, facts: &Facts, stated: &Stated) -> bool {
        let has_one_answer = |head: Head| head.has_probabilities() && head.task() != Task::MultiLabel;
        self.decided(facts, stated).is_some_and(|(_, head)| has_one_answer(head))
    }

    /// The network that was chosen, and its head. What cannot be opened or decided is left for the training to refuse.
    fn decided(&self, facts: &Facts, stated: &Stated) -> Option<(Architecture, Head)> {
        let architecture = open_architecture(&self.config.architecture).ok()?;
        let decided =
            architecture.decide(&stated.wiring, stated.task, facts.classes, facts.exclusive).ok()?;
        Some((architecture, *decided.head()))
    }

    /// Answers that exclude each other are not driven to certainty.
    fn choose_smoothing(&mut self, facts: &Facts, stated: &Stated) {
        if self.has_one_answer(facts, stated) {
            self.config.label_smoothing = 0.1;
            self.note(
                "label_smoothing",
                0.1,
                "each picture belongs to one group, and in most sets some labels are wrong",
            );
        }
    }
}

/// The sides that pictures begin with and come to while a network learns to classify pictures of `size`: none where all are of that one. Where parts
/// of photos are enlarged (`crops`), six sevenths of it are as much as they come to; they begin with two thirds of that.
pub(crate) fn learnt_sides(architecture: &str, size: usize, crops: bool) -> (Option<usize>, Option<usize>) {
    /// What they are multiples of.
    const GRAIN: usize = 8;
    let in_grains = |side: usize| side / GRAIN * GRAIN;
    let end = if crops { in_grains(size * 6 / 7) } else { size };
    let start = in_grains(end * 2 / 3);
    if architecture != PHOTO_NETWORK || start < LEAST {
        return (None, None);
    }
    (Some(start), crops.then_some(end))
}

/// Mirroring, unless the groups' names forbid it, and small shifts.
fn moving() -> AugmentChoice {
    let augment = Augment { flip: 0.5, shift_pixels: 2, ..Augment::none() };
    AugmentChoice::Stated { augment, flips_are_open: true }
}

/// The standard changes, and pictures mixed.
fn mixing() -> AugmentChoice {
    let mix = Mix { probability: 0.5, mixup: 0.0, cutmix: 1.0 };
    let augment = Augment { mix: Some(mix), ..Augment::standard() };
    AugmentChoice::Stated { augment, flips_are_open: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(images: usize, side: Option<usize>) -> Facts {
        Facts { images, side, mirrors: true, classes: 2, exclusive: true, free_memory: None }
    }

    #[test]
    fn small_pictures_are_taken_as_they_are_and_photos_made_smaller() {
        for (side, size, architecture) in [
            (Some(28), 28, "resnet8"),
            (Some(8), 16, "resnet8"),
            (Some(64), 64, "resnet8"),
            (Some(65), 112, "resnet9_photo"),
            (Some(3000), 112, "resnet9_photo"),
            (None, 112, "resnet9_photo"),
        ] {
            let config = Recipe::choose(&facts(1000, side), &Stated::default()).config;
            assert_eq!((config.size, config.architecture.as_str()), (size, architecture), "{side:?}");
        }
    }

    #[test]
    fn what_is_stated_stays_and_is_not_told() {
        let facts = facts(1000, Some(500));
        let recipe = Recipe::choose(&facts, &Stated { size: Some(48), ..Stated::default() });
        assert_eq!((recipe.config.size, recipe.config.architecture.as_str()), (48, "resnet8"));
        assert!(recipe.choices.iter().all(|choice| choice.setting != "size"));
        let stated = Stated { architecture: Some("classic".to_owned()), ..Stated::default() };
        let recipe = Recipe::choose(&facts, &stated);
        assert_eq!((recipe.config.size, recipe.config.architecture.as_str()), (96, "classic"));
        assert_eq!(recipe.config.learning_rate, 1e-3, "a network without shortcuts takes smaller steps");
        assert!(recipe.choices.iter().all(|choice| choice.setting != "architecture"));
    }

    #[test]
    fn of_many_pictures_each_is_changed_less_and_steps_are_larger() {
        let config = |images| Recipe::choose(&facts(images, Some(32)), &Stated::default()).config;
        let (few, many) = (config(FEW - 1), config(FEW));
        assert_eq!(few.augment, Preset::Standard.into());
        assert_eq!(many.augment, moving());
        assert!(few.learning_rate < many.learning_rate);
        let stated = Stated { architecture: Some("classic".to_owned()), ..Stated::default() };
        let classic = Recipe::choose(&facts(FEW, Some(32)), &stated).config;
        assert_eq!(classic.learning_rate, 1e-3, "a rate that only networks with batch norms throughout bear");
    }

    #[test]
    fn photos_grow_and_are_mixed_where_each_belongs_to_one_group() {
        let config = |side, exclusive: bool| {
            Recipe::choose(&Facts { exclusive, ..facts(1000, Some(side)) }, &Stated::default()).config
        };
        let (photo, small, tagged) = (config(500, true), config(32, true), config(500, false));
        let sides = |config: &TrainConfig| (config.start_size, config.end_size, config.size);
        assert_eq!([&photo, &tagged].map(sides), [(Some(64), Some(96), 112); 2]);
        assert_eq!(sides(&small), (None, None, 32));
        assert_eq!((photo.augment, tagged.augment), (mixing(), Preset::Standard.into()));
        assert!(photo.optimizer.weight_decay > small.optimizer.weight_decay);
        let stated = Stated { size: Some(200), ..Stated::default() };
        let of_size = Recipe::choose(&facts(1000, Some(500)), &stated).config;
        assert_eq!(sides(&of_size), (Some(112), Some(168), 200));
    }

    #[test]
    fn photos_end_as_they_are_classified_where_no_parts_are_enlarged() {
        let many = Recipe::choose(&facts(FEW, Some(500)), &Stated::default()).config;
        let stated = Stated { augment: Some(Preset::Light.into()), ..Stated::default() };
        let light = Recipe::choose(&facts(1000, Some(500)), &stated).config;
        for config in [many, light] {
            assert_eq!((config.start_size, config.end_size, config.size), (Some(64), None, 96));
        }
    }

    #[test]
    fn a_step_is_computed_in_as_many_parts_as_the_memory_asks_for() {
        let parts = |free: u64| {
            let facts = Facts { free_memory: Some(free), ..facts(1000, Some(500)) };
            Recipe::choose(&facts, &Stated::default()).config.accumulate.get()
        };
        assert_eq!(parts(1 << 40), 1);
        let found = [parts(250 << 20), parts(150 << 20), parts(80 << 20)];
        assert!(found[0] > 1 && found[1] > found[0] && found[2] > found[1], "{found:?}");
        assert_eq!(parts(1 << 20), 1, "what never fits is left to be refused");
    }

    #[test]
    fn pictures_are_looked_at_mirrored_only_where_that_means_the_same() {
        for (mirrors, views) in [(true, Views::Mirrored), (false, Views::Single)] {
            let facts = Facts { mirrors, ..facts(1000, Some(500)) };
            assert_eq!(Recipe::choose(&facts, &Stated::default()).config.views, views);
        }
    }

    #[test]
    fn only_answers_that_exclude_each_other_are_smoothed() {
        let smoothing = |exclusive: bool, stated: &Stated| {
            Recipe::choose(&Facts { exclusive, ..facts(1000, Some(500)) }, stated).config.label_smoothing
        };
        assert_eq!(smoothing(true, &Stated::default()), 0.1);
        assert_eq!(smoothing(false, &Stated::default()), 0.0);
        assert_eq!(smoothing(true, &Stated { task: Some(Task::MultiLabel), ..Stated::default() }), 0.0);
        let linear = Wiring { activation: Some(divvy_nn::Activation::Linear), ..Wiring::default() };
        assert_eq!(smoothing(true, &Stated { wiring: linear, ..Stated::default() }), 0.0);
    }

    #[test]
    fn each_choice_has_a_line() {
        let recipe = Recipe::choose(&facts(400, Some(300)), &Stated::default());
        let settings: Vec<&str> = recipe.choices.iter().map(|choice| choice.setting).collect();
        assert_eq!(
            settings,
            [
                "size",
                "architecture",
                "start_size",
                "end_size",
                "batch",
                "optimizer",
                "learning_rate",
                "augment",
                "views",
                "label_smoothing"
            ]
        );
        assert_eq!(
            recipe.choices[0].to_string(),
            "size 112: the pictures' short side is 300 pixels, in the median"
        );
    }
}
