//! What the WebP decoder takes on trust: checked here before it runs.
//!
//! A file is `RIFF`, the length of all that follows, `WEBP`, then chunks of a name, a length and as many bytes, padded to an
//! even number (RFC 9649, section 2.3). The decoder allocates what a metadata chunk claims to be long, and panics where the
//! transparency of an animation's first frame is followed by anything but an image of the frame's size.

use super::{ImageFault, damaged};

/// Bytes before the first chunk.
const HEADER_LEN: usize = 12;
/// Bytes of a frame before its chunks: position, size less one, duration, flags.
const FRAME_HEADER_LEN: usize = 16;

/// Checks the container and gives the Exif block, where there is one.
///
/// # Errors
/// [`ImageFault::Damaged`] where a chunk claims more bytes than the file has, or a frame contradicts itself.
pub(super) fn check(bytes: &[u8]) -> Result<Option<&[u8]>, ImageFault> {
    let mut exif = None;
    for chunk in Chunks(bytes.get(HEADER_LEN..).unwrap_or_default()) {
        match chunk? {
            (b"EXIF", content) => exif = Some(content),
            (b"ANMF", content) => check_frame(content)?,
            _ => {}
        }
    }
    Ok(exif)
}

/// Makes sure that in a frame with transparency a whole image of the frame's size follows.
fn check_frame(frame: &[u8]) -> Result<(), ImageFault> {
    let too_short = || damaged("WebP", "a frame breaks off");
    let (header, chunks) = frame.split_at_checked(FRAME_HEADER_LEN).ok_or_else(too_short)?;
    let mut chunks = Chunks(chunks);
    let Some((b"ALPH", _)) = chunks.next().transpose()? else { return Ok(()) };
    let (name, image) = chunks.next().transpose()?.ok_or_else(too_short)?;
    // A frame tag of three bytes, whose first bit is 0 for an image that needs no other, a start code of three bytes, then
    // 14 bits of each side (RFC 6386, section 9.1).
    let Some(&[tag, _, _, _, _, _, w0, w1, h0, h1]) = image.first_chunk::<10>() else {
        return Err(too_short());
    };
    let bits = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    let side = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]) + 1;
    if name == b"VP8 " && tag & 1 == 0 && (bits(w0, w1), bits(h0, h1)) == (side(6), side(9)) {
        Ok(())
    } else {
        Err(damaged("WebP", "a frame and its image differ"))
    }
}

/// The chunks in a stretch of bytes, each its name and content, up to what is too short for one.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<(&'a [u8; 4], &'a [u8]), ImageFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let (name, behind) = self.0.split_first_chunk::<4>()?;
        let (length, behind) = behind.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let Some((content, behind)) = behind.split_at_checked(length) else {
            self.0 = &[];
            return Some(Err(damaged("WebP", "it breaks off")));
        };
        self.0 = behind.get(length % 2..).unwrap_or_default();
        Some(Ok((name, content)))
    }
}
