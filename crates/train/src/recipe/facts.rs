//! What a recipe is chosen by.

use divvy_data::{AugmentChoice, Channels, Dataset, LabelKind, Part, Preset};
use divvy_nn::{Isa, Task, Wiring, free_memory};

use crate::config::TrainConfig;

/// Pictures whose sizes are looked at.
const LOOKED_AT: usize = 100;
/// The share of the training pictures that validate at the least, where a test part says how good the model is.
const LEAST_VALIDATE: f64 = 0.1;
/// Pictures that are enough to choose an epoch and to calibrate by.
const ENOUGH_VALIDATE: f64 = 200.0;

/// What speaks for one choice or another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// How many pictures there are, and for what.
    pub parts: Parts,
    /// The short side of pictures, in pixels: the median; none where no file could be read.
    pub side: Option<usize>,
    /// What pictures are stored in: grey where all are, else RGB.
    pub channels: Channels,
    /// Whether mirrored pictures mean the same, as far as the groups' names tell.
    pub mirrors: bool,
    /// Groups or labels.
    pub classes: usize,
    /// Whether each picture belongs to exactly one group.
    pub exclusive: bool,
    /// What there is to train with.
    pub machine: Machine,
}

impl Facts {
    /// What is seen of a dataset, looking at the headers of 100 pictures at the most; of grey ones at all.
    pub fn of(dataset: &Dataset, machine: Machine) -> Self {
        let sizes = dataset.sizes(LOOKED_AT).into_iter();
        let mut sides: Vec<usize> = sizes.map(|(height, width)| height.min(width)).collect();
        sides.sort_unstable();
        Self {
            parts: Parts::of(dataset),
            side: sides.get(sides.len() / 2).copied(),
            channels: dataset.channels(),
            mirrors: AugmentChoice::from(Preset::Light).settings(dataset).flip > 0.0,
            classes: dataset.classes().len(),
            exclusive: dataset.label_kind() == LabelKind::Classes,
            machine,
        }
    }
}

/// How many pictures a dataset has, and for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parts {
    /// To train and to validate on.
    pub images: usize,
    /// Those of them that are in a validation part.
    pub validating: usize,
    /// To test on.
    pub testing: usize,
}

impl Parts {
    /// Those of a dataset.
    pub fn of(dataset: &Dataset) -> Self {
        let [open, training, validating, testing] =
            [None, Some(Part::Train), Some(Part::Validation), Some(Part::Test)]
                .map(|part| dataset.part(part).len());
        Self { images: open + training + validating, validating, testing }
    }

    /// The share of the training pictures that is set aside for validation, where nobody has stated one. Test pictures say how good the model is;
    /// then those that validate only choose its epoch and calibrate it, and of many, fewer are kept from training.
    pub(crate) fn validation_share(self) -> f64 {
        if self.validating > 0 || self.testing == 0 {
            return TrainConfig::VALIDATION_SHARE;
        }
        let enough = ENOUGH_VALIDATE / self.images.max(1) as f64;
        let enough = enough.clamp(LEAST_VALIDATE, TrainConfig::VALIDATION_SHARE);
        (enough * 1e3).round() / 1e3
    }
}

/// What there is to train with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// The instruction set that kernels use.
    pub isa: Isa,
    /// Threads that work.
    pub threads: usize,
    /// Bytes of memory that are free, where the system tells.
    pub free_memory: Option<u64>,
}

impl Machine {
    /// So many threads with an instruction set, and the memory that is free now.
    pub fn new(isa: Isa, threads: usize) -> Self {
        Self { isa, threads, free_memory: free_memory() }
    }

    /// Multiplications and additions in a second, roughly: two vectors in each cycle of a core at 2.5 GHz. Reckoned rather than measured, so that what is
    /// chosen by it is the same each time.
    pub(super) fn speed(self) -> f64 {
        2.0 * 2.5e9 * (self.isa.lanes() * self.threads) as f64
    }
}

/// What someone has said already of what a recipe would choose.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Stated {
    /// The network.
    pub architecture: Option<String>,
    /// The height and width that pictures are brought to.
    pub size: Option<usize>,
    /// The side that training pictures begin with.
    pub start_size: Option<usize>,
    /// The side that training pictures come to.
    pub end_size: Option<usize>,
    /// What the labels mean.
    pub task: Option<Task>,
    /// What is said of the head.
    pub wiring: Wiring,
    /// How pictures are changed.
    pub augment: Option<AugmentChoice>,
    /// How often layers are skipped in training; 0 for never.
    pub stochastic_depth: f64,
    /// Minutes that a training may take.
    pub minutes: Option<f64>,
    /// How often each picture is seen.
    pub epochs: Option<u32>,
}
