//! Batch normalisation and max pooling in one pass: what is normalised is never written.

use super::PoolShape;
use super::argmax::forward;
use super::pixels::{OnPixel, collect};
use super::windows::{OnWindow, Window, tasks, visit_outputs};
use crate::columns::{Fold, Grid, OfChannel, Totals, column_sums, column_sums_scratch, load_each};
use crate::disjoint::Disjoint;
use crate::norm::{Correlation, Normalise, NormaliseBackward};
use crate::rectifier::Bounds;
use crate::simd::Simd;
use crate::{Cpu, Normalisation, Rectifier};

/// What the backward pass of [`batch_norm_max_pool_forward`] reads besides its parameters and statistics.
#[derive(Clone, Copy, Debug)]
pub struct NormPoolBackward<'a> {
    /// The input of the forward pass.
    pub x: &'a [f32],
    /// Its output.
    pub y: &'a [f32],
    /// Which pixel each maximum is.
    pub argmax: &'a [u8],
    /// The loss's gradient to the output.
    pub dy: &'a [f32],
    /// The activation of the forward pass.
    pub activation: Option<Rectifier>,
    /// The activation that made `x`: the gradient is then that to what went into it.
    pub input: Option<Rectifier>,
}

impl PoolShape {
    /// Numbers of scratch that [`batch_norm_max_pool_forward`] needs.
    pub fn norm_forward_scratch(&self) -> usize {
        3 * self.channels
    }

    /// Numbers of scratch that [`batch_norm_max_pool_backward`] needs.
    pub fn norm_backward_scratch(&self) -> usize {
        let exact = tasks(self) * self.channels;
        column_sums_scratch(self.pooled_grid(), 2).max(exact).max(4 * self.channels)
    }

    /// The output as a matrix of channels.
    fn pooled_grid(&self) -> Grid {
        Grid::new(self.batch * self.out_height() * self.out_width(), self.channels)
    }
}

/// `y = max activation(gamma * (x - mean) * invstd + beta)` over the pixels of each window, by channel, and which of the pixels
/// the maximum is, as [`max_pool_argmax_forward`](crate::max_pool_argmax_forward) tells it; with an activation, before it.
///
/// `scratch` has [`PoolShape::norm_forward_scratch`] numbers at least.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one, or [`PoolShape::argmax_fits`] not.
pub fn batch_norm_max_pool_forward(
    cpu: &Cpu,
    shape: &PoolShape,
    norm: &Normalisation<'_>,
    activation: Option<Rectifier>,
    x: &[f32],
    y: &mut [f32],
    argmax: &mut [u8],
    scratch: &mut [f32],
) {
    norm.check(shape.channels);
    let of_channel = lay_out(shape.channels, |channel| norm.of_channel(channel), scratch);
    forward(cpu, shape, Normalise, of_channel, Bounds::of(activation), x, y, argmax);
}

/// The backward pass of [`batch_norm_max_pool_forward`] with the statistics of its own input.
///
/// With g the gradients that pass the activation and n = (x - mean) * invstd: `dbeta = sum g`, `dgamma = sum g n`, sums over the
/// maxima alone, which the output tells: n is `(y - beta) / gamma`. Where gamma is too small against beta for that, `x` is read at
/// the maxima, in one more pass. Then `dx` is that of
/// [`batch_norm_gradients`](crate::batch_norm_gradients), where a pixel has the sum of g over the windows of which it is the maximum.
///
/// `dgamma` and `dbeta` are `[channels]`; `scratch` has [`PoolShape::norm_backward_scratch`] numbers at least.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one, or [`PoolShape::argmax_fits`] not.
pub fn batch_norm_max_pool_backward(
    cpu: &Cpu,
    shape: &PoolShape,
    norm: &Normalisation<'_>,
    operands: &NormPoolBackward<'_>,
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    scratch: &mut [f32],
) {
    let NormPoolBackward { x, y, argmax, dy, activation, input } = *operands;
    norm.check(shape.channels);
    shape.assert_valid();
    shape.assert_argmax_fits();
    assert_eq!(x.len(), shape.input_len(), "max pooling's input");
    let len = shape.output_len();
    assert!(y.len() == len && dy.len() == len && argmax.len() == len, "max pooling's output");
    assert!(
        dgamma.len() == shape.channels && dbeta.len() == shape.channels,
        "gradients of {} channels",
        shape.channels
    );
    let output = Bounds::of(activation);
    sums_of_maxima(cpu, shape, norm, output, [y, dy], scratch).for_each(|channel, [sum, product]| {
        let gamma = norm.affine().scale(channel);
        dbeta[channel] = sum as f32;
        dgamma[channel] = (product / f64::from(gamma)) as f32;
    });
    if (0..shape.channels).any(|channel| !is_told_by_output(norm, channel)) {
        set_from_input(cpu, shape, norm, operands, dgamma, scratch);
    }
    let rows = shape.batch * shape.height * shape.width;
    let of_channel = |channel| norm.backward_of_channel(channel, rows, dgamma[channel], dbeta[channel]);
    let of_channel = lay_out(shape.channels, of_channel, scratch);
    let inner = NormaliseBackward { input: Bounds::of(input) };
    // SAFETY: x, y and dy are a whole input and outputs of the shape, checked above, and there are numbers of each channel.
    unsafe { collect(cpu, shape, argmax, ThroughNorm { x, y, dy, of_channel, output, inner }, dx) };
}

