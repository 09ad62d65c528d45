//! What one look at every picture gives.

mod measures;

pub(crate) use measures::Measures;

use crate::dataset::{Dataset, Stored};
use crate::decode::{self, Channels, Header, ImageError};
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::preprocess::Preprocess;
use crate::store::{StoreOptions, Unreadable};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What one look at pictures of a dataset gives: what their files say of themselves, and what their pixels come to. The pixels
/// themselves are not kept.
///
/// There are two ways to one. [`Survey::of`] decodes all pictures for it and measures them at their own size.
/// [`ImageStore::survey`](crate::ImageStore::survey) is what loading has seen of the samples that were loaded. Where nothing else is asked for
/// ([`Measuring`](crate::Measuring)) it costs hardly anything: light and colours are measured at the size at which pictures are kept, and there is no
/// sharpness at that size.
#[derive(Debug)]
pub struct Survey {
    dataset: Arc<Dataset>,
    /// By ascending sample.
    facts: Vec<Facts>,
    /// By ascending sample.
    unreadable: Vec<Unreadable>,
}

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub(crate) sample: usize,
    pub(crate) origin: Origin,
    /// What tells it from others.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) measures: Measures,
}

/// What is known of a picture before its pixels are looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    /// Pixels of the picture as it is seen, at its own size.
    pub(crate) height: u32,
    pub(crate) width: u32,
    /// `None` for a picture that is not in a file of its own.
    pub(crate) file: Option<FileFacts>,
}

/// What is known of a picture from its file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileFacts {
    /// Its size on disk.
    pub(crate) bytes: usize,
    pub(crate) header: Header,
}

impl Origin {
    /// What `stored`, which was read of a sample, says of itself to someone who decodes it by `recipe`.
    ///
    /// # Errors
    /// [`ImageError`] where a file's header cannot be read.
    pub(crate) fn of(
        dataset: &Dataset,
        sample: usize,
        stored: &Stored,
        recipe: &Preprocess,
    ) -> Result<Self, ImageError> {
        let content = match stored {
            Stored::Pixels(pixels) => {
                return Ok(Self { height: pixels.height() as u32, width: pixels.width() as u32, file: None });
            }
            Stored::File(content) => content,
        };
        let header =
            decode::header(content, &dataset.limits()).map_err(|fault| dataset.image_error(sample, fault))?;
        let (mut height, mut width) = (header.height, header.width);
        if header.is_on_its_side() && recipe.applies_orientation() {
            (height, width) = (width, height);
        }
        Ok(Self { height, width, file: Some(FileFacts { bytes: content.len(), header }) })
    }

    /// The shorter side, in pixels.
    pub(crate) fn short_side(&self) -> u32 {
        self.height.min(self.width)
    }

    /// Width by height.
    pub(crate) fn aspect(&self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }
}

/// What can be told of a picture whatever it shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attributes {
    /// Pixels of the picture as it is seen, at its own size.
    pub width: usize,
    /// The same, from top to bottom.
    pub height: usize,
    /// The size of its file; `None` for a picture that is not in a file of its own.
    pub bytes: Option<usize>,
    /// The name of its file's format, such as `PNG`.
    pub format: Option<&'static str>,
    /// Its mean luma (ITU-R BT.601), from 0 to 255.
    pub light: f32,
    /// How quickly its edges rise, about `1 / (2 s²)` of one that is blurred by a Gaussian of deviation s, in pixels at a longest side of 256.
    /// `None` where the picture is too small or too plain to tell, or was not measured at its own size.
    pub sharpness: Option<f32>,
}

impl Survey {
    /// Decodes every picture once, at its own size. Of the options, threads, progress and cancel are heeded.
    ///
    /// # Errors
    /// [`DataError::Interrupted`] when cancelled.
    pub fn of(dataset: &Arc<Dataset>, options: &StoreOptions<'_>) -> Result<Self, DataError> {
        let recipe =
            Preprocess::new(1, 1, Channels::Rgb).unwrap_or_else(|_| unreachable!("a pixel is a size"));
        let samples = dataset.samples().len();
        let looked = options.crew().map(samples, |sample| look(dataset, sample, &recipe));
        let (mut facts, mut unreadable) = (Vec::with_capacity(samples), Vec::new());
        for (sample, looked) in looked.ok_or(DataError::Interrupted)?.into_iter().enumerate() {
            match looked {
                Ok(found) => facts.push(found),
                Err(error) => unreadable.push(Unreadable { sample, error }),
            }
        }
        Ok(Self::new(dataset, facts, unreadable))
    }

    /// A survey of what was found, in any order.
    pub(crate) fn new(
        dataset: &Arc<Dataset>,
        mut facts: Vec<Facts>,
        mut unreadable: Vec<Unreadable>,
    ) -> Self {
        facts.sort_unstable_by_key(|facts| facts.sample);
        // A sample that was loaded twice is no copy of itself.
        facts.dedup_by_key(|facts| facts.sample);
        unreadable.sort_unstable_by_key(|bad| bad.sample);
        Self { dataset: Arc::clone(dataset), facts, unreadable }
    }

    /// The dataset that was looked at.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.dataset
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
        let at = self.facts.binary_search_by_key(&sample, |facts| facts.sample).ok()?;
        let Origin { height, width, .. } = self.facts[at].origin;
        Some((height as usize, width as usize))
    }

    /// What can be told of a picture whatever it shows; `None` where it could not be decoded.
    pub fn attributes(&self, sample: usize) -> Option<Attributes> {
        let at = self.facts.binary_search_by_key(&sample, |facts| facts.sample).ok()?;
        let Facts { origin: Origin { height, width, file }, measures, .. } = &self.facts[at];
        Some(Attributes {
            width: *width as usize,
            height: *height as usize,
            bytes: file.as_ref().map(|file| file.bytes),
            format: file.as_ref().map(|file| file.header.format),
            light: measures.light,
            sharpness: measures.sharpness,
        })
    }

    /// The SHA-256 of what the pictures show, in the order of samples, in hexadecimal digits: another where a pixel of one differs, the same for
    /// other files that decode to the same.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        self.facts.iter().for_each(|facts| hash.update(facts.fingerprint.to_bytes()));
        format!("{:x}", hash.finalize())
    }

    pub(crate) fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// The samples in files of their own, with what is known of these.
    pub(crate) fn files(&self) -> impl Iterator<Item = (usize, &FileFacts)> {
        self.facts.iter().filter_map(|facts| Some((facts.sample, facts.origin.file.as_ref()?)))
    }
}

fn look(dataset: &Dataset, sample: usize, recipe: &Preprocess) -> Result<Facts, ImageError> {
    let stored = dataset.read(sample)?;
    let origin = Origin::of(dataset, sample, &stored, recipe)?;
    let pixels = dataset.decode(sample, stored, recipe)?.into_channels(Channels::Rgb);
    Ok(Facts { sample, origin, fingerprint: Fingerprint::of(&pixels), measures: Measures::of(&pixels) })
}
