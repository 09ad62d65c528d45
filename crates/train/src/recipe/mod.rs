//! What the pictures and the time speak for, where nobody has said otherwise.

mod facts;
mod sides;
#[cfg(test)]
mod tests;

use std::fmt;
use std::iter::successors;
use std::num::NonZeroUsize;

use divvy_data::{Augment, AugmentChoice, Channels, Mix, Preset};
use divvy_model::Views;
use divvy_nn::{Architecture, Head, Optimizer, Schedule, Task};

pub use self::facts::{Facts, Machine, Parts, Stated};
pub(crate) use self::sides::learnt_sides;
use self::sides::{Time, begun_with, photo_size};
use crate::architecture::architecture_of;
use crate::config::{Length, TrainConfig};
use crate::forecast::needed;

/// The short side, in pixels, up to which pictures are small: they are taken as they are, by a network without an early pool.
const SMALL: usize = 64;
/// The least side that pictures are brought to.
const LEAST: usize = 16;
/// The side that photos are brought to for a network of which nothing is known.
const PHOTO: usize = 96;
/// The network for them.
const PHOTO_NETWORK: &str = "resnet9_photo";
/// The network for small pictures.
const SMALL_NETWORK: &str = "resnet8";
/// Pictures below which steps are made of fewer, so that there are enough of them.
const SCARCE: usize = 500;
/// Pictures below which they are changed more from one epoch to the next.
const FEW: usize = 20_000;
/// What speaks for stochastic gradient descent.
const FOR_MANY: &str = "as good as AdamW with many pictures, with one moment of each weight in place of two";
/// How often each photo must be seen for large changes to teach more than they hide.
const OFTEN: f64 = 90.0;

