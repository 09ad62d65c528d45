//! How much a file may ask for.

use super::ImageFault;
use serde::{Deserialize, Serialize};

/// What an image or array file may ask for; checked before memory is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Pixels of one image (width times height); 120 million by default, above what phones take (108 million).
    pub max_pixels: u64,
    /// Bytes of one image or list file on disk; 256 MiB by default.
    pub max_file_bytes: u64,
    /// Bytes one image may take while it is decoded; 1 GiB by default.
    pub max_decoded_bytes: u64,
    /// Bytes of one array of pictures, or of one gzip-compressed tar, unpacked; 2 GiB by default.
    pub max_array_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 120_000_000,
            max_file_bytes: 256 << 20,
            max_decoded_bytes: 1 << 30,
            max_array_bytes: 2 << 30,
        }
    }
}

impl Limits {
    /// True where nobody asked for others.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses an image of more pixels than allowed.
    pub(crate) fn check_pixels(&self, width: u64, height: u64) -> Result<(), ImageFault> {
        if width.saturating_mul(height) > self.max_pixels {
            return Err(ImageFault::TooManyPixels { width, height, limit: self.max_pixels });
        }
        Ok(())
    }
}
