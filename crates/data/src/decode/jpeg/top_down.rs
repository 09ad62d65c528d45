//! JPEG files of which the upper rows can be decoded without the lower ones.

use super::segments::{
    APPLICATION_1, COMPONENT, COMPONENTS, END_OF_IMAGE, RESTART_0, RESTART_7, SEQUENTIAL_0, SEQUENTIAL_1,
    START_OF_SCAN, Segment, Segments,
};
use crate::decode::{Channels, ImageFault, Limits, Pixels, exif};
use image::metadata::Orientation;

/// Rows of a block.
const BLOCK: usize = 8;
/// Where a frame's content has the height: behind the precision.
const HEIGHT: usize = 1;

/// A JPEG file that holds its rows of blocks from the top down, each with all that belongs to it.
///
/// That is what cameras and most programs write: one sequential scan. A decoder that is told of a lower height stops there, and what
/// it has decoded until then is, to the bit, what it would have decoded of the whole, but for the last rows where colours are stored at
/// half the height: these are mixed from the rows above and below.
pub(crate) struct TopDown {
    bytes: Vec<u8>,
    frame: Frame,
    channels: Channels,
    limits: Limits,
}

/// What is known of the picture before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    /// Where the file says how high it is.
    height_at: usize,
    height: usize,
    width: usize,
    /// 2 where colours are stored at half the height, else 1.
    rows_of_a_colour: usize,
}

impl TopDown {
    /// A file to be decoded to `channels`, turned upright if `upright`.
    ///
    /// # Errors
    /// The bytes, where there is anything about the file that has to be looked at as a whole: what it is, how it is to be turned, or
    /// what is wrong with it.
    pub(crate) fn of(
        bytes: Vec<u8>,
        channels: Channels,
        upright: bool,
        limits: &Limits,
    ) -> Result<Self, Vec<u8>> {
        match Frame::of(&bytes, upright) {
            Some(frame) if limits.check_pixels(frame.width as u64, frame.height as u64).is_ok() => {
                Ok(Self { bytes, frame, channels, limits: *limits })
            }
            _ => Err(bytes),
        }
    }

    /// Rows of the whole picture.
    pub(crate) fn height(&self) -> usize {
        self.frame.height
    }

    /// Columns.
    pub(crate) fn width(&self) -> usize {
        self.frame.width
    }

    /// The upper rows, at least `rows` of them or all.
    ///
    /// # Errors
    /// An [`ImageFault`] where these rows, or what precedes them, are damaged. What lies below is not looked at.
    pub(crate) fn upper(&self, rows: usize) -> Result<Pixels, ImageFault> {
        let (stored, whole) = self.frame.stored_for(rows);
        let pixels = |bytes: &[u8]| {
            let decoded = super::decode_checked(bytes, &self.limits)?;
            Ok(Pixels::from_image(decoded.image, self.channels, [0; 3]))
        };
        if stored >= self.frame.height {
            return pixels(&self.bytes);
        }
        let mut lower = self.bytes.clone();
        lower[self.frame.height_at..][..2].copy_from_slice(&(stored as u16).to_be_bytes());
        pixels(&lower).map(|pixels| pixels.upper(whole))
    }
}

impl Frame {
    /// `None` where the file is anything but a whole picture in one sequential scan, grey or in three colours, that lies as it is to be seen.
    fn of(bytes: &[u8], upright: bool) -> Option<Self> {
        let mut segments = Segments::of(bytes);
        let mut frame = None;
        let scan = loop {
            let segment = segments.next()?;
            match segment.marker {
                START_OF_SCAN => break segment,
                END_OF_IMAGE => return None,
                APPLICATION_1 if upright && is_turned(segment.content) => return None,
                _ if segment.is_frame() && frame.is_some() => return None,
                _ if segment.is_frame() => frame = Some(segment),
                _ => {}
            }
        };
        let frame = frame?;
        let ends = segments.find(|segment| !matches!(segment.marker, RESTART_0..=RESTART_7))?;
        (scan.holds_all_of(&frame) && ends.marker == END_OF_IMAGE).then(|| Self::read(&frame)).flatten()
    }

    fn read(segment: &Segment<'_>) -> Option<Self> {
        let (fixed, components) = segment.content.split_first_chunk::<COMPONENTS>()?;
        let &[precision, h0, h1, w0, w1, count] = fixed;
        let is_plain = matches!(segment.marker, SEQUENTIAL_0 | SEQUENTIAL_1)
            && precision == 8
            && components.len() == COMPONENT * usize::from(count);
        let rows_of_a_colour = match segment.sampling().collect::<Vec<_>>()[..] {
            [(1, 1)] => 1,
            [(1 | 2, down @ (1 | 2)), (1, 1), (1, 1)] => usize::from(down),
            _ => return None,
        };
        let height = usize::from(u16::from_be_bytes([h0, h1]));
        let width = usize::from(u16::from_be_bytes([w0, w1]));
        let height_at = segment.start + HEIGHT;
        (is_plain && height > 0 && width > 0).then_some(Self { height_at, height, width, rows_of_a_colour })
    }