const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// One choice and what speaks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The setting, or settings, as config.toml calls them.
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
    /// How the learning rate moves: one cycle that rises for a quarter of the time.
    pub const SCHEDULE: Schedule = Schedule::OneCycle { rise: 0.25, start: 25.0, finish: 1e4 };

    /// What `facts` speak for. What is stated stays, and what goes with it is chosen.
    pub fn choose(facts: &Facts, stated: &Stated) -> Self {
        let config = TrainConfig { stochastic_depth: stated.stochastic_depth, ..TrainConfig::default() };
        let mut recipe = Self { config, choices: Vec::new() };
        recipe.choose_network(facts, stated);
        recipe.choose_channels(facts);
        recipe.choose_growth(facts, stated);
        recipe.choose_validation(facts);
        recipe.choose_steps(facts);
        recipe.choose_parts(facts, stated);
        recipe.choose_changes(facts, stated);
        recipe.choose_views(facts);
        recipe.choose_smoothing(facts, stated);
        recipe.choose_metric(facts, stated);
        recipe.leave_out(stated);
        recipe.choose_length(facts, stated);
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
        let (size, is_for_time) = match is_small {
            true => (side.max(LEAST), false),
            false if self.is_photo_network() => {
                photo_size(Time::of(facts, stated), self.crops(facts, stated))
            }
            false => (PHOTO, false),
        };
        self.config.size = stated.size.unwrap_or(size);
        if stated.size.is_none() {
            let time = if is_for_time { "; larger ones would be seen too seldom in the time" } else { "" };
            self.note("size", size, format!("{seen}{time}"));
        }
        if stated.architecture.is_none() {
            self.note("architecture", fitting, seen);
        }
    }

    /// Colours are seen where there are any.
    fn choose_channels(&mut self, facts: &Facts) {
        self.config.channels = Some(facts.channels);
        let (name, why) = match facts.channels {
            Channels::Grey => ("grey", "all pictures are stored so"),
            Channels::Rgb => ("rgb", "pictures are stored in colour"),
        };
        self.note("channels", name, why);
    }

    /// Photos are learnt from in small first.
    fn choose_growth(&mut self, facts: &Facts, stated: &Stated) {
        let size = self.config.size;
        let (start, end) = learnt_sides(&self.config.architecture, size, self.crops(facts, stated));
        // Pictures that are to begin larger than they would end do not grow.
        let least = stated.start_size.map_or(0, |start| start.min(size));
        let start = start.and_then(|start| stated.end_size.map_or(Some(start), begun_with));
        let end = end.map(|end| end.max(least));
        self.config.start_size = stated.start_size.or(start);
        self.config.end_size = stated.end_size.or(end);
        if let (Some(start), None) = (start, stated.start_size) {
            let why = "pictures grow while it learns, in three stages: more epochs in the same time";
            self.note("start_size", start, why);
        }
        if let (Some(end), None) = (end, stated.end_size) {
            let why = "what is learnt from are enlarged parts: things look as large in whole pictures that are larger";
            self.note("end_size", end, why);
        }
    }

    /// Where test pictures say how good the model is, those that validate only choose its epoch and calibrate it: of many, fewer are kept from training.
    fn choose_validation(&mut self, facts: &Facts) {
        let Parts { validating, testing, .. } = facts.parts;
        let share = facts.parts.validation_share();
        self.config.validation_share = share;
        let why = match (validating, testing) {
            (0, 0) => "these say how good the model is, choose its epoch and calibrate it; 5,000 at the most",
            (0, _) => "test pictures say how good the model is: these only choose its epoch and calibrate it",
            _ => return,
        };
        self.note("validation_share", share, why);
    }

    fn is_photo_network(&self) -> bool {
        self.config.architecture == PHOTO_NETWORK
    }

    /// How weights move.
    fn choose_steps(&mut self, facts: &Facts) {
        let (batch, why) = match facts.parts.images {
            ..SCARCE => (16, "few pictures, and so more steps"),
            _ => (64, "steps of a good size for a processor"),
        };
        self.config.batch = batch;
        self.note("batch", batch, why);
        let architecture = self.config.architecture.as_str();
        let has_shortcuts = [SMALL_NETWORK, "resnet9", PHOTO_NETWORK].contains(&architecture);
        let (name, optimizer, rate, why) = match (has_shortcuts, facts.parts.images) {
            (true, FEW..) if architecture == SMALL_NETWORK => {
                ("sgdw", Optimizer::nesterov_w(0.85, 0.01), 0.1, FOR_MANY)
            }
            (true, FEW..) => ("sgdw", Optimizer::nesterov_w(0.9, 5e-3), 0.1, FOR_MANY),
            (true, _) if self.is_photo_network() => {
                ("adamw", Optimizer::adam_w(0.3), 3e-3, "learns from few pictures, too; weights decay fast")
            }
            (true, _) => ("adamw", Optimizer::adam_w(0.02), 3e-3, "learns from few pictures, too"),
            (false, _) => ("adamw", Optimizer::adam_w(0.02), 1e-3, "works with most networks"),
        };
        let decay = optimizer.weight_decay;
        self.config.optimizer = optimizer;
        self.note("optimizer", format_args!("{name} with a decay of {decay}"), why);
        self.config.learning_rate = rate;
        self.note("learning_rate", rate, "suits network and optimizer");
        self.config.schedule = Self::SCHEDULE;
        self.note("schedule", "one_cycle", "the rate rises for a quarter of the time, then falls");
    }

    /// In how many parts a step is computed, so that it fits into the memory.
    fn choose_parts(&mut self, facts: &Facts, stated: &Stated) {
        let Machine { isa, threads, free_memory } = facts.machine;
        let (Some((architecture, head)), Some(free)) = (self.decided(facts, stated), free_memory) else {
            return;
        };
        let side = self.config.end_size.unwrap_or(self.config.size);
        let shape = [side, side, 3];
        let Ok(network) = architecture.network(shape, &head) else { return };
        let in_parts = |parts| TrainConfig { accumulate: parts, ..self.config.clone() };
        let fits = |config: &TrainConfig| needed(config, [&network; 2], isa, threads) <= free;
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
        let (augment, name) = self.changes(facts, stated);
        self.config.augment = augment;
        let seen = match seen(facts, stated).round() {
            _ if !self.is_photo_network() => String::new(),
            ..=1.0 => ", each seen once or so".to_owned(),
            times => format!(", each seen {times} times or so"),
        };
        self.note("augment", name, format!("{} pictures{seen}", facts.parts.images));
    }

    /// The changes that suit so many pictures which are seen so often, in words too.
    fn changes(&self, facts: &Facts, stated: &Stated) -> (AugmentChoice, &'static str) {
        match facts.parts.images {
            // Of so many, each is seen a few times only: what blurs or turns them costs more than it teaches.
            FEW.. => (moving(), "by mirroring, and shifts by up to two whole pixels"),
            _ if !self.is_photo_network() => (Preset::Standard.into(), "standard"),
            _ if seen(facts, stated) < OFTEN => (Preset::Light.into(), "light"),
            _ if self.has_one_answer(facts, stated) => {
                (mixing(), "standard, and half of the pictures mixed by CutMix")
            }
            _ => (Preset::Standard.into(), "standard"),
        }
    }

    /// Whether parts of pictures are enlarged, as is stated or goes with what is chosen.
    fn crops(&self, facts: &Facts, stated: &Stated) -> bool {
        stated.augment.unwrap_or_else(|| self.changes(facts, stated).0).crops()
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
        } else {
            self.note(
                "views",
                "single",
                "by its name or looks, a mirrored picture may belong to another group",
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
        let architecture = architecture_of(&self.config).ok()?;
        let decided =
            architecture.decide(&stated.wiring, stated.task, facts.classes, facts.exclusive).ok()?;
        Some((architecture, *decided.head()))
    }

    /// Without a time, pictures are seen as often as is worth it.
    fn choose_length(&mut self, facts: &Facts, stated: &Stated) {
        let share = if facts.parts.validating > 0 { 0.0 } else { self.config.validation_share };
        let training = (facts.parts.images - facts.parts.validating) as f64 * (1.0 - share);
        if let (None, Some(epochs)) = (stated.minutes, Length::Auto.epochs(training.round() as usize)) {
            let why = "400,000 pictures in all, but 12 epochs at the least and 60 at the most";
            self.note("length", format_args!("{epochs} epochs"), why);
        }
    }

    /// The epoch that is kept is the best by what is asked of the network.
    fn choose_metric(&mut self, facts: &Facts, stated: &Stated) {
        let Some((_, head)) = self.decided(facts, stated).filter(|_| stated.wiring.metric.is_none()) else {
            return;
        };
        let why = match head.task() {
            Task::MultiLabel => {
                "labels count alike in the choice of the best epoch, however few pictures have them"
            }
            _ => {
                "the share of validation pictures that are right chooses the best epoch; where it is the same, the loss"
            }
        };
        self.note("metric", head.metric().name(), why);
    }

    /// What was measured and not seen to help, or would be in the way of what is chosen.
    fn leave_out(&mut self, stated: &Stated) {
        self.note(
            "balance",
            "none",
            "groups count as often as they come, and probabilities hold for such pictures",
        );
        self.note("patience", "none", "a cycle gains the most at its end, where the rate is low");
        self.note("average", "none", "not seen to help where the rate falls to almost 0");
        self.note("clip_norm", "none", "seen to do harm, and not to help");
        if stated.stochastic_depth == 0.0 {
            self.note("stochastic_depth", "none", "not seen to help");
        }
        let why = "the same on every processor; `divvy bench train` tells whether f16 or bf16 is faster on this one";
        self.note("precision", self.config.precision.name(), why);
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
        } else {
            self.note("label_smoothing", 0.0, "labels do not exclude each other, or are numbers");
        }
    }
}

/// How often each picture will be seen, where they are photos and the network is the one for them.
fn seen(facts: &Facts, stated: &Stated) -> f64 {
    match (stated.epochs, Time::of(facts, stated)) {
        (Some(epochs), _) => epochs.into(),
        (None, Some(time)) => time.seen(),
        (None, None) => Length::Auto.epochs(facts.parts.images).unwrap_or(1).into(),
    }
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
