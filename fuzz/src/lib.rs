//! What the fuzz targets share: a folder to put files in, and limits that keep a run short.

use divvy_data::{Dataset, Limits, OpenOptions};
use std::fs;
use std::path::Path;

/// Limits that no single input can make slow.
pub fn limits() -> Limits {
    Limits {
        max_pixels: 1 << 18,
        max_file_bytes: 1 << 20,
        max_decoded_bytes: 1 << 22,
        max_array_bytes: 1 << 20,
    }
}

/// Opens files laid out in a new folder, or the one of them that is named, and reads every sample.
pub fn open(files: &[(&str, &[u8])], named: Option<&str>) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file can be written");
    }
    let path = named.map_or(folder.path().to_owned(), |name| folder.path().join(name));
    read_all(&path);
}

fn read_all(path: &Path) {
    let limits = limits();
    let options = OpenOptions { limits, ..OpenOptions::default() };
    match Dataset::open(path, &options) {
        Ok(dataset) => {
            for sample in 0..dataset.samples().len().min(100) {
                let _ = dataset.read(sample);
            }
            let _ = dataset.to_string();
            let _ = dataset.require_trainable();
        }
        // What is told of a file names it.
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
