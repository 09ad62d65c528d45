//! A file of decoded pictures of one recipe.
//!
//! ```text
//! header   "divvy pictures 1", the recipe's key, the length of a picture as u64 (little endian, as all numbers)
//! records  the content's key, a CRC-32 of key and picture as u32, the picture
//! ```
//!
//! Records are only ever added behind the others, by the one process that holds the lock. Each has its checksum: what a crash or
//! a full disk leaves of one is not taken for a picture. A file can be deleted at any time; then its pictures are decoded again.

use super::Key;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::SystemTime;

const MAGIC: &[u8; 16] = b"divvy pictures 1";
const HEADER_LEN: u64 = (MAGIC.len() + Key::LEN + size_of::<u64>()) as u64;
const CHECKSUM_LEN: usize = size_of::<u32>();
/// What files of pictures are called.
const EXTENSION: &str = "pack";

/// Pictures on disk, found by the content that they were decoded from.
#[derive(Debug)]
pub(crate) struct Pack {
    file: File,
    /// Bytes of a picture.
    image_len: usize,
    /// Which record holds which picture.
    records: RwLock<HashMap<Key, u64>>,
    /// None where another process adds to the file.
    writer: Option<Mutex<Writer>>,
}

/// Where the next record goes.
#[derive(Debug)]
struct Writer {
    next: u64,
    /// As many records as the limit on bytes allows; fewer once a write has failed.
    most: u64,
    /// Why the last picture was not written.
    fault: Option<io::Error>,
}

impl Pack {
    /// The pictures of a recipe in a folder, which is made if it is not there. Before, files of other recipes are deleted, those first
    /// that were not used for the longest time, until there is room for so many `images` of `image_len` bytes, where all
    /// files together may have `limit` bytes.
    pub(crate) fn open(
        folder: &Path,
        recipe: Key,
        image_len: usize,
        images: usize,
        limit: u64,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("pictures-{}.{EXTENSION}", recipe.short()));
        let room = HEADER_LEN + images as u64 * record_len(image_len);
        let kept = limit.saturating_sub(delete_unused(folder, &path, room, limit)?);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let writes = file.try_lock().is_ok();
        // It was used now; where the system does not note that, it may be deleted a little sooner.
        let _ = file.set_modified(SystemTime::now());
        let mut header = [0; HEADER_LEN as usize];
        header[..MAGIC.len()].copy_from_slice(MAGIC);
        header[MAGIC.len()..][..Key::LEN].copy_from_slice(recipe.as_bytes());
        header[MAGIC.len() + Key::LEN..].copy_from_slice(&(image_len as u64).to_le_bytes());
        if !begins_with(&file, &header)? {
            if !writes {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is making it"));
            }
            file.set_len(0)?;
            write_all_at(&file, &header, 0)?;
        }
        let record_len = record_len(image_len);
        let records = (file.metadata()?.len() - HEADER_LEN) / record_len;
        if writes {
            // What a crash left of a record goes.
            file.set_len(HEADER_LEN + records * record_len)?;
        }
        let writer = writes.then(|| Writer {
            next: records,
            most: kept.saturating_sub(HEADER_LEN) / record_len,
            fault: None,
        });
        let mut found = HashMap::with_capacity(records as usize);
        let mut key = [0; Key::LEN];
        for record in 0..records {
            read_exact_at(&file, &mut key, HEADER_LEN + record * record_len)?;
            found.insert(Key::from_bytes(key), record);
        }
        Ok(Self { file, image_len, records: RwLock::new(found), writer: writer.map(Mutex::new) })
    }

    /// Which record holds the picture of a content.
    pub(crate) fn find(&self, key: Key) -> Option<u64> {
        self.records.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }

    /// Reads a record's picture into `image`; false where the record is damaged.
    pub(crate) fn read(&self, record: u64, image: &mut [u8]) -> bool {
        assert_eq!(image.len(), self.image_len, "bytes of a picture");
        let mut head = [0; Key::LEN + CHECKSUM_LEN];
        let at = self.position(record);
        let is_read = read_exact_at(&self.file, &mut head, at).is_ok()
            && read_exact_at(&self.file, image, at + head.len() as u64).is_ok();
        let (key, checksum) = head.split_at(Key::LEN);
        is_read && checksum == checksum_of(key, image).to_le_bytes()
    }

    /// Adds the picture of a content and tells its record. None where it cannot be added: another process does, the limit is reached
    /// or the disk is full.
    pub(crate) fn add(&self, key: Key, image: &[u8]) -> Option<u64> {
        assert_eq!(image.len(), self.image_len, "bytes of a picture");
        let writer = self.writer.as_ref()?;
        let mut bytes = Vec::with_capacity(record_len(self.image_len) as usize);
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(&checksum_of(key.as_bytes(), image).to_le_bytes());
        bytes.extend_from_slice(image);
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.next >= writer.most {
            return None;
        }
        let record = writer.next;
        if let Err(fault) = write_all_at(&self.file, &bytes, self.position(record)) {
            writer.most = 0;
            writer.fault = Some(fault);
            return None;
        }
        writer.next += 1;
        self.records.write().unwrap_or_else(PoisonError::into_inner).insert(key, record);
        Some(record)
    }

    /// Why pictures could not be written, if so. After that, nothing is found or added, only read, and other processes may add.
    pub(crate) fn close(&mut self) -> Option<io::Error> {
        let writer = self.writer.take()?.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Unlocked at the end of the process anyway.
        let _ = self.file.unlock();
        self.records = RwLock::default();
        writer.fault
    }

    fn position(&self, record: u64) -> u64 {
        HEADER_LEN + record * record_len(self.image_len)
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

fn record_len(image_len: usize) -> u64 {
    (Key::LEN + CHECKSUM_LEN + image_len) as u64
}

fn checksum_of(key: &[u8], image: &[u8]) -> u32 {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(key);
    checksum.update(image);
    checksum.finalize()
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
