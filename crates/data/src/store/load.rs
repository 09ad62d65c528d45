//! The first look at all samples: each is decoded once, or found where it was kept, and kept.

use super::{Slot, StoreOptions, Unreadable};
use crate::cache::{Key, Pack};
use crate::dataset::{Dataset, Stored};
use crate::decode::ImageError;
use crate::error::DataError;
use crate::preprocess::Preprocess;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What loads a dataset's samples.
pub(super) struct Loading<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) recipe: &'a Preprocess,
    pub(super) options: &'a StoreOptions<'a>,
    pub(super) pack: Option<&'a Pack>,
}

/// Where the samples came to lie, and those that could not be decoded; both in any order.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) slots: Vec<(usize, Slot)>,
    pub(super) unreadable: Vec<Unreadable>,
}

impl Loading<'_> {
    /// Loads all samples in parallel, the first ones into `targets`.
    ///
    /// # Errors
    /// [`DataError::Interrupted`] when cancelled.
    pub(super) fn run<'t>(
        &self,
        samples: &[usize],
        targets: impl Iterator<Item = &'t mut [u8]> + Send,
    ) -> Result<Loaded, DataError> {
        let options = self.options;
        let cancelled = || options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        let targets = targets.map(Some).chain(std::iter::repeat_with(|| None));
        let jobs = Mutex::new(samples.iter().copied().zip(targets).enumerate());
        let next_job = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
        let loaded = Mutex::new(Loaded::default());
        let done = AtomicUsize::new(0);
        let work = || {
            while let Some((position, (sample, target))) = next_job() {
                if cancelled() {
                    return;
                }
                let place = match target {
                    Some(target) => self.fill_memory(sample, target).map(|()| Slot::InMemory(position)),
                    None => self.fill_disk(sample),
                };
                let mut loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
                match place {
                    Ok(slot) => loaded.slots.push((sample, slot)),
                    Err(error) => loaded.unreadable.push(Unreadable { sample, error }),
                }
                drop(loaded);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if let Some(progress) = options.progress {
                    progress(done, samples.len());
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..options.threads.clamp(1, samples.len().max(1)) {
                scope.spawn(work);
            }
        });
        if cancelled() {
            return Err(DataError::Interrupted);
        }
        Ok(loaded.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn fill_memory(&self, sample: usize, target: &mut [u8]) -> Result<(), ImageError> {
        let pixels = self.dataset.load(sample, self.recipe, &self.options.limits)?;
        target.copy_from_slice(pixels.as_bytes());
        Ok(())
    }

    /// Finds the sample's pixels on disk, or decodes them and leaves them there.
    fn fill_disk(&self, sample: usize) -> Result<Slot, ImageError> {
        let limits = &self.options.limits;
        let stored = self.dataset.read(sample, limits)?;
        let (Some(pack), Stored::File(content)) = (self.pack, &stored) else {
            self.dataset.decode(sample, stored, self.recipe, limits)?;
            return Ok(Slot::AtSource);
        };
        let key = Key::of_content(content);
        let mut found = vec![0; self.recipe.image_len()];
        if let Some(record) = pack.find(key).filter(|&record| pack.read(record, &mut found)) {
            return Ok(Slot::OnDisk(record));
        }
        let pixels = self.dataset.decode(sample, stored, self.recipe, limits)?;
        Ok(pack.add(key, pixels.as_bytes()).map_or(Slot::AtSource, Slot::OnDisk))
    }
}
