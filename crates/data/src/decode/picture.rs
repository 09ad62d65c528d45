//! Pictures of which only a part may be wanted.

use super::jpeg::TopDown;
use super::{ImageFault, Pixels};
use std::borrow::Cow;

/// An upright picture whose pixels are at hand, or can be had from the top down.
pub(crate) enum Picture<'a> {
    /// All of it.
    Decoded(Cow<'a, Pixels>),
    /// A file that is decoded as far down as it is wanted, each time that it is.
    TopDown(TopDown),
}

impl Picture<'_> {
    /// A picture that is decoded.
    pub(crate) fn of(pixels: Pixels) -> Picture<'static> {
        Picture::Decoded(Cow::Owned(pixels))
    }

    /// Rows of the whole.
    pub(crate) fn height(&self) -> usize {
        match self {
            Self::Decoded(pixels) => pixels.height(),
            Self::TopDown(file) => file.height(),
        }
    }

    /// Columns.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Decoded(pixels) => pixels.width(),
            Self::TopDown(file) => file.width(),
        }
    }

    /// Its upper rows, at least `rows` of them or all: the same bits whatever lies below.
    ///
    /// # Errors
    /// An [`ImageFault`] where a file is damaged in these rows.
    pub(crate) fn upper(&self, rows: usize) -> Result<Cow<'_, Pixels>, ImageFault> {
        match self {
            Self::Decoded(pixels) => Ok(Cow::Borrowed(pixels)),
            Self::TopDown(file) => file.upper(rows).map(Cow::Owned),
        }
    }

    /// All of its rows.
    ///
    /// # Errors
    /// An [`ImageFault`] where a file is damaged.
    pub(crate) fn whole(&self) -> Result<Cow<'_, Pixels>, ImageFault> {
        self.upper(self.height())
    }
}

impl<'a> Picture<'a> {
    /// All of its rows, to keep.
    ///
    /// # Errors
    /// An [`ImageFault`] where a file is damaged.
    pub(crate) fn into_pixels(self) -> Result<Cow<'a, Pixels>, ImageFault> {
        match self {
            Self::Decoded(pixels) => Ok(pixels),
            Self::TopDown(file) => file.upper(file.height()).map(Cow::Owned),
        }
    }
}
