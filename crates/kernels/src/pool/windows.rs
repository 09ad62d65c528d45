//! The walk over windows that all pooling with windows shares.

use std::ops::Range;

use super::PoolShape;
use crate::disjoint::Disjoint;
use crate::elementwise::CHUNK;
use crate::simd::{Kernel, Simd};
use crate::{Cpu, Padding};

/// A window, clipped to the map.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Where the first channel of its first pixel lies in the input.
    pub(super) input: usize,
    /// Where the first channel of its result lies in the output.
    pub(super) output: usize,
    /// Its pixels.
    pub(super) height: usize,
    pub(super) width: usize,
    /// Elements of the input from a row to the next, and from a pixel to the next.
    pub(super) row: usize,
    pub(super) pixel: usize,
    /// The number of its first pixel among those of the window before it was clipped, and how many these have in a row.
    first: usize,
    numbers_in_row: usize,
}

impl Window {
    /// One over the number of its pixels.
    #[inline(always)]
    pub(super) fn share(&self) -> f32 {
        1.0 / (self.height * self.width) as f32
    }

    /// Where pixel (`y`, `x`) of the window lies in the input.
    #[inline(always)]
    pub(super) fn tap(&self, y: usize, x: usize) -> usize {
        self.input + y * self.row + x * self.pixel
    }

    /// The number of pixel (`y`, `x`) among those of the window before it was clipped, row by row.
    #[inline(always)]
    pub(super) fn number(&self, y: usize, x: usize) -> f32 {
        (self.first + y * self.numbers_in_row + x) as f32
    }
}

/// What is done with each window.
pub(super) trait OnWindow: Copy {
    /// Does it for the `n` channels from `channel` on.
    ///
    /// # Safety
    /// The pointers held are to a whole input and output of the shape that the window is of, no other thread uses the
    /// elements that are written, and `n` is 1 to `LANES`.
    unsafe fn channels<S: Simd>(self, simd: S, window: &Window, channel: usize, n: usize);
}

/// Visits all windows; `make`, called with the number of a task, gives what is done with each of its windows, which writes to
/// the window's own part of the output, or what belongs to the task.
///
/// # Safety
/// The pointers that `make` gives are to a whole input and output of the shape; nothing but the window's part of the
/// output, and what no other task uses, is written.
pub(super) unsafe fn visit_outputs<F: OnWindow>(
    cpu: &Cpu,
    shape: &PoolShape,
    make: impl Fn(usize) -> F + Sync,
) {
    let (rows, at_once) = (shape.batch * shape.out_height(), rows_of_task(shape));
    cpu.team().run(tasks(shape), |_, task| {
        let rows = task * at_once..rows.min((task + 1) * at_once);
        cpu.isa().call(Visit { shape, f: make(task), rows });
    });
}

/// Tasks that [`visit_outputs`] makes.
pub(super) fn tasks(shape: &PoolShape) -> usize {
    (shape.batch * shape.out_height()).div_ceil(rows_of_task(shape))
}

/// Clears `dx`, an input's gradient, and visits all windows; `make`, called with `dx`, gives what is done with each,
/// which writes to the window's pixels of `dx`.
///
/// # Safety
/// The pointers that `make` gives are to a whole input and output of the shape; nothing but the window's pixels of `dx`
/// is written.
pub(super) unsafe fn visit_inputs<F: OnWindow>(
    cpu: &Cpu,
    shape: &PoolShape,
    dx: &mut [f32],
    make: impl Fn(*mut f32) -> F + Sync,
) {
    let (len, out_height) = (dx.len(), shape.out_height());
    let rows = shape.batch * out_height;
    if rows == 0 {
        dx.fill(0.0);
        return;
    }
    // Windows that share pixels are visited by one task, an image at least; others by their row.
    let map = shape.height * shape.width * shape.channels;
    let at_once = if overlap(shape) { out_height * (CHUNK / map.max(1)).max(1) } else { rows_of_task(shape) };
    let dx = Disjoint::new(dx);
    cpu.team().run(rows.div_ceil(at_once), |_, task| {
        let rows = task * at_once..rows.min((task + 1) * at_once);
        if !tiles(shape) {
            let own = first_input(shape, rows.start)..first_input(shape, rows.end);
            // SAFETY: the pixels from the first of a task's windows to the first of the next task's belong to the task.
            unsafe { dx.part(own) }.fill(0.0);
        }
        cpu.isa().call(Visit { shape, f: make(dx.pointer(0..len)), rows });
    });
}

