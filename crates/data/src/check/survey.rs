//! One look at every picture.

use super::measures::Measures;
use crate::dataset::{Dataset, Stored};
use crate::decode::{self, Channels, Header, ImageError};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::preprocess::Preprocess;
use crate::store::{StoreOptions, Unreadable};

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
    /// What tells it from others.
    fingerprint: Fingerprint,
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
    /// Decodes every picture once, at its own size. Of the options, threads, progress and cancel are heeded.
    ///
    /// # Errors
    /// [`DataError::Interrupted`] when cancelled.
    pub fn of(dataset: &'a Dataset, options: &StoreOptions<'_>) -> Result<Self, DataError> {
        let samples = dataset.samples().len();
        let recipe =
            Preprocess::new(1, 1, Channels::Rgb).unwrap_or_else(|_| unreachable!("a pixel is a size"));
        let looked = options.crew().map(samples, |sample| look(dataset, sample, &recipe));
        let (mut facts, mut unreadable) = (Vec::with_capacity(samples), Vec::new());
        for (sample, looked) in looked.ok_or(DataError::Interrupted)?.into_iter().enumerate() {
            match looked {
                Ok(found) => facts.push(found),
                Err(error) => unreadable.push(Unreadable { sample, error }),
            }
        }
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

    /// The samples that could not be decoded, ascending.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// Height and width of a picture as it is seen, in pixels; `None` where it could not be decoded.
    pub fn size(&self, sample: usize) -> Option<(usize, usize)> {
        let Measures { height, width, .. } = self.of_sample(sample)?.measures;
        Some((height as usize, width as usize))
    }

    /// What tells a sample from others; none for one that could not be decoded.
    pub(super) fn fingerprint(&self, sample: usize) -> Option<&Fingerprint> {
        self.of_sample(sample).map(|facts| &facts.fingerprint)
    }

    fn of_sample(&self, sample: usize) -> Option<&Facts> {
        let at = self.facts.binary_search_by_key(&sample, |facts| facts.sample).ok()?;
        Some(&self.facts[at])
    }

    pub(super) fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// The samples in files of their own, with what is known of these.
    pub(super) fn files(&self) -> impl Iterator<Item = (usize, &FileFacts)> {
        self.facts.iter().filter_map(|facts| Some((facts.sample, facts.file.as_ref()?)))
    }
}

fn look(dataset: &Dataset, sample: usize, recipe: &Preprocess) -> Result<Facts, ImageError> {
    let stored = dataset.read(sample)?;
    let file = match &stored {
        Stored::File(content) => {
            let header = decode::header(content, &dataset.limits());
            let header = header.map_err(|fault| ImageError { path: dataset.sample_path(sample), fault })?;
            Some(FileFacts { bytes: content.len(), header })
        }
        Stored::Pixels(_) => None,
    };
    let pixels = dataset.decode(sample, stored, recipe)?.into_channels(Channels::Rgb);
    let fingerprint = Fingerprint::of(&pixels);
    Ok(Facts { sample, file, fingerprint, measures: Measures::of(pixels) })
}
