//! Samples decoded once and kept.

mod load;
mod stream;

pub use stream::{ImageStream, stream_images};

use crate::cache::{CacheOptions, Key, Pack};
use crate::dataset::Dataset;
use crate::decode::{Channels, ImageError, Limits};
use crate::error::{DataError, examples, too_many_bad};
use crate::preprocess::{Preprocess, Scaling, ScalingSums};
use load::{Loaded, Loading};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

/// How many images the scaling is measured on; more do not change the third digit.
const MEASURED_IMAGES: usize = 2000;

/// How samples are loaded.
#[derive(Clone)]
pub struct StoreOptions<'a> {
    /// Worker threads; as many as the machine runs by default. The result does not depend on them.
    pub threads: usize,
    /// Where decoded images are kept. What is not kept is decoded again whenever it is needed.
    pub cache: CacheOptions,
    /// What image files may ask for.
    pub limits: Limits,
    /// Called after each sample, from any worker, with how many are done and how many there are.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// Loading stops soon after this is set.
    pub cancel: Option<&'a AtomicBool>,
}

impl Default for StoreOptions<'_> {
    fn default() -> Self {
        Self {
            threads: available_threads(),
            cache: CacheOptions::default(),
            limits: Limits::default(),
            progress: None,
            cancel: None,
        }
    }
}

impl fmt::Debug for StoreOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("threads", &self.threads)
            .field("cache", &self.cache)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// As many threads as the machine runs at once.
pub(crate) fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// A sample whose image could not be used.
#[derive(Debug)]
pub struct Unreadable {
    /// Its index in the dataset.
    pub sample: usize,
    /// Its file and what is wrong with it.
    pub error: ImageError,
}

/// Samples of a dataset, fitted to one size: bytes `[height, width, channels]`, kept where [`CacheOptions`] say.
#[derive(Debug)]
pub struct ImageStore {
    dataset: Arc<Dataset>,
    recipe: Preprocess,
    limits: Limits,
    /// Worker threads that decode.
    threads: usize,
    /// Where each sample of the dataset is.
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    pack: Option<Pack>,
    unreadable: Vec<Unreadable>,
    cache_fault: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Not asked for, or unreadable.
    Absent,
    /// The image that begins after this many others.
    InMemory(usize),
    /// The record of the pack.
    OnDisk(u64),
    /// Nowhere but where it came from.
    AtSource,
}

impl ImageStore {
    /// Decodes `samples` in parallel and keeps them. Each is decoded once even where it cannot be kept, so that every bad
    /// file is known before training starts; what an earlier run left on disk is taken from there.
    ///
    /// The scaling of `recipe` is not applied here and may be measured afterwards with [`Self::measure_scaling`].
    ///
    /// # Errors
    /// [`DataError::TooManyUnreadable`] if more than a tenth of the images are bad, [`DataError::Interrupted`] when cancelled.
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn load(
        dataset: &Arc<Dataset>,
        recipe: &Preprocess,
        samples: &[usize],
        options: &StoreOptions<'_>,
    ) -> Result<Self, DataError> {
        let image_len = recipe.image_len();
        let kept = options.cache.in_memory(samples.len(), image_len);
        let (mut pack, unopened) = match pack_folder(&options.cache, kept < samples.len()) {
            Some(folder) => open_pack(folder, recipe, samples.len() - kept, options.cache.disk),
            None => (None, None),
        };
        let mut bytes = vec![0; kept * image_len];
        let loading = Loading { dataset, recipe, options, pack: pack.as_ref() };
        let Loaded { slots: found, mut unreadable } =
            loading.run(samples, bytes.chunks_exact_mut(image_len))?;
        let unwritten = pack.as_mut().and_then(Pack::close);
        unreadable.sort_by_key(|bad| bad.sample);
        if too_many_bad(unreadable.len(), samples.len()) {
            return Err(DataError::TooManyUnreadable {
                path: dataset.root().to_owned(),
                bad: unreadable.len(),
                total: samples.len(),
                examples: examples(unreadable.iter().map(|bad| &bad.error)),
            });
        }
        let mut slots = vec![Slot::Absent; dataset.samples().len()];
        for (sample, slot) in found {
            slots[sample] = slot;
        }
        Ok(Self {
            dataset: Arc::clone(dataset),
            recipe: recipe.clone(),
            limits: options.limits,
            threads: options.threads,
            slots,
            bytes,
            pack,
            unreadable,
            cache_fault: unopened.or(unwritten).and_then(|fault| cache_fault(&options.cache, &fault)),
        })
    }

    /// The same samples without a first look at them: nothing is kept, and a bad file is an error when its turn comes.
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn at_source(dataset: &Arc<Dataset>, recipe: &Preprocess, samples: &[usize], limits: Limits) -> Self {
        let mut slots = vec![Slot::Absent; dataset.samples().len()];
        for &sample in samples {
            slots[sample] = Slot::AtSource;
        }
        Self {
            dataset: Arc::clone(dataset),
            recipe: recipe.clone(),
            limits,
            threads: available_threads(),
            slots,
            bytes: Vec::new(),
            pack: None,
            unreadable: Vec::new(),
            cache_fault: None,
        }
    }

