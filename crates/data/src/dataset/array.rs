//! Pictures of one size in one array of bytes.

use crate::decode::{Channels, Pixels};
use std::ffi::OsString;
use std::io::{self, Read};

/// How much is read at a time, so that memory grows with what a file holds and not with what it claims.
const CHUNK: u64 = 1 << 20;

/// Pictures of one size, held in memory as their file has them.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub(super) file_name: OsString,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Of RGB, all red bytes come first, then all green ones, then all blue ones.
    pub(super) channels: Channels,
    /// Bytes before each picture's pixels.
    pub(super) before: usize,
    pub(super) bytes: Vec<u8>,
}

impl Array {
    fn pixel_bytes(&self) -> usize {
        self.height * self.width * self.channels.count()
    }

    /// A picture and what stands before its pixels.
    fn record(&self, item: usize) -> (&[u8], &[u8]) {
        let len = self.before + self.pixel_bytes();
        self.bytes[item * len..][..len].split_at(self.before)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / (self.before + self.pixel_bytes())
    }

    /// What stands before a picture's pixels.
    pub(super) fn label(&self, item: usize) -> &[u8] {
        self.record(item).0
    }

    pub(super) fn pixels(&self, item: usize) -> Pixels {
        let (_, stored) = self.record(item);
        let bytes = match self.channels {
            Channels::Grey => stored.to_vec(),
            Channels::Rgb => {
                let (red, rest) = stored.split_at(self.height * self.width);
                let (green, blue) = rest.split_at(self.height * self.width);
                red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]).collect()
            }
        };
        Pixels::new(self.height, self.width, self.channels, bytes).expect("an item has the size of its array")
    }

    pub(super) fn item_name(&self, item: usize) -> OsString {
        let mut name = self.file_name.clone();
        name.push(format!("#{item}"));
        name
    }
}

/// Reads `expected` bytes and the end of the stream; `None` where there is more.
pub(super) fn read_exactly(mut stream: impl Read, expected: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < expected {
        let wanted = CHUNK.min(expected - bytes.len() as u64);
        if (&mut stream).take(wanted).read_to_end(&mut bytes)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    // Reading on to the end is also what makes gzip and zip check their checksums.
    let more = stream.read(&mut [0])?;
    Ok((more == 0).then_some(bytes))
}
