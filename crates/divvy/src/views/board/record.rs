//! The bytes of an event file: Protocol Buffers messages (TensorBoard's event.proto and summary.proto) in TFRecord frames.

/// What a record tells.
pub(super) enum Entry<'a> {
    /// The version of the file's format, which the first record tells.
    Version,
    /// That the run begins, or goes on, at this step.
    Start,
    Scalars(&'a [Scalar<'a>]),
}

/// A figure by its name.
pub(super) struct Scalar<'a> {
    pub(super) tag: &'a str,
    pub(super) value: f64,
}

/// How a field's value is encoded: the low bits of its key.
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

impl Entry<'_> {
    /// The message `Event`, at that time in seconds since 1970.
    pub(super) fn encoded(&self, at: f64, step: u64) -> Vec<u8> {
        let mut event = vec![key(1, FIXED64)];
        event.extend(at.to_le_bytes());
        if step > 0 {
            event.push(key(2, VARINT));
            varint(&mut event, step);
        }
        match self {
            Self::Version => field(&mut event, 3, b"brain.Event:2"),
            Self::Start => field(&mut event, 7, &[key(1, VARINT), 1]),
            Self::Scalars(scalars) => {
                let mut summary = Vec::new();
                for scalar in *scalars {
                    field(&mut summary, 1, &scalar.encoded());
                }
                field(&mut event, 5, &summary);
            }
        }
        event
    }
}

impl Scalar<'_> {
    /// The message `Summary.Value`.
    fn encoded(&self) -> Vec<u8> {
        let mut value = Vec::new();
        field(&mut value, 1, self.tag.as_bytes());
        value.push(key(2, FIXED32));
        value.extend((self.value as f32).to_le_bytes());
        value
    }
}

/// The frame of a TFRecord: length, its checksum, the bytes, their checksum.
pub(super) fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length).to_le_bytes(), bytes, &masked_crc(bytes).to_le_bytes()].concat()
}

/// Before a field's value. All fields here have numbers below 16, so that it is one byte.
const fn key(number: u8, encoding: u8) -> u8 {
    number << 3 | encoding
}

/// A field that is bytes, a text or a message.
fn field(message: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    message.push(key(number, BYTES));
    varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// Seven bits a byte, the lowest first.
fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

/// CRC-32C as TFRecord stores it: turned and shifted, so that the checksum of bytes that hold one is not that of others.
fn masked_crc(bytes: &[u8]) -> u32 {
    const MASK: u32 = 0xa282_ead8;
    crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

/// CRC-32C (Castagnoli), as RFC 3720 has it, a bit at a time: a record is a hundred bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    const REVERSED: u32 = 0x82f6_3b78;
    let bit = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ REVERSED } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the tensorboard package with the same values: tests/reference/tensorboard/make.py.
    const REFERENCE: &[u8] = include_bytes!("../../../tests/reference/tensorboard/events.bin");

    #[test]
    fn the_bytes_are_those_that_the_tensorboard_package_writes() {
        let scalars = [
            Scalar { tag: "loss/train", value: 0.753_1 },
            Scalar { tag: "learning_rate", value: 1e-3 },
            Scalar { tag: "images_per_second", value: 0.0 },
        ];
        let written: Vec<u8> = [
            Entry::Version.encoded(1_700_000_000.25, 0),
            Entry::Start.encoded(1_700_000_000.5, 300),
            Entry::Scalars(&scalars).encoded(1_700_000_001.0, 1),
            Entry::Scalars(&scalars[..1]).encoded(1_700_000_002.0, 12_345_678_901),
        ]
        .iter()
        .flat_map(|message| framed(message))
        .collect();
        assert_eq!(written, REFERENCE);
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
    }
}
