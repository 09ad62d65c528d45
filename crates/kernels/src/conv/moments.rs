//! What batch norms ask of a convolution's outputs, gathered by each task of its own while they are in the cache.

use std::ops::Range;

use super::correlation::{Block, Correlation};
use crate::Cpu;
use crate::columns::{MOMENTS, column_moments};
use crate::disjoint::Disjoint;

/// Where a convolution's outputs go.
#[derive(Debug)]
pub struct ConvOutput<'a> {
    /// `[batch, out_height, out_width, filters]`.
    pub y: &'a mut [f32],
    /// What [`batch_statistics_from_moments`](crate::batch_statistics_from_moments) reads of them, if it is asked for:
    /// [`Conv2dShape::moments_len`](super::Conv2dShape::moments_len) numbers.
    pub moments: Option<&'a mut [f32]>,
}

impl<'a> From<&'a mut [f32]> for ConvOutput<'a> {
    /// The outputs alone.
    fn from(y: &'a mut [f32]) -> Self {
        Self { y, moments: None }
    }
}

/// Elements of a task's outputs at the most, if moments are asked for: 512 KiB, which stay in the second-level cache until they are looked
/// at again.
pub(super) const BLOCK_OUTPUTS: usize = 128 * 1024;

/// Elements of so many parts' moments.
pub(super) fn moments_len(parts: usize, filters: usize) -> usize {
    parts * MOMENTS * filters
}

/// Outputs and moments as the tasks of a convolution write them.
pub(super) struct Outputs<'a> {
    pub y: Disjoint<'a, f32>,
    /// `[parts][MOMENTS][filters]`.
    moments: Option<Disjoint<'a, f32>>,
    filters: usize,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(c: &Correlation, output: ConvOutput<'a>) -> Self {
        let ConvOutput { y, moments } = output;
        let all = c.outputs == (c.target.height, c.target.width);
        assert!(all || moments.is_none(), "moments of outputs that are not all of the target");
        Self { y: Disjoint::new(y), moments: moments.map(Disjoint::new), filters: c.target.channels }
    }

    /// Gathers the moments of some filters of some pixels of the batch, given as runs of neighbours, if they are asked for.
    ///
    /// # Safety
    /// Nobody else has these filters of these pixels or of this part in use.
    pub(super) unsafe fn gather(
        &self,
        cpu: &Cpu,
        part: usize,
        pixels: impl Iterator<Item = Range<usize>> + Clone,
        filters: Range<usize>,
    ) {
        let Some(moments) = &self.moments else { return };
        let out = std::array::from_fn(|moment| {
            let first = (part * MOMENTS + moment) * self.filters;
            // SAFETY: promised by the caller.
            unsafe { moments.part(first + filters.start..first + filters.end) }
        });
        // SAFETY: promised by the caller.
        unsafe { column_moments(cpu, &self.y, self.filters, pixels, filters, out) };
    }
}

impl Correlation {
    /// The outputs of a block, counted over the whole batch: they are neighbours.
    pub(super) fn pixels(&self, block: &Block) -> Range<usize> {
        let (rows, columns) = self.outputs;
        let first = (block.images.start * rows + block.rows.start) * columns;
        first..first + block.images.len() * block.rows.len() * columns
    }
}
