//! The maximum of each window and which of its pixels it is, with what is done to the pixels before and to the maximum after.

use super::PoolShape;
use super::windows::{OnWindow, Window, visit_outputs};
use crate::Cpu;
use crate::columns::{OfChannel, load_each};
use crate::disjoint::Disjoint;
use crate::rectifier::Bounds;
use crate::simd::Simd;

/// `y[o] = max x[i]` over the pixels i of window o, by channel, and `argmax[o]`, the number of the first pixel that is the
/// maximum among those of the window, row by row, the ones beyond the border counted.
///
/// What is not a number may be passed over where its window holds a number.
///
/// # Panics
/// When the slices do not fit the shape, or the shape is not a valid one, or [`PoolShape::argmax_fits`] not.
pub fn max_pool_argmax_forward(cpu: &Cpu, shape: &PoolShape, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
    forward(cpu, shape, Same, [], Bounds::of(None), x, y, argmax);
}

/// `y[o] = bounds(max f(x[i]))`, where `f` takes numbers of the channel, `of_channel`.
///
/// # Panics
/// As [`max_pool_argmax_forward`], or when `of_channel` has not as many numbers as there are channels.
pub(super) fn forward<const P: usize>(
    cpu: &Cpu,
    shape: &PoolShape,
    f: impl OfChannel<1, P, 1>,
    of_channel: [&[f32]; P],
    bounds: Bounds,
    x: &[f32],
    y: &mut [f32],
    argmax: &mut [u8],
) {
    shape.assert_valid();
    shape.assert_argmax_fits();
    let len = shape.output_len();
    assert_eq!(x.len(), shape.input_len(), "max pooling's input");
    assert!(y.len() == len && argmax.len() == len, "max pooling's output");
    assert!(of_channel.iter().all(|of| of.len() == shape.channels), "numbers of each channel");
    let (y, argmax) = (Disjoint::new(y), Disjoint::new(argmax));
    let make = |_| Forward {
        f,
        of_channel: of_channel.map(<[f32]>::as_ptr),
        bounds,
        x: x.as_ptr(),
        y: y.pointer(0..len),
        argmax: argmax.pointer(0..len),
    };
    // SAFETY: the slices have the lengths of the shape's input and output; a window writes its own output.
    unsafe { visit_outputs(cpu, shape, make) };
}

/// The pixels as they are.
#[derive(Clone, Copy)]
pub(super) struct Same;

impl OfChannel<1, 0, 1> for Same {
    #[inline(always)]
    fn apply<S: Simd>(self, _: S, x: [S::V; 1], _: [S::V; 0]) -> [S::V; 1] {
        x
    }
}

#[derive(Clone, Copy)]
struct Forward<F, const P: usize> {
    f: F,
    of_channel: [*const f32; P],
    bounds: Bounds,
    x: *const f32,
    y: *mut f32,
    argmax: *mut u8,
}

impl<F: OfChannel<1, P, 1>, const P: usize> OnWindow for Forward<F, P> {
    #[inline(always)]
    unsafe fn channels<S: Simd>(self, simd: S, window: &Window, channel: usize, n: usize) {
        // SAFETY: the caller promises an input and output that hold the window, and n channels from this one on.
        unsafe {
            let of_channel = load_each(simd, self.of_channel, channel, n);
            let first = simd.load_first(self.x.add(window.tap(0, 0) + channel), n);
            let [mut largest] = self.f.apply(simd, [first], of_channel);
            let mut number = simd.splat(window.number(0, 0));
            for y in 0..window.height {
                for x in 0..window.width {
                    let tap = simd.load_first(self.x.add(window.tap(y, x) + channel), n);
                    let [tap] = self.f.apply(simd, [tap], of_channel);
                    number = simd.select_gt(tap, largest, simd.splat(window.number(y, x)), number);
                    largest = simd.max(tap, largest);
                }
            }
            let to = window.output + channel;
            simd.store_first(self.bounds.keep(simd, largest), self.y.add(to), n);
            simd.store_first_bytes(number, self.argmax.add(to), n);
        }
    }
}
