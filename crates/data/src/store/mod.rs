//! Samples decoded once and kept.

mod load;
mod stream;

pub use stream::{ImageStream, stream_images};

use crate::cache::{CacheOptions, Pack};
use crate::crew::Crew;
use crate::dataset::Dataset;
use crate::decode::{Channels, ImageError, Picture, Pixels};
use crate::error::{DataError, examples, too_many_bad};
use crate::preprocess::{Detail, Preprocess, Scaling, ScalingSums};
use crate::survey::Survey;
use load::{Loaded, Loading};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZero;
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
    /// At which size images are kept; as the network sees them by default.
    pub detail: Detail,
    /// What of them is measured for [`ImageStore::survey`]; what is kept by default.
    pub measuring: Measuring,
    /// Called after each sample, from any worker, with how many are done and how many there are.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// Loading stops soon after this is set.
    pub cancel: Option<&'a AtomicBool>,
}

/// What of pictures is measured while they are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Measuring {
    /// What is kept of them, at that size, which costs hardly anything.
    #[default]
    Kept,
    /// The pictures themselves at their own size, as [`Survey::of`] does. Each is decoded for it, even where it is kept on disk already.
    Whole,
}

impl Default for StoreOptions<'_> {
    fn default() -> Self {
        Self {
            threads: available_threads(),
            cache: CacheOptions::default(),
            detail: Detail::Fitted,
            measuring: Measuring::Kept,
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
            .field("detail", &self.detail)
            .field("measuring", &self.measuring)
            .finish_non_exhaustive()
    }
}

