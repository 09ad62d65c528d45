//! The one split of a comparison.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use divvy_data::{Dataset, ImageStore, Part, Preprocess, Split, StoreOptions, check};

use crate::config::TrainConfig;
use crate::error::TrainError;

/// Draws validation and test pictures, as far as the data does not bring them, with all copies of a picture on one side: a training is
/// given the split as a list, and leaves it as it is.
///
/// # Errors
/// [`TrainError::EmptyPart`] where either part has no picture that can be read.
pub(super) fn divide(
    dataset: &Arc<Dataset>,
    preprocess: &Preprocess,
    base: &TrainConfig,
    test_share: f64,
    threads: usize,
    stop: &AtomicBool,
) -> Result<Split, TrainError> {
    let options = StoreOptions { threads, cancel: Some(stop), ..StoreOptions::default() };
    let plain = Split::new(dataset, base.validation_share, base.seed)?;
    let every = [plain.used(), plain.test].concat();
    let store = ImageStore::load(dataset, preprocess, &every, &options)?;
    let copies = check::Copies::find(store.survey(), &options)?.together();
    let split = Split::keeping_together(dataset, base.validation_share, base.seed, &copies)?
        .with_test(dataset, test_share, base.seed, &copies)?;
    let unreadable = store.unreadable_samples();
    for (part, samples) in [(Part::Validation, &split.validation), (Part::Test, &split.test)] {
        if samples.iter().all(|sample| unreadable.binary_search(sample).is_ok()) {
            let images = every.len() - unreadable.len();
            return Err(TrainError::EmptyPart { data: base.data.clone(), part, images });
        }
    }
    Ok(split)
}

/// Writes the split to `out`, or makes sure that the one that is there is the same.
///
/// # Errors
/// [`TrainError::RunExists`] where it is another.
pub(super) fn write(out: &Path, split: &Split, dataset: &Dataset) -> Result<(), TrainError> {
    let list = out.join(LIST);
    if list.exists() {
        if Split::read_csv(&list, dataset)? != *split {
            let contents = "this folder holds a comparison on another split of the pictures".to_owned();
            return Err(TrainError::RunExists { path: out.to_owned(), contents });
        }
        return Ok(());
    }
    std::fs::create_dir_all(out).map_err(|source| TrainError::Write { path: out.to_owned(), source })?;
    Ok(split.write_csv(&list, dataset)?)
}

/// The file of the split in a comparison's folder.
pub(super) const LIST: &str = "split.csv";
