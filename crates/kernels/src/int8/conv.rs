//! Convolutions and, as convolutions of single pixels, dense layers.

use super::depthwise::ChannelSweep;
use super::filters::Int8Filters;
use super::path::Path;
use super::tile::{Finish, Out, Sweep};
use super::window::{Task, Windows, Worker};
use super::{Int8Target, Residual};
use crate::disjoint::Disjoint;
use crate::packing::PANEL;
use crate::{Conv2dShape, Cpu, Team};

/// Bytes of scratch that [`int8_conv2d`] needs on so many threads.
pub fn int8_conv2d_scratch(shape: &Conv2dShape, threads: usize) -> usize {
    threads * Windows::new(shape).scratch()
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
    let windows = Windows::new(shape);
    let len = shape.output_len();
    assert_eq!(x.len(), shape.input_len(), "a convolution's input");
    assert!(residual.is_none_or(|residual| residual.bytes.len() == len), "a convolution's residual");
    assert!(scratch.len() >= team.threads() * windows.scratch(), "scratch of {} bytes", scratch.len());
    let y = match y {
        Int8Target::Bytes(y) => Whole::Bytes(Disjoint::new(y)),
        Int8Target::Floats(y) => Whole::Floats(Disjoint::new(y)),
    };
    assert_eq!(y.len(), len, "a convolution's output");
    if windows.is_empty() {
        return;
    }
    let mut rest = scratch;
    let worker = |_| {
        let (scratch, others) = std::mem::take(&mut rest).split_at_mut(windows.scratch());
        rest = others;
        Worker::new(scratch)
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
        let strides = windows.steps(view.strides);
        let first = (image * windows.outputs.0 + rows.start) * windows.outputs.1 * shape.filters;
        for panel in panels {
            let columns = windows.filters(panel);
            let places = panel * PANEL..(panel + 1) * PANEL;
            let at = first + columns.start;
            // What is written are the panel's filters of the task's pixels, which no other task has; the last of them is
            // within the output.
            let end = first + grid.len() * shape.filters;
            let finish = Finish {
                scale: &filters.scale[places.clone()],
                bias: &filters.bias[places.clone()],
                low: &filters.low[places.clone()],
                high: &filters.high[places.clone()],
                out: y.at(at..end),
                residual: residual.map(|residual| (residual.bytes[at..end].as_ptr(), residual.scale)),
                columns: columns.len(),
                stride: shape.filters,
            };
            let (source, start) = (&view.bytes[windows.channel(panel)..], &filters.start[places]);
            if windows.depthwise {
                let weights = &filters.weights[columns.start..];
                let weight_stride = shape.channels;
                path.call(ChannelSweep {
                    grid,
                    source,
                    strides,
                    taps,
                    weights,
                    weight_stride,
                    start,
                    finish,
                });
            } else {
                let weights =
                    &filters.weights[panel * windows.runs.panel_len()..][..windows.runs.panel_len()];
                path.call(Sweep { grid, source, strides, taps, runs: windows.runs, weights, start, finish });
            }
        }
    });
}

/// A whole output, of which each task writes a part.
enum Whole<'a> {
    Bytes(Disjoint<'a, u8>),
    Floats(Disjoint<'a, f32>),
}

impl Whole<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(y) => y.len(),
            Self::Floats(y) => y.len(),
        }
    }

    fn at(&self, range: std::ops::Range<usize>) -> Out {
        match self {
            Self::Bytes(y) => Out::Bytes(y.pointer(range)),
            Self::Floats(y) => Out::Floats(y.pointer(range)),
        }
    }
}
