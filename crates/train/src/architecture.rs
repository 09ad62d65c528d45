//! Architectures as someone names them.

use std::path::Path;

use divvy_data::read_text_limited;
use divvy_nn::Architecture;

use crate::error::TrainError;

/// The most bytes that a file of layers may have: more than all layers that a graph may have take.
const MOST: u64 = 16 << 20;

/// The architecture that someone names: one of [`Architecture::NAMES`], or the path of a TOML file, which ends in `.toml` or holds a
/// path's separator.
///
/// # Errors
/// [`TrainError::Architecture`] with the names there are or what is wrong in the file, [`TrainError::Data`] when it cannot be read.
pub fn open_architecture(name: &str) -> Result<Architecture, TrainError> {
    if !Architecture::is_toml(name) && !name.contains(std::path::MAIN_SEPARATOR) {
        return Ok(Architecture::by_name(name)?);
    }
    Ok(Architecture::from_toml(&read_text_limited(Path::new(name), MOST)?, name)?)
}
