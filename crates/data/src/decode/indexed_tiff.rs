//! TIFF pictures whose pixels are indices: palettes, and grey in so few bits that several pixels share a byte.

use super::directory::Directory;
use image::error::{DecodingError, LimitError, LimitErrorKind, UnsupportedError, UnsupportedErrorKind};
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult};
use std::borrow::Cow;
use std::io::Cursor;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{TiffError, TiffFormatError};

/// Tags of the first directory, and values of the second (TIFF 6.0, section 8).
const BITS_PER_SAMPLE: u16 = 258;
const PHOTOMETRIC: u16 = 262;
const WHITE_IS_ZERO: u16 = 0;
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

/// Decodes what the decoder of `image` does not: it knows no palette, and grey in 1, 8 and 16 bits alone.
pub(super) struct IndexedTiff<'a> {
    decoder: Decoder<Cursor<Cow<'a, [u8]>>>,
    width: u32,
    height: u32,
    bits: u8,
    colours: Colours,
}

/// What an index stands for.
enum Colours {
    /// So much light, from none to all in even steps.
    Grey(Vec<u8>),
    Map(Vec<[u8; 3]>),
}

impl<'a> IndexedTiff<'a> {
    /// Whether a TIFF file is such a picture.
    pub(super) fn is_one(bytes: &[u8]) -> bool {
        let Some(directory) = Directory::of(bytes) else { return false };
        match directory.short(PHOTOMETRIC) {
            Some(PALETTE) => true,
            Some(WHITE_IS_ZERO | BLACK_IS_ZERO) => matches!(directory.short(BITS_PER_SAMPLE), Some(2 | 4)),
            _ => false,
        }
    }

    /// Reads what precedes the pixels, of which no more than `most` bytes may be taken.
    pub(super) fn new(bytes: &'a [u8], most: u64) -> ImageResult<Self> {
        let palette = Directory::of(bytes).filter(|directory| directory.short(PHOTOMETRIC) == Some(PALETTE));
        let has_map = palette.is_some();
        // `tiff` refuses palettes, but gives the indices where they are said to be grey.
        let bytes = palette.map_or(Cow::Borrowed(bytes), |directory| {
            Cow::Owned(directory.with_short(PHOTOMETRIC, BLACK_IS_ZERO))
        });
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::try_from(most).unwrap_or(usize::MAX);
        limits.intermediate_buffer_size = limits.decoding_buffer_size;
        let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(told)?.with_limits(limits);
        let (width, height) = decoder.dimensions().map_err(told)?;
        let bits = match decoder.colortype().map_err(told)? {
            tiff::ColorType::Gray(bits @ (1 | 2 | 4 | 8)) => bits,
            other => return Err(unsupported(&format!("indices as {other:?}"))),
        };
        let colours = if has_map {
            Colours::Map(map(&decoder.get_tag_u16_vec(Tag::ColorMap).map_err(told)?, bits)?)
        } else {
            let steps = (1_u16 << bits) - 1;
            Colours::Grey((0..=steps).map(|index| (index * 255 / steps) as u8).collect())
        };
        Ok(Self { decoder, width, height, bits, colours })
    }
}

/// The colours of a map: all reds, then all greens, then all blues, in 16 bits each.
fn map(levels: &[u16], bits: u8) -> ImageResult<Vec<[u8; 3]>> {
    let count = 1 << bits;
    if levels.len() != 3 * count {
        let inconsistent = TiffFormatError::InconsistentSizesEncountered;
        return Err(told(TiffError::FormatError(inconsistent)));
    }
    let all = |is_so: fn(u16) -> bool| levels.iter().all(|&level| is_so(level));
    let byte: fn(u16) -> u8 = if all(|level| level < 256) {
        // Some old programs write bytes.
        |level| level as u8
    } else if all(|level| level.is_multiple_of(256)) {
        // Some write bytes times 256, Pillow among them.
        |level| (level / 256) as u8
    } else {
        |level| ((u32::from(level) + 128) / 257) as u8
    };
    Ok((0..count).map(|index| [0, 1, 2].map(|colour| byte(levels[colour * count + index]))).collect())
}

impl ImageDecoder for IndexedTiff<'_> {
    fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn color_type(&self) -> ColorType {
        match self.colours {
            Colours::Grey(_) => ColorType::L8,
            Colours::Map(_) => ColorType::Rgb8,
        }
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.decoder.get_tag_u8_vec(Tag::IccProfile).ok())
    }

    fn read_image(mut self, pixels: &mut [u8]) -> ImageResult<()> {
        let DecodingResult::U8(packed) = self.decoder.read_image().map_err(told)? else {
            return Err(unsupported("indices that are no whole numbers"));
        };
        let (width, bits) = (self.width as usize, u32::from(self.bits));
        let rows = packed.chunks_exact((width * bits as usize).div_ceil(8));
        let indices = rows.flat_map(|row| unpacked(row, bits).take(width));
        match &self.colours {
            Colours::Grey(levels) => {
                pixels.iter_mut().zip(indices).for_each(|(pixel, index)| *pixel = levels[index]);
            }
            Colours::Map(colours) => {
                let pixels = pixels.as_chunks_mut().0.iter_mut();
                pixels.zip(indices).for_each(|(pixel, index)| *pixel = colours[index]);
            }
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, pixels: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(pixels)
    }
}

/// The indices in bytes, the first in the highest bits.
fn unpacked(bytes: &[u8], bits: u32) -> impl Iterator<Item = usize> {
    let mask = (1_usize << bits) - 1;
    let shifts = move || (0..8 / bits).rev().map(move |place| place * bits);
    bytes.iter().flat_map(move |&byte| shifts().map(move |shift| usize::from(byte) >> shift & mask))
}

fn unsupported(what: &str) -> ImageError {
    let kind = UnsupportedErrorKind::GenericFeature(what.to_owned());
    ImageError::Unsupported(UnsupportedError::from_format_and_kind(ImageFormat::Tiff.into(), kind))
}

/// An error as `image` tells it.
fn told(error: TiffError) -> ImageError {
    match error {
        TiffError::IoError(error) => ImageError::IoError(error),
        TiffError::UnsupportedError(what) => unsupported(&what.to_string()),
        TiffError::LimitsExceeded => {
            ImageError::Limits(LimitError::from_kind(LimitErrorKind::InsufficientMemory))
        }
        error @ (TiffError::FormatError(_) | TiffError::IntSizeError | TiffError::UsageError(_)) => {
            ImageError::Decoding(DecodingError::new(ImageFormat::Tiff.into(), error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_bytes_however_they_are_written_are_the_same_colours() {
        let bytes = [0, 255, 3, 128, 255, 77];
        for scale in [1, 256, 257] {
            let levels = bytes.map(|byte| byte * scale);
            assert_eq!(map(&levels, 1).expect("two colours"), [[0, 3, 255], [255, 128, 77]], "times {scale}");
        }
        assert!(map(&bytes[..5], 1).is_err() && map(&bytes, 2).is_err());
    }
}
