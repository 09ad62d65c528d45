//! Writing gradients to inputs, which are made with the rows of the batch side by side, as rows.

use super::InputMask;
use crate::disjoint::Disjoint;
use crate::packing::PANEL;
use crate::simd::{Kernel, Simd, WIDEST};

/// The inputs by which a mask goes, and what it does.
#[derive(Clone, Copy)]
pub(super) struct Masked<'a> {
    pub(super) mask: InputMask,
    /// The columns of the inputs that are written, with `stride` elements from a row to the next.
    pub(super) x: &'a [f32],
    pub(super) stride: usize,
}

/// Writes the gradients to some inputs.
pub(super) struct WriteRows<'a> {
    pub(super) batch: usize,
    pub(super) inputs: usize,
    /// `[panel of the batch][input][PANEL rows]`.
    pub(super) tile: &'a [f32],
    pub(super) mask: Option<Masked<'a>>,
    /// From the first row's first of these inputs on, with `width` elements from a row to the next.
    dx: *mut f32,
    width: usize,
}

#[expect(clippy::needless_range_loop, reason = "iterators over arrays of vectors do not melt into the loop")]
impl<'a> WriteRows<'a> {
    /// For the inputs from `first` on of all rows.
    ///
    /// # Safety
    /// For as long as the result is, nobody else uses these columns of `dx`.
    pub(super) unsafe fn new(
        dx: &Disjoint<'a, f32>,
        (batch, width): (usize, usize),
        (first, inputs): (usize, usize),
        tile: &'a [f32],
        mask: Option<Masked<'a>>,
    ) -> Self {
        assert!(batch * width == dx.len() && first + inputs <= width, "columns of a dense layer's input");
        assert!(tile.len() >= batch.div_ceil(PANEL) * inputs * PANEL, "gradients of each row");
        if let Some(Masked { x, stride, .. }) = mask {
            assert!((batch - 1) * stride + inputs <= x.len(), "a copy of each row");
        }
        Self { batch, inputs, tile, mask, dx: dx.pointer(first..dx.len()), width }
    }

    /// # Safety
    /// `row` and `input` are below the number of rows and inputs, and multiples of `LANES`.
    #[inline(always)]
    unsafe fn block<S: Simd>(&self, simd: S, row: usize, input: usize) {
        let (rows, inputs) = (S::LANES.min(self.batch - row), S::LANES.min(self.inputs - input));
        let from = (row / PANEL * self.inputs + input) * PANEL + row % PANEL;
        let mut block = [simd.zero(); WIDEST];
        for i in 0..inputs {
            // SAFETY: a panel of the batch is a whole number of vectors, and the tile has one for each of the inputs.
            block[i] = unsafe { simd.load_ptr(self.tile.as_ptr().add(from + i * PANEL)) };
        }
        simd.transpose(&mut block);
        for r in 0..rows {
            let row = row + r;
            // SAFETY: these are columns of rows that there are, of which `new` has checked the copy and `dx`.
            unsafe {
                if let Some(Masked { mask, x, stride }) = self.mask {
                    let x = simd.load_first(x.as_ptr().add(row * stride + input), inputs);
                    let scaled = simd.mul(block[r], simd.splat(mask.scale));
                    block[r] = simd.select_gt(x, simd.zero(), scaled, simd.zero());
                }
                simd.store_first(block[r], self.dx.add(row * self.width + input), inputs);
            }
        }
    }
}

impl Kernel for WriteRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in (0..self.batch).step_by(S::LANES) {
            for input in (0..self.inputs).step_by(S::LANES) {
                // SAFETY: as the loops have it.
                unsafe { self.block(simd, row, input) };
            }
        }
    }
}
