//! Where windows lie, and how the work is cut into tasks.

use std::ops::Range;

use super::filters::Runs;
use super::operand::Operand;
use crate::Conv2dShape;
use crate::microkernel::{Grid, Strides, Taps};
use crate::packing::{PANEL, is_depthwise};

/// Tasks that a convolution is cut into where its shape allows, at the least.
pub(super) const TASKS: usize = 16;
/// Bytes of a task's source that stay in the first-level cache beside a panel of weights.
const BLOCK_SOURCE: usize = 32 * 1024;
/// Pixels a task has at the least: two tiles.
const BLOCK_PIXELS: usize = 28;
/// Bytes of weights that stay in the second-level cache beside a task's source.
const NEAR_WEIGHTS: usize = 640 * 1024;

/// How a convolution is cut: a task is some rows of one image's outputs, and some panels of filters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cut {
    pub(super) rows: usize,
    pub(super) panels: usize,
}

/// A task's part of the output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Task {
    pub(super) image: usize,
    pub(super) rows: Range<usize>,
    pub(super) panels: Range<usize>,
}

/// A convolution, and what follows from its shape and from what is multiplied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows<'a> {
    pub(super) shape: &'a Conv2dShape,
    pub(super) runs: Runs,
    pub(super) outputs: (usize, usize),
    depthwise: bool,
    /// Numbers that are multiplied together; 1 where it is depthwise.
    together: usize,
    /// Bytes of a number.
    bytes: usize,
    pub(super) cut: Cut,
}

/// The memory of one thread.
pub(super) struct Worker<'a, O: Operand> {
    scratch: &'a mut [O::Pixel],
    /// The image and the first row of outputs whose source was copied last.
    framed: Option<(usize, usize)>,
}

impl<'a, O: Operand> Worker<'a, O> {
    /// In scratch as long as [`Windows::scratch`] says.
    pub(super) fn new(scratch: &'a mut [u8]) -> Self {
        // SAFETY: numbers of pixels are integers, which may have any bits.
        let (_, scratch, _) = unsafe { scratch.align_to_mut() };
        Self { scratch, framed: None }
    }
}

/// The source of a task's windows, from the first number that the first one sees.
pub(super) struct View<'a, T> {
    pub(super) numbers: &'a [T],
    pub(super) strides: Strides,
}

impl<'a> Windows<'a> {
    pub(super) fn new<O: Operand>(shape: &'a Conv2dShape) -> Self {
        let depthwise = is_depthwise(shape.channels, shape.filters, shape.groups);
        let mut windows = Self {
            shape,
            runs: Runs::of(shape),
            outputs: (shape.out_height(), shape.out_width()),
            depthwise,
            together: if depthwise { 1 } else { O::TOGETHER },
            bytes: size_of::<O::Pixel>(),
            cut: Cut { rows: 1, panels: 1 },
        };
        if !windows.is_empty() {
            windows.cut = windows.best_cut();
        }
        windows
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shape.batch * self.outputs.0 * self.outputs.1 * self.shape.filters == 0
    }

    /// What there is more of, weights or source, is divided first, since each task reads all of the other.
    fn best_cut(&self) -> Cut {
        let panels = self.panels();
        let mut cut = Cut { rows: self.outputs.0, panels };
        let weights = if self.depthwise { 0 } else { panels * self.panel_bytes() };
        if weights > self.bytes * self.frame_len(self.outputs.0) {
            cut.panels = panels.div_ceil(TASKS.div_ceil(self.shape.batch));
        } else {
            let further = self.bytes * self.shape.strides.0 * self.frame_row_len();
            let room = BLOCK_SOURCE.saturating_sub(self.bytes * self.frame_len(1));
            cut.rows = (1 + room / further.max(1)).min(self.outputs.0);
        }
        let missing = TASKS.div_ceil(self.shape.batch * panels.div_ceil(cut.panels));
        if self.outputs.0.div_ceil(cut.rows) < missing {
            let least = BLOCK_PIXELS.div_ceil(self.outputs.1);
            cut.rows = self.outputs.0.div_ceil(missing).max(least).min(cut.rows);
        }
        // As even as can be.
        cut.rows = self.outputs.0.div_ceil(self.outputs.0.div_ceil(cut.rows));
        let missing = TASKS.div_ceil(self.shape.batch * self.outputs.0.div_ceil(cut.rows));
        cut.panels = cut.panels.min(panels.div_ceil(missing));
        cut
    }

