//! The gradient of a convolution to its input.
//!
//! `dx[h, w]` is a sum over those kernel elements (p, q) for which some output saw the pixel: the stride must divide
//! `h + padding.top - p * dilation.0`. Pixels with the same remainder of `(h + padding.top)` by the stride use the same
//! elements, every `stride / gcd(stride, dilation)`-th, and neighbouring outputs. So each class of remainders is a
//! convolution of its own over `dy`, of stride 1, with a part of the kernel's elements in reverse order; no
//! multiplication with a zero between strides is ever done.

use super::correlate::{self, correlate};
use super::correlation::{Correlation, Map};
use super::depthwise::{self, Pass};
use super::operands::{Operands, pair_weights};
use super::{Conv2dShape, Epilogue};
use crate::disjoint::Disjoint;
use crate::packing::PANEL;
use crate::{Cpu, Half};

/// Along one direction, the pixels whose place has a certain remainder by the stride, and the convolution that gives them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Residue {
    /// The first such pixel and how many there are, a stride apart.
    first: usize,
    pixels: usize,
    /// The last of the kernel's elements that they use, how many they use, and how far apart those are.
    last_tap: usize,
    taps: usize,
    tap_step: usize,
    /// The output that the last element multiplies for the first pixel, and the distance of outputs of neighbouring elements.
    origin: isize,
    spacing: usize,
}

/// One direction of a convolution.
#[derive(Clone, Copy)]
struct Axis {
    extent: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    padding: usize,
}

impl Axis {
    /// The classes of pixels along this axis; those without pixels are left out.
    fn residues(self) -> impl Iterator<Item = Residue> {
        (0..self.stride.min(self.extent)).map(move |first| self.residue(first))
    }

    fn residue(self, first: usize) -> Residue {
        let Self { extent, kernel, stride, dilation, padding } = self;
        let pixels = (extent - first).div_ceil(stride);
        let tap_step = stride / gcd(stride, dilation);
        let spacing = tap_step * dilation / stride;
        let place = (first + padding).cast_signed();
        let fits = |tap: usize| (place - (tap * dilation).cast_signed()) % stride.cast_signed() == 0;
        let Some(first_tap) = (0..tap_step.min(kernel)).find(|tap| fits(*tap)) else {
            return Residue { first, pixels, last_tap: 0, taps: 0, tap_step, origin: 0, spacing };
        };
        let taps = (kernel - first_tap).div_ceil(tap_step);
        let last_tap = first_tap + (taps - 1) * tap_step;
        let origin = (place - (last_tap * dilation).cast_signed()) / stride.cast_signed();
        Residue { first, pixels, last_tap, taps, tap_step, origin, spacing }
    }
}

impl Residue {
    /// The kernel's element that is this convolution's element `tap`.
    fn kernel_tap(&self, tap: usize) -> usize {
        self.last_tap - tap * self.tap_step
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A class of pixels: a residue of rows and one of columns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Class {
    rows: Residue,
    columns: Residue,
}

impl Class {
    fn of(shape: &Conv2dShape) -> impl Iterator<Item = Self> {
        let axis =
            |extent, kernel, stride, dilation, padding| Axis { extent, kernel, stride, dilation, padding };
        let Conv2dShape { kernel, strides, dilation, padding, .. } = *shape;
        let rows = axis(shape.height, kernel.0, strides.0, dilation.0, padding.top);
        let columns = axis(shape.width, kernel.1, strides.1, dilation.1, padding.left);
        rows.residues().flat_map(move |rows| columns.residues().map(move |columns| Self { rows, columns }))
    }

    /// Elements of the kernel that the class uses.
    fn taps(&self) -> usize {
        self.rows.taps * self.columns.taps
    }

    /// The kernel's element, counted row by row, that is this class's element `tap`.
    fn kernel_tap(&self, shape: &Conv2dShape, tap: usize) -> usize {
        let (row, column) = (tap / self.columns.taps, tap % self.columns.taps);
        self.rows.kernel_tap(row) * shape.kernel.1 + self.columns.kernel_tap(column)
    }

    /// The windows over `dy` whose sums are the class's pixels of `dx`.
    fn correlation(&self, shape: &Conv2dShape) -> Correlation {
        Correlation {
            batch: shape.batch,
            groups: shape.groups,
            source: Map { height: shape.out_height(), width: shape.out_width(), channels: shape.filters },
            target: Map { height: shape.height, width: shape.width, channels: shape.channels },
            outputs: (self.rows.pixels, self.columns.pixels),
            taps: (self.rows.taps, self.columns.taps),
            spacing: (self.rows.spacing, self.columns.spacing),
            step: (1, 1),
            origin: (self.rows.origin, self.columns.origin),
            first: (self.rows.first, self.columns.first),
            every: shape.strides,
        }
    }
}

/// Elements of the weights as the classes use them, all classes together.
pub(super) fn transposed_len(shape: &Conv2dShape) -> usize {
    Class::of(shape).map(|class| class_weights_len(shape, &class)).sum()
}

fn class_weights_len(shape: &Conv2dShape, class: &Class) -> usize {
    if shape.is_depthwise() {
        class.taps() * shape.channels
    } else {
        shape.groups * shape.group_channels().div_ceil(PANEL) * class.taps() * shape.group_filters() * PANEL
    }
}

/// The windows over `dy` of a convolution of stride 1, where all pixels are of one class.
pub(super) fn whole(shape: &Conv2dShape) -> Correlation {
    only_class(shape).correlation(shape)
}

/// The weights that [`whole`]'s windows are multiplied with, in `scratch`.
pub(super) fn transposed<'a>(cpu: &Cpu, shape: &Conv2dShape, w: &[f32], scratch: &'a mut [f32]) -> &'a [f32] {
    let weights = &mut scratch[..transposed_len(shape)];
    transpose(cpu, shape, &only_class(shape), w, weights);
    weights
}

