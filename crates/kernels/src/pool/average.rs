//! The mean of each window.

use super::PoolShape;
use super::windows::{OnWindow, Window, overlap, visit_inputs, visit_outputs};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::simd::Simd;

/// `y[o] = mean x[i]` over the pixels i of window o, by channel; padding does not count, as in Keras.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one.
pub fn avg_pool_forward(cpu: &Cpu, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    shape.assert_valid();
    assert_eq!(x.len(), shape.input_len(), "average pooling's input");
    assert_eq!(y.len(), shape.output_len(), "average pooling's output");
    let len = y.len();
    let y = Disjoint::new(y);
    // SAFETY: the slices have the lengths of the shape's input and output; a window writes its own output.
    unsafe { visit_outputs(cpu, shape, |_| Forward { x: x.as_ptr(), y: y.pointer(0..len) }) };
}

/// The backward pass of [`avg_pool_forward`]: each of a window's pixels gets an equal share of its gradient.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one.
pub fn avg_pool_backward(cpu: &Cpu, shape: &PoolShape, dy: &[f32], dx: &mut [f32]) {
    shape.assert_valid();
    assert_eq!(dx.len(), shape.input_len(), "average pooling's input");
    assert_eq!(dy.len(), shape.output_len(), "average pooling's output");
    // SAFETY: the slices have the lengths of the shape's input and output; a window writes its own pixels.
    unsafe {
        if overlap(shape) {
            visit_inputs(cpu, shape, dx, |dx| Backward::<true> { dy: dy.as_ptr(), dx });
        } else {
            visit_inputs(cpu, shape, dx, |dx| Backward::<false> { dy: dy.as_ptr(), dx });
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
            let mut sum = simd.zero();
            for y in 0..window.height {
                for x in 0..window.width {
                    sum = simd.add(sum, simd.load_first(self.x.add(window.tap(y, x) + channel), n));
                }
            }
            let mean = simd.mul(sum, simd.splat(window.share()));
            simd.store_first(mean, self.y.add(window.output + channel), n);
        }
    }
}

/// `OVERLAP`: a pixel may be in several windows, so that gradients are added to what is there.
#[derive(Clone, Copy)]
struct Backward<const OVERLAP: bool> {
    dy: *const f32,
    dx: *mut f32,
}

impl<const OVERLAP: bool> OnWindow for Backward<OVERLAP> {
    #[inline(always)]
    unsafe fn channels<S: Simd>(self, simd: S, window: &Window, channel: usize, n: usize) {
        // SAFETY: the caller promises an input and output that hold the window, and n channels from this one on.
        unsafe {
            let dy = simd.load_first(self.dy.add(window.output + channel), n);
            let share = simd.mul(dy, simd.splat(window.share()));
            for y in 0..window.height {
                for x in 0..window.width {
                    let to = self.dx.add(window.tap(y, x) + channel);
                    let gradient = if OVERLAP { simd.add(share, simd.load_first(to, n)) } else { share };
                    simd.store_first(gradient, to, n);
                }
            }
        }
    }
}