/// Whether a pixel may be in several windows.
pub(super) fn overlap(shape: &PoolShape) -> bool {
    shape.strides.0 < shape.window.0 || shape.strides.1 < shape.window.1
}

/// Whether each pixel is in exactly one window.
fn tiles(shape: &PoolShape) -> bool {
    shape.window == shape.strides
        && shape.padding == Padding::NONE
        && shape.out_height() * shape.window.0 == shape.height
        && shape.out_width() * shape.window.1 == shape.width
}

/// Rows of the output, counted through all maps, that make a task: enough to have some thousand elements of input.
fn rows_of_task(shape: &PoolShape) -> usize {
    let input = shape.strides.0 * shape.width * shape.channels;
    (CHUNK / input.max(1)).max(1)
}

/// Where the first row of pixels lies in the input that the windows of row `index` of the output have; the end, for the row
/// after the last.
pub(super) fn first_input(shape: &PoolShape, index: usize) -> usize {
    let (image, oy) = (index / shape.out_height(), index % shape.out_height());
    let y = (oy * shape.strides.0).saturating_sub(shape.padding.top);
    (image * shape.height + y) * shape.width * shape.channels
}

/// The windows of some rows of the output, counted through all maps.
///
/// Made by `visit_outputs` and `visit_inputs` only, whose callers promise what `OnWindow::channels` asks for.
struct Visit<'a, F> {
    shape: &'a PoolShape,
    f: F,
    rows: Range<usize>,
}

impl<F: OnWindow> Kernel for Visit<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let shape = self.shape;
        let (out_height, out_width) = (shape.out_height(), shape.out_width());
        let row = shape.width * shape.channels;
        for index in self.rows {
            let (image, oy) = (index / out_height, index % out_height);
            let ys = clip(oy * shape.strides.0, shape.window.0, shape.padding.top, shape.height);
            for ox in 0..out_width {
                let xs = clip(ox * shape.strides.1, shape.window.1, shape.padding.left, shape.width);
                let window = Window {
                    input: (image * shape.height + ys.start) * row + xs.start * shape.channels,
                    output: (index * out_width + ox) * shape.channels,
                    height: ys.len(),
                    width: xs.len(),
                    row,
                    pixel: shape.channels,
                    first: (ys.start + shape.padding.top - oy * shape.strides.0) * shape.window.1
                        + (xs.start + shape.padding.left - ox * shape.strides.1),
                    numbers_in_row: shape.window.1,
                };
                // The common window with its size known to the compiler, which unrolls its loops.
                if (window.height, window.width) == (2, 2) {
                    on_window(simd, self.f, &Window { height: 2, width: 2, ..window });
                } else {
                    on_window(simd, self.f, &window);
                }
            }
        }
    }
}

#[inline(always)]
fn on_window<S: Simd>(simd: S, f: impl OnWindow, window: &Window) {
    let whole = window.pixel - window.pixel % S::LANES;
    for channel in (0..whole).step_by(S::LANES) {
        // SAFETY: whoever made the visit promised what `f` asks for; there are LANES channels from this one on.
        unsafe { f.channels(simd, window, channel, S::LANES) };
    }
    if whole < window.pixel {
        // SAFETY: as above, with the channels that are left.
        unsafe { f.channels(simd, window, whole, window.pixel - whole) };
    }
}

/// The pixels of the map that are in the window from `start` on, counted in the padded map.
#[inline(always)]
fn clip(start: usize, window: usize, before: usize, size: usize) -> Range<usize> {
    start.saturating_sub(before)..(start + window - before).min(size)
}
