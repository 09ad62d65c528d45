//! The first look at all samples: each is decoded once, or found where it was kept, and kept.

use super::{Kept, StoreOptions, Unreadable};
use crate::cache::{Key, Pack};
use crate::dataset::{Dataset, Stored};
use crate::decode::{ImageError, Pixels};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::preprocess::Preprocess;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What loads a dataset's samples.
pub(super) struct Loading<'a> {
    dataset: &'a Dataset,
    recipe: &'a Preprocess,
    options: &'a StoreOptions<'a>,
    /// Bytes that memory is still to hold.
    room: AtomicUsize,
    /// The pictures on disk, once the first does not fit into memory, or why there are none.
    pack: OnceLock<io::Result<Pack>>,
    /// How many samples there are.
    samples: usize,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Loaded {
    /// Where the samples came to lie, and those that could not be decoded; both in the order of the samples.
    pub(super) kept: Vec<(usize, Kept, Fingerprint)>,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) pack: Option<Pack>,
    /// Why pictures could not be kept on disk.
    pub(super) fault: Option<io::Error>,
}

impl<'a> Loading<'a> {
    pub(super) fn new(
        dataset: &'a Dataset,
        recipe: &'a Preprocess,
        samples: usize,
        options: &'a StoreOptions<'a>,
    ) -> Self {
        let room = AtomicUsize::new(options.cache.in_memory());
        Self { dataset, recipe, options, room, pack: OnceLock::new(), samples }
    }

    /// Loads all samples in parallel.
    ///
    /// # Errors
    /// [`DataError::Interrupted`] when cancelled.
    pub(super) fn run(self, samples: &[usize]) -> Result<Loaded, DataError> {
        let load = |index: usize| self.load(samples[index]);
        let found = self.options.crew().map(samples.len(), load).ok_or(DataError::Interrupted)?;
        let mut loaded = Loaded::default();
        for (&sample, found) in samples.iter().zip(found) {
            match found {
                Ok((kept, fingerprint)) => loaded.kept.push((sample, kept, fingerprint)),
                Err(error) => loaded.unreadable.push(Unreadable { sample, error }),
            }
        }
        Ok(match self.pack.into_inner() {
            None => loaded,
            Some(Err(fault)) => Loaded { fault: Some(fault), ..loaded },
            Some(Ok(mut pack)) => Loaded { fault: pack.close(), pack: Some(pack), ..loaded },
        })
    }

    /// Keeps a sample in memory, else on disk, else nowhere.
    fn load(&self, sample: usize) -> Result<(Kept, Fingerprint), ImageError> {
        if self.room.load(Ordering::Relaxed) == 0 {
            return self.onto_disk(sample);
        }
        let stored = self.dataset.read(sample)?;
        let (pixels, fingerprint) = self.decode(sample, stored)?;
        let bytes = pixels.as_bytes().len();
        let taken =
            self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(bytes));
        if taken.is_ok() {
            return Ok((Kept::InMemory(Box::new(pixels)), fingerprint));
        }
        // The first that does not fit is the last that is tried.
        self.room.store(0, Ordering::Relaxed);
        self.onto_disk(sample)
    }

    /// What is kept of a sample, and what tells it from others.
    fn decode(&self, sample: usize, stored: Stored) -> Result<(Pixels, Fingerprint), ImageError> {
        let pixels = self.dataset.decode(sample, stored, self.recipe)?;
        let fingerprint = Fingerprint::of(&pixels);
        Ok((self.options.detail.keep(pixels, self.recipe), fingerprint))
    }

    /// Finds the sample's pixels on disk, or decodes them and leaves them there.
    fn onto_disk(&self, sample: usize) -> Result<(Kept, Fingerprint), ImageError> {
        let stored = self.dataset.read(sample)?;
        let (Some(pack), Stored::File(content)) = (self.pack(), &stored) else {
            return self.decode(sample, stored).map(|(_, fingerprint)| (Kept::AtSource, fingerprint));
        };
        let key = Key::of_content(content);
        if let Some(record) = pack.find(key)
            && let Some((_, fingerprint)) = pack.read(record)
        {
            return Ok((Kept::OnDisk(record), fingerprint));
        }
        let (pixels, fingerprint) = self.decode(sample, stored)?;
        Ok((pack.add(key, &pixels, &fingerprint).map_or(Kept::AtSource, Kept::OnDisk), fingerprint))
    }

    /// The pictures on disk, if any are to be kept there.
    fn pack(&self) -> Option<&Pack> {
        let (cache, recipe) = (&self.options.cache, self.recipe);
        let folder = cache.on_disk()?;
        let open = || {
            let key = Key::of_recipe(recipe, self.options.detail);
            let pictures = (self.samples, self.options.detail.image_len(recipe));
            Pack::open(folder, key, recipe.channels(), pictures, cache.disk)
        };
        self.pack.get_or_init(open).as_ref().ok()
    }
}