    pub(super) fn tasks(&self) -> usize {
        self.shape.batch * self.outputs.0.div_ceil(self.cut.rows) * self.panels().div_ceil(self.cut.panels)
    }

    /// Tasks that share their source follow each other, so that it is copied once; but where there are too many weights to be read
    /// for each source, those that share panels.
    pub(super) fn task(&self, task: usize) -> Task {
        let bands = self.outputs.0.div_ceil(self.cut.rows);
        let (blocks, pieces) = (self.shape.batch * bands, self.panels().div_ceil(self.cut.panels));
        let near = self.depthwise || self.panels() * self.panel_bytes() <= NEAR_WEIGHTS;
        let (block, of_panels) =
            if near { (task / pieces, task % pieces) } else { (task % blocks, task / blocks) };
        Task {
            image: block / bands,
            rows: piece(block % bands, self.cut.rows, self.outputs.0),
            panels: piece(of_panels, self.cut.panels, self.panels()),
        }
    }

    /// Bytes of the weights of a panel, which are as wide as the numbers of pixels.
    fn panel_bytes(&self) -> usize {
        self.runs.panel_len(self.together) * self.bytes
    }

    /// Panels of filters. Those of a depthwise convolution span groups.
    pub(super) fn panels(&self) -> usize {
        if self.depthwise {
            self.shape.filters.div_ceil(PANEL)
        } else {
            self.shape.groups * self.panels_of_group()
        }
    }

    fn panels_of_group(&self) -> usize {
        (self.shape.filters / self.shape.groups).div_ceil(PANEL)
    }

    /// The filters of a panel.
    pub(super) fn filters(&self, panel: usize) -> Range<usize> {
        if self.depthwise {
            return panel * PANEL..self.shape.filters.min((panel + 1) * PANEL);
        }
        let filters = self.shape.filters / self.shape.groups;
        let (group, first) = (panel / self.panels_of_group(), panel % self.panels_of_group() * PANEL);
        group * filters + first..group * filters + filters.min(first + PANEL)
    }

    /// The first channel that a panel's filters see.
    pub(super) fn channel(&self, panel: usize) -> usize {
        if self.depthwise {
            panel * PANEL
        } else {
            panel / self.panels_of_group() * (self.shape.channels / self.shape.groups)
        }
    }

    /// Whether windows cannot be read in place: numbers are no bytes, or windows reach beyond the image, or their last step beyond the last pixel.
    fn needs_frame(&self) -> bool {
        let padding = self.shape.padding;
        let padded = padding.top + padding.bottom + padding.left + padding.right > 0;
        padded || self.bytes > 1 || !self.runs.len.is_multiple_of(self.together)
    }

    /// Bytes of scratch that one thread needs.
    pub(super) fn scratch(&self) -> usize {
        if self.needs_frame() && !self.is_empty() {
            // Where numbers begin at a multiple of their size, less than one of them is lost.
            (self.slacked(self.frame_len(self.cut.rows)) + 1) * self.bytes
        } else {
            0
        }
    }

    /// Numbers of a copy of so many source pixels' numbers: a run's last step may reach beyond it.
    fn slacked(&self, len: usize) -> usize {
        len + self.together
    }

    fn frame_row_len(&self) -> usize {
        let covered = (self.outputs.1 - 1) * self.shape.strides.1
            + (self.shape.kernel.1 - 1) * self.shape.dilation.1
            + 1;
        covered * self.shape.channels
    }

