//! One image of a dataset: where its pixels are, and what it is labelled with.

use std::path::PathBuf;

use super::Part;
use crate::decode::Pixels;

/// What labels mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelKind {
    /// Each sample belongs to exactly one class.
    Classes,
    /// Each sample carries any number of labels.
    MultiLabel,
}

/// What a sample is labelled with, as indices into [`Dataset::classes`](super::Dataset::classes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// The one class.
    Class(usize),
    /// The labels, ascending; perhaps none.
    Labels(Vec<usize>),
}

impl Label {
    /// The classes it names.
    pub fn indices(&self) -> &[usize] {
        match self {
            Self::Class(class) => std::slice::from_ref(class),
            Self::Labels(labels) => labels,
        }
    }
}

/// Where a sample's pixels are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An image file; one in an archive has a path that begins with the archive's. [`Dataset::read`](super::Dataset::read) reads either.
    File(PathBuf),
    /// An item of an array held in memory.
    Item {
        /// Which of the dataset's arrays.
        array: usize,
        /// Which of its images.
        item: usize,
    },
}

/// A sample's picture as its source holds it.
#[derive(Debug, Clone)]
pub enum Stored {
    /// The content of an image file.
    File(Vec<u8>),
    /// Pixels that were never packed.
    Pixels(Pixels),
}

/// One image and what it is labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Where its pixels are.
    pub source: Source,
    /// What it shows.
    pub label: Label,
    /// The part it comes in; `None` where the data is not divided.
    pub part: Option<Part>,
}
