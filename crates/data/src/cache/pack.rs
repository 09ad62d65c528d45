//! A file of decoded pictures of one recipe.
//!
//! ```text
//! header   "divvy pictures 3", the recipe's key, the channels as u32 (little endian, as all numbers)
//! records  the content's key, height and width as u32, a CRC-32 of what comes behind and one of all before it, the fingerprint of
//!          the picture at its own size, the picture
//! ```
//!
//! Records are only ever added behind the others, by the one process that holds the lock. They have their checksums: what a crash
//! or a full disk leaves of one is not taken for a picture. A file can be deleted at any time; then its pictures are decoded again.

use super::Key;
use crate::decode::{Channels, Pixels};
use crate::fingerprint::Fingerprint;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::SystemTime;

const MAGIC: &[u8; 16] = b"divvy pictures 3";
const NUMBER: usize = size_of::<u32>();
const HEADER_LEN: usize = MAGIC.len() + Key::LEN + NUMBER;
/// What of a record comes before the fingerprint.
const HEAD_LEN: usize = Key::LEN + 4 * NUMBER;
/// What files of pictures are called.
const EXTENSION: &str = "pack";

/// Pictures on disk, found by the content that they were decoded from.
#[derive(Debug)]
pub(crate) struct Pack {
    file: File,
    channels: Channels,
    /// Where the record of each picture begins.
    records: RwLock<HashMap<Key, u64>>,
    /// None where another process adds to the file.
    writer: Option<Mutex<Writer>>,
}

/// Where the next record goes.
#[derive(Debug)]
struct Writer {
    next: u64,
    /// Where the file is to end at the latest; 0 once a write has failed.
    most: u64,
    /// Why the last picture was not written.
    fault: Option<io::Error>,
}

/// What a record says of its picture.
struct Head {
    key: Key,
    height: usize,
    width: usize,
    checksum: u32,
}

impl Pack {
    /// The pictures of a recipe in a folder, which is made if it is not there. Before, files of other recipes are deleted, those first
    /// that were not used for the longest time, until there is room for so many pictures of so many bytes, where all files together
    /// may have `limit` bytes.
    pub(crate) fn open(
        folder: &Path,
        recipe: Key,
        channels: Channels,
        pictures: (usize, usize),
        limit: u64,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let room = (HEADER_LEN + pictures.0 * (HEAD_LEN + Fingerprint::LEN + pictures.1)) as u64;
        let path = folder.join(format!("pictures-{}.{EXTENSION}", recipe.short()));
        let kept = limit.saturating_sub(delete_unused(folder, &path, room, limit)?);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let writes = file.try_lock().is_ok();
        // It was used now; where the system does not note that, it may be deleted a little sooner.
        #[expect(
            clippy::disallowed_methods,
            reason = "a file that seems older than it is may be deleted a little sooner, too"
        )]
        let _ = file.set_modified(SystemTime::now());
        let count = (channels.count() as u32).to_le_bytes();
        let header = [MAGIC.as_slice(), recipe.as_bytes(), &count].concat();
        if !begins_with(&file, &header)? {
            if !writes {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is making it"));
            }
            file.set_len(0)?;
            write_all_at(&file, &header, 0)?;
        }
        let (records, end) = records_of(&file, channels)?;
        if writes {
            // What a crash left behind the last whole record goes.
            file.set_len(end)?;
        }
        let writer = writes.then(|| Mutex::new(Writer { next: end, most: kept, fault: None }));
        Ok(Self { file, channels, records: RwLock::new(records), writer })
    }

    /// Where the record of the picture of a content begins.
    pub(crate) fn find(&self, key: Key) -> Option<u64> {
        self.records.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }

    /// The picture of the record that begins there, with its fingerprint; none where it is damaged.
    pub(crate) fn read(&self, at: u64) -> Option<(Pixels, Fingerprint)> {
        let head = Head::read(&self.file, at)?;
        let content_len = usize::try_from(head.content_len(self.channels)?).ok()?;
        let mut print = [0; Fingerprint::LEN];
        let mut picture = vec![0; content_len - print.len()];
        let at = at + HEAD_LEN as u64;
        read_exact_at(&self.file, &mut print, at).ok()?;
        read_exact_at(&self.file, &mut picture, at + print.len() as u64).ok()?;
        if checksum_of(&print, &picture) != head.checksum {
            return None;
        }
        let picture = Pixels::new(head.height, head.width, self.channels, picture)?;
        Some((picture, Fingerprint::from_bytes(&print)?))
    }

    /// Adds the picture of a content, with its fingerprint, and tells where its record begins. None where it cannot be added: another process does, the
    /// limit is reached or the disk is full.
    pub(crate) fn add(&self, key: Key, picture: &Pixels, fingerprint: &Fingerprint) -> Option<u64> {
        let writer = self.writer.as_ref()?;
        let print = fingerprint.to_bytes();
        let checksum = checksum_of(&print, picture.as_bytes());
        let head = Head { key, height: picture.height(), width: picture.width(), checksum };
        let record = [&head.to_bytes()[..], &print, picture.as_bytes()].concat();
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, end) = (writer.next, writer.next + record.len() as u64);
        if end > writer.most {
            return None;
        }
        if let Err(fault) = write_all_at(&self.file, &record, at) {
            writer.most = 0;
            writer.fault = Some(fault);
            return None;
        }
        writer.next = end;
        self.records.write().unwrap_or_else(PoisonError::into_inner).insert(key, at);
        Some(at)
    }

    /// Why pictures could not be written, if so. After that, nothing is found or added, only read, and other processes may add.
    pub(crate) fn close(&mut self) -> Option<io::Error> {
        let writer = self.writer.take()?.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Unlocked at the end of the process anyway.
        let _ = self.file.unlock();
        self.records = RwLock::default();
        writer.fault
    }
}

