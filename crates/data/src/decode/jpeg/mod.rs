//! JPEG: baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK.

mod segments;
mod top_down;

pub(crate) use top_down::TopDown;

use super::{Channels, Decoded, Header, ImageFault, Limits, damaged, exif, format, profile};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The format sets no limit on the scans of a progressive image, each of which is a pass over all of it; encoders write
/// about ten.
const MAX_SCANS: usize = 100;

/// Decodes a JPEG to grey where it is grey and to RGB otherwise.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, ImageFault> {
    // The decoder notices missing data only at the next row of blocks, which after the last never comes.
    if !segments::reach_the_end(bytes) {
        return Err(damaged("JPEG", "it breaks off"));
    }
    segments::refuse_rare_kinds(bytes)?;
    decode_checked(bytes, limits)
}

/// Decodes what has come to be known as whole and of a kind that is read.
fn decode_checked(bytes: &[u8], limits: &Limits) -> Result<Decoded, ImageFault> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    let (width, height) = read_header(&mut decoder, limits)?;
    let grey = is_grey(&decoder);
    if grey {
        decoder.set_options(options().jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let pixels = decoder.decode().map_err(fault)?;

    let image = if grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    let image = image.ok_or_else(|| damaged("JPEG", "its pixels do not fill its size"))?;
    Ok(Decoded { image, orientation: exif::orientation(exif_of(&decoder)) })
}

/// What precedes the coded data.
pub(super) fn header(bytes: &[u8], limits: &Limits) -> Result<Header, ImageFault> {
    segments::refuse_rare_kinds(bytes)?;
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    let (width, height) = read_header(&mut decoder, limits)?;
    Ok(Header {
        format: format::name(ImageFormat::Jpeg),
        width,
        height,
        channels: if is_grey(&decoder) { Channels::Grey } else { Channels::Rgb },
        orientation: exif::orientation(exif_of(&decoder)).to_exif(),
        camera: exif::camera(exif_of(&decoder)),
        profile: decoder.icc_profile().and_then(|icc| profile::beyond_srgb(&icc)),
    })
}

fn exif_of<'a>(decoder: &'a JpegDecoder<ZCursor<&[u8]>>) -> Option<&'a [u8]> {
    decoder.exif().map(Vec::as_slice)
}

fn is_grey(decoder: &JpegDecoder<ZCursor<&[u8]>>) -> bool {
    decoder.input_colorspace() == Some(ColorSpace::Luma)
}

fn options() -> DecoderOptions {
    // Strict: lenient decoding would fill what is missing of a cut-off photo with grey and say nothing.
    DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(true)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
}

/// Reads what precedes the coded data, and gives width and height.
fn read_header(decoder: &mut JpegDecoder<ZCursor<&[u8]>>, limits: &Limits) -> Result<(u32, u32), ImageFault> {
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged("JPEG", "it has no size"))?;
    limits.check_pixels(width as u64, height as u64)?;
    Ok((width as u32, height as u32))
}

fn fault(error: DecodeErrors) -> ImageFault {
    match error {
        DecodeErrors::Unsupported(scheme) => {
            ImageFault::Unsupported { format: format!("a JPEG of a rare kind ({scheme:?})") }
        }
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => damaged("JPEG", "it breaks off"),
        DecodeErrors::FormatStatic(detail) => damaged("JPEG", detail),
        DecodeErrors::Format(detail) => damaged("JPEG", detail),
        other => damaged("JPEG", other),
    }
}
