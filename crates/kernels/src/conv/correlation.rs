//! The geometry that all passes of a convolution share: windows over an image.

use std::ops::Range;

use super::Conv2dShape;
use crate::microkernel::{Strides, Taps, Windows};
use crate::packing::PANEL;

/// The extent of one image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Map {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Map {
    pub(super) fn strides(self) -> Strides {
        Strides {
            image: self.height * self.width * self.channels,
            row: self.width * self.channels,
            pixel: self.channels,
        }
    }
}

/// Where the windows of a batch of images lie, and where the sums over them go.
///
/// The window of output (i, j) has `taps` elements, element (p, q) of which is the source pixel
/// `(origin.0 + i * step.0 + p * spacing.0, origin.1 + j * step.1 + q * spacing.1)`; pixels beyond the image count as
/// zeros. The sum is written to the target pixel `(first.0 + i * every.0, first.1 + j * every.1)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Correlation {
    pub batch: usize,
    pub groups: usize,
    pub source: Map,
    pub target: Map,
    /// Rows and columns of outputs of one image.
    pub outputs: (usize, usize),
    pub taps: (usize, usize),
    pub spacing: (usize, usize),
    pub step: (usize, usize),
    pub origin: (isize, isize),
    pub first: (usize, usize),
    pub every: (usize, usize),
}

/// Some rows of outputs of some images: all rows where there is more than one image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

/// Target channels that are computed together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Panel {
    /// The first source channel that they are made of.
    pub channel: usize,
    /// The first of them, and how many there are.
    pub filter: usize,
    pub filters: usize,
}

impl Conv2dShape {
    /// The windows of the forward pass.
    pub(super) fn correlation(&self) -> Correlation {
        Correlation {
            batch: self.batch,
            groups: self.groups,
            source: Map { height: self.height, width: self.width, channels: self.channels },
            target: Map { height: self.out_height(), width: self.out_width(), channels: self.filters },
            outputs: (self.out_height(), self.out_width()),
            taps: self.kernel,
            spacing: self.dilation,
            step: self.strides,
            origin: (-self.padding.top.cast_signed(), -self.padding.left.cast_signed()),
            first: (0, 0),
            every: (1, 1),
        }
    }
}

impl Correlation {
    /// Source channels of one group.
    pub(super) fn depth(&self) -> usize {
        self.source.channels / self.groups
    }

    /// Target channels of one group.
    pub(super) fn filters(&self) -> usize {
        self.target.channels / self.groups
    }

    /// Panels of target channels.
    pub(super) fn panels(&self) -> usize {
        self.groups * self.filters().div_ceil(PANEL)
    }

    /// Elements of the weights of one panel.
    pub(super) fn panel_len(&self) -> usize {
        self.taps.0 * self.taps.1 * self.depth() * PANEL
    }

    /// The source channels that some panels are made of.
    pub(super) fn channels(&self, panels: &Range<usize>) -> Range<usize> {
        let last = self.panel(panels.end - 1);
        self.panel(panels.start).channel..last.channel + self.depth()
    }

    /// The target channels of some panels.
    pub(super) fn filters_of(&self, panels: &Range<usize>) -> Range<usize> {
        let last = self.panel(panels.end - 1);
        self.panel(panels.start).filter..last.filter + last.filters
    }

    /// Elements of so many rows of outputs of one image.
    pub(super) fn output_len(&self, rows: usize) -> usize {
        rows * self.outputs.1 * self.target.channels
    }

    pub(super) fn panel(&self, panel: usize) -> Panel {
        let panels = self.filters().div_ceil(PANEL);
        let (group, first) = (panel / panels, panel % panels * PANEL);
        Panel {
            channel: group * self.depth(),
            filter: group * self.filters() + first,
            filters: PANEL.min(self.filters() - first),
        }
    }

    /// The windows along rows and along columns of one image.
    pub(super) fn windows(&self) -> (Windows, Windows) {
        let rows = Windows {
            outputs: self.outputs.0,
            extent: self.source.height,
            taps: self.taps.0,
            spacing: self.spacing.0,
            step: self.step.0,
            origin: self.origin.0,
        };
        let columns = Windows {
            outputs: self.outputs.1,
            extent: self.source.width,
            taps: self.taps.1,
            spacing: self.spacing.1,
            step: self.step.1,
            origin: self.origin.1,
        };
        (rows, columns)
    }

    /// Source rows and columns that the windows of so many rows of outputs cover.
    pub(super) fn covered(&self, rows: usize) -> (usize, usize) {
        let cover = |outputs: usize, step: usize, taps: usize, spacing: usize| {
            (outputs - 1) * step + (taps - 1) * spacing + 1
        };
        (
            cover(rows, self.step.0, self.taps.0, self.spacing.0),
            cover(self.outputs.1, self.step.1, self.taps.1, self.spacing.1),
        )
    }

    /// How many rows of outputs have a source of at most `elements`, but one at the least.
    pub(super) fn rows_within(&self, elements: usize) -> usize {
        let (rows, columns) = self.covered(1);
        let row = columns * self.source.channels;
        (1 + elements.saturating_sub(rows * row) / (self.step.0 * row)).min(self.outputs.0)
    }

    /// From one output to the next, in a source with the given strides between pixels.
    pub(super) fn steps(&self, source: Strides) -> Strides {
        Strides { image: source.image, row: self.step.0 * source.row, pixel: self.step.1 * source.pixel }
    }

    /// What a window sees in a source with the given strides between pixels.
    pub(super) fn window(&self, source: Strides) -> Taps {
        Taps {
            rows: self.taps.0,
            columns: self.taps.1,
            len: self.depth(),
            row_stride: self.spacing.0 * source.row,
            column_stride: self.spacing.1 * source.pixel,
            row_depth: self.taps.1 * self.depth(),
        }
    }

    /// From one output to the next, in the target.
    pub(super) fn target_strides(&self) -> Strides {
        let target = self.target.strides();
        Strides { image: target.image, row: self.every.0 * target.row, pixel: self.every.1 * target.pixel }
    }

    /// Where an output lies in the target.
    pub(super) fn target_offset(&self, image: usize, row: usize, column: usize) -> usize {
        let target = self.target.strides();
        image * target.image
            + (self.first.0 + row * self.every.0) * target.row
            + (self.first.1 + column * self.every.1) * target.pixel
    }
}
