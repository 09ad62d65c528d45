//! The bytes of a checkpoint. docs/resume.md has them one by one.
//!
//! ```text
//! "divvy checkpoint"   16 bytes
//! version              u32, little endian, as all numbers
//! state                its length as u32, JSON
//! tensor, each         its length as u32, JSON of what it is; its values, f32
//! CRC-32               of all before, u32
//! ```
//!
//! Both ways go through the file once, tensor by tensor: a copy of all numbers is never made only to be written.

use std::io::{self, Read, Write};

use crc32fast::Hasher;
use divvy_nn::{StatePart, StateTensor, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::CheckpointFault;
use super::state::State;

const MAGIC: &[u8; 16] = b"divvy checkpoint";

/// The newest version of the format.
const VERSION: u32 = 1;

const NUMBER: usize = size_of::<u32>();

/// Bytes of values that are converted at once.
const CHUNK: usize = 1 << 16;

/// What a tensor is, before its values.
#[derive(Serialize, Deserialize)]
struct Label {
    part: StatePart,
    name: String,
    shape: Vec<usize>,
}

/// Writes a checkpoint.
///
/// # Errors
/// What keeps it from being written.
pub(super) fn write(
    to: &mut dyn Write,
    state: &State,
    tensors: impl Iterator<Item = StateTensor>,
) -> io::Result<()> {
    let mut to = Hashing { to, hash: Hasher::new() };
    to.write_all(MAGIC)?;
    to.write_all(&VERSION.to_le_bytes())?;
    write_json(&mut to, state)?;
    let mut bytes = vec![0; CHUNK];
    for StateTensor { part, tensor: Tensor { name, shape, values } } in tensors {
        write_json(&mut to, &Label { part, name, shape })?;
        for chunk in values.chunks(CHUNK / size_of::<f32>()) {
            let part = &mut bytes[..size_of_val(chunk)];
            part.as_chunks_mut()
                .0
                .iter_mut()
                .zip(chunk)
                .for_each(|(four, value)| *four = value.to_le_bytes());
            to.write_all(part)?;
        }
    }
    let sum = to.hash.clone().finalize();
    to.to.write_all(&sum.to_le_bytes())
}

fn write_json(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(value)?;
    let len = u32::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(&len.to_le_bytes())?;
    to.write_all(&text)
}

/// A writer that knows the checksum of what went through it.
struct Hashing<'a> {
    to: &'a mut dyn Write,
    hash: Hasher,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A checkpoint of which the state was read, and the tensors were not. What it holds is to be trusted only once [`Opened::tensors`] has
/// come to its end.
pub(super) struct Opened<R> {
    pub(super) state: State,
    rest: Counted<R>,
}

impl<R: Read> Opened<R> {
    /// Reads the state of a checkpoint of `len` bytes.
    ///
    /// # Errors
    /// A [`CheckpointFault`].
    pub(super) fn new(from: R, len: u64) -> Result<Self, CheckpointFault> {
        if len == 0 {
            return Err(CheckpointFault::Foreign { found: "an empty file" });
        }
        let mut rest = Counted { from, left: len, hash: Hasher::new() };
        if len < MAGIC.len() as u64 || rest.bytes(MAGIC.len())? != MAGIC {
            return Err(CheckpointFault::Foreign { found: "another kind of file" });
        }
        let version = rest.number()?;
        if version != VERSION {
            return Err(CheckpointFault::Version { found: version, known: VERSION });
        }
        Ok(Self { state: rest.json()?, rest })
    }

    /// Reads the tensors, and looks whether all bytes are those that were written.
    ///
    /// # Errors
    /// A [`CheckpointFault`].
    pub(super) fn tensors(mut self) -> Result<(State, Vec<StateTensor>), CheckpointFault> {
        let mut tensors = Vec::new();
        while self.rest.left > NUMBER as u64 {
            let Label { part, name, shape } = self.rest.json()?;
            let values = self.rest.values(&shape)?;
            tensors.push(StateTensor { part, tensor: Tensor { name, shape, values } });
        }
        let sum = self.rest.hash.clone().finalize();
        if self.rest.number()? == sum { Ok((self.state, tensors)) } else { Err(CheckpointFault::Checksum) }
    }
}

/// A reader that knows how much is left and the checksum of what went through it. Room is made only for what the file can hold.
struct Counted<R> {
    from: R,
    left: u64,
    hash: Hasher,
}

impl<R: Read> Counted<R> {
    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, CheckpointFault> {
        self.left = self.left.checked_sub(count as u64).ok_or(CheckpointFault::CutShort)?;
        let mut bytes = vec![0; count];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CheckpointFault> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => CheckpointFault::CutShort,
            _ => CheckpointFault::Unreadable { reason: error.to_string() },
        })?;
        self.hash.update(bytes);
        Ok(())
    }

    fn number(&mut self) -> Result<u32, CheckpointFault> {
        let bytes = self.bytes(NUMBER)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    fn json<T: DeserializeOwned>(&mut self) -> Result<T, CheckpointFault> {
        let len = self.number()? as usize;
        let text = self.bytes(len)?;
        serde_json::from_slice(&text).map_err(|error| CheckpointFault::Damaged { reason: error.to_string() })
    }

    /// The values of a tensor of that shape.
    fn values(&mut self, shape: &[usize]) -> Result<Vec<f32>, CheckpointFault> {
        let count = shape.iter().try_fold(1_usize, |count, &side| count.checked_mul(side));
        let bytes = count.and_then(|count| count.checked_mul(size_of::<f32>()));
        let bytes = bytes.filter(|&bytes| bytes as u64 <= self.left).ok_or(CheckpointFault::CutShort)?;
        self.left -= bytes as u64;
        let mut values = Vec::with_capacity(bytes / size_of::<f32>());
        let mut chunk = vec![0; CHUNK.min(bytes)];
        let mut due = bytes;
        while due > 0 {
            let part = &mut chunk[..CHUNK.min(due)];
            self.fill(part)?;
            values.extend(part.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)));
            due -= part.len();
        }
        Ok(values)
    }
}