/// Writes the numbers of the channels side by side, the first of all channels first.
fn lay_out<const P: usize>(
    channels: usize,
    of: impl Fn(usize) -> [f32; P],
    scratch: &mut [f32],
) -> [&[f32]; P] {
    let needed = P * channels;
    assert!(scratch.len() >= needed, "scratch of {} numbers where {needed} are needed", scratch.len());
    for channel in 0..channels {
        for (p, number) in of(channel).into_iter().enumerate() {
            scratch[p * channels + channel] = number;
        }
    }
    let scratch = &*scratch;
    std::array::from_fn(|p| &scratch[p * channels..(p + 1) * channels])
}

/// Whether `(y - beta) / gamma` has nearly all digits of what was normalised: beta takes away at most six bits.
fn is_told_by_output(norm: &Normalisation<'_>, channel: usize) -> bool {
    let (gamma, beta) = (norm.affine().scale(channel).abs(), norm.affine().shift(channel).abs());
    gamma * 64.0 >= beta && gamma > 1e-30
}

/// The sums of g and of g times the difference of the maximum from beta.
fn sums_of_maxima<'a>(
    cpu: &Cpu,
    shape: &PoolShape,
    norm: &Normalisation<'_>,
    output: Bounds,
    [y, dy]: [&[f32]; 2],
    scratch: &'a mut [f32],
) -> Totals<'a, 2> {
    let beta = |channel| [norm.affine().shift(channel)];
    column_sums(cpu, shape.pooled_grid(), Maxima { output }, beta, [y, dy], scratch)
}

#[derive(Clone, Copy)]
struct Maxima {
    output: Bounds,
}

impl Fold<2, 1, 2> for Maxima {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        [sum, product]: [S::V; 2],
        [y, dy]: [S::V; 2],
        [beta]: [S::V; 1],
    ) -> [S::V; 2] {
        let passed = self.output.pass(simd, y, dy);
        Correlation.step(simd, [sum, product], [y, passed], [beta])
    }
}

/// Sets the gradients of the gammas that the output does not tell, from the input at the maxima.
fn set_from_input(
    cpu: &Cpu,
    shape: &PoolShape,
    norm: &Normalisation<'_>,
    operands: &NormPoolBackward<'_>,
    dgamma: &mut [f32],
    scratch: &mut [f32],
) {
    let channels = shape.channels;
    let products = &mut scratch[..tasks(shape) * channels];
    products.fill(0.0);
    let products_of = Disjoint::new(&mut *products);
    let make = |task: usize| AtMaxima {
        x: operands.x.as_ptr(),
        y: operands.y.as_ptr(),
        dy: operands.dy.as_ptr(),
        argmax: operands.argmax.as_ptr(),
        mean: norm.mean.as_ptr(),
        output: Bounds::of(operands.activation),
        products: products_of.pointer(task * channels..(task + 1) * channels),
    };
    // SAFETY: the slices have the lengths of the shape's input and output; each task has products of its own.
    unsafe { visit_outputs(cpu, shape, make) };
    for channel in (0..channels).filter(|channel| !is_told_by_output(norm, *channel)) {
        let of_tasks = products[channel..].iter().step_by(channels);
        let product: f64 = of_tasks.map(|product| f64::from(*product)).sum();
        dgamma[channel] = (product * f64::from(norm.invstd[channel])) as f32;
    }
}

/// Adds g times the difference of the input from its mean, at the maxima, to the task's products.
#[derive(Clone, Copy)]
struct AtMaxima {
    x: *const f32,
    y: *const f32,
    dy: *const f32,
    argmax: *const u8,
    mean: *const f32,
    output: Bounds,
    products: *mut f32,
}

impl OnWindow for AtMaxima {
    #[inline(always)]
    unsafe fn channels<S: Simd>(self, simd: S, window: &Window, channel: usize, n: usize) {
        let from = window.output + channel;
        // SAFETY: the caller promises an input and output that hold the window, and n channels from this one on.
        unsafe {
            let number = simd.load_first_bytes(self.argmax.add(from), n);
            let mut largest = simd.load_first(self.mean.add(channel), n);
            let mean = largest;
            for y in 0..window.height {
                for x in 0..window.width {
                    let tap = simd.load_first(self.x.add(window.tap(y, x) + channel), n);
                    largest = simd.select_eq(number, simd.splat(window.number(y, x)), tap, largest);
                }
            }
            let (y, dy) = (simd.load_first(self.y.add(from), n), simd.load_first(self.dy.add(from), n));
            let products = self.products.add(channel);
            let product = simd.load_first(products, n);
            let passed = self.output.pass(simd, y, dy);
            simd.store_first(simd.mul_add(passed, simd.sub(largest, mean), product), products, n);
        }
    }
}

/// The gradient of a pixel through the normalisation.
#[derive(Clone, Copy)]
struct ThroughNorm<'a> {
    x: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    of_channel: [&'a [f32]; 4],
    output: Bounds,
    inner: NormaliseBackward,
}

impl OnPixel for ThroughNorm<'_> {
    #[inline(always)]
    unsafe fn given<S: Simd>(self, simd: S, at: usize, n: usize) -> S::V {
        // SAFETY: the caller promises an output of the shape, whose length both have.
        let [y, dy] = unsafe { load_each(simd, [self.y, self.dy].map(<[f32]>::as_ptr), at, n) };
        self.output.pass(simd, y, dy)
    }

    #[inline(always)]
    unsafe fn gradient<S: Simd>(self, simd: S, sum: S::V, at: usize, channel: usize, n: usize) -> S::V {
        // SAFETY: the caller promises an input of the shape, whose length x has; there are numbers of each channel.
        let (x, of_channel) = unsafe {
            let of_channel = load_each(simd, self.of_channel.map(<[f32]>::as_ptr), channel, n);
            (simd.load_first(self.x.as_ptr().add(at), n), of_channel)
        };
        let [dx] = self.inner.apply(simd, [x, sum], of_channel);
        dx
    }
}
