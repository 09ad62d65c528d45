//! Training variants of one thing alike, several times, to see whether they differ.
//!
//! All runs share the split, and for one seed also the order of pictures, their augmentation, dropout, and the first weights below
//! the head: what is left is the difference that is asked about, and chance, which several seeds measure.

mod crew;
mod difference;
mod divide;
mod measure;
mod standing;
mod training;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use divvy_data::{Dataset, Preprocess};
use divvy_nn::{Cpu, Task, free_memory, part_of_cpu};
use serde::Serialize;

pub use crew::AtOnce;
pub use difference::{Difference, McNemarOfSeed};
pub use standing::{Comparison, RunFigures, Spread, Standing};

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::event::Event;
use crate::forecast::needed_once_prepared;
use crate::pictures::Pictures;
use crate::prepare::{Prepared, prepare};
use crew::Piece;
use measure::Measured;
use training::Training;

/// One of the things that are compared.
#[derive(Clone, PartialEq, Debug)]
pub struct Contender {
    /// What it is called in tables, and its folder; letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// How it is trained. Data, how it is read, positive group and share for validation must be those of the first contender, whose seed draws the
    /// split. The comparison puts its own seeds and split in place of those given here.
    pub config: TrainConfig,
}

/// What is compared on what.
#[derive(Clone, PartialEq, Debug)]
pub struct CompareConfig {
    /// At least two, the first of which the others are compared with.
    pub contenders: Vec<Contender>,
    /// How many seeds each is trained with: 0, 1, 2 and so on.
    pub seeds: u64,
    /// The share of the training pictures that is kept for the comparison where the data has no test part.
    pub test_share: f64,
    /// How many trainings may go on side by side; none leaves it to threads and memory, which have a say in any case.
    pub at_once: Option<NonZeroUsize>,
}

/// How far a comparison is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Turn<'a> {
    /// The contender's name.
    pub contender: &'a str,
    /// The seed.
    pub seed: u64,
    /// Which training it is, from 0.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// Trains every contender with every seed below `out` and compares them on pictures that none has seen. What an earlier call with the
