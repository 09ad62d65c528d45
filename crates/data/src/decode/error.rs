//! Why an image cannot be used.

use crate::files::ReadError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A file that cannot be used as an image. The message begins with its path.
#[derive(Debug, thiserror::Error)]
#[error("{} {fault}", path.display())]
pub struct ImageError {
    /// The file, or the idx file and item.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: ImageFault,
}

/// What is wrong with an image, as a phrase that follows the file's name.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// The file could not be read from disk.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// The file has no bytes.
    #[error("is empty (0 bytes); replace or delete it")]
    Empty,
    /// The file is larger than the limit on bytes.
    #[error("has {} bytes, the limit is {}; make it smaller", group_digits(*bytes), group_digits(*limit))]
    FileTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The image has more pixels than the limit.
    #[error(
        "is an image of {} x {} pixels, which is {} in all; the limit is {}: make it smaller",
        group_digits(*width), group_digits(*height), group_digits(width.saturating_mul(*height)), group_digits(*limit)
    )]
    TooManyPixels {
        /// Width claimed by the file.
        width: u64,
        /// Height claimed by the file.
        height: u64,
        /// The limit on their product.
        limit: u64,
    },
    /// Decoding would take more memory than the limit.
    #[error("is a {format} image that needs more than {} bytes to decode; make it smaller", group_digits(*limit))]
    TooMuchMemory {
        /// The image format.
        format: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The content is not an image, whatever the name says.
    #[error("is not an image: it holds {found}; replace or delete it")]
    NotAnImage {
        /// What it holds, as far as can be told.
        found: &'static str,
    },
    /// An image of a kind that is not read.
    #[error("is {format}, which cannot be read here; convert it to JPEG or PNG")]
    Unsupported {
        /// The format, with its article.
        format: String,
    },
    /// An image that breaks off or contradicts itself.
    #[error("is a damaged or incomplete {format} image ({detail}); replace or delete it")]
    Damaged {
        /// The image format.
        format: &'static str,
        /// What the decoder met.
        detail: String,
    },
}

impl From<ReadError> for ImageFault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Read(error),
            ReadError::TooLarge { bytes, limit } => Self::FileTooLarge { bytes, limit },
        }
    }
}

/// A [`ImageFault::Damaged`], with the decoder's words on one line.
pub(super) fn damaged(format: &'static str, detail: impl fmt::Display) -> ImageFault {
    let detail = detail.to_string();
    let words: Vec<&str> = detail.split_whitespace().collect();
    ImageFault::Damaged { format, detail: words.join(" ").trim_matches(['"', '.']).to_owned() }
}

/// A number with commas between thousands.
pub(crate) fn group_digits(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
