//! Convolutions and, as convolutions of single pixels, dense layers.

use super::depthwise::ChannelSweep;
use super::filters::{Int8Filters, Weights};
use super::operand::{Operand, Pairs, Quads};
use super::outputs::Outputs;
use super::path::Path;
use super::tile::{Finish, Sweep};
use super::window::{Task, Windows, Worker};
use super::winograd::{self, Squares};
use super::{Int8Target, Residual};
use crate::disjoint::Disjoint;
use crate::microkernel::{Grid, Strides, Taps};
use crate::packing::PANEL;
use crate::{Conv2dShape, Cpu, Team};

/// Bytes of scratch that [`int8_conv2d`] with these filters needs on so many threads.
pub fn int8_conv2d_scratch(filters: &Int8Filters, shape: &Conv2dShape, threads: usize) -> usize {
    let of_one = match filters.weights {
        Weights::Quads(_) | Weights::Channels(_) => Windows::new::<Quads>(shape).scratch(),
        Weights::Pairs(_) => Windows::new::<Pairs>(shape).scratch(),
        Weights::Squares(_) => Squares::new(shape).scratch(),
    };
    threads * of_one
}

/// A convolution of `x`, `[batch, height, width, channels]` with the given zero point, finished as the filters' epilogue tells,
/// to `y`, `[batch, out_height, out_width, filters]`.
///
/// `filters` were made for this shape (of any batch) and zero point. `scratch` has at least [`int8_conv2d_scratch`] bytes of any
/// value. A dense layer is a convolution of `batch` pictures of one pixel.
///
/// # Panics
/// When a slice has not the length that the shape tells.
pub fn int8_conv2d(
    cpu: &Cpu,
    shape: &Conv2dShape,
    x: &[u8],
    zero_point: u8,
    filters: &Int8Filters,
    residual: Option<Residual<'_>>,
    y: Int8Target<'_>,
    scratch: &mut [u8],
) {
    convolve(Path::of(cpu.isa()), cpu.team(), shape, x, zero_point, filters, residual, y, scratch);
}

/// As [`int8_conv2d`], on the path given.
pub(super) fn convolve(
    path: Path,
    team: &Team,
    shape: &Conv2dShape,
    x: &[u8],
    zero_point: u8,
    filters: &Int8Filters,
    residual: Option<Residual<'_>>,
    y: Int8Target<'_>,
    scratch: &mut [u8],
) {
    assert_eq!(x.len(), shape.input_len(), "a convolution's input");
    let outputs = &Outputs::new(shape, filters, residual, y);
    let (x, start) = ((x, zero_point), filters.start.as_slice());
    match &filters.weights {
        Weights::Quads(weights) => {
            let windows = Windows::new::<Quads>(shape);
            each_panel::<Quads>(team, &windows, x, outputs, scratch, |part| {
                part.sums(path, &windows, weights, start);
            });
        }
        Weights::Pairs(weights) => {
            let windows = Windows::new::<Pairs>(shape);
            each_panel::<Pairs>(team, &windows, x, outputs, scratch, |part| {
                part.sums(path, &windows, weights, start);
            });
        }
        Weights::Channels(weights) => {
            let windows = Windows::new::<Quads>(shape);
            each_panel::<Quads>(team, &windows, x, outputs, scratch, |part| {
                part.sums_of_channels(path, &windows, weights, start);
            });
        }
        Weights::Squares(weights) => {
            winograd::convolve(path, team, &Squares::new(shape), x, (weights, start), outputs, scratch);
        }
    }
}

/// A panel of filters for some rows of an image.
struct Part<'a, O: Operand> {
    panel: usize,
    grid: Grid,
    /// From the first number that the panel's filters see of the first pixel.
    source: &'a [O::Pixel],
    strides: Strides,
    taps: Taps,
    finish: Finish<'a>,
}

/// Calls `compute` for each panel of each task.
fn each_panel<O: Operand>(
    team: &Team,
    windows: &Windows<'_>,
    (x, zero_point): (&[u8], u8),
    outputs: &Outputs<'_>,
    scratch: &mut [u8],
    compute: impl Fn(Part<'_, O>) + Sync,
) {
    assert!(scratch.len() >= team.threads() * windows.scratch(), "scratch of {} bytes", scratch.len());
    if windows.is_empty() {
        return;
    }
    let mut rest = scratch;
    let worker = |_| {
        let (scratch, others) = std::mem::take(&mut rest).split_at_mut(windows.scratch());
        rest = others;
        Worker::<O>::new(scratch)
    };
    let mut workers: Vec<_> = (0..team.threads()).map(worker).collect();
    let workers = Disjoint::new(&mut workers);
    team.run(windows.tasks(), |member, task| {
        let task = windows.task(task);
        // SAFETY: a member runs one task at a time.
        let worker = unsafe { &mut workers.part(member..member + 1)[0] };
        let view = windows.view(x, zero_point, &task, worker);
        let Task { image, rows, panels } = task;
        let (grid, taps) = (windows.grid(&rows), windows.taps(view.strides));
        for panel in panels {
            let source = &view.numbers[windows.channel(panel)..];
            // No other task has this panel's filters of these rows.
            let finish = outputs.finish(image, &rows, panel, &windows.filters(panel));
            compute(Part { panel, grid, source, strides: windows.steps(view.strides), taps, finish });
        }
    });
}

impl<O: Operand> Part<'_, O> {
    /// From weights as windows see them and what sums begin with.
    fn sums(self, path: Path, windows: &Windows<'_>, weights: &[O::Weight], start: &[i32]) {
        let Self { panel, grid, source, strides, taps, finish } = self;
        let len = windows.runs.panel_len(O::TOGETHER);
        let (weights, start) = (&weights[panel * len..][..len], &start[panel * PANEL..][..PANEL]);
        path.call(Sweep::<O> { grid, source, strides, taps, runs: windows.runs, weights, start, finish });
    }
}

impl Part<'_, Quads> {
    /// Of a depthwise convolution.
    fn sums_of_channels(self, path: Path, windows: &Windows<'_>, weights: &[i8], start: &[i32]) {
        let Self { panel, grid, source, strides, taps, finish } = self;
        let (weights, weight_stride) = (&weights[panel * PANEL..], windows.shape.channels);
        let start = &start[panel * PANEL..][..PANEL];
        path.call(ChannelSweep { grid, source, strides, taps, weights, weight_stride, start, finish });
    }
}
