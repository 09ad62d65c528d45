//! The first directory of a TIFF file, and of an Exif block, which is laid out as one (TIFF 6.0, section 2).

/// The types of a text, bytes up to a zero, and of a number of two bytes.
const ASCII: u16 = 2;
const SHORT: u16 = 3;
/// Bytes of an entry: tag, type, count, and the value or, where it has more than four bytes, its offset.
const ENTRY: usize = 12;
const VALUE: usize = 8;

/// A file or block, of which only the first directory is looked at.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
}

impl<'a> Directory<'a> {
    /// `None` where the bytes do not begin as such a file does.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let is_big_endian = match bytes.first_chunk()? {
            b"II\x2a\0" => false,
            b"MM\0\x2a" => true,
            _ => return None,
        };
        Some(Self { bytes, is_big_endian })
    }

    /// The text of a tag, up to its first zero.
    pub(super) fn text(&self, tag: u16) -> Option<&'a [u8]> {
        let entry = self.entry(tag, ASCII)?;
        let length = self.long_at(entry + 4)?;
        let start = if length <= 4 { entry + VALUE } else { self.long_at(entry + VALUE)? };
        let value = self.bytes.get(start..)?.get(..length)?;
        value.split(|&byte| byte == 0).next()
    }

    /// The number of a tag, or the first of several that the entry has room for.
    pub(super) fn short(&self, tag: u16) -> Option<u16> {
        self.short_at(self.short_place(tag)?)
    }

    /// All bytes, with another number for a tag that has one.
    pub(super) fn with_short(&self, tag: u16, value: u16) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        if let Some(place) = self.short_place(tag).and_then(|place| bytes.get_mut(place..place + 2)) {
            place.copy_from_slice(&if self.is_big_endian {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            });
        }
        bytes
    }

    fn short_place(&self, tag: u16) -> Option<usize> {
        self.entry(tag, SHORT).map(|entry| entry + VALUE)
    }

    fn entry(&self, tag: u16, kind: u16) -> Option<usize> {
        let start = self.long_at(4)?;
        let entries = usize::from(self.short_at(start)?);
        (0..entries)
            .map_while(|index| start.checked_add(2 + ENTRY * index))
            .find(|&at| self.short_at(at) == Some(tag) && self.short_at(at + 2) == Some(kind))
    }

    fn short_at(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn long_at(&self, at: usize) -> Option<usize> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        let number = if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        usize::try_from(number).ok()
    }
}
