//! Softmax: rows of numbers as probabilities.

use crate::Cpu;
use crate::elementwise::CHUNK;
use crate::simd::{Kernel, Simd};

/// `y[r, c] = e^x[r, c] / sum over k of e^x[r, k]`, for numbers of any size: the row's largest is taken away first.
///
/// # Panics
/// When the slices do not have `rows` times `cols` elements.
pub fn softmax_forward(cpu: &Cpu, rows: usize, cols: usize, x: &[f32], y: &mut [f32]) {
    assert!(x.len() == rows * cols && y.len() == rows * cols, "softmax of {rows} rows of {cols}");
    let at_once = rows_at_once(cols);
    cpu.team().for_chunks(y, at_once * cols, |task, y| {
        let x = &x[task * at_once * cols..][..y.len()];
        cpu.isa().call(Forward { cols, x, y });
    });
}

/// The backward pass of [`softmax_forward`], from its output: `dx = y (dy - sum over k of y[k] dy[k])`, row by row.
///
/// # Panics
/// When the slices do not have `rows` times `cols` elements.
pub fn softmax_backward(cpu: &Cpu, rows: usize, cols: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    let len = rows * cols;
    assert!(y.len() == len && dy.len() == len && dx.len() == len, "softmax of {rows} rows of {cols}");
    let at_once = rows_at_once(cols);
    cpu.team().for_chunks(dx, at_once * cols, |task, dx| {
        let range = task * at_once * cols..task * at_once * cols + dx.len();
        cpu.isa().call(Backward { cols, y: &y[range.clone()], dy: &dy[range], dx });
    });
}

/// Rows that make a task.
pub(crate) fn rows_at_once(cols: usize) -> usize {
    (CHUNK / cols.max(1)).max(1)
}

/// The largest number of a row, which is not empty.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let mut largest = simd.splat(f32::NEG_INFINITY);
    for at in (0..x.len()).step_by(S::LANES) {
        let x = &x[at..];
        largest = simd.max(largest, simd.keep_first(simd.load_some(x), x.len(), f32::NEG_INFINITY));
    }
    simd.largest(largest)
}

struct Forward<'a> {
    cols: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, y) in self.x.chunks_exact(self.cols).zip(self.y.chunks_exact_mut(self.cols)) {
            let largest = simd.splat(largest(simd, x));
            let mut sum = simd.zero();
            for at in (0..x.len()).step_by(S::LANES) {
                let power = simd.exp(simd.sub(simd.load_some(&x[at..]), largest));
                sum = simd.add(sum, simd.keep_first(power, x.len() - at, 0.0));
                simd.store_some(power, &mut y[at..]);
            }
            let share = simd.splat(1.0 / simd.sum(sum));
            for at in (0..x.len()).step_by(S::LANES) {
                simd.store_some(simd.mul(simd.load_some(&y[at..]), share), &mut y[at..]);
            }
        }
    }
}

struct Backward<'a> {
    cols: usize,
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let rows = self.y.chunks_exact(self.cols).zip(self.dy.chunks_exact(self.cols));
        for ((y, dy), dx) in rows.zip(self.dx.chunks_exact_mut(self.cols)) {
            let mut sum = simd.zero();
            for at in (0..y.len()).step_by(S::LANES) {
                sum = simd.mul_add(simd.load_some(&y[at..]), simd.load_some(&dy[at..]), sum);
            }
            let mean = simd.splat(simd.sum(sum));
            for at in (0..y.len()).step_by(S::LANES) {
                let off = simd.sub(simd.load_some(&dy[at..]), mean);
                simd.store_some(simd.mul(simd.load_some(&y[at..]), off), &mut dx[at..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::differences::gradient;
    use crate::reference::softmax as reference;
    use crate::reference::trial::{assert_sums, dot, numbers, on_every_cpu, wide};
    use proptest::prelude::*;

    fn forward(rows: usize, cols: usize, x: &[f32]) -> Vec<(&'static str, Vec<f32>)> {
        on_every_cpu(|_| (x.len(), 0), |cpu, y, _| softmax_forward(cpu, rows, cols, x, y))
    }

    /// The difference from the row's largest is rounded, and e to its power the more so the larger it is.
    fn sizes(y: &[f64]) -> Vec<f64> {
        y.iter().map(|y| 4.0 * y + 1e-30).collect()
    }

    proptest! {
        #[test]
        fn rows_agree_with_the_definition(rows in 0_usize..6, cols in 1_usize..40, spread in 0.1_f32..60.0, centre in -1e4_f32..1e4) {
            let x: Vec<f32> = numbers(rows * cols, 1).iter().map(|x| centre + spread * x).collect();
            let y = reference::softmax(cols, &wide(&x));
            assert_sums("softmax", &forward(rows, cols, &x), &y, &sizes(&y));
        }

        #[test]
        fn gradients_agree_with_differences(rows in 1_usize..4, cols in 1_usize..20) {
            let (x, dy) = (wide(&numbers(rows * cols, 1)), numbers(rows * cols, 2));
            let y: Vec<f32> = reference::softmax(cols, &x).iter().map(|y| *y as f32).collect();
            let dx = on_every_cpu(|_| (y.len(), 0), |cpu, dx, _| softmax_backward(cpu, rows, cols, &y, &dy, dx));
            let truth = gradient(|x| dot(&reference::softmax(cols, x), &wide(&dy)), &x);
            assert_sums("softmax backward", &dx, &truth, &vec![1.0; truth.len()]);
        }
    }

    #[test]
    fn rows_of_many_tasks_agree_with_the_definition() {
        for (rows, cols) in [(5000, 3), (40, 1000), (2, 20_000)] {
            let x: Vec<f32> = numbers(rows * cols, 3).iter().map(|x| 10.0 * x).collect();
            let y = reference::softmax(cols, &wide(&x));
            assert_sums("softmax", &forward(rows, cols, &x), &y, &sizes(&y));
        }
    }

    #[test]
    fn what_is_not_a_number_spoils_its_row_alone() {
        for (isa, y) in forward(2, 3, &[0.0, f32::NAN, 1.0, 2.0, 2.0, 2.0]) {
            assert!(y[..3].iter().all(|y| y.is_nan()), "{isa}: {y:?}");
            assert!(y[3..].iter().all(|y| (y - 1.0 / 3.0).abs() < 1e-6), "{isa}: {y:?}");
        }
    }
}
