//! The walk over pixels that collects what windows give back to the pixels of their maxima.
//!
//! Each pixel looks at the windows it is in, so that it is written once, by whatever windows: overlapping ones need no
//! adding in memory, and pixels in no window need no clearing.

use std::ops::Range;

use super::PoolShape;
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::elementwise::CHUNK;
use crate::simd::{Kernel, Simd};

/// The backward pass of [`max_pool_argmax_forward`](crate::max_pool_argmax_forward): each window's gradient goes to the pixel that
/// `argmax` tells; a pixel that is in several windows gets the sum.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one, or [`PoolShape::argmax_fits`] not.
pub fn max_pool_argmax_backward(cpu: &Cpu, shape: &PoolShape, argmax: &[u8], dy: &[f32], dx: &mut [f32]) {
    assert_eq!(dy.len(), shape.output_len(), "max pooling's output");
    // SAFETY: `dy` is a whole output, and nothing of the input is read.
    unsafe { collect(cpu, shape, argmax, Plain { dy }, dx) };
}

/// What windows give, and what becomes of the sum that a pixel gets.
pub(super) trait OnPixel: Copy + Sync {
    /// What the `n` channels from `at` on, of the output, give to the pixels of their maxima.
    ///
    /// # Safety
    /// These are elements of an output of the shape; `n` is 1 to `LANES`.
    unsafe fn given<S: Simd>(self, simd: S, at: usize, n: usize) -> S::V;

    /// The gradient of the `n` channels from `channel` on of a pixel that begin at `at`, given the sum of what they got.
    ///
    /// # Safety
    /// These are elements of an input of the shape; `n` is 1 to `LANES`.
    unsafe fn gradient<S: Simd>(self, simd: S, sum: S::V, at: usize, channel: usize, n: usize) -> S::V;
}

#[derive(Clone, Copy)]
struct Plain<'a> {
    dy: &'a [f32],
}

impl OnPixel for Plain<'_> {
    #[inline(always)]
    unsafe fn given<S: Simd>(self, simd: S, at: usize, n: usize) -> S::V {
        // SAFETY: the caller promises an output of the shape, whose length `dy` has.
        unsafe { simd.load_first(self.dy.as_ptr().add(at), n) }
    }

    #[inline(always)]
    unsafe fn gradient<S: Simd>(self, _: S, sum: S::V, _: usize, _: usize, _: usize) -> S::V {
        sum
    }
}

/// Writes the gradient of each pixel of `dx`.
///
/// # Safety
/// What `f` reads is as long as the shape tells.
///
/// # Panics
/// When the other slices do not fit the shape, or the shape is not a valid one.
pub(super) unsafe fn collect<F: OnPixel>(cpu: &Cpu, shape: &PoolShape, argmax: &[u8], f: F, dx: &mut [f32]) {
    shape.assert_valid();
    shape.assert_argmax_fits();
    assert_eq!(dx.len(), shape.input_len(), "max pooling's input");
    assert_eq!(argmax.len(), shape.output_len(), "max pooling's output");
    let row = shape.width * shape.channels;
    let (rows, at_once) = (shape.batch * shape.height, (CHUNK / row.max(1)).max(1));
    let dx = Disjoint::new(dx);
    cpu.team().run(rows.div_ceil(at_once), |_, task| {
        let rows = task * at_once..rows.min((task + 1) * at_once);
        // A pointer to the whole of dx, of which the task writes its own rows.
        let dx = dx.pointer(0..dx.len());
        cpu.isa().call(CollectRows { shape, argmax, f, dx, rows });
    });
}

/// Some rows of pixels, counted through all maps; no other task writes them. Made by [`collect`] only.
struct CollectRows<'a, F> {
    shape: &'a PoolShape,
    argmax: &'a [u8],
    f: F,
    dx: *mut f32,
    rows: Range<usize>,
}

impl<F: OnPixel> Kernel for CollectRows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let shape = self.shape;
        for row in self.rows.clone() {
            let (image, y) = (row / shape.height, row % shape.height);
            let mut rows =
                Around::new(shape.window.0, shape.strides.0, shape.padding.top, shape.out_height());
            rows.move_to(y);
            let mut columns =
                Around::new(shape.window.1, shape.strides.1, shape.padding.left, shape.out_width());
            for x in 0..shape.width {
                columns.move_to(x);
                let pixel = Pixel { at: (row * shape.width + x) * shape.channels, image, rows, columns };
                self.pixel(simd, &pixel);
            }
        }
    }
}

/// A pixel and the windows that it is in.
struct Pixel {
    /// Where its first channel lies in the input.
    at: usize,
    image: usize,
    rows: Around,
    columns: Around,
}

impl<F: OnPixel> CollectRows<'_, F> {
    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, pixel: &Pixel) {
        let channels = self.shape.channels;
        let whole = channels - channels % S::LANES;
        for channel in (0..whole).step_by(S::LANES) {
            // SAFETY: there are LANES channels from this one on.
            unsafe { self.channels(simd, pixel, channel, S::LANES) };
        }
        if whole < channels {
            // SAFETY: the channels that are left, fewer than LANES.
            unsafe { self.channels(simd, pixel, whole, channels - whole) };
        }
    }

    /// # Safety
    /// The pixel has `n` channels from `channel` on; `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn channels<S: Simd>(&self, simd: S, pixel: &Pixel, channel: usize, n: usize) {
        let Self { shape, argmax, f, dx, .. } = self;
        let mut sum = simd.zero();
        for oy in pixel.rows.windows() {
            for ox in pixel.columns.windows() {
                let number = pixel.rows.place_in(oy) * shape.window.1 + pixel.columns.place_in(ox);
                let window = (pixel.image * shape.out_height() + oy) * shape.out_width() + ox;
                let from = window * shape.channels + channel;
                // SAFETY: `oy` and `ox` are windows of the shape, so that these are elements of its output, which is as long as
                // `argmax` and as what `f` reads.
                let (largest, given) =
                    unsafe { (simd.load_first_bytes(argmax.as_ptr().add(from), n), f.given(simd, from, n)) };
                let given = simd.select_eq(largest, simd.splat(number as f32), given, simd.zero());
                sum = simd.add(sum, given);
            }
        }
        let at = pixel.at + channel;
        // SAFETY: the caller promises channels of the input, which is as long as `dx` and as what `f` reads; only this task
        // writes them.
        unsafe { simd.store_first(f.gradient(simd, sum, at, channel, n), dx.add(at), n) };
    }
}

/// The windows, in one direction, that a pixel is in; it moves from pixel to pixel without dividing.
#[derive(Clone, Copy)]
struct Around {
    window: usize,
    stride: usize,
    before: usize,
    count: usize,
    /// The place of the pixel, counted from the border.
    place: usize,
    first: usize,
    end: usize,
}

impl Around {
    fn new(window: usize, stride: usize, before: usize, count: usize) -> Self {
        Self { window, stride, before, count, place: 0, first: 0, end: 0 }
    }

    /// Moves to a pixel that does not come before the present one.
    #[inline(always)]
    fn move_to(&mut self, pixel: usize) {
        self.place = pixel + self.before;
        while self.first < self.count && self.first * self.stride + self.window <= self.place {
            self.first += 1;
        }
        while self.end < self.count && self.end * self.stride <= self.place {
            self.end += 1;
        }
    }

    #[inline(always)]
    fn windows(&self) -> Range<usize> {
        self.first..self.end
    }

    /// Where in a window the pixel is.
    #[inline(always)]
    fn place_in(&self, window: usize) -> usize {
        self.place - window * self.stride
    }
}
