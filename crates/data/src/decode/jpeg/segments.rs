//! The segments of a JPEG file, before any of it is decoded (ITU-T T.81, annex B).

use crate::decode::{ImageFault, damaged};

/// Markers that stand alone: TEM, the eight restart markers, start and end of image.
const TEMPORARY: u8 = 0x01;
pub(super) const RESTART_0: u8 = 0xd0;
pub(super) const RESTART_7: u8 = 0xd7;
pub(super) const END_OF_IMAGE: u8 = 0xd9;
/// The segment after which coded data follows.
pub(super) const START_OF_SCAN: u8 = 0xda;
/// Where cameras leave what they know.
pub(super) const APPLICATION_1: u8 = 0xe1;
/// Frames whose rows come in one go, baseline and with more tables, and those that come in ever finer steps.
pub(super) const SEQUENTIAL_0: u8 = 0xc0;
pub(super) const SEQUENTIAL_1: u8 = 0xc1;
const PROGRESSIVE: u8 = 0xc2;
/// In a frame's content: precision, height, width and the number of components, then three bytes for each.
pub(super) const COMPONENTS: usize = 6;
pub(super) const COMPONENT: usize = 3;
/// What begins as a frame's marker does and is none.
const HUFFMAN_TABLES: u8 = 0xc4;
const RESERVED: u8 = 0xc8;
const ARITHMETIC_TABLES: u8 = 0xcc;

/// The segments of a file, up to where one breaks off.
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    /// Where the next is looked for.
    at: usize,
}

/// A segment.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    /// What follows its length; empty for a marker that stands alone.
    pub(super) content: &'a [u8],
    /// Where the content begins in the file.
    pub(super) start: usize,
}

impl<'a> Segments<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let left = self.bytes.get(self.at..)?;
        // In a scan this also passes over coded data, in which 0xFF is followed by 0; elsewhere there is nothing to pass.
        let is_marker = |&at: &usize| left.get(at + 1).is_some_and(|next| !matches!(next, 0 | 0xff));
        let found = memchr::memchr_iter(0xff, left).find(is_marker)?;
        let marker = left[found + 1];
        let start = self.at + found + 2;
        if matches!(marker, TEMPORARY | RESTART_0..=END_OF_IMAGE) {
            self.at = start;
            return Some(Segment { marker, content: &[], start });
        }
        let rest = &self.bytes[start..];
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
        rest.get(length..)?;
        self.at = start + length;
        Some(Segment { marker, content: rest.get(2..length).unwrap_or_default(), start: start + 2 })
    }
}

impl Segment<'_> {
    /// Whether it says how the picture is coded and of what size it is (ITU-T T.81, table B.1).
    pub(super) fn is_frame(&self) -> bool {
        matches!(self.marker, 0xc0..=0xcf)
            && ![HUFFMAN_TABLES, RESERVED, ARITHMETIC_TABLES].contains(&self.marker)
    }

    /// Of a frame, how many values each component has across and down beside the others.
    pub(super) fn sampling(&self) -> impl Iterator<Item = (u8, u8)> {
        let components = self.content.get(COMPONENTS..).unwrap_or_default();
        components.chunks_exact(COMPONENT).map(|component| (component[1] >> 4, component[1] & 0xf))
    }

    fn is_subsampled(&self) -> bool {
        self.sampling().any(|sampling| sampling != (1, 1))
    }

    /// Whether a scan has as many components as a frame.
    pub(super) fn holds_all_of(&self, frame: &Segment<'_>) -> bool {
        self.content.first() == frame.content.get(COMPONENTS - 1)
    }
}

/// True where the markers lead from the start to an end-of-image marker behind a scan.
pub(super) fn reach_the_end(bytes: &[u8]) -> bool {
    let mut in_scan = false;
    Segments::of(bytes).any(|Segment { marker, .. }| {
        in_scan |= marker == START_OF_SCAN;
        in_scan && marker == END_OF_IMAGE
    })
}

/// Refuses kinds of JPEG that are not read, by the marker of the frame, its precision, and what the first scan holds of it.
pub(super) fn refuse_rare_kinds(bytes: &[u8]) -> Result<(), ImageFault> {
    let mut segments = Segments::of(bytes);
    let Some(frame) = segments.find(Segment::is_frame) else { return Ok(()) };
    let kind = match (frame.marker, frame.content) {
        (SEQUENTIAL_0 | SEQUENTIAL_1, [8, ..]) => {
            let scan = segments.find(|segment| segment.marker == START_OF_SCAN);
            match scan {
                // The decoder takes rows of blocks for fewer than there are.
                Some(scan) if !scan.holds_all_of(&frame) && frame.is_subsampled() => {
                    "a JPEG with reduced colours in scans of their own".to_owned()
                }
                _ => return Ok(()),
            }
        }
        (PROGRESSIVE, [8, ..]) => return Ok(()),
        (SEQUENTIAL_0..=PROGRESSIVE, [bits, ..]) => format!("a JPEG with {bits} bits a sample"),
        (SEQUENTIAL_0..=PROGRESSIVE, []) => return Err(damaged("JPEG", "it breaks off")),
        (0xc3, _) => "a lossless JPEG".to_owned(),
        (0xc9..=0xcb, _) => "a JPEG with arithmetic coding".to_owned(),
        _ => "a hierarchical JPEG".to_owned(),
    };
    Err(ImageFault::Unsupported { format: kind })
}
