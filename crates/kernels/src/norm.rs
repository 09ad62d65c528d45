//! Batch normalisation, and factors and offsets of channels.

use crate::Cpu;
use crate::columns::{
    Fold, Grid, OfChannel, PANEL, Sum, column_sums, column_sums_scratch, fold_piece, map_channels,
};
use crate::simd::Simd;

/// What is normalised: `rows` (batch, height and width together) times `channels`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NormShape {
    /// Samples of each channel: batch times height times width.
    pub rows: usize,
    /// Channels, each with a mean and a variance.
    pub channels: usize,
}

impl NormShape {
    /// Elements of the input and of the output.
    pub fn len(&self) -> usize {
        self.rows * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of scratch that [`batch_norm_train`] needs.
    pub fn train_scratch(&self) -> usize {
        column_sums_scratch(self.grid(), 2)
    }

    /// Numbers of scratch that [`batch_norm_backward`] needs.
    pub fn backward_scratch(&self) -> usize {
        column_sums_scratch(self.grid(), 2)
    }

    fn grid(&self) -> Grid {
        Grid::new(self.rows, self.channels)
    }
}

/// What batch normalisation is told besides its parameters.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NormSettings {
    /// Added to the variance (Keras's default: 1e-3).
    pub epsilon: f32,
    /// What stays of a moving statistic at each step (Keras's default: 0.99).
    pub momentum: f32,
}

/// `y = gamma * (x - mean) * invstd + beta` with the mean and the (biased) variance of the batch, by channel.
///
/// `mean` and `invstd = 1 / sqrt(variance + epsilon)` are set for the backward pass; the moving statistics become
/// `momentum * moving + (1 - momentum) * batch`, as in Keras. Ioffe and Szegedy, arXiv 1502.03167.
///
/// Without `gamma` or `beta`, they are 1 and 0.
///
/// The variance is that of the differences from a first guess at the mean, so it keeps its digits where the mean is large.
///
/// # Panics
/// When there are no rows, a slice's length does not fit the shape, or `scratch` is shorter than
/// [`NormShape::train_scratch`].
pub fn batch_norm_train(
    cpu: &Cpu,
    shape: &NormShape,
    settings: &NormSettings,
    x: &[f32],
    gamma: Option<&[f32]>,
    beta: Option<&[f32]>,
    y: &mut [f32],
    mean: &mut [f32],
    invstd: &mut [f32],
    moving_mean: &mut [f32],
    moving_variance: &mut [f32],
    scratch: &mut [f32],
) {
    assert!(shape.rows > 0, "statistics of an empty batch");
    assert_per_channel(shape.channels, &[mean, invstd, moving_mean, moving_variance]);
    let affine = Affine::new(shape.channels, gamma, beta);
    assert_eq!(x.len(), shape.len(), "batch norm's input");
    let grid = shape.grid();
    guess_means(cpu, grid, x, mean);
    let totals = column_sums(cpu, grid, Moments, |channel| [mean[channel]], [x], scratch);
    let (momentum, rows) = (f64::from(settings.momentum), shape.rows as f64);
    let follow = |moving: &mut f32, batch: f64| {
        *moving = (momentum * f64::from(*moving) + (1.0 - momentum) * batch) as f32;
    };
    totals.for_each(|channel, [sum, squares]| {
        let off = sum / rows;
        // Rounding may leave a constant channel just below zero; `clamp`, unlike `max`, lets what is not a number through.
        let variance = (squares / rows - off * off).clamp(0.0, f64::INFINITY);
        invstd[channel] = inverse_deviation(variance, settings.epsilon) as f32;
        follow(&mut moving_variance[channel], variance);
    });
    totals.for_each(|channel, [sum, _]| {
        let exact = f64::from(mean[channel]) + sum / rows;
        mean[channel] = exact as f32;
        follow(&mut moving_mean[channel], exact);
    });
    let of_channel = |c: usize| [mean[c], affine.scale(c) * invstd[c], affine.shift(c)];
    map_channels(cpu, grid, Normalise, of_channel, [x], y);
}

/// `y = gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta`, by channel.
///
/// # Panics
/// When a slice's length does not fit the shape.
pub fn batch_norm_infer(
    cpu: &Cpu,
    shape: &NormShape,
    epsilon: f32,
    x: &[f32],
    gamma: Option<&[f32]>,
    beta: Option<&[f32]>,
    moving_mean: &[f32],
    moving_variance: &[f32],
    y: &mut [f32],
) {
    assert_per_channel(shape.channels, &[moving_mean, moving_variance]);
    let affine = Affine::new(shape.channels, gamma, beta);
    let of_channel = |c: usize| {
        let invstd = inverse_deviation(f64::from(moving_variance[c]), epsilon);
        [moving_mean[c], (f64::from(affine.scale(c)) * invstd) as f32, affine.shift(c)]
    };
    map_channels(cpu, shape.grid(), Normalise, of_channel, [x], y);
}

