//! Where decoded pictures are kept on disk.

use std::env;
use std::path::PathBuf;

use divvy::data::CacheOptions;
use etcetera::BaseStrategy;

use crate::args::CacheArgs;

/// The variable that names the folder.
const VARIABLE: &str = "DIVVY_CACHE";

impl CacheArgs {
    /// The place asked for, with the user's folder for what is kept on disk.
    pub(super) fn options(&self) -> CacheOptions {
        CacheOptions { place: self.cache, folder: folder(), ..CacheOptions::default() }
    }
}

/// The folder that the environment names, or `divvy` where the system keeps what can be made again (`~/.cache` on Linux).
fn folder() -> Option<PathBuf> {
    match env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        Some(named) => Some(named.into()),
        None => etcetera::choose_base_strategy().ok().map(|strategy| strategy.cache_dir().join("divvy")),
    }
}