fn only_class(shape: &Conv2dShape) -> Class {
    assert_eq!(shape.strides, (1, 1), "one class of pixels");
    Class::of(shape).next().expect("an image has a pixel")
}

pub(super) fn scratch(shape: &Conv2dShape, threads: usize) -> usize {
    if shape.is_depthwise() {
        return transposed_len(shape);
    }
    transposed_len(shape) + halos_len(Operands::Numbers, shape, threads)
}

/// Elements of scratch that [`run_pairs`] needs on so many threads.
pub(super) fn pairs_scratch(half: Half, shape: &Conv2dShape, threads: usize) -> usize {
    halos_len(Operands::Pairs(half), shape, threads)
}

fn halos_len(operands: Operands, shape: &Conv2dShape, threads: usize) -> usize {
    let halos = used(shape).map(|class| correlate::scratch(operands, &class.correlation(shape), threads));
    halos.max().unwrap_or(0)
}

/// Elements of `dy` that [`run_pairs`] copies.
pub(super) fn copied_pairs(half: Half, shape: &Conv2dShape) -> usize {
    let operands = Operands::Pairs(half);
    used(shape).map(|class| correlate::copied(operands, &class.correlation(shape))).sum()
}

/// Products that [`run`] adds up.
pub(super) fn products(shape: &Conv2dShape) -> u64 {
    let of_class = |c: Correlation| c.products(c.reading());
    used(shape).map(|class| of_class(class.correlation(shape))).sum()
}

/// The classes whose pixels some window saw.
fn used(shape: &Conv2dShape) -> impl Iterator<Item = Class> {
    Class::of(shape).filter(|class| class.taps() > 0)
}

pub(super) fn run(
    cpu: &Cpu,
    shape: &Conv2dShape,
    dy: &[f32],
    w: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    let (transposed, halos) = scratch.split_at_mut(transposed_len(shape));
    if shape.is_depthwise() {
        return run_depthwise(cpu, shape, dy, w, dx, transposed);
    }
    transpose_all(cpu, shape, w, transposed);
    correlate_all(cpu, Operands::Numbers, shape, dy, transposed, dx, halos);
}

/// The same in pairs, with the weights from [`transposed_pairs`].
pub(super) fn run_pairs(
    cpu: &Cpu,
    half: Half,
    shape: &Conv2dShape,
    dy: &[f32],
    weights: &[f32],
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    correlate_all(cpu, Operands::Pairs(half), shape, dy, weights, dx, scratch);
}

/// Writes the weights that the classes' windows are multiplied with, as pairs: half as many as [`transposed_len`], which is
/// what `scratch` has.
pub(super) fn transposed_pairs(
    cpu: &Cpu,
    half: Half,
    shape: &Conv2dShape,
    w: &[f32],
    pairs: &mut [f32],
    scratch: &mut [f32],
) {
    let transposed = &mut scratch[..transposed_len(shape)];
    transpose_all(cpu, shape, w, transposed);
    pair_weights(cpu, half, transposed, pairs);
}

/// Writes the weights of all classes that have taps, one after the other.
fn transpose_all(cpu: &Cpu, shape: &Conv2dShape, w: &[f32], mut to: &mut [f32]) {
    for class in used(shape) {
        let weights;
        (weights, to) = to.split_at_mut(class_weights_len(shape, &class));
        transpose(cpu, shape, &class, w, weights);
    }
}

