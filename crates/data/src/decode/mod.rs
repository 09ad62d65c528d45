//! From the bytes of an image file to upright 8-bit pixels.
//!
//! The format is decided by content, never by the file's name. JPEG goes through `zune-jpeg`, the others through
//! `image`; both run under [`Limits`], and the dimensions a file claims are checked before its pixels are allocated.

mod directory;
mod error;
mod exif;
mod format;
mod indexed_tiff;
mod jpeg;
mod limits;
mod picture;
mod pixels;
mod profile;
mod raster;
mod webp;

pub use error::{ImageError, ImageFault};
pub use limits::Limits;
pub(crate) use picture::Picture;
pub(crate) use pixels::luma;
pub use pixels::{Channels, Pixels};

use error::damaged;
pub(crate) use error::group_digits;
use format::Format;
use image::DynamicImage;
use image::metadata::Orientation;
use jpeg::TopDown;

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

/// As [`decode`], but where the upper rows can be had without the lower ones, none is decoded yet.
///
/// # Errors
/// An [`ImageFault`] for anything that is not a whole image within the limits, as far as it was decoded.
pub(crate) fn open(
    bytes: Vec<u8>,
    channels: Channels,
    background: [u8; 3],
    upright: bool,
    limits: &Limits,
) -> Result<Picture<'static>, ImageFault> {
    let bytes = match format::sniff(&bytes)? {
        Format::Raster(_) => bytes,
        Format::Jpeg => match TopDown::of(bytes, channels, upright, limits) {
            Ok(file) => return Ok(Picture::TopDown(file)),
            Err(bytes) => bytes,
        },
    };
    decode(&bytes, channels, background, upright, limits).map(Picture::of)
}

/// What an image file says of itself before its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The name of the format: `PNG`.
    pub(crate) format: &'static str,
    /// As stored, before turning.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Whether it is stored with colours.
    pub(crate) channels: Channels,
    /// How it is to be turned, as Exif has it: 1 for not at all, up to 8.
    pub(crate) orientation: u8,
    /// The make and model of the camera, where Exif names one.
    pub(crate) camera: Option<String>,
    /// The name of a colour profile other than sRGB.
    pub(crate) profile: Option<String>,
}

impl Header {
    /// Whether rows become columns when it is turned.
    pub(crate) fn is_on_its_side(&self) -> bool {
        self.orientation > 4
    }
}

/// Reads the header of an image file's bytes.
///
/// # Errors
/// An [`ImageFault`] for what is no image within the limits, as far as the header tells.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<Header, ImageFault> {
    match format::sniff(bytes)? {
        Format::Jpeg => jpeg::header(bytes, limits),
        Format::Raster(format) => raster::header(bytes, format, limits),
    }
}
