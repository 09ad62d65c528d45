//! From the bytes of an image file to upright 8-bit pixels.
//!
//! The format is decided by content, never by the file's name. JPEG goes through `zune-jpeg`, the others through
//! `image`; both run under [`Limits`], and the dimensions a file claims are checked before its pixels are allocated.

mod error;
mod format;
mod jpeg;
mod limits;
mod pixels;
mod raster;
mod webp;

pub use error::{ImageError, ImageFault};
pub use limits::Limits;
pub use pixels::{Channels, Pixels};

use error::damaged;
pub(crate) use error::group_digits;
use format::Format;
use image::DynamicImage;
use image::metadata::Orientation;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// An image as its file stores it, and how it is to be turned.
struct Decoded {
    image: DynamicImage,
    orientation: Orientation,
}

/// Decodes an image file's bytes to `channels`, turned upright if `upright`, with transparency on `background` (RGB).
///
/// # Errors
/// An [`ImageFault`] for anything that is not a whole image within the limits.
pub(crate) fn decode(
    bytes: &[u8],
    channels: Channels,
    background: [u8; 3],
    upright: bool,
    limits: &Limits,
) -> Result<Pixels, ImageFault> {
    let Decoded { mut image, orientation } = match format::sniff(bytes)? {
        Format::Jpeg => jpeg::decode(bytes, limits)?,
        Format::Raster(format) => raster::decode(bytes, format, limits)?,
    };
    if upright {
        image.apply_orientation(orientation);
    }
    Ok(Pixels::from_image(image, channels, background))
}

/// What an image file says of itself before its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The name of the format: `PNG`.
    pub(crate) format: &'static str,
    /// As stored, before turning.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// How it is to be turned, as Exif has it: 1 for not at all, up to 8.
    pub(crate) orientation: u8,
}

/// Reads the header of an image file's bytes.
///
/// # Errors
/// An [`ImageFault`] for what is no image within the limits, as far as the header tells.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<Header, ImageFault> {
    let format = format::sniff(bytes)?;
    let (width, height, orientation) = match format {
        Format::Jpeg => jpeg::header(bytes, limits)?,
        Format::Raster(format) => raster::header(bytes, format, limits)?,
    };
    Ok(Header { format: format.name(), width, height, orientation: orientation.to_exif() })
}

/// Reads a whole image file, up to the limit on bytes.
///
/// # Errors
/// An [`ImageError`] that names the file.
pub(crate) fn read_image(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageError> {
    read_file(path, limits).map_err(|fault| ImageError { path: path.to_owned(), fault })
}

/// Reads a whole image file, up to the limit on bytes.
///
/// # Errors
/// [`ImageFault::Read`] and [`ImageFault::FileTooLarge`].
pub(crate) fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, ImageFault> {
    let metadata = fs::metadata(path).map_err(ImageFault::Read)?;
    // Opening a pipe or a device could wait for ever.
    if !metadata.is_file() {
        return Err(ImageFault::Read(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        )));
    }
    let too_large = |bytes| ImageFault::FileTooLarge { bytes, limit: limits.max_file_bytes };
    if metadata.len() > limits.max_file_bytes {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    let file = File::open(path).map_err(ImageFault::Read)?;
    // A file can grow between the look at its size and the reading of it.
    file.take(limits.max_file_bytes + 1).read_to_end(&mut bytes).map_err(ImageFault::Read)?;
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}