impl<'a> StoreOptions<'a> {
    /// The threads, and who is told of their work.
    pub(crate) fn crew(&self) -> Crew<'a> {
        Crew { threads: self.threads, progress: self.progress, cancel: self.cancel }
    }

    /// Bytes of memory that so many samples take as they are kept, about.
    pub fn memory(&self, recipe: &Preprocess, samples: usize) -> usize {
        self.cache.in_memory().min(samples.saturating_mul(self.detail.image_len(recipe)))
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

/// Samples of a dataset, decoded and brought to a size ([`Detail`]), kept where [`CacheOptions`] say.
#[derive(Debug)]
pub struct ImageStore {
    /// The dataset, and what loading has seen of its pictures.
    survey: Survey,
    recipe: Preprocess,
    detail: Detail,
    /// Worker threads that decode.
    threads: usize,
    /// Where each sample of the dataset is.
    samples: Vec<Kept>,
    pack: Option<Pack>,
    cache_fault: Option<String>,
}

/// Where a sample is kept. A dataset may have millions of samples, so this is small.
#[derive(Debug, Clone)]
enum Kept {
    /// Not asked for, or unreadable.
    Absent,
    InMemory(Box<Pixels>),
    /// In the record of the pack that begins there.
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
        let loading = Loading::new(dataset, recipe, samples.len(), options);
        let Loaded { kept, facts, unreadable, pack, fault } = loading.run(samples)?;
        let survey = Survey::new(dataset, facts, unreadable);
        let unreadable = survey.unreadable();
        if too_many_bad(unreadable.len(), samples.len()) {
            return Err(DataError::TooManyUnreadable {
                path: dataset.root().to_owned(),
                bad: unreadable.len(),
                total: samples.len(),
                examples: examples(unreadable.iter().map(|bad| &bad.error)),
            });
        }
        let mut store = Self::at_source(dataset, recipe, &[], options);
        for (sample, place) in kept {
            store.samples[sample] = place;
        }
        let cache_fault = fault.and_then(|fault| told(&options.cache, &fault));
        Ok(Self { survey, pack, cache_fault, ..store })
    }

    /// The same samples without a first look at them: nothing is kept, and a bad file is an error when its turn comes; where a part
    /// of it is wanted, when it is bad there. Of the options, threads and detail are heeded.
    ///
    /// # Panics
    /// If a sample's index is out of range.
    pub fn at_source(
        dataset: &Arc<Dataset>,
        recipe: &Preprocess,
        samples: &[usize],
        options: &StoreOptions<'_>,
    ) -> Self {
        let mut places = vec![Kept::Absent; dataset.samples().len()];
        for &sample in samples {
            places[sample] = Kept::AtSource;
        }
        Self {
            survey: Survey::new(dataset, Vec::new(), Vec::new()),
            recipe: recipe.clone(),
            detail: options.detail,
            threads: options.threads,
            samples: places,
            pack: None,
            cache_fault: None,
        }
    }

    /// The dataset that the samples are of.
    pub fn dataset(&self) -> &Arc<Dataset> {
        self.survey.dataset()
    }

    /// What was seen of the pictures when they were loaded; nothing where they are read without a first look.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// The shape of images as the network sees them, `[height, width, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        self.recipe.shape()
    }

    /// The channels of each image.
    pub fn channels(&self) -> Channels {
        self.recipe.channels()
    }

    /// The samples that could not be used, by ascending index.
    pub fn unreadable(&self) -> &[Unreadable] {
        self.survey.unreadable()
    }

    /// The indices of [`Self::unreadable`].
    pub fn unreadable_samples(&self) -> Vec<usize> {
        self.unreadable().iter().map(|bad| bad.sample).collect()
    }

    /// True where all samples are in memory.
    pub fn is_all_in_memory(&self) -> bool {
        !self.samples.iter().any(|kept| matches!(kept, Kept::OnDisk(_) | Kept::AtSource))
    }

    /// Bytes of pictures that memory holds.
    pub fn memory(&self) -> usize {
        let held = |kept: &Kept| if let Kept::InMemory(pixels) = kept { pixels.as_bytes().len() } else { 0 };
        self.samples.iter().map(held).sum()
    }

    /// Why pictures could not be kept on disk, a sentence; they are decoded again instead.
    pub fn cache_fault(&self) -> Option<&str> {
        self.cache_fault.as_deref()
    }

    /// Whether a sample was asked for and is readable, in memory or not.
    fn is_loaded(&self, sample: usize) -> bool {
        !matches!(self.samples[sample], Kept::Absent)
    }

    /// A sample, at the size at which samples are kept.
    ///
    /// # Errors
    /// [`ImageError`] where the image is not kept and its file has gone bad since.
    ///
    /// # Panics
    /// If the sample was not loaded or was unreadable.
    pub fn pixels(&self, sample: usize) -> Result<Cow<'_, Pixels>, ImageError> {
        self.picture(sample)?.into_pixels().map_err(|fault| self.dataset().image_error(sample, fault))
    }

    /// As [`Self::pixels`], but what is read from its file may be decoded when it is known how much of it is wanted.
    pub(crate) fn picture(&self, sample: usize) -> Result<Picture<'_>, ImageError> {
        match &self.samples[sample] {
            Kept::InMemory(pixels) => Ok(Picture::Decoded(Cow::Borrowed(pixels))),
            Kept::OnDisk(record) => match self.pack.as_ref().and_then(|pack| pack.read(*record)) {
                Some((pixels, _)) => Ok(Picture::of(pixels)),
                // It was damaged since.
                None => self.picture_at_source(sample),
            },
            Kept::AtSource => self.picture_at_source(sample),
            Kept::Absent => panic!("sample {sample} was not loaded"),
        }
    }

    fn picture_at_source(&self, sample: usize) -> Result<Picture<'static>, ImageError> {
        let dataset = self.dataset();
        let picture = dataset.open_picture(sample, &self.recipe)?;
        if self.detail.keeps_all([picture.height(), picture.width()], &self.recipe) {
            return Ok(picture);
        }
        let pixels = picture.into_pixels().map_err(|fault| dataset.image_error(sample, fault))?;
        Ok(Picture::of(self.detail.keep(pixels.into_owned(), &self.recipe)))
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
        let usable: Vec<usize> = samples.iter().copied().filter(|&sample| self.is_loaded(sample)).collect();
        let count = usable.len().min(MEASURED_IMAGES);
        let measured: Vec<usize> = (0..count).map(|i| usable[i * usable.len() / count]).collect();
        let measure = |index: usize| {
            let mut sums = ScalingSums::new(self.recipe.channels());
            if let Ok(pixels) = self.pixels(measured[index]) {
                sums.add(pixels.as_bytes());
            }
            sums
        };
        let crew = Crew { threads: self.threads, ..Crew::default() };
        let mut sums = ScalingSums::new(self.recipe.channels());
        for of_one in crew.map(count, measure).unwrap_or_default() {
            sums.merge(&of_one);
        }
        sums.scaling()
    }
}

/// What is told where pictures could not be kept on disk.
fn told(cache: &CacheOptions, fault: &std::io::Error) -> Option<String> {
    let folder = cache.folder.as_deref()?.display();
    Some(format!("{folder}: pictures cannot be kept there: {fault}; they are decoded again in each epoch"))
}
