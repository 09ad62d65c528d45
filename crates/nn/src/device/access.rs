//! Parameters as a run sees them.

use std::ops::{Deref, DerefMut};

/// A slice that a training changes, and of which every thread of an inference reads.
pub(super) enum Access<'a> {
    Read(&'a [f32]),
    Write(&'a mut [f32]),
}

impl Deref for Access<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Read(slice) => slice,
            Self::Write(slice) => slice,
        }
    }
}

impl DerefMut for Access<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        match self {
            Self::Read(_) => unreachable!("no operation of an inference changes parameters"),
            Self::Write(slice) => slice,
        }
    }
}
