//! Losses, from logits: the loss of each row and the gradient of the mean loss, in one pass.
//!
//! All three take logits and targets `[rows, cols]`, set `losses` (`rows` of them) and `dlogits` to the gradient of the mean of
//! `losses`, and are right for logits of any finite size. A logit that is not a number makes its row's loss not a number.
//!
//! Cross-entropies take weights of their columns, by which frequent and rare classes can be made to count alike. The mean is that over
//! the rows, whatever these weigh (as Keras's `class_weight` has it, and PyTorch's `CrossEntropyLoss` has not).

use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::simd::{Kernel, Simd};
use crate::softmax::{largest, rows_at_once};
use crate::special::{abs, ln_1p};

/// Categorical cross-entropy of the softmax of the logits: `loss = - sum w t ln softmax(x)`, over the columns, with the `weights` w
/// of these.
///
/// `targets` are probabilities, one-hot or not; a row of them may have any sum (zero: the row does not count).
/// `dlogits = (softmax(x) * sum w t - w t) / rows`.
///
/// # Panics
/// When a slice's length does not fit `rows` and `cols`.
pub fn softmax_cross_entropy(
    cpu: &Cpu,
    rows: usize,
    cols: usize,
    logits: &[f32],
    targets: &[f32],
    weights: &[f32],
    losses: &mut [f32],
    dlogits: &mut [f32],
) {
    assert_eq!(weights.len(), cols, "a weight for each column");
    let loss = SoftmaxCrossEntropy { share: 1.0 / rows as f32, weights };
    by_row(cpu, loss, rows, cols, logits, targets, losses, dlogits);
}

/// Binary cross-entropy of the sigmoid of each logit, its mean over the columns: each column is a yes or no of its own, which may
/// weigh differently.
///
/// With the weights v of a yes and w of a no, one of each for a column, `yes = v t` and `no = w (1 - t)`, it is
/// `loss = mean (-yes ln sigmoid(x) - no ln sigmoid(-x)) = mean (yes max(-x, 0) + no max(x, 0) + (yes + no) ln(1 + e^-|x|))` and
/// `dlogits = ((yes + no) sigmoid(x) - yes) / (rows * cols)`.
///
/// # Panics
/// When a slice's length does not fit `rows` and `cols`.
pub fn sigmoid_cross_entropy(
    cpu: &Cpu,
    rows: usize,
    cols: usize,
    logits: &[f32],
    targets: &[f32],
    [of_yes, of_no]: [&[f32]; 2],
    losses: &mut [f32],
    dlogits: &mut [f32],
) {
    assert!(of_yes.len() == cols && of_no.len() == cols, "two weights for each column");
    let loss = SigmoidCrossEntropy { share: 1.0 / (rows * cols) as f32, of_yes, of_no };
    by_row(cpu, loss, rows, cols, logits, targets, losses, dlogits);
}

/// The mean over the columns of `(x - t)^2`; `dlogits = 2 (x - t) / (rows * cols)`.
///
/// # Panics
/// When a slice's length does not fit `rows` and `cols`.
pub fn mean_squared_error(
    cpu: &Cpu,
    rows: usize,
    cols: usize,
    outputs: &[f32],
    targets: &[f32],
    losses: &mut [f32],
    doutputs: &mut [f32],
) {
    let share = 1.0 / (rows * cols) as f32;
    by_row(cpu, MeanSquaredError { share }, rows, cols, outputs, targets, losses, doutputs);
}

/// The loss of one row.
trait Loss: Copy + Sync {
    /// Sets the row's gradient `dx` and gives its loss, from logits `x` and targets `t`.
    fn row<S: Simd>(self, simd: S, x: &[f32], t: &[f32], dx: &mut [f32]) -> f32;
}

