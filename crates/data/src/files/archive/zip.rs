//! Zip archives: entries are found by the directory at the end.

use super::Index;
use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, ZipArchive, ZipArchiveEntryWayfinder};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A buffer that any entry of the directory fits into.
const BUFFER: usize = 256 << 10;

/// An open zip archive.
#[derive(Debug)]
pub(super) struct Zip {
    archive: ZipArchive<FileReader>,
    files: Vec<(ZipArchiveEntryWayfinder, Method)>,
}

/// How an entry is packed.
#[derive(Debug, Clone, Copy)]
enum Method {
    Stored,
    Deflated,
}

impl Zip {
    /// Reads the directory into `index`. The fault says what was found and what to do.
    pub(super) fn read(file: File, index: &mut Index<'_>) -> Result<Self, String> {
        let damaged = |error: rawzip::Error| {
            format!("it is a damaged or incomplete zip archive ({error}); get it again")
        };
        let mut buffer = vec![0; BUFFER];
        let archive = ZipArchive::from_file(file, &mut buffer).map_err(damaged)?;
        let mut files = Vec::new();
        let mut entries = archive.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(damaged)? {
            let name = name(entry.file_path().as_bytes());
            let name = Path::new(&*name);
            let method = match entry.compression_method() {
                CompressionMethod::STORE => Ok(Method::Stored),
                CompressionMethod::DEFLATE => Ok(Method::Deflated),
                other => Err(format!(
                    "is packed by {other:?}, which is not read; pack the archive anew by deflate"
                )),
            };
            if entry.is_dir() {
                index.add_folder(name)?;
            } else if entry.flags().is_encrypted() {
                index.skip(name, "is encrypted")?;
            } else if entry.mode().is_symlink() {
                index.skip(name, "is a link, and links in archives are not followed")?;
            } else {
                match method {
                    Ok(method) => {
                        index.add_file(name, files.len())?;
                        files.push((entry.wayfinder(), method));
                    }
                    Err(reason) => index.skip(name, &reason)?,
                }
            }
        }
        Ok(Self { archive, files })
    }

    /// How many bytes a file has, unpacked, as the directory says.
    pub(super) fn claimed_bytes(&self, file: usize) -> u64 {
        self.files[file].0.uncompressed_size_hint()
    }

    /// The bytes of a file, unpacked, and checked against its checksum at the end.
    pub(super) fn reader(&self, file: usize) -> io::Result<Box<dyn Read + '_>> {
        let (wayfinder, method) = self.files[file];
        let entry = self.archive.get_entry(wayfinder).map_err(io::Error::other)?;
        Ok(match method {
            Method::Stored => Box::new(entry.verifying_reader(entry.reader())),
            Method::Deflated => Box::new(entry.verifying_reader(DeflateDecoder::new(entry.reader()))),
        })
    }
}

/// A name as text: UTF-8, or else whatever it is, each foreign byte replaced. Windows' old way to divide folders is taken, too.
fn name(bytes: &[u8]) -> Cow<'_, str> {
    let name = String::from_utf8_lossy(bytes);
    if name.contains('\\') && !name.contains('/') { Cow::Owned(name.replace('\\', "/")) } else { name }
}
