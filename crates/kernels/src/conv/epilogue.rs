//! What becomes of a convolution's sums before they are stored.

use std::ops::Range;

use crate::Rectifier;
use crate::microkernel::{After, Start};

/// `y = activation((sum + bias) * scale + shift + residual) * scale' + shift'`; what is not given is left out.
///
/// Done while the sums are in registers, so that a bias, a shortcut, an activation and a batch norm with known statistics cost no
/// pass over memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue<'a> {
    /// `[filters]`.
    pub bias: Option<&'a [f32]>,
    /// A scale and a shift for each filter, `[filters]` each, before the activation.
    pub before: Option<[&'a [f32]; 2]>,
    /// As the output.
    pub residual: Option<&'a [f32]>,
    /// The activation.
    pub activation: Option<Rectifier>,
    /// A scale and a shift for each filter, `[filters]` each, after the activation.
    pub behind: Option<[&'a [f32]; 2]>,
}

impl<'a> Epilogue<'a> {
    /// A bias and nothing else.
    pub fn bias(bias: Option<&'a [f32]>) -> Self {
        Self { bias, ..Self::default() }
    }

    /// The same for a part of the output.
    pub(super) fn of_part(&self, part: Range<usize>) -> Self {
        Self { residual: self.residual.map(|residual| &residual[part]), ..*self }
    }

    /// # Panics
    /// When a slice has not the length that the output tells.
    pub(super) fn check(&self, filters: usize, output: usize) {
        let affine = [self.before, self.behind].into_iter().flatten().flatten();
        let per_filter = self.bias.into_iter().chain(affine);
        assert!(per_filter.into_iter().all(|of| of.len() == filters), "a number for each filter");
        assert!(self.residual.is_none_or(|residual| residual.len() == output), "a residual like the output");
    }

    /// What the sums of some filters begin with.
    pub(super) fn start(&self, filter: usize, filters: usize) -> Start<'a> {
        self.bias.map_or(Start::Zero, |bias| Start::Bias(&bias[filter..filter + filters]))
    }

    /// What becomes of the sums of some filters; the first of them lies at `offset` in the output.
    pub(super) fn after(&self, offset: usize, filter: usize, filters: usize) -> After<'a> {
        let of_filters = |affine: [&'a [f32]; 2]| affine.map(|of| &of[filter..filter + filters]);
        After {
            before: self.before.map(of_filters),
            residual: self.residual.map(|residual| &residual[offset..]),
            activation: self.activation,
            behind: self.behind.map(of_filters),
        }
    }
}