fn by_row(
    cpu: &Cpu,
    loss: impl Loss,
    rows: usize,
    cols: usize,
    x: &[f32],
    t: &[f32],
    losses: &mut [f32],
    dx: &mut [f32],
) {
    let len = rows * cols;
    assert!(x.len() == len && t.len() == len && dx.len() == len, "a loss of {rows} rows of {cols}");
    assert_eq!(losses.len(), rows, "a loss for each row");
    assert!(cols > 0, "a loss of rows without columns");
    let at_once = rows_at_once(cols);
    let losses = Disjoint::new(losses);
    cpu.team().for_chunks(dx, at_once * cols, |task, dx| {
        let (first, start) = (task * at_once, task * at_once * cols);
        // SAFETY: each task is run once and has rows of its own.
        let losses = unsafe { losses.part(first..first + dx.len() / cols) };
        let range = start..start + dx.len();
        cpu.isa().call(Rows { loss, cols, x: &x[range.clone()], t: &t[range], losses, dx });
    });
}

struct Rows<'a, L> {
    loss: L,
    cols: usize,
    x: &'a [f32],
    t: &'a [f32],
    losses: &'a mut [f32],
    dx: &'a mut [f32],
}

impl<L: Loss> Kernel for Rows<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let given = self.x.chunks_exact(self.cols).zip(self.t.chunks_exact(self.cols));
        let wanted = self.dx.chunks_exact_mut(self.cols).zip(self.losses);
        for ((x, t), (dx, loss)) in given.zip(wanted) {
            *loss = self.loss.row(simd, x, t, dx);
        }
    }
}

#[derive(Clone, Copy)]
struct SoftmaxCrossEntropy<'a> {
    /// A row's part in the mean.
    share: f32,
    /// Of each column.
    weights: &'a [f32],
}

impl Loss for SoftmaxCrossEntropy<'_> {
    #[inline(always)]
    fn row<S: Simd>(self, simd: S, x: &[f32], t: &[f32], dx: &mut [f32]) -> f32 {
        let largest = simd.splat(largest(simd, x));
        let weighted = |at: usize| simd.mul(simd.load_some(&t[at..]), simd.load_some(&self.weights[at..]));
        // Sums over the row of e^(x - largest), of w t, and of w t (x - largest), whose terms are all of one sign.
        let (mut powers, mut targets, mut products) = (simd.zero(), simd.zero(), simd.zero());
        for at in (0..x.len()).step_by(S::LANES) {
            let off = simd.sub(simd.load_some(&x[at..]), largest);
            let t = weighted(at);
            let power = simd.exp(off);
            simd.store_some(power, &mut dx[at..]);
            powers = simd.add(powers, simd.keep_first(power, x.len() - at, 0.0));
            targets = simd.add(targets, t);
            products = simd.add(products, simd.keep_first(simd.mul(t, off), x.len() - at, 0.0));
        }
        let (powers, targets) = (simd.sum(powers), simd.sum(targets));
        let of_power = simd.splat(targets / powers);
        let share = simd.splat(self.share);
        for at in (0..x.len()).step_by(S::LANES) {
            let softmax = simd.mul(simd.load_some(&dx[at..]), of_power);
            let off = simd.sub(softmax, weighted(at));
            simd.store_some(simd.mul(off, share), &mut dx[at..]);
        }
        targets * f64::from(powers).ln() as f32 - simd.sum(products)
    }
}

#[derive(Clone, Copy)]
struct SigmoidCrossEntropy<'a> {
    /// An element's part in the mean.
    share: f32,
    /// Weights of each column.
    of_yes: &'a [f32],
    of_no: &'a [f32],
}