    fn frame_rows(&self, rows: usize) -> usize {
        (rows - 1) * self.shape.strides.0 + (self.shape.kernel.0 - 1) * self.shape.dilation.0 + 1
    }

    fn frame_len(&self, rows: usize) -> usize {
        self.frame_rows(rows) * self.frame_row_len()
    }

    /// What the windows of some rows of an image's outputs see: the image, or a copy of a part of it, framed with the zero point,
    /// which the worker may have made already.
    pub(super) fn view<'b, O: Operand>(
        &self,
        x: &'b [u8],
        zero_point: u8,
        task: &Task,
        worker: &'b mut Worker<'_, O>,
    ) -> View<'b, O::Pixel> {
        let Conv2dShape { height, width, channels, strides, .. } = *self.shape;
        let row_len = width * channels;
        let x = &x[task.image * height * row_len..][..height * row_len];
        if let Some(x) = O::in_place(x).filter(|_| !self.needs_frame()) {
            let strides = Strides { image: 0, row: row_len, pixel: channels };
            return View { numbers: &x[task.rows.start * self.shape.strides.0 * row_len..], strides };
        }
        let framed_len = self.frame_row_len();
        let len = self.frame_rows(task.rows.len()) * framed_len;
        let block = Some((task.image, task.rows.start));
        if worker.framed != block {
            let top = task.rows.start * strides.0;
            for (index, to) in worker.scratch[..len].chunks_exact_mut(framed_len).enumerate() {
                frame_row(self.shape, x, zero_point, top + index, to);
            }
            worker.framed = block;
        }
        let strides = Strides { image: 0, row: framed_len, pixel: channels };
        View { numbers: &worker.scratch[..self.slacked(len)], strides }
    }

    /// What a window sees in a view.
    pub(super) fn taps(&self, strides: Strides) -> Taps {
        let Conv2dShape { dilation, .. } = *self.shape;
        let (columns, len) =
            if self.depthwise { (self.shape.kernel.1, 1) } else { (self.runs.columns, self.runs.len) };
        Taps {
            rows: self.runs.rows,
            columns,
            len,
            row_stride: dilation.0 * strides.row,
            column_stride: dilation.1 * strides.pixel,
            row_depth: columns * len,
        }
    }

    /// From one output's window to the next one's in a view.
    pub(super) fn steps(&self, strides: Strides) -> Strides {
        Strides {
            image: 0,
            row: self.shape.strides.0 * strides.row,
            pixel: self.shape.strides.1 * strides.pixel,
        }
    }

    /// A task's outputs.
    pub(super) fn grid(&self, rows: &Range<usize>) -> Grid {
        Grid { images: 1, rows: rows.len(), columns: self.outputs.1 }
    }
}

/// The `index`th piece of a `total` that is cut into pieces of a size.
pub(super) fn piece(index: usize, size: usize, total: usize) -> Range<usize> {
    index * size..total.min((index + 1) * size)
}

/// A row of an image with the padding around it, the zero point, counted as rows and columns; as much of it as there is room for, and beyond it more of the same.
pub(super) fn frame_row<T: Copy + From<u8>>(
    shape: &Conv2dShape,
    image: &[u8],
    zero_point: u8,
    row: usize,
    to: &mut [T],
) {
    let Conv2dShape { height, width, channels, padding, .. } = *shape;
    let (row_len, around) = (width * channels, T::from(zero_point));
    match row.checked_sub(padding.top) {
        Some(row) if row < height => {
            let before = (padding.left * channels).min(to.len());
            let (before, rest) = to.split_at_mut(before);
            let (inside, after) = rest.split_at_mut(rest.len().min(row_len));
            before.fill(around);
            inside.iter_mut().zip(&image[row * row_len..]).for_each(|(to, from)| *to = T::from(*from));
            after.fill(around);
        }
        _ => to.fill(around),
    }
}
