//! What the fuzz targets share: a folder to put files in, and limits that keep a run short.

use divvy_data::{
    Augment, Channels, Crop, Dataset, Detail, ImageStore, Limits, Loader, OpenOptions, Preprocess, Scaling,
    StoreOptions,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;

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

/// Takes parts of a picture at random, once of its pixels and once of its file, which is read only as far as it must be: where the picture
/// is whole, they are the same bits.
pub fn crop(picture: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for group in ["a", "b"] {
        fs::create_dir(folder.path().join(group)).expect("a folder can be made");
        fs::write(folder.path().join(group).join("1.jpg"), picture).expect("a file can be written");
    }
    let options = OpenOptions { limits: limits(), ..OpenOptions::default() };
    let dataset = Arc::new(Dataset::open(folder.path(), &options).expect("there are two groups"));
    let augment = Augment { crop: Some(Crop { area: [0.05, 0.5], ..Crop::default() }), ..Augment::none() };
    let options = StoreOptions { threads: 1, detail: Detail::for_augment(&augment), ..StoreOptions::default() };
    let recipe = Preprocess::new(64, 64, Channels::Rgb).expect("the size is allowed");
    let parts = |store: ImageStore| {
        let store = Arc::new(store);
        let loader = Loader::for_training(&store, &[0; 4], &Scaling::unit(Channels::Rgb), 4, 0, augment);
        let batch = loader.with_threads(1).epoch(0).next().expect("an epoch has a batch");
        batch.map(|batch| batch.images().to_vec()).ok()
    };
    let anew = parts(ImageStore::at_source(&dataset, &recipe, &[0], &options));
    if let Ok(kept) = ImageStore::load(&dataset, &recipe, &[0], &options) {
        assert!(parts(kept) == anew);
    }
}
