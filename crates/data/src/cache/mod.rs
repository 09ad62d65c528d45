//! Where decoded pictures are kept, so that they need not be decoded again.

mod key;
mod pack;

pub(crate) use key::Key;
pub(crate) use pack::Pack;

use std::path::{Path, PathBuf};

/// Where pictures are kept once they are decoded and fitted to the size. The pixels are the same bits wherever they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CachePlace {
    /// In memory as far as the limit allows, and beyond it on disk.
    #[default]
    Auto,
    /// Nowhere: each picture is decoded whenever it is needed.
    None,
    /// In memory as far as the limit allows; beyond it as with `None`.
    Memory,
    /// On disk: little memory is taken, and the next run on the same pictures and size need not decode them.
    Disk,
}

impl CachePlace {
    /// All places.
    pub const ALL: [Self; 4] = [Self::Auto, Self::None, Self::Memory, Self::Disk];

    /// Its name where settings are written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// Where decoded pictures are kept, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheOptions {
    /// Where.
    pub place: CachePlace,
    /// Bytes of decoded pictures in memory; 1 GiB by default.
    pub memory: usize,
    /// The folder of the files on disk, made when it is needed. By default there is none, and nothing is kept on disk.
    pub folder: Option<PathBuf>,
    /// Bytes that all files in the folder may have together, 20 GiB by default. When there are more, those go that were not used for the longest time.
    pub disk: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { place: CachePlace::Auto, memory: 1 << 30, folder: None, disk: 20 << 30 }
    }
}

impl CacheOptions {
    /// The bytes of pictures that memory is to hold.
    pub(crate) fn in_memory(&self) -> usize {
        match self.place {
            CachePlace::Auto | CachePlace::Memory => self.memory,
            CachePlace::None | CachePlace::Disk => 0,
        }
    }

    /// The folder for what memory does not hold, if it is to be kept on disk.
    pub(crate) fn on_disk(&self) -> Option<&Path> {
        let uses_disk = matches!(self.place, CachePlace::Auto | CachePlace::Disk);
        self.folder.as_deref().filter(|_| uses_disk)
    }
}