/// The backward pass of [`batch_norm_train`], from its input `x` and the statistics it saved.
///
/// With n = (x - mean) * invstd: `dbeta = sum dy`, `dgamma = sum dy n` (sums over the rows), and
/// `dx = gamma * invstd * (dy - dbeta / rows - n * dgamma / rows)`.
///
/// # Panics
/// When there are no rows, a slice's length does not fit the shape, or `scratch` is shorter than
/// [`NormShape::backward_scratch`].
pub fn batch_norm_backward(
    cpu: &Cpu,
    shape: &NormShape,
    x: &[f32],
    dy: &[f32],
    gamma: Option<&[f32]>,
    mean: &[f32],
    invstd: &[f32],
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    scratch: &mut [f32],
) {
    assert!(shape.rows > 0, "the gradient of an empty batch");
    assert_per_channel(shape.channels, &[mean, invstd, dgamma, dbeta]);
    let affine = Affine::new(shape.channels, gamma, None);
    let grid = shape.grid();
    let totals = column_sums(cpu, grid, Correlation, |channel| [mean[channel]], [x, dy], scratch);
    totals.for_each(|channel, [sum, product]| {
        dbeta[channel] = sum as f32;
        dgamma[channel] = (product * f64::from(invstd[channel])) as f32;
    });
    let rows = shape.rows as f32;
    let of_channel =
        |c: usize| [mean[c], affine.scale(c) * invstd[c], dbeta[c] / rows, -invstd[c] * (dgamma[c] / rows)];
    map_channels(cpu, grid, NormaliseBackward, of_channel, [x, dy], dx);
}

/// `y = x * scale + shift`, by channel.
///
/// # Panics
/// When a slice's length does not fit `rows` and `channels`.
pub fn scale_shift_forward(
    cpu: &Cpu,
    rows: usize,
    channels: usize,
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    y: &mut [f32],
) {
    assert_per_channel(channels, &[scale, shift]);
    map_channels(cpu, Grid::new(rows, channels), ScaleShift, |c| [scale[c], shift[c]], [x], y);
}

/// `dx = dy * scale`, by channel: the backward pass of [`scale_shift_forward`] with respect to its input.
///
/// # Panics
/// When a slice's length does not fit `rows` and `channels`.
pub fn scale_shift_backward(
    cpu: &Cpu,
    rows: usize,
    channels: usize,
    dy: &[f32],
    scale: &[f32],
    dx: &mut [f32],
) {
    assert_per_channel(channels, &[scale]);
    map_channels(cpu, Grid::new(rows, channels), Scale, |c| [scale[c]], [dy], dx);
}

/// The scale and shift after normalising: 1 and 0 where there is none.
#[derive(Clone, Copy)]
struct Affine<'a> {
    gamma: Option<&'a [f32]>,
    beta: Option<&'a [f32]>,
}

impl<'a> Affine<'a> {
    fn new(channels: usize, gamma: Option<&'a [f32]>, beta: Option<&'a [f32]>) -> Self {
        gamma.iter().chain(&beta).for_each(|slice| assert_per_channel(channels, &[slice]));
        Self { gamma, beta }
    }

    fn scale(&self, channel: usize) -> f32 {
        self.gamma.map_or(1.0, |gamma| gamma[channel])
    }

    fn shift(&self, channel: usize) -> f32 {
        self.beta.map_or(0.0, |beta| beta[channel])
    }
}

fn assert_per_channel(channels: usize, slices: &[&[f32]]) {
    assert!(slices.iter().all(|slice| slice.len() == channels), "slices of {channels} channels");
}

fn inverse_deviation(variance: f64, epsilon: f32) -> f64 {
    1.0 / (variance + f64::from(epsilon)).sqrt()
}

/// Sets `mean` to the means of the first rows. They are near enough to those of all rows: what the guess costs the variance
/// in digits is bounded, because these rows are part of the variance too.
fn guess_means(cpu: &Cpu, grid: Grid, x: &[f32], mean: &mut [f32]) {
    for panel in 0..grid.panels() {
        let piece = grid.piece(panel * grid.bands());
        let mut sums = [0.0; PANEL];
        fold_piece(cpu, Sum, piece, [], [x], [&mut sums]);
        piece.narrow(&mut sums);
        let means = &mut mean[piece.channel..piece.channel + piece.channels()];
        means.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = sum / piece.samples() as f32);
    }
}

