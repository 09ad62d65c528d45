//! PNG, BMP, GIF, WebP and TIFF, the first frame of those that move.

use super::indexed_tiff::IndexedTiff;
use super::{Channels, Decoded, Header, ImageFault, Limits, damaged, exif, format, profile, webp};
use image::error::{ImageError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, ImageResult};
use std::borrow::Cow;
use std::io::Cursor;

/// Decodes an image of a known format.
pub(super) fn decode(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Decoded, ImageFault> {
    let (decoder, exif) = open(bytes, format, limits)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| fault(error, format, limits))?;
    Ok(Decoded { image, orientation: exif::orientation(exif.as_deref()) })
}

/// What precedes the pixels.
pub(super) fn header(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Header, ImageFault> {
    let (mut decoder, exif) = open(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    Ok(Header {
        format: format::name(format),
        width,
        height,
        channels: if decoder.color_type().has_color() { Channels::Rgb } else { Channels::Grey },
        orientation: exif::orientation(exif.as_deref()).to_exif(),
        camera: exif::camera(exif.as_deref()),
        profile: decoder.icc_profile().ok().flatten().and_then(|icc| profile::beyond_srgb(&icc)),
    })
}

/// A decoder for an image that keeps within the limits, and the image's Exif block.
fn open<'a>(
    bytes: &'a [u8],
    format: ImageFormat,
    limits: &Limits,
) -> Result<(impl ImageDecoder + 'a, Option<Cow<'a, [u8]>>), ImageFault> {
    let exif = match format {
        ImageFormat::WebP => webp::check(bytes)?,
        // A TIFF file is laid out as an Exif block is, but `image` does not look for the orientation there.
        ImageFormat::Tiff => Some(bytes),
        _ => None,
    };
    let mut decoder = decoder(bytes, format, limits).map_err(|error| fault(error, format, limits))?;

    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(damaged(format::name(format), "it has no pixels"));
    }
    limits.check_pixels(u64::from(width), u64::from(height))?;
    if decoder.total_bytes() > limits.max_decoded_bytes {
        return Err(ImageFault::TooMuchMemory {
            format: format::name(format),
            limit: limits.max_decoded_bytes,
        });
    }
    let exif = match (exif, format) {
        (Some(exif), _) => Some(Cow::Borrowed(exif)),
        // A picture is worth more than its metadata: where that is damaged, the picture is taken as it lies.
        (None, ImageFormat::Png) => decoder.exif_metadata().ok().flatten().map(Cow::Owned),
        (None, _) => None,
    };
    Ok((decoder, exif))
}

fn decoder<'a>(
    bytes: &'a [u8],
    format: ImageFormat,
    limits: &Limits,
) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
    if format == ImageFormat::Tiff && IndexedTiff::is_one(bytes) {
        return Ok(Box::new(IndexedTiff::new(bytes, limits.max_decoded_bytes)?));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::default();
    bounds.max_alloc = Some(limits.max_decoded_bytes);
    reader.limits(bounds);
    Ok(Box::new(reader.into_decoder()?))
}

fn fault(error: ImageError, format: ImageFormat, limits: &Limits) -> ImageFault {
    let format = format::name(format);
    match error {
        ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::InsufficientMemory) => {
            ImageFault::TooMuchMemory { format, limit: limits.max_decoded_bytes }
        }
        ImageError::Unsupported(unsupported) => {
            ImageFault::Unsupported { format: format!("a {format} of a rare kind ({unsupported})") }
        }
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            damaged(format, "it breaks off")
        }
        other => damaged(format, other),
    }
}