    /// How many rows to decode for `rows` that are as they are in the whole, and how many then are.
    fn stored_for(&self, rows: usize) -> (usize, usize) {
        let mixed = self.rows_of_a_colour - 1;
        let stored = (rows + mixed).next_multiple_of(BLOCK * self.rows_of_a_colour);
        (stored, stored - mixed)
    }
}

/// Whether a segment is an Exif block that wants the picture turned.
fn is_turned(content: &[u8]) -> bool {
    let block = content.strip_prefix(b"Exif\0\0");
    exif::orientation(block) != Orientation::NoTransforms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use std::fs;
    use std::ops::Range;
    use std::path::PathBuf;

    fn file(name: &str) -> Vec<u8> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn top_down(bytes: &[u8]) -> Option<TopDown> {
        TopDown::of(bytes.to_vec(), Channels::Rgb, true, &Limits::default()).ok()
    }

    fn whole(bytes: &[u8]) -> Pixels {
        decode::decode(bytes, Channels::Rgb, [255; 3], true, &Limits::default()).expect("it is whole")
    }

    /// Where what precedes the coded data lies.
    fn scan(bytes: &[u8]) -> Range<usize> {
        let scan = Segments::of(bytes).find(|segment| segment.marker == START_OF_SCAN).expect("it has one");
        scan.start..scan.start + scan.content.len()
    }

    /// Of files by Pillow and `ImageMagick`, with colours at all sizes, in grey, and with restart markers.
    #[test]
    fn the_upper_rows_are_those_of_the_whole_picture_to_the_bit() {
        for name in [
            "tall.jpg",
            "tall_half.jpg",
            "tall_full.jpg",
            "tall_restart.jpg",
            "tall_grey.jpg",
            "tall_rgb.jpg",
            "magick_tall_440.jpg",
        ] {
            let bytes = file(name);
            let (whole, top_down) = (whole(&bytes), top_down(&bytes).expect("it is top down"));
            assert_eq!((top_down.height(), top_down.width()), (whole.height(), whole.width()));
            let row_len = whole.width() * 3;
            let mut fewest = usize::MAX;
            for rows in 1..=whole.height() + 1 {
                let upper = top_down.upper(rows).expect("it is whole");
                assert!(upper.height() >= rows.min(whole.height()), "{name}: {rows} rows");
                assert_eq!(upper.width(), whole.width());
                assert!(
                    upper.as_bytes() == &whole.as_bytes()[..upper.height() * row_len],
                    "{name}: {rows} rows"
                );
                fewest = fewest.min(upper.height());
            }
            assert!(fewest <= 16, "{name}: not all is decoded for a single row");
        }
    }

    #[test]
    fn what_has_to_be_looked_at_as_a_whole_is_left_to_others() {
        for name in [
            "progressive.jpg",
            "cmyk.jpg",
            "ycck.jpg",
            "magick_411.jpg",
            "scans.jpg",
            "turned3.jpg",
            "turned6.jpg",
            "odd_12_bit.jpg",
        ] {
            assert!(top_down(&file(name)).is_none(), "{name}");
        }
        let turned = TopDown::of(file("turned6.jpg"), Channels::Rgb, false, &Limits::default());
        assert!(turned.is_ok(), "it lies as it is to be seen");
        let limits = Limits { max_pixels: 37 * 23 - 1, ..Limits::default() };
        assert!(TopDown::of(file("baseline.jpg"), Channels::Rgb, true, &limits).is_err());

        let bytes = file("tall.jpg");
        for cut in (0..bytes.len()).step_by(7) {
            assert!(top_down(&bytes[..cut]).is_none(), "cut at {cut}");
        }
        // One scan, of one component.
        let mut bytes = bytes;
        let components = scan(&bytes).start;
        assert_eq!(std::mem::replace(&mut bytes[components], 1), 3);
        assert!(top_down(&bytes).is_none());
        bytes[components] = 3;
        assert!(top_down(&bytes).is_some());
        // Something else than restart markers in the coded data.
        let end = bytes.len() - 40;
        bytes[end..end + 2].copy_from_slice(&[0xff, 0xdc]);
        assert!(top_down(&bytes).is_none());
    }

    #[test]
    fn damage_is_found_down_to_where_it_is_decoded() {
        let mut bytes = file("tall.jpg");
        let (start, end) = (scan(&bytes).end, bytes.len() - 2);
        // No Huffman code is ones alone.
        bytes[usize::midpoint(start, end)..end]
            .chunks_exact_mut(2)
            .for_each(|pair| pair.copy_from_slice(&[0xff, 0]));
        let top_down = top_down(&bytes).expect("its segments are in order");
        top_down.upper(9).expect("these rows are whole");
        top_down.upper(top_down.height()).expect_err("the others are not");
    }

    #[test]
    fn files_by_chance_do_no_harm() {
        let bytes = file("tall_restart.jpg");
        for at in 0..bytes.len() {
            for byte in [0, 1, 0x22, 0x7f, 0xd9, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = byte;
                if let Some(top_down) = top_down(&changed) {
                    let _ = top_down.upper(3);
                }
            }
        }
    }
}
