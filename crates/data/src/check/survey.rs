//! One look at every picture.

use super::measures::Measures;
use crate::dataset::{Dataset, Stored};
use crate::decode::{self, Channels, Header, ImageError};
use crate::error::DataError;
use crate::preprocess::Preprocess;
use crate::store::{StoreOptions, Unreadable};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What one look at every picture of a dataset gives: what its file says of itself, and what its pixels come to. The pixels
/// themselves are not kept.
#[derive(Debug)]
pub struct Survey<'a> {
    dataset: &'a Dataset,
    /// By ascending sample.
    facts: Vec<Facts>,
    /// By ascending sample.
    unreadable: Vec<Unreadable>,
}

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub(super) sample: usize,
    /// `None` for a picture that is not in a file of its own.
    pub(super) file: Option<FileFacts>,
    pub(super) measures: Measures,
}

/// What is known of a picture from its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileFacts {
    /// Its size on disk.
    pub(super) bytes: usize,
    pub(super) header: Header,
}

impl<'a> Survey<'a> {
    /// Decodes every picture once, at its own size. Of the options, threads, limits, progress and cancel are heeded.
    ///
    /// # Errors
    /// [`DataError::Interrupted`] when cancelled.
    pub fn of(dataset: &'a Dataset, options: &StoreOptions<'_>) -> Result<Self, DataError> {
        let samples = dataset.samples().len();
        let recipe =
            Preprocess::new(1, 1, Channels::Rgb).unwrap_or_else(|_| unreachable!("a pixel is a size"));
        let cancelled = || options.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let found = Mutex::new((Vec::with_capacity(samples), Vec::new()));
        let work = || {
            loop {
                let sample = next.fetch_add(1, Ordering::Relaxed);
                if sample >= samples || cancelled() {
                    return;
                }
                let looked = look(dataset, sample, &recipe, options);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                match looked {
                    Ok(facts) => found.0.push(facts),
                    Err(error) => found.1.push(Unreadable { sample, error }),
                }
                drop(found);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if let Some(progress) = options.progress {
                    progress(done, samples);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..options.threads.clamp(1, samples.max(1)) {
                scope.spawn(work);
            }
        });
        if cancelled() {
            return Err(DataError::Interrupted);
        }
        let (mut facts, mut unreadable) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        facts.sort_unstable_by_key(|facts| facts.sample);
        unreadable.sort_unstable_by_key(|bad| bad.sample);
        Ok(Self { dataset, facts, unreadable })
    }

    /// The dataset that was looked at.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// The samples that could be decoded, ascending.
    pub fn readable(&self) -> Vec<usize> {
        self.facts.iter().map(|facts| facts.sample).collect()
    }

    /// The samples that could not, ascending.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Height and width of a picture as it is seen, in pixels; `None` where it could not be decoded.
    pub fn size(&self, sample: usize) -> Option<(usize, usize)> {
        let at = self.facts.binary_search_by_key(&sample, |facts| facts.sample).ok()?;
        let Measures { height, width, .. } = self.facts[at].measures;
        Some((height as usize, width as usize))
    }

    pub(super) fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// The samples in files of their own, with what is known of these.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, &FileFacts)> {
        self.facts.iter().filter_map(|facts| Some((facts.sample, facts.file.as_ref()?)))
    }
}

fn look(
    dataset: &Dataset,
    sample: usize,
    recipe: &Preprocess,
    options: &StoreOptions<'_>,
) -> Result<Facts, ImageError> {
    let limits = &options.limits;
    let stored = dataset.read(sample, limits)?;
    let file = match &stored {
        Stored::File(content) => {
            let header = decode::header(content, limits);
            let header = header.map_err(|fault| ImageError { path: dataset.sample_path(sample), fault })?;
            Some(FileFacts { bytes: content.len(), header })
        }
        Stored::Pixels(_) => None,
    };
    let pixels = dataset.decode(sample, stored, recipe, limits)?.into_channels(Channels::Rgb);
    Ok(Facts { sample, file, measures: Measures::of(pixels) })
}
