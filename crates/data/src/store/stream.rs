//! Files decoded in order.

use crate::decode::{ImageError, Limits, Pixels};
use crate::prefetch::Prefetch;
use crate::preprocess::Preprocess;
use std::fmt;
use std::path::PathBuf;

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
