//! The maximum of each window.

use super::PoolShape;
use super::windows::{OnWindow, Window, overlap, visit_inputs, visit_outputs};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::simd::Simd;

/// `y[o] = max x[i]` over the pixels i of window o, by channel.
///
/// What is not a number may be passed over where its window holds a number.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one.
pub fn max_pool_forward(cpu: &Cpu, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    shape.assert_valid();
    assert_eq!(x.len(), shape.input_len(), "max pooling's input");
    assert_eq!(y.len(), shape.output_len(), "max pooling's output");
    let len = y.len();
    let y = Disjoint::new(y);
    // SAFETY: the slices have the lengths of the shape's input and output; a window writes its own output.
    unsafe { visit_outputs(cpu, shape, |_| Forward { x: x.as_ptr(), y: y.pointer(0..len) }) };
}

/// The backward pass of [`max_pool_forward`], from its input and its output: each window's gradient goes to the first
/// of its pixels, row by row, that is the maximum, as in PyTorch. A pixel that is in several windows gets the sum.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one.
pub fn max_pool_backward(cpu: &Cpu, shape: &PoolShape, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
    shape.assert_valid();
    assert!(x.len() == shape.input_len() && dx.len() == shape.input_len(), "max pooling's input");
    assert!(y.len() == shape.output_len() && dy.len() == shape.output_len(), "max pooling's output");
    // SAFETY: the slices have the lengths of the shape's input and output; a window writes its own pixels.
    unsafe {
        if overlap(shape) {
            visit_inputs(cpu, shape, dx, |dx| Backward::<true>::new(x, y, dy, dx));
        } else {
            visit_inputs(cpu, shape, dx, |dx| Backward::<false>::new(x, y, dy, dx));
        }
    }
}

#[derive(Clone, Copy)]
struct Forward {
    x: *const f32,
    y: *mut f32,
}

impl OnWindow for Forward {
    #[inline(always)]
    unsafe fn channels<S: Simd>(self, simd: S, window: &Window, channel: usize, n: usize) {
        // SAFETY: the caller promises an input and output that hold the window, and n channels from this one on.
        unsafe {
            let mut largest = simd.load_first(self.x.add(window.input + channel), n);
            for y in 0..window.height {
                for x in 0..window.width {
                    let tap = simd.load_first(self.x.add(window.tap(y, x) + channel), n);
                    largest = simd.max(largest, tap);
                }
            }
            simd.store_first(largest, self.y.add(window.output + channel), n);
        }
    }
}

/// `OVERLAP`: a pixel may be in several windows, so that gradients are added to what is there.
#[derive(Clone, Copy)]
struct Backward<const OVERLAP: bool> {
    x: *const f32,
    y: *const f32,
    dy: *const f32,
    dx: *mut f32,
}

impl<const OVERLAP: bool> Backward<OVERLAP> {
    fn new(x: &[f32], y: &[f32], dy: &[f32], dx: *mut f32) -> Self {
        Self { x: x.as_ptr(), y: y.as_ptr(), dy: dy.as_ptr(), dx }
    }
}

impl<const OVERLAP: bool> OnWindow for Backward<OVERLAP> {
    #[inline(always)]
    unsafe fn channels<S: Simd>(self, simd: S, window: &Window, channel: usize, n: usize) {
        // SAFETY: the caller promises an input and output that hold the window, and n channels from this one on.
        unsafe {
            let largest = simd.load_first(self.y.add(window.output + channel), n);
            let mut left = simd.load_first(self.dy.add(window.output + channel), n);
            for y in 0..window.height {
                for x in 0..window.width {
                    let at = window.tap(y, x) + channel;
                    let tap = simd.load_first(self.x.add(at), n);
                    let mut gradient = simd.select_gt(largest, tap, simd.zero(), left);
                    left = simd.select_gt(largest, tap, left, simd.zero());
                    if OVERLAP {
                        gradient = simd.add(gradient, simd.load_first(self.dx.add(at), n));
                    }
                    simd.store_first(gradient, self.dx.add(at), n);
                }
            }
        }
    }
}