/// same settings has trained to the end there is used again; what it has begun only is trained anew.
///
/// Trainings go on side by side, on a part of the threads of `cpu` each, where that brings all to their end sooner and there is memory for it. `told` hears of every event of
/// every training, one after the other. Copies of a picture are all trained on, all validated on or all tested on, as far as the parts are drawn here.
///
/// # Errors
/// A [`TrainError`] as for [`train`](crate::train); and before anything is trained [`TrainError::Setting`] for what cannot be compared, and
/// [`TrainError::EmptyPart`] where there are too few pictures. [`TrainError::ComparisonStopped`] after `stop` was set.
pub fn compare(
    config: &CompareConfig,
    out: &Path,
    cpu: &Cpu,
    told: &mut (dyn FnMut(Turn<'_>, &Event) + Send),
    stop: &AtomicBool,
) -> Result<Comparison, TrainError> {
    check(config)?;
    let trainings = training::all(config, out);
    all(config, &trainings, out, cpu, told, stop).map_err(|error| {
        if !error.is_interruption() {
            return error;
        }
        let done = trainings.iter().filter(|training| training.is_done()).count();
        TrainError::ComparisonStopped { done, of: trainings.len() }
    })
}

/// Divides the pictures, trains, measures and sums up.
fn all(
    config: &CompareConfig,
    trainings: &[Training],
    out: &Path,
    cpu: &Cpu,
    told: &mut (dyn FnMut(Turn<'_>, &Event) + Send),
    stop: &AtomicBool,
) -> Result<Comparison, TrainError> {
    let base = &config.contenders[0].config;
    let Shared { dataset, preprocess, memory } = Shared::of(&config.contenders, cpu)?;
    let split = divide::divide(&dataset, &preprocess, base, config.test_share, cpu.threads(), stop)?;
    divide::write(out, &split, &dataset)?;

    let fitting =
        free_memory().map_or(usize::MAX, |free| usize::try_from(free / memory).unwrap_or(usize::MAX));
    let most = config.at_once.map_or(fitting, |stated| fitting.min(stated.get()));
    let at_once = AtOnce::soonest(trainings.len(), cpu.threads(), most);
    let turn = |number: usize| {
        let Training { contender, seed, .. } = trainings[number];
        Turn { contender: &config.contenders[contender].name, seed, number, of: trainings.len() }
    };
    let samples = OnceLock::new();
    let work = |piece: &Piece<'_>| {
        let (training, cpu) = (&trainings[piece.number], || part_of_cpu(cpu, at_once.threads));
        let reused = training.once(&cpu, &mut |event: &Event| piece.tell(event), piece.stop())?;
        let measured = measure::run(training, reused, &dataset, &split.test, cpu(), piece.stop())?;
        if *samples.get_or_init(|| measured.samples.clone()) != measured.samples {
            return Err(TrainError::PicturesChanged { data: base.data.clone() });
        }
        Ok(measured)
    };
    let mut told = |number: usize, event: &Event| told(turn(number), event);
    let came = crew::all(trainings.len(), at_once.trainings, work, &mut told, stop)?;

    let mut measured: Vec<Vec<Measured>> = config.contenders.iter().map(|_| Vec::new()).collect();
    for (training, latest) in trainings.iter().zip(came) {
        measured[training.contender].push(latest);
    }
    let names = config.contenders.iter().map(|contender| contender.name.clone());
    let contenders: Vec<_> = names.zip(measured).collect();
    Ok(Comparison::new(&base.data, &contenders, at_once))
}

/// Makes sure, before hours are spent, that there is something to compare and that it is comparable.
fn check(config: &CompareConfig) -> Result<(), TrainError> {
    let refuse = |setting, found: String, wanted| Err(TrainError::Setting { setting, found, wanted });
    if config.seeds == 0 || config.seeds > 1000 {
        return refuse("the number of seeds", config.seeds.to_string(), "give 1 to 1,000, such as 5");
    }
    let [first, others @ ..] = config.contenders.as_slice() else {
        return refuse("the number of things to compare", "0".to_owned(), "give two or more");
    };
    if others.is_empty() {
        let wanted = "give two heads, architectures or optimizers, or more";
        return refuse("the number of things to compare", "1".to_owned(), wanted);
    }
    for (index, Contender { name, .. }) in config.contenders.iter().enumerate() {
        let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        if !name.chars().all(is_plain) || !name.chars().any(char::is_alphanumeric) {
            let wanted = "it names a folder, so give letters, digits, -, _ and .";
            return refuse("a contender's name", format!("`{name}`"), wanted);
        }
        if config.contenders[..index].iter().any(|before| before.name == *name) {
            return refuse("a contender's name", format!("{name}, as is another's"), "give each its own");
        }
    }
    for other in others {
        let (a, b) = (&first.config, &other.config);
        require_same("the data", a.data == b.data, first, other)?;
        require_same("how the data is read", a.read == b.read, first, other)?;
        require_same("the positive group", a.positive == b.positive, first, other)?;
        let same_share = a.validation_share.to_bits() == b.validation_share.to_bits();
        require_same("the share for validation", same_share, first, other)?;
    }
    Ok(())
}

/// Refuses two contenders that are not judged alike.
fn require_same(
    setting: &'static str,
    same: bool,
    first: &Contender,
    other: &Contender,
) -> Result<(), TrainError> {
    if same {
        return Ok(());
    }
    let found = format!("not the same for {} and {}", first.name, other.name);
    Err(TrainError::Setting { setting, found, wanted: "give all that are compared the same" })
}

/// What all contenders share.
struct Shared {
    dataset: Arc<Dataset>,
    /// As the network sees pictures that sees them smallest, at which the most are copies.
    preprocess: Preprocess,
    /// Bytes of memory that a training takes at the most; at least one.
    memory: u64,
}

impl Shared {
    /// Builds the network of each contender, so that the last is not found to be wrong after the others were trained.
    fn of(contenders: &[Contender], cpu: &Cpu) -> Result<Self, TrainError> {
        // Warnings are judged in the training, with the split that it is given.
        let prepared = contenders.iter().map(|contender| {
            let config = TrainConfig { split: None, deny_warnings: false, ..contender.config.clone() };
            prepare(&config, cpu)
        });
        let mut prepared = prepared.collect::<Result<Vec<_>, _>>()?;
        let has_labels = |prepared: &Prepared| prepared.network.head().task() == Task::MultiLabel;
        let first = has_labels(&prepared[0]);
        for (other, contender) in prepared.iter().zip(contenders) {
            let score = "the score (accuracy, or macro F1 of several labels)";
            require_same(score, has_labels(other) == first, &contenders[0], contender)?;
        }
        let memory_of = |(prepared, contender): (&Prepared, &Contender)| {
            needed_once_prepared(&contender.config, prepared, cpu) + Pictures::memory(prepared) as u64
        };
        let memory = prepared.iter().zip(contenders).map(memory_of).max().unwrap_or(0).max(1);
        prepared.sort_by_key(|prepared| prepared.preprocess.image_len());
        let Prepared { dataset, preprocess, .. } = prepared.swap_remove(0);
        Ok(Self { dataset, preprocess, memory })
    }
}
