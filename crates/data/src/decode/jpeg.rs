//! JPEG: baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK.

use super::{Decoded, ImageFault, Limits, damaged};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The format sets no limit on the scans of a progressive image, each of which is a pass over all of it; encoders write
/// about ten.
const MAX_SCANS: usize = 100;

/// Markers that stand alone: TEM, the eight restart markers, start and end of image.
const TEMPORARY: u8 = 0x01;
const RESTART_0: u8 = 0xd0;
const END_OF_IMAGE: u8 = 0xd9;
/// The segment after which coded data follows.
const START_OF_SCAN: u8 = 0xda;

/// Decodes a JPEG to grey where it is grey and to RGB otherwise.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, ImageFault> {
    // The decoder notices missing data only at the next row of blocks, which after the last never comes.
    if !reaches_its_end(bytes) {
        return Err(damaged("JPEG", "it breaks off"));
    }
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    let (width, height, orientation) = read_header(&mut decoder, limits)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
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
    Ok(Decoded { image, orientation })
}

/// Width, height and orientation, from what precedes the coded data.
pub(super) fn header(bytes: &[u8], limits: &Limits) -> Result<(u32, u32, Orientation), ImageFault> {
    read_header(&mut JpegDecoder::new_with_options(ZCursor::new(bytes), options()), limits)
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

fn read_header(
    decoder: &mut JpegDecoder<ZCursor<&[u8]>>,
    limits: &Limits,
) -> Result<(u32, u32, Orientation), ImageFault> {
    decoder.decode_headers().map_err(fault)?;
    let (width, height) = decoder.dimensions().ok_or_else(|| damaged("JPEG", "it has no size"))?;
    limits.check_pixels(width as u64, height as u64)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    Ok((width as u32, height as u32, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// True where the markers lead from the start to an end-of-image marker behind a scan (ITU-T T.81, annex B).
fn reaches_its_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut in_scan = false;
    loop {
        // In a scan this also passes over coded data, in which 0xFF is followed by 0; elsewhere there is nothing to pass.
        let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))
        else {
            return false;
        };
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match marker {
            END_OF_IMAGE if in_scan => return true,
            TEMPORARY | RESTART_0..=END_OF_IMAGE => {}
            segment => {
                in_scan |= segment == START_OF_SCAN;
                let Some(&[high, low]) = rest.first_chunk() else { return false };
                let Some(behind) = rest.get(usize::from(u16::from_be_bytes([high, low]))..) else {
                    return false;
                };
                rest = behind;
            }
        }
    }
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