/// The sums of the differences from a number, and of their squares.
#[derive(Clone, Copy)]
struct Moments;

impl Fold<1, 1, 2> for Moments {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        [sum, squares]: [S::V; 2],
        [x]: [S::V; 1],
        [about]: [S::V; 1],
    ) -> [S::V; 2] {
        let off = simd.sub(x, about);
        [simd.add(sum, off), simd.mul_add(off, off, squares)]
    }
}

/// The sums of dy and of dy times the difference of x from its mean.
#[derive(Clone, Copy)]
struct Correlation;

impl Fold<2, 1, 2> for Correlation {
    const START: f32 = 0.0;

    #[inline(always)]
    fn step<S: Simd>(
        self,
        simd: S,
        [sum, product]: [S::V; 2],
        [x, dy]: [S::V; 2],
        [mean]: [S::V; 1],
    ) -> [S::V; 2] {
        [simd.add(sum, dy), simd.mul_add(dy, simd.sub(x, mean), product)]
    }
}

#[derive(Clone, Copy)]
struct Normalise;

impl OfChannel<1, 3> for Normalise {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [mean, scale, beta]: [S::V; 3]) -> S::V {
        // The mean is taken away first: x * scale + (beta - mean * scale) would lose the digits of x - mean.
        simd.mul_add(simd.sub(x, mean), scale, beta)
    }
}

#[derive(Clone, Copy)]
struct NormaliseBackward;

impl OfChannel<2, 4> for NormaliseBackward {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x, dy]: [S::V; 2], [mean, scale, mean_dy, slope]: [S::V; 4]) -> S::V {
        let centred = simd.sub(dy, mean_dy);
        simd.mul(simd.mul_add(simd.sub(x, mean), slope, centred), scale)
    }
}

#[derive(Clone, Copy)]
struct ScaleShift;

impl OfChannel<1, 2> for ScaleShift {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [scale, shift]: [S::V; 2]) -> S::V {
        simd.mul_add(x, scale, shift)
    }
}

#[derive(Clone, Copy)]
struct Scale;

