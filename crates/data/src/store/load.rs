//! The first look at all samples: each is decoded once, or found where it was kept, and kept.

use super::{Kept, Measuring, StoreOptions, Unreadable};
use crate::cache::{Key, Pack};
use crate::dataset::{Dataset, Stored};
use crate::decode::{ImageError, Pixels};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::preprocess::Preprocess;
use crate::survey::{Facts, Measures, Origin};
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
    /// Where the samples came to lie.
    pub(super) kept: Vec<(usize, Kept)>,
    /// What was seen of them.
    pub(super) facts: Vec<Facts>,
    /// Those that could not be decoded.
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
                Ok((kept, facts)) => {
                    loaded.kept.push((sample, kept));
                    loaded.facts.push(facts);
                }
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
    fn load(&self, sample: usize) -> Result<(Kept, Facts), ImageError> {
        if self.room.load(Ordering::Relaxed) == 0 {
            return self.onto_disk(sample);
        }
        let (pixels, facts) = self.decode(sample, self.dataset.read(sample)?)?;
        let bytes = pixels.as_bytes().len();
        let taken =
            self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(bytes));
        if taken.is_ok() {
            return Ok((Kept::InMemory(Box::new(pixels)), facts));
        }
        // The first that does not fit is the last that is tried.
        self.room.store(0, Ordering::Relaxed);
        self.onto_disk(sample)
    }

    /// What is kept of a sample, and what is seen of it.
    fn decode(&self, sample: usize, stored: Stored) -> Result<(Pixels, Facts), ImageError> {
        let origin = Origin::of(self.dataset, sample, &stored, self.recipe);
        // Of a file that cannot be used, what decoding finds is told: it reads all of it.
        let pixels = self.dataset.decode(sample, stored, self.recipe)?;
        let fingerprint = Fingerprint::of(&pixels);
        let whole = (self.options.measuring == Measuring::Whole).then(|| Measures::of(&pixels));
        let kept = self.options.detail.keep(pixels, self.recipe);
        let measures = whole.unwrap_or_else(|| Measures::of_kept(&kept));
        Ok((kept, Facts { sample, origin: origin?, fingerprint, measures }))
    }

    /// Finds the sample's pixels on disk, or decodes them and leaves them there.
    fn onto_disk(&self, sample: usize) -> Result<(Kept, Facts), ImageError> {
        let stored = self.dataset.read(sample)?;
        let (Some(pack), Stored::File(content)) = (self.pack(), &stored) else {
            return self.decode(sample, stored).map(|(_, facts)| (Kept::AtSource, facts));
        };
        let key = Key::of_content(content);
        if let Some(record) = pack.find(key)
            && let Some((pixels, fingerprint)) = pack.read(record)
        {
            let facts = match self.options.measuring {
                Measuring::Kept => Facts {
                    sample,
                    origin: Origin::of(self.dataset, sample, &stored, self.recipe)?,
                    fingerprint,
                    measures: Measures::of_kept(&pixels),
                },
                Measuring::Whole => self.decode(sample, stored)?.1,
            };
            return Ok((Kept::OnDisk(record), facts));
        }
        let (pixels, facts) = self.decode(sample, stored)?;
        Ok((pack.add(key, &pixels, &facts.fingerprint).map_or(Kept::AtSource, Kept::OnDisk), facts))
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