    /// The dataset that the samples are of.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
    }

    /// The shape of each image, `[height, width, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        self.recipe.shape()
    }

    /// The channels of each image.
    pub fn channels(&self) -> Channels {
        self.recipe.channels()
    }

    /// The samples that could not be used, by ascending index.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The indices of [`Self::unreadable`].
    pub fn unreadable_samples(&self) -> Vec<usize> {
        self.unreadable.iter().map(|bad| bad.sample).collect()
    }

    /// True where all samples are in memory.
    pub fn is_all_in_memory(&self) -> bool {
        !self.slots.iter().any(|slot| matches!(slot, Slot::OnDisk(_) | Slot::AtSource))
    }

    /// Why pictures could not be kept on disk, a sentence; they are decoded again instead.
    pub fn cache_fault(&self) -> Option<&str> {
        self.cache_fault.as_deref()
    }

    /// The bytes of a sample that is kept in memory.
    pub(crate) fn in_memory(&self, sample: usize) -> Option<&[u8]> {
        let Slot::InMemory(position) = self.slots[sample] else { return None };
        let len = self.recipe.image_len();
        Some(&self.bytes[position * len..][..len])
    }

    /// Whether a sample was asked for and is readable, in memory or not.
    pub(crate) fn is_loaded(&self, sample: usize) -> bool {
        self.slots[sample] != Slot::Absent
    }

    /// The bytes of a sample, `[height, width, channels]`.
    ///
    /// # Errors
    /// [`ImageError`] where the image is not kept in memory and its file has gone bad since.
    ///
    /// # Panics
    /// If the sample was not loaded or was unreadable.
    pub fn pixels(&self, sample: usize) -> Result<Cow<'_, [u8]>, ImageError> {
        match self.slots[sample] {
            Slot::InMemory(_) => Ok(Cow::Borrowed(self.in_memory(sample).unwrap_or_default())),
            Slot::OnDisk(record) => match self.on_disk(record) {
                Some(pixels) => Ok(Cow::Owned(pixels)),
                None => self.decode(sample),
            },
            Slot::AtSource => self.decode(sample),
            Slot::Absent => panic!("sample {sample} was not loaded"),
        }
    }

    /// The picture of a record; none where it was damaged since.
    fn on_disk(&self, record: u64) -> Option<Vec<u8>> {
        let mut pixels = vec![0; self.recipe.image_len()];
        self.pack.as_ref()?.read(record, &mut pixels).then_some(pixels)
    }

    fn decode(&self, sample: usize) -> Result<Cow<'_, [u8]>, ImageError> {
        let pixels = self.dataset.load(sample, &self.recipe, &self.limits)?;
        Ok(Cow::Owned(pixels.into_bytes()))
    }

    /// The mean and standard deviation of each channel, measured on up to 2,000 of `samples` spread evenly over them, whether or
    /// not they are in memory: samples come sorted by class, so those that memory holds are no fair selection. The same samples
    /// give the same bits, on any number of threads and within any limit on memory.
    ///
    /// A file that has gone bad since it was loaded is passed over; who reads it next is told.
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn measure_scaling(&self, samples: &[usize]) -> Scaling {
        let usable: Vec<usize> =
            samples.iter().copied().filter(|&sample| self.slots[sample] != Slot::Absent).collect();
        let count = usable.len().min(MEASURED_IMAGES);
        let measured: Vec<usize> = (0..count).map(|i| usable[i * usable.len() / count]).collect();
        let threads = self.threads.clamp(1, count.max(1));
        let measure = |chosen: &[usize]| {
            let mut sums = ScalingSums::new(self.recipe.channels());
            for pixels in chosen.iter().filter_map(|&sample| self.pixels(sample).ok()) {
                sums.add(&pixels);
            }
            sums
        };
        let mut sums = ScalingSums::new(self.recipe.channels());
        thread::scope(|scope| {
            let shares = measured.chunks(count.div_ceil(threads).max(1));
            let workers: Vec<_> = shares.map(|share| scope.spawn(|| measure(share))).collect();
            for worker in workers {
                sums.merge(&worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
        });
        sums.scaling()
    }
}

/// The folder in which pictures are kept on disk, if any are to be: some do not fit into memory.
fn pack_folder(cache: &CacheOptions, some_are_left: bool) -> Option<&Path> {
    cache.folder.as_deref().filter(|_| some_are_left && cache.uses_disk())
}

/// The pictures on disk, or why there are none.
fn open_pack(
    folder: &Path,
    recipe: &Preprocess,
    images: usize,
    limit: u64,
) -> (Option<Pack>, Option<io::Error>) {
    match Pack::open(folder, Key::of_recipe(recipe), recipe.image_len(), images, limit) {
        Ok(pack) => (Some(pack), None),
        Err(fault) => (None, Some(fault)),
    }
}

fn cache_fault(cache: &CacheOptions, fault: &io::Error) -> Option<String> {
    let folder = cache.folder.as_deref()?.display();
    Some(format!("{folder}: pictures cannot be kept there: {fault}; they are decoded again in each epoch"))
}