impl OfChannel<1, 1> for Scale {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [x]: [S::V; 1], [scale]: [S::V; 1]) -> S::V {
        simd.mul(x, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::CHUNK;
    use crate::reference::norm as reference;
    use crate::reference::trial::{assert_sums, magnitudes, numbers, on_every_cpu, wide};
    use proptest::prelude::*;

    const SETTINGS: NormSettings = NormSettings { epsilon: 1e-3, momentum: 0.9 };

    type Outputs = Vec<(&'static str, Vec<f32>)>;

    /// Numbers with a mean and a deviation of their own in each channel.
    fn batch(shape: NormShape, seed: u64) -> Vec<f32> {
        let of_channel = |c: usize| ((c % 7) as f32 - 3.0, 0.5 + (c % 5) as f32);
        let channels = (0..shape.channels).cycle().map(of_channel);
        numbers(shape.len(), seed)
            .iter()
            .zip(channels)
            .map(|(x, (mean, deviation))| mean + deviation * x)
            .collect()
    }

    /// `y`, mean, 1 / deviation, moving mean (from 2) and moving variance (from 5), one after the other.
    fn train(shape: NormShape, x: &[f32], gamma: Option<&[f32]>, beta: Option<&[f32]>) -> Outputs {
        let channels = shape.channels;
        on_every_cpu(
            |_| (shape.len() + 4 * channels, shape.train_scratch()),
            |cpu, out, scratch| {
                let (y, out) = out.split_at_mut(shape.len());
                let (mean, out) = out.split_at_mut(channels);
                let (invstd, out) = out.split_at_mut(channels);
                let (moving_mean, moving_variance) = out.split_at_mut(channels);
                moving_mean.fill(2.0);
                moving_variance.fill(5.0);
                batch_norm_train(
                    cpu,
                    &shape,
                    &SETTINGS,
                    x,
                    gamma,
                    beta,
                    y,
                    mean,
                    invstd,
                    moving_mean,
                    moving_variance,
                    scratch,
                );
            },
        )
    }

    fn assert_train(shape: NormShape, x: &[f32], rounding: f64) {
        let (gamma, beta) = (numbers(shape.channels, 8), numbers(shape.channels, 9));
        let truth = reference::batch_norm(shape.channels, 1e-3, &wide(x), &wide(&gamma), &wide(&beta));
        let follow =
            |from: f64, batch: &[f64]| batch.iter().map(|b| 0.9 * from + 0.1 * b).collect::<Vec<_>>();
        let invstd: Vec<f64> = truth.variance.iter().map(|variance| 1.0 / (variance + 1e-3).sqrt()).collect();
        let moving = [follow(2.0, &truth.mean), follow(5.0, &truth.variance)].concat();
        let all = [truth.y, truth.mean, invstd, moving].concat();
        let mut sizes: Vec<f64> = magnitudes(&all).iter().map(|size| size + 0.5).collect();
        sizes[..shape.len()].iter_mut().for_each(|size| *size *= rounding);
        assert_sums(
            &format!("batch norm of {shape:?}"),
            &train(shape, x, Some(&gamma), Some(&beta)),
            &all,
            &sizes,
        );
    }

    fn backward(
        shape: NormShape,
        x: &[f32],
        dy: &[f32],
        gamma: Option<&[f32]>,
        mean: &[f32],
        invstd: &[f32],
    ) -> Outputs {
        on_every_cpu(
            |_| (shape.len() + 2 * shape.channels, shape.backward_scratch()),
            |cpu, out, scratch| {
                let (dx, out) = out.split_at_mut(shape.len());
                let (dgamma, dbeta) = out.split_at_mut(shape.channels);
                batch_norm_backward(cpu, &shape, x, dy, gamma, mean, invstd, dx, dgamma, dbeta, scratch);
            },
        )
    }

    fn assert_backward(shape: NormShape) {
        let (x, dy, gamma) = (batch(shape, 1), numbers(shape.len(), 2), numbers(shape.channels, 3));
        let (x64, dy64, zeros) = (wide(&x), wide(&dy), vec![0.0; shape.channels]);
        let statistics = reference::batch_norm(shape.channels, 1e-3, &x64, &zeros, &zeros);
        let mean: Vec<f32> = statistics.mean.iter().map(|mean| *mean as f32).collect();
        let invstd: Vec<f32> = statistics.variance.iter().map(|v| (1.0 / (v + 1e-3).sqrt()) as f32).collect();
        let (dx, dgamma, dbeta) =
            reference::batch_norm_backward(shape.channels, 1e-3, &x64, &dy64, &wide(&gamma));
        // dx is the difference of numbers of the size of gamma * invstd; the sums are of `rows` numbers of about one.
        let mut sizes: Vec<f64> =
            (0..shape.len()).map(|i| 1.0 + f64::from(invstd[i % shape.channels])).collect();
        sizes.extend(vec![shape.rows as f64; 2 * shape.channels]);
        let truth = [dx, dgamma, dbeta].concat();
        let outputs = backward(shape, &x, &dy, Some(&gamma), &mean, &invstd);
        assert_sums(&format!("batch norm backward of {shape:?}"), &outputs, &truth, &sizes);
    }

    /// Shapes of one and of several pieces, with long rows and without, with several panels.
    const LARGE: [NormShape; 8] = [
        NormShape { rows: 30_001, channels: 1 },
        NormShape { rows: 9_999, channels: 3 },
        NormShape { rows: 2_000, channels: 15 },
        NormShape { rows: 1_031, channels: 32 },
        NormShape { rows: 700, channels: 63 },
        NormShape { rows: 300, channels: 64 },
        NormShape { rows: 101, channels: 100 },
        NormShape { rows: 70, channels: 1030 },
    ];

    #[test]
    fn large_batches_agree_with_the_definition() {
        for shape in LARGE {
            assert_train(shape, &batch(shape, 1), 2.0);
            assert_backward(shape);
        }
    }

    proptest! {
        #[test]
        fn batches_agree_with_the_definition(rows in 2_usize..200, channels in 1_usize..80) {
            let shape = NormShape { rows, channels };
            assert_train(shape, &batch(shape, 1), 2.0);
            assert_backward(shape);
        }
    }

    #[test]
    fn a_large_mean_does_not_cost_the_variance_its_digits() {
        for channels in [1, 5, 64] {
            let shape = NormShape { rows: 20_000, channels };
            // Mean 1000, deviation 1 / sqrt 3; `y` is as exact as a mean in f32 lets it be: 3e-5 of a deviation.
            let x: Vec<f32> = numbers(shape.len(), 4).iter().map(|x| 1000.0 + x).collect();
            assert_train(shape, &x, 50.0);
        }
    }

    #[test]
    fn first_rows_unlike_the_others_do_not_cost_the_variance_its_digits() {
        let shape = NormShape { rows: 40_000, channels: 4 };
        let mut x: Vec<f32> = numbers(shape.len(), 4).iter().map(|x| 100.0 + 0.01 * x).collect();
        x[..CHUNK].fill(-100.0);
        assert_train(shape, &x, 20.0);
    }

    #[test]
    fn a_single_row_and_constant_channels_have_no_variance() {
        for x in [vec![3.0; 5], vec![0.1; 5 * 77]] {
            let shape = NormShape { rows: x.len() / 5, channels: 5 };
            for (isa, out) in train(shape, &x, Some(&[2.0; 5]), Some(&[0.5; 5])) {
                assert!(out[..shape.len()].iter().all(|y| (y - 0.5).abs() < 1e-5), "{isa}");
                assert!(
                    out[shape.len() + 5..][..5]
                        .iter()
                        .all(|invstd| (invstd - 1e-3_f32.sqrt().recip()).abs() < 1e-3)
                );
            }
        }
    }

    #[test]
    fn no_scale_is_one_and_no_shift_is_zero() {
        let shape = NormShape { rows: 50, channels: 3 };
        let (x, dy) = (batch(shape, 1), numbers(shape.len(), 2));
        let (ones, zeros) = ([1.0; 3], [0.0; 3]);
        assert_eq!(train(shape, &x, None, None), train(shape, &x, Some(&ones), Some(&zeros)));
        let without = backward(shape, &x, &dy, None, &zeros, &ones);
        assert_eq!(without, backward(shape, &x, &dy, Some(&ones), &zeros, &ones));
        let infer = |gamma, beta| {
            on_every_cpu(
                |_| (shape.len(), 0),
                |cpu, y, _| batch_norm_infer(cpu, &shape, 1e-3, &x, gamma, beta, &zeros, &ones, y),
            )
        };
        assert_eq!(infer(None, None), infer(Some(&ones), Some(&zeros)));
    }

    #[test]
    fn inference_uses_the_moving_statistics() {
        for shape in LARGE {
            let channels = shape.channels;
            let (x, gamma, beta) = (batch(shape, 1), numbers(channels, 2), numbers(channels, 3));
            let (mean, variance) = (numbers(channels, 4), numbers(channels, 5));
            let variance: Vec<f32> = variance.iter().map(|v| v.abs()).collect();
            let y = on_every_cpu(
                |_| (shape.len(), 0),
                |cpu, y, _| {
                    batch_norm_infer(cpu, &shape, 1e-3, &x, Some(&gamma), Some(&beta), &mean, &variance, y);
                },
            );
            let of_element = |(i, x): (usize, &f32)| {
                let [x, gamma, beta, mean, variance] =
                    [*x, gamma[i % channels], beta[i % channels], mean[i % channels], variance[i % channels]]
                        .map(f64::from);
                gamma * (x - mean) / (variance + 1e-3).sqrt() + beta
            };
            let truth: Vec<f64> = x.iter().enumerate().map(of_element).collect();
            let sizes: Vec<f64> = magnitudes(&truth).iter().map(|size| size + 2.0).collect();
            assert_sums("batch norm in inference", &y, &truth, &sizes);
        }
    }

    #[test]
    fn factors_and_offsets_are_those_of_the_channel() {
        for shape in LARGE {
            let (rows, channels) = (shape.rows, shape.channels);
            let (x, scale, shift) = (numbers(shape.len(), 1), numbers(channels, 2), numbers(channels, 3));
            let outputs = on_every_cpu(
                |_| (2 * shape.len(), 0),
                |cpu, out, _| {
                    let (y, dx) = out.split_at_mut(shape.len());
                    scale_shift_forward(cpu, rows, channels, &x, &scale, &shift, y);
                    scale_shift_backward(cpu, rows, channels, &x, &scale, dx);
                },
            );
            let scaled = |(i, x): (usize, &f32)| f64::from(*x) * f64::from(scale[i % channels]);
            let dx: Vec<f64> = x.iter().enumerate().map(scaled).collect();
            let y: Vec<f64> =
                dx.iter().enumerate().map(|(i, x)| x + f64::from(shift[i % channels])).collect();
            let truth = [y, dx].concat();
            assert_sums("scale and shift", &outputs, &truth, &vec![1.0; truth.len()]);
        }
    }

    #[test]
    fn what_is_not_a_number_shows_in_the_output() {
        let shape = NormShape { rows: 10, channels: 2 };
        let mut x = vec![1.0; 20];
        x[6] = f32::NAN;
        for (isa, out) in train(shape, &x, None, None) {
            assert!(out[..20].iter().step_by(2).all(|y| y.is_nan()), "{isa}");
            assert!(out[1..20].iter().step_by(2).all(|y| y.is_finite()), "{isa}");
        }
    }
}
