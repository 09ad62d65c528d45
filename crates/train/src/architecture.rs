//! Architectures as someone names them.

use std::path::Path;

use divvy_data::read_text_limited;
use divvy_nn::Architecture;

use crate::config::TrainConfig;
use crate::error::TrainError;

/// The most bytes that a file of layers may have: more than all layers that a graph may have take.
const MOST: u64 = 16 << 20;

/// The architecture that someone names: one of [`Architecture::NAMES`], or the path of a TOML file, which ends in `.toml` or holds a
/// path's separator.
///
/// # Errors
/// [`TrainError::Architecture`] with the names there are or what is wrong in the file, [`TrainError::Data`] when it cannot be read.
pub fn open_architecture(name: &str) -> Result<Architecture, TrainError> {
    Ok(match layers_of(name)? {
        Some(layers) => Architecture::from_toml(&layers, name)?,
        None => Architecture::by_name(name)?,
    })
}

/// The architecture that a training is to have: the one it names, with stochastic depth where that is asked for.
///
/// # Errors
/// As [`open_architecture`], and [`TrainError::Architecture`] where there is nothing to skip.
pub(crate) fn architecture_of(config: &TrainConfig) -> Result<Architecture, TrainError> {
    Ok(open_architecture(&config.architecture)?.stochastic_depth(config.stochastic_depth as f32)?)
}

/// The text of the TOML file that someone names; none where it is not the path of one.
pub(crate) fn layers_of(name: &str) -> Result<Option<String>, TrainError> {
    let is_file = Architecture::is_toml(name) || name.contains(std::path::MAIN_SEPARATOR);
    Ok(is_file.then(|| read_text_limited(Path::new(name), MOST)).transpose()?)
}