impl Loss for SigmoidCrossEntropy<'_> {
    #[inline(always)]
    fn row<S: Simd>(self, simd: S, x: &[f32], t: &[f32], dx: &mut [f32]) -> f32 {
        let (zero, one, share) = (simd.zero(), simd.splat(1.0), simd.splat(self.share));
        let mut losses = zero;
        for at in (0..x.len()).step_by(S::LANES) {
            let n = x.len() - at;
            let (x, t) = (simd.load_some(&x[at..]), simd.load_some(&t[at..]));
            let yes = simd.mul(t, simd.load_some(&self.of_yes[at..]));
            let no = simd.mul(simd.sub(one, t), simd.load_some(&self.of_no[at..]));
            let both = simd.add(yes, no);
            let power = simd.exp(simd.sub(zero, abs(simd, x)));
            // Of each pair of terms one is 0: nothing is lost by taking a large number from another.
            let linear =
                simd.mul_add(no, simd.max(zero, x), simd.mul(yes, simd.max(zero, simd.sub(zero, x))));
            let loss = simd.mul_add(both, ln_1p(simd, power), linear);
            losses = simd.add(losses, simd.keep_first(loss, n, 0.0));
            let sigmoid = simd.div(simd.select_gt(x, zero, one, power), simd.add(one, power));
            let slope = simd.sub(simd.mul(both, sigmoid), yes);
            simd.store_some(simd.mul(slope, share), &mut dx[at..]);
        }
        simd.sum(losses) / x.len() as f32
    }
}

#[derive(Clone, Copy)]
struct MeanSquaredError {
    /// An element's part in the mean.
    share: f32,
}

