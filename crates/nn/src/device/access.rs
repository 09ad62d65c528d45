//! Parameters as a run sees them.

use std::ops::{Deref, DerefMut};

use crate::parameters::{ParameterId, ParameterTable};

/// All parameters of a network.
pub(super) struct Stored<'a> {
    pub(super) values: Access<'a>,
    pub(super) statistics: Access<'a>,
    pub(super) table: &'a ParameterTable,
}

impl Stored<'_> {
    /// One of them, as kernels read it.
    pub(super) fn get(&self, id: ParameterId) -> &[f32] {
        let slice = if self.table.is_trained(id) { &self.values } else { &self.statistics };
        &slice[self.table.range(id)]
    }
}

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
