//! Functions of one element, applied to whole slices.

use crate::disjoint::Disjoint;
use crate::simd::{Kernel, Simd};
use crate::{Cpu, Isa};

/// Elements of one task: enough to pay for handing it out, few enough for a piece of a slice (32 KiB) to stay in the
/// nearest cache.
pub(crate) const CHUNK: usize = 8192;

/// A function of `IN` numbers and of the `OUT` numbers that it replaces.
pub(crate) trait Elementwise<const IN: usize, const OUT: usize>: Copy + Sync {
    /// What replaces `y`, for the inputs `x`.
    fn apply<S: Simd>(self, simd: S, x: [S::V; IN], y: [S::V; OUT]) -> [S::V; OUT];
}

/// Replaces each element of `outputs` by what `f` makes of it and of the elements of `inputs` at the same place.
///
/// # Panics
/// When the slices differ in length.
pub(crate) fn elementwise<const IN: usize, const OUT: usize, F: Elementwise<IN, OUT>>(
    cpu: &Cpu,
    f: F,
    inputs: [&[f32]; IN],
    outputs: [&mut [f32]; OUT],
) {
    let len = common_len(&inputs, &outputs);
    let outputs = outputs.map(Disjoint::new);
    cpu.team().run(len.div_ceil(CHUNK), |_, task| {
        let range = task * CHUNK..len.min((task + 1) * CHUNK);
        cpu.isa().call(Piece {
            f,
            len: range.len(),
            inputs: inputs.map(|x| x[range.clone()].as_ptr()),
            outputs: outputs.each_ref().map(|y| y.pointer(range.clone())),
        });
    });
}

/// The same on this thread, as a part of a task.
///
/// # Panics
/// When the slices differ in length.
pub(crate) fn elementwise_here<const IN: usize, const OUT: usize, F: Elementwise<IN, OUT>>(
    isa: Isa,
    f: F,
    inputs: [&[f32]; IN],
    outputs: [&mut [f32]; OUT],
) {
    let len = common_len(&inputs, &outputs);
    isa.call(Piece {
        f,
        len,
        inputs: inputs.map(<[f32]>::as_ptr),
        outputs: outputs.map(<[f32]>::as_mut_ptr),
    });
}

/// The one length of all slices.
///
/// # Panics
/// When they differ in length.
fn common_len(inputs: &[&[f32]], outputs: &[&mut [f32]]) -> usize {
    let len = outputs[0].len();
    assert!(inputs.iter().all(|x| x.len() == len), "inputs and outputs are of one length");
    assert!(outputs.iter().all(|y| y.len() == len), "outputs are of one length");
    len
}

/// The part of a call that one task does: every pointer is to `len` elements, those of the outputs in no other task's.
struct Piece<F, const IN: usize, const OUT: usize> {
    f: F,
    len: usize,
    inputs: [*const f32; IN],
    outputs: [*mut f32; OUT],
}

impl<F: Elementwise<IN, OUT>, const IN: usize, const OUT: usize> Kernel for Piece<F, IN, OUT> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let whole = self.len - self.len % S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            // SAFETY: LANES elements from `at` on are within `len`.
            unsafe { self.vector(simd, at, S::LANES) };
        }
        if whole < self.len {
            // SAFETY: the rest is within `len`, and fewer than LANES.
            unsafe { self.vector(simd, whole, self.len - whole) };
        }
    }
}

impl<F: Elementwise<IN, OUT>, const IN: usize, const OUT: usize> Piece<F, IN, OUT> {
    /// # Safety
    /// `n` elements from `at` on are within `len`, `n` is 1 to `LANES`.
    #[inline(always)]
    unsafe fn vector<S: Simd>(&self, simd: S, at: usize, n: usize) {
        let mut x = [simd.zero(); IN];
        for (x, from) in x.iter_mut().zip(self.inputs) {
            // SAFETY: the caller promises that they are there.
            *x = unsafe { simd.load_first(from.add(at), n) };
        }
        let mut y = [simd.zero(); OUT];
        for (y, from) in y.iter_mut().zip(self.outputs) {
            // SAFETY: as above.
            *y = unsafe { simd.load_first(from.add(at), n) };
        }
        for (y, to) in self.f.apply(simd, x, y).into_iter().zip(self.outputs) {
            // SAFETY: as above.
            unsafe { simd.store_first(y, to.add(at), n) };
        }
    }
}
