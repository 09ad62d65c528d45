//! JPEG: baseline and progressive; grey, YCbCr, RGB, CMYK and YCCK.

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

/// Markers that stand alone: TEM, the eight restart markers, start and end of image.
const TEMPORARY: u8 = 0x01;
const RESTART_0: u8 = 0xd0;
const END_OF_IMAGE: u8 = 0xd9;
/// The segment after which coded data follows.
const START_OF_SCAN: u8 = 0xda;
/// What begins as a frame's marker does and is none.
const HUFFMAN_TABLES: u8 = 0xc4;
const RESERVED: u8 = 0xc8;
const ARITHMETIC_TABLES: u8 = 0xcc;

/// Decodes a JPEG to grey where it is grey and to RGB otherwise.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, ImageFault> {
    // The decoder notices missing data only at the next row of blocks, which after the last never comes.
    if !reaches_its_end(bytes) {
        return Err(damaged("JPEG", "it breaks off"));
    }
    refuse_rare_kinds(bytes)?;
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
    refuse_rare_kinds(bytes)?;
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

/// True where the markers lead from the start to an end-of-image marker behind a scan.
fn reaches_its_end(bytes: &[u8]) -> bool {
    let mut in_scan = false;
    Segments::of(bytes).any(|(marker, _)| {
        in_scan |= marker == START_OF_SCAN;
        in_scan && marker == END_OF_IMAGE
    })
}

/// Refuses kinds of JPEG that are not read, by the marker of the frame and its precision (ITU-T T.81, table B.1).
fn refuse_rare_kinds(bytes: &[u8]) -> Result<(), ImageFault> {
    let frame = Segments::of(bytes).find(|(marker, _)| {
        matches!(marker, 0xc0..=0xcf) && ![HUFFMAN_TABLES, RESERVED, ARITHMETIC_TABLES].contains(marker)
    });
    let kind = match frame {
        Some((0xc0..=0xc2, [8, ..])) | None => return Ok(()),
        Some((0xc0..=0xc2, [bits, ..])) => format!("a JPEG with {bits} bits a sample"),
        Some((0xc3, _)) => "a lossless JPEG".to_owned(),
        Some((0xc9..=0xcb, _)) => "a JPEG with arithmetic coding".to_owned(),
        Some((0xc0..=0xc2, [])) => return Err(damaged("JPEG", "it breaks off")),
        Some(_) => "a hierarchical JPEG".to_owned(),
    };
    Err(ImageFault::Unsupported { format: kind })
}

/// The segments of a JPEG, each its marker and content, up to where one breaks off (ITU-T T.81, annex B).
struct Segments<'a>(&'a [u8]);

impl<'a> Segments<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self(bytes.get(2..).unwrap_or_default())
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // In a scan this also passes over coded data, in which 0xFF is followed by 0; elsewhere there is nothing to pass.
        let is_marker = |&at: &usize| self.0.get(at + 1).is_some_and(|next| !matches!(next, 0 | 0xff));
        let at = memchr::memchr_iter(0xff, self.0).find(is_marker)?;
        let marker = self.0[at + 1];
        let rest = &self.0[at + 2..];
        if matches!(marker, TEMPORARY | RESTART_0..=END_OF_IMAGE) {
            self.0 = rest;
            return Some((marker, &[]));
        }
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
        self.0 = rest.get(length..)?;
        Some((marker, rest.get(2..length).unwrap_or_default()))
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
