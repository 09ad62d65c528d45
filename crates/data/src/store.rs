//! Samples decoded once and kept, and files decoded in order.

use crate::dataset::Dataset;
use crate::decode::{Channels, ImageError, Limits, Pixels};
use crate::error::{DataError, examples, too_many_bad};
use crate::prefetch::Prefetch;
use crate::preprocess::{Preprocess, Scaling, ScalingSums};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How many images the scaling is measured on; more do not change the third digit.
const MEASURED_IMAGES: usize = 2000;

/// How samples are loaded.
#[derive(Clone, Copy)]
pub struct StoreOptions<'a> {
    /// Worker threads; as many as the machine runs by default. The result does not depend on them.
    pub threads: usize,
    /// Bytes of decoded images to keep; 1 GiB by default. The rest is decoded again whenever it is needed.
    pub memory_limit: usize,
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
            memory_limit: 1 << 30,
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
            .field("memory_limit", &self.memory_limit)
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

/// Samples of a dataset, fitted to one size: bytes `[height, width, channels]`, in memory as far as the limit allows.
#[derive(Debug)]
pub struct ImageStore {
    dataset: Arc<Dataset>,
    recipe: Preprocess,
    limits: Limits,
    /// Worker threads that decode.
    threads: usize,
    /// Where each sample of the dataset stands in `bytes`.
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    unreadable: Vec<Unreadable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Not asked for, or unreadable.
    Absent,
    /// The image that begins after this many others.
    InMemory(usize),
    /// Decoded whenever it is needed.
    OnDisk,
}

impl ImageStore {
    /// Decodes `samples` in parallel and keeps them. Each is decoded once even where memory does not hold it, so that every bad
    /// file is known before training starts.
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
        let kept = samples.len().min(options.memory_limit / image_len);
        let mut bytes = vec![0; kept * image_len];
        let mut unreadable =
            decode_all(dataset, recipe, samples, bytes.chunks_exact_mut(image_len), options)?;
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
        for (position, &sample) in samples.iter().enumerate() {
            slots[sample] = if position < kept { Slot::InMemory(position) } else { Slot::OnDisk };
        }
        for bad in &unreadable {
            slots[bad.sample] = Slot::Absent;
        }
        Ok(Self {
            dataset: Arc::clone(dataset),
            recipe: recipe.clone(),
            limits: options.limits,
            threads: options.threads,
            slots,
            bytes,
            unreadable,
        })
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
        !self.slots.contains(&Slot::OnDisk)
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
            Slot::OnDisk => self
                .dataset
                .load(sample, &self.recipe, &self.limits)
                .map(|pixels| Cow::Owned(pixels.into_bytes())),
            Slot::Absent => panic!("sample {sample} was not loaded"),
        }
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

/// Decodes all samples, each into the next of `targets` as long as there are any. Returns what could not be decoded, in any
/// order.
fn decode_all<'a>(
    dataset: &Dataset,
    recipe: &Preprocess,
    samples: &[usize],
    targets: impl Iterator<Item = &'a mut [u8]> + Send,
    options: &StoreOptions<'_>,
) -> Result<Vec<Unreadable>, DataError> {
    let cancelled = || options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
    let jobs = Mutex::new(samples.iter().zip(targets.map(Some).chain(std::iter::repeat_with(|| None))));
    let next_job = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    let unreadable = Mutex::new(Vec::new());
    let done = AtomicUsize::new(0);
    let work = || {
        while let Some((&sample, target)) = next_job() {
            if cancelled() {
                return;
            }
            match dataset.load(sample, recipe, &options.limits) {
                Ok(pixels) => {
                    if let Some(target) = target {
                        target.copy_from_slice(pixels.as_bytes());
                    }
                }
                Err(error) => unreadable
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Unreadable { sample, error }),
            }
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
    Ok(unreadable.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Image files decoded and fitted by worker threads, given in the order of the paths. See [`stream_images`].
pub struct ImageStream(Prefetch<(PathBuf, Result<Pixels, ImageError>)>);

impl Iterator for ImageStream {
    type Item = (PathBuf, Result<Pixels, ImageError>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for ImageStream {}

impl fmt::Debug for ImageStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageStream").field("left", &self.0.len()).finish()
    }
}

/// Decodes and fits image files on `threads` workers, a few ahead of the caller, in bounded memory. Files that cannot be used
/// come as errors in their place.
pub fn stream_images(
    paths: Vec<PathBuf>,
    recipe: &Preprocess,
    limits: &Limits,
    threads: usize,
) -> ImageStream {
    let (recipe, limits) = (recipe.clone(), *limits);
    ImageStream(Prefetch::start(paths.len(), threads, move |i| {
        (paths[i].clone(), recipe.load_file(&paths[i], &limits))
    }))
}