/// The CRC-32 of what comes behind a record's head.
fn checksum_of(print: &[u8], picture: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(print);
    checksum.update(picture);
    checksum.finalize()
}

/// Where the record of each picture begins, and where the last whole one ends.
fn records_of(file: &File, channels: Channels) -> io::Result<(HashMap<Key, u64>, u64)> {
    let len = file.metadata()?.len();
    let (mut records, mut at) = (HashMap::new(), HEADER_LEN as u64);
    while let Some(head) = Head::read(file, at) {
        let content_len = head.content_len(channels);
        let end = content_len.and_then(|content_len| (at + HEAD_LEN as u64).checked_add(content_len));
        let Some(end) = end.filter(|end| *end <= len) else { break };
        records.insert(head.key, at);
        at = end;
    }
    Ok((records, at))
}

impl Head {
    fn to_bytes(&self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        bytes[..Key::LEN].copy_from_slice(self.key.as_bytes());
        let numbers = [self.height as u32, self.width as u32, self.checksum];
        for (place, number) in bytes[Key::LEN..].chunks_exact_mut(NUMBER).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[..HEAD_LEN - NUMBER]);
        bytes[HEAD_LEN - NUMBER..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The head that begins there; none where there is none, or a damaged one.
    fn read(file: &File, at: u64) -> Option<Self> {
        let mut bytes = [0; HEAD_LEN];
        read_exact_at(file, &mut bytes, at).ok()?;
        let (key, numbers) = bytes.split_first_chunk::<{ Key::LEN }>()?;
        let number = |index: usize| {
            let bytes = numbers.chunks_exact(NUMBER).nth(index).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes)
        };
        let is_whole = crc32fast::hash(&bytes[..HEAD_LEN - NUMBER]) == number(3);
        is_whole.then(|| Self {
            key: Key::from_bytes(*key),
            height: number(0) as usize,
            width: number(1) as usize,
            checksum: number(2),
        })
    }

    /// Bytes of the fingerprint and the picture.
    fn content_len(&self, channels: Channels) -> Option<u64> {
        let picture =
            (self.height as u64).checked_mul(self.width as u64)?.checked_mul(channels.count() as u64)?;
        picture.checked_add(Fingerprint::LEN as u64)
    }
}

/// Deletes files in `folder` until `path` can have `room` bytes within the limit on all; tells how many bytes the others have.
fn delete_unused(folder: &Path, path: &Path, room: u64, limit: u64) -> io::Result<u64> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let other = entry?.path();
        let is_pack = other.extension().is_some_and(|extension| extension == EXTENSION);
        // What another process deletes at the same moment is gone, which is all that is wanted.
        if is_pack
            && other != path
            && let Ok(metadata) = other.metadata()
        {
            others.push((metadata.modified().ok(), metadata.len(), other));
        }
    }
    let room = path.metadata().map_or(room, |metadata| metadata.len().max(room));
    let mut rest: u64 = others.iter().map(|(_, len, _)| len).sum();
    others.sort();
    for (_, len, other) in others {
        if room.saturating_add(rest) <= limit {
            break;
        }
        if fs::remove_file(other).is_ok() {
            rest -= len;
        }
    }
    Ok(rest)
}

fn begins_with(file: &File, header: &[u8]) -> io::Result<bool> {
    let mut found = vec![0; header.len()];
    match read_exact_at(file, &mut found, 0) {
        Ok(()) => Ok(found == header),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                bytes = &bytes[written..];
                at += written as u64;
            }
        }
    }
    Ok(())
}