/// One class after the other. `weights` are those of all.
fn correlate_all(
    cpu: &Cpu,
    operands: Operands,
    shape: &Conv2dShape,
    dy: &[f32],
    mut weights: &[f32],
    dx: &mut [f32],
    halos: &mut [f32],
) {
    // Pixels that no window saw have no gradient; there are none where windows touch.
    if Class::of(shape).any(|class| class.taps() == 0) {
        cpu.team().for_chunks(dx, 64 * 1024, |_, dx| dx.fill(0.0));
    }
    for class in used(shape) {
        let c = class.correlation(shape);
        let of_class;
        (of_class, weights) =
            weights.split_at(operands.windows(&c).panels() * operands.windows(&c).panel_len());
        correlate(cpu, operands, &c, dy, of_class, &Epilogue::default(), dx.into(), halos);
    }
}

/// All classes together, while what they read of `dy` is at hand. Those without taps write zeros.
fn run_depthwise(
    cpu: &Cpu,
    shape: &Conv2dShape,
    dy: &[f32],
    w: &[f32],
    dx: &mut [f32],
    reversed: &mut [f32],
) {
    let mut rest = &mut *reversed;
    for class in Class::of(shape) {
        let weights;
        (weights, rest) = rest.split_at_mut(class_weights_len(shape, &class));
        reverse(shape, &class, w, weights);
    }
    let passes = || {
        Class::of(shape).scan(&*reversed, |rest, class| {
            let weights;
            (weights, *rest) = rest.split_at(class_weights_len(shape, &class));
            Some(Pass { correlation: class.correlation(shape), weights })
        })
    };
    depthwise::correlate(cpu, passes, dy, &Epilogue::default(), dx.into());
}

/// Writes the class's elements of a depthwise convolution's weights, `[taps][channel]`.
fn reverse(shape: &Conv2dShape, class: &Class, w: &[f32], to: &mut [f32]) {
    for (tap, to) in to.chunks_exact_mut(shape.channels).enumerate() {
        to.copy_from_slice(&w[class.kernel_tap(shape, tap) * shape.channels..][..shape.channels]);
    }
}

/// Writes the class's elements of packed weights, channels and filters exchanged:
/// `[group][panel of channels][taps][filter][PANEL channels]`.
fn transpose(cpu: &Cpu, shape: &Conv2dShape, class: &Class, w: &[f32], to: &mut [f32]) {
    let (channels, filters) = (shape.group_channels(), shape.group_filters());
    let (channel_panels, filter_panels) = (channels.div_ceil(PANEL), filters.div_ceil(PANEL));
    let panel_depth = shape.kernel.0 * shape.kernel.1 * channels;
    let tap_len = filters * PANEL;
    let to = Disjoint::new(to);
    cpu.team().run(shape.groups * channel_panels * class.taps(), |_, task| {
        let (panel, tap) = (task / class.taps(), task % class.taps());
        let (group, first) = (panel / channel_panels, panel % channel_panels * PANEL);
        let tap = class.kernel_tap(shape, tap);
        // SAFETY: each task is run once and has a range of its own.
        let to = unsafe { to.part(task * tap_len..(task + 1) * tap_len) };
        let channels = first..channels.min(first + PANEL);
        for (panel, to) in to.chunks_mut(PANEL * PANEL).enumerate() {
            let from = (group * filter_panels + panel) * panel_depth + tap * shape.group_channels();
            exchange(&w[(from + channels.start) * PANEL..(from + channels.end) * PANEL], to);
        }
    });
}

/// Writes the transpose of rows of [`PANEL`] numbers as rows of [`PANEL`] numbers, which end in zeros: the first columns, as many
/// as there is room for.
fn exchange(from: &[f32], to: &mut [f32]) {
    let (from, to) = (from.as_chunks::<PANEL>().0, to.as_chunks_mut::<PANEL>().0);
    if let (Some(from), Some(to)) = (from.as_array(), to.as_mut_array()) {
        return exchange_whole(from, to);
    }
    for (column, to) in to.iter_mut().enumerate() {
        let (used, unused) = to.split_at_mut(from.len());
        used.iter_mut().zip(from).for_each(|(to, row)| *to = row[column]);
        unused.fill(0.0);
    }
}

/// The same of a whole panel, in squares that the registers hold. Their sizes are constants, without which the compiler would move
/// number by number.
fn exchange_whole(from: &[[f32; PANEL]; PANEL], to: &mut [[f32; PANEL]; PANEL]) {
    const SIDE: usize = 4;
    let first =
        |row: &[f32; PANEL], column: usize| -> [f32; SIDE] { std::array::from_fn(|i| row[column + i]) };
    for row in (0..PANEL).step_by(SIDE) {
        for column in (0..PANEL).step_by(SIDE) {
            let square: [[f32; SIDE]; SIDE] = std::array::from_fn(|i| first(&from[row + i], column));
            for (i, to) in to[column..column + SIDE].iter_mut().enumerate() {
                to[row..row + SIDE].copy_from_slice(&square.map(|row| row[i]));
            }
        }
    }
}
