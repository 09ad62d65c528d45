//! From a config to everything that the loop needs: the data opened and split, the network built and checked.

use std::path::Path;
use std::sync::Arc;

use divvy_data::{Augment, Channels, DataError, Dataset, LabelKind, OpenOptions, Preprocess, Split};
use divvy_nn::{Architecture, Head, HeadKind, Mode, Network, Task, check_memory};

use crate::config::{AugmentChoice, Length, TrainConfig};
use crate::error::TrainError;

/// What was asked for, opened and checked. No picture has been read and nothing written.
pub(crate) struct Prepared {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) split: Split,
    pub(crate) preprocess: Preprocess,
    pub(crate) network: Network,
    pub(crate) augment: Augment,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// Opens the data, decides what is open in `config`, and builds the network.
pub(crate) fn prepare(config: &TrainConfig, threads: usize) -> Result<Prepared, TrainError> {
    check_settings(config)?;
    let dataset = Dataset::open(&config.data, &OpenOptions::default())?;
    dataset.require_trainable()?;
    let preprocess = Preprocess::new(config.size, config.size, channels(&dataset))?;
    let head = choose_head(config, &dataset)?;
    let graph = architecture(&config.architecture)?.graph(preprocess.shape(), &head)?;
    let network = Network::new(graph, head.task())?;
    // The last batch of an epoch may be one larger.
    check_memory(&network, Mode::Train, config.batch + 1, threads)?;
    let split = Split::new(&dataset, config.validation_share, config.seed)?;
    let mut notes: Vec<_> = dataset.skipped().iter().map(|skipped| format!("left out: {skipped}")).collect();
    let (augment, reason) = match config.augment {
        AugmentChoice::Auto => Augment::light_for(&dataset),
        AugmentChoice::None => (Augment::none(), None),
        AugmentChoice::Light => (Augment::light(), None),
    };
    notes.extend(reason);
    Ok(Prepared { dataset: Arc::new(dataset), split, preprocess, network, augment, notes })
}

/// The settings that no other part checks.
fn check_settings(config: &TrainConfig) -> Result<(), TrainError> {
    let refuse = |setting, found: String, wanted| Err(TrainError::Setting { setting, found, wanted });
    if config.batch == 0 || config.batch > 4096 {
        return refuse("the batch", format!("{} pictures", config.batch), "give 1 to 4,096, such as 32");
    }
    if !(config.learning_rate.is_finite() && config.learning_rate > 0.0) {
        return refuse(
            "the learning rate",
            config.learning_rate.to_string(),
            "give a number above 0, such as 0.001",
        );
    }
    match config.length {
        Length::Epochs(0) => refuse("the number of epochs", "0".to_owned(), "give 1 or more"),
        Length::Minutes(minutes) if !(minutes > 0.0 && minutes <= Length::MAX_MINUTES) => refuse(
            "the time",
            format!("{minutes:?} minutes"),
            "give a number of minutes above 0 and at most 525600 (a year), such as 5",
        ),
        _ => Ok(()),
    }
}

/// Grey for arrays of grey pictures, else RGB.
fn channels(dataset: &Dataset) -> Channels {
    if dataset.array_size().is_some() { Channels::Grey } else { Channels::Rgb }
}

/// The head for the task and classes, asked for or inferred.
fn choose_head(config: &TrainConfig, dataset: &Dataset) -> Result<Head, TrainError> {
    let exclusive = dataset.label_kind() == LabelKind::Classes;
    let classes = dataset.classes().len();
    let inferred = match config.head {
        Some(HeadKind::Linear) if exclusive && classes == 2 => Task::Regression,
        _ => Task::infer(classes, exclusive),
    };
    Ok(Head::for_task(config.task.unwrap_or(inferred), config.head, classes)?)
}

/// A named architecture, or a file of layers: what ends in `.toml` or holds a path's separator.
fn architecture(name: &str) -> Result<Architecture, TrainError> {
    let is_toml = Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let is_file = is_toml || name.contains(std::path::MAIN_SEPARATOR);
    if !is_file {
        return Ok(Architecture::by_name(name)?);
    }
    let read = std::fs::read_to_string(Path::new(name));
    let text = read.map_err(|source| DataError::Read { path: name.into(), source })?;
    Ok(Architecture::from_toml(&text, name)?)
}