impl Loss for MeanSquaredError {
    #[inline(always)]
    fn row<S: Simd>(self, simd: S, x: &[f32], t: &[f32], dx: &mut [f32]) -> f32 {
        let slope = simd.splat(2.0 * self.share);
        let mut squares = simd.zero();
        for at in (0..x.len()).step_by(S::LANES) {
            let off = simd.sub(simd.load_some(&x[at..]), simd.load_some(&t[at..]));
            squares = simd.mul_add(off, off, squares);
            simd.store_some(simd.mul(off, slope), &mut dx[at..]);
        }
        simd.sum(squares) / x.len() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::differences::gradient;
    use crate::reference::softmax as reference;
    use crate::reference::trial::{assert_sums, magnitudes, numbers, on_every_cpu, wide};
    use proptest::prelude::*;

    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Kind {
        Softmax,
        Sigmoid,
        Squared,
    }
    use Kind::{Sigmoid, Softmax, Squared};

    /// Logits, targets, and the weights of a 1 and of a 0 in each column.
    struct Given {
        rows: usize,
        cols: usize,
        x: Vec<f32>,
        t: Vec<f32>,
        weights: [Vec<f32>; 2],
    }

    impl Given {
        fn even(rows: usize, cols: usize, x: &[f32], t: &[f32]) -> Self {
            Self { rows, cols, x: x.to_vec(), t: t.to_vec(), weights: [vec![1.0; cols], vec![1.0; cols]] }
        }

        /// The losses and, after them, the gradients.
        fn run(&self, kind: Kind) -> Vec<(&'static str, Vec<f32>)> {
            let Self { rows, cols, ref x, ref t, weights: [ref of_yes, ref of_no] } = *self;
            on_every_cpu(
                |_| (rows + rows * cols, 0),
                |cpu, out, _| {
                    let (losses, dx) = out.split_at_mut(rows);
                    match kind {
                        Softmax => softmax_cross_entropy(cpu, rows, cols, x, t, of_yes, losses, dx),
                        Sigmoid => sigmoid_cross_entropy(cpu, rows, cols, x, t, [of_yes, of_no], losses, dx),
                        Squared => mean_squared_error(cpu, rows, cols, x, t, losses, dx),
                    }
                },
            )
        }

        /// The losses of these logits by definition.
        fn truth(&self, kind: Kind, x: &[f64]) -> Vec<f64> {
            let (t, [of_yes, of_no]) = (wide(&self.t), self.weights.each_ref().map(|weights| wide(weights)));
            match kind {
                Softmax => reference::softmax_cross_entropy(self.cols, x, &t, &of_yes),
                Sigmoid => reference::sigmoid_cross_entropy(self.cols, x, &t, [&of_yes, &of_no]),
                Squared => reference::mean_squared_error(self.cols, x, &t),
            }
        }
    }

    const ALL: [Kind; 3] = [Softmax, Sigmoid, Squared];

    fn probabilities(len: usize, seed: u64) -> Vec<f32> {
        numbers(len, seed).iter().map(|x| x.abs()).collect()
    }

    proptest! {
        #[test]
        fn losses_and_gradients_agree_with_the_definition(rows in 1_usize..5, cols in 1_usize..40, spread in 0.1_f32..30.0) {
            let x: Vec<f32> = numbers(rows * cols, 1).iter().map(|x| spread * x).collect();
            let t = probabilities(rows * cols, 2);
            let weights = [3, 4].map(|seed| probabilities(cols, seed).iter().map(|w| 5.0 * w).collect());
            for given in [Given::even(rows, cols, &x, &t), Given { rows, cols, x, t, weights }] {
                let x = wide(&given.x);
                for kind in ALL {
                    let mean = |x: &[f64]| given.truth(kind, x).iter().sum::<f64>() / rows as f64;
                    let losses = given.truth(kind, &x);
                    let gradients = gradient(mean, &x);
                    // A loss is rounded by its size; a gradient is the difference of two numbers of about 1 / rows, or larger.
                    let mut sizes: Vec<f64> = magnitudes(&losses).iter().map(|loss| loss + 1.0).collect();
                    let weight = given.weights.iter().flatten().fold(1.0, |most: f32, w| most.max(*w));
                    let smallest = f64::from(weight) / rows as f64;
                    sizes.extend(magnitudes(&gradients).iter().map(|gradient| gradient + smallest));
                    let truth = [losses, gradients].concat();
                    assert_sums(&format!("{kind:?}"), &given.run(kind), &truth, &sizes);
                }
            }
        }
    }

    #[test]
    fn many_rows_agree_with_the_definition() {
        for (rows, cols) in [(10_007, 2), (10, 3001)] {
            let given = Given {
                weights: [probabilities(cols, 3), probabilities(cols, 4)],
                ..Given::even(rows, cols, &numbers(rows * cols, 1), &probabilities(rows * cols, 2))
            };
            for kind in ALL {
                let losses = given.truth(kind, &wide(&given.x));
                let outputs = given.run(kind).into_iter();
                let outputs: Vec<_> = outputs.map(|(isa, out)| (isa, out[..rows].to_vec())).collect();
                assert_sums(&format!("{kind:?}"), &outputs, &losses, &magnitudes(&losses));
            }
        }
    }

    #[test]
    fn enormous_logits_have_finite_losses_and_exact_gradients() {
        for kind in [Softmax, Sigmoid] {
            for (x, t) in [([1e4, -1e4, 0.0], [0.0, 1.0, 0.0]), ([-1e4, -1e4, -1e4], [1.0, 0.0, 0.0])] {
                let given = Given::even(1, 3, &x, &t);
                let losses = given.truth(kind, &wide(&x));
                for (isa, out) in given.run(kind) {
                    let off = (f64::from(out[0]) - losses[0]).abs();
                    assert!(off <= 1e-6 * losses[0], "{kind:?} on {isa}: {out:?}");
                    assert!(out[1..].iter().all(|dx| dx.abs() <= 1.0), "{kind:?} on {isa}: {out:?}");
                }
            }
        }
        for (isa, out) in Given::even(1, 3, &[1e4, -1e4, 0.0], &[0.0, 1.0, 0.0]).run(Softmax) {
            assert_eq!(out, [2e4, 1.0, -1.0, 0.0], "{isa}");
        }
    }

    #[test]
    fn a_row_without_a_target_does_not_count() {
        let given = Given::even(2, 2, &[3.0, -1.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 1.0]);
        for (isa, out) in given.run(Softmax) {
            assert_eq!(out[..1], [0.0], "{isa}");
            assert_eq!(out[2..], [0.0, 0.0, 0.25, -0.25], "{isa}");
        }
    }

    #[test]
    fn what_is_not_a_number_shows_in_the_loss() {
        for kind in ALL {
            for (isa, out) in Given::even(2, 2, &[f32::NAN, 0.0, 0.0, 0.0], &[0.0, 1.0, 1.0, 0.0]).run(kind) {
                assert!(out[0].is_nan() && out[1].is_finite(), "{kind:?} on {isa}: {out:?}");
            }
        }
    }
}
