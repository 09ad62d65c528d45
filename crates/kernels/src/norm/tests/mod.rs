mod neighbours;

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
            let statistics = NormStatistics { mean, invstd, moving_mean, moving_variance };
            batch_statistics(cpu, &shape, &SETTINGS, x, statistics, scratch);
            let norm = Normalisation { mean, invstd, gamma, beta };
            batch_norm_apply(cpu, &shape, &norm, x, None, None, y);
        },
    )
}

fn assert_train(shape: NormShape, x: &[f32]) {
    let (gamma, beta) = (numbers(shape.channels, 8), numbers(shape.channels, 9));
    let truth = reference::batch_norm(shape.channels, 1e-3, &wide(x), &wide(&gamma), &wide(&beta));
    let follow = |from: f64, batch: &[f64]| batch.iter().map(|b| 0.9 * from + 0.1 * b).collect::<Vec<_>>();
    let invstd: Vec<f64> = truth.variance.iter().map(|variance| 1.0 / (variance + 1e-3).sqrt()).collect();
    let moving = [follow(2.0, &truth.mean), follow(5.0, &truth.variance)].concat();
    // The mean is rounded to f32, by half a unit in the last place at the most; y sees that in deviations.
    let of_mean = |c: usize| 0.04 * truth.mean[c].abs() * invstd[c];
    let of_y = |(i, y): (usize, &f64)| y.abs() + 1.0 + of_mean(i % shape.channels);
    let y_sizes: Vec<f64> = truth.y.iter().enumerate().map(of_y).collect();
    let others = [truth.mean, invstd, moving].concat();
    let other_sizes: Vec<f64> = magnitudes(&others).iter().map(|size| size + 0.5).collect();
    let (all, sizes) = ([truth.y, others].concat(), [y_sizes, other_sizes].concat());
    assert_sums(
        &format!("batch norm of {shape:?}"),
        &train(shape, x, Some(&gamma), Some(&beta)),
        &all,
        &sizes,
    );
}

/// The gradient to the output as the kernel is given it: none where `dx` is to be written over it.
fn given<'a>(dy: &'a [f32], in_place: bool, dx: &mut [f32]) -> Option<&'a [f32]> {
    if in_place {
        dx.copy_from_slice(dy);
    }
    Some(dy).filter(|_| !in_place)
}

fn backward(
    shape: NormShape,
    x: &[f32],
    dy: &[f32],
    in_place: bool,
    gamma: Option<&[f32]>,
    mean: &[f32],
    invstd: &[f32],
) -> Outputs {
    on_every_cpu(
        |_| (shape.len() + 2 * shape.channels, shape.backward_scratch()),
        |cpu, out, scratch| {
            let (dx, out) = out.split_at_mut(shape.len());
            let (dgamma, dbeta) = out.split_at_mut(shape.channels);
            let norm = Normalisation { mean, invstd, gamma, beta: None };
            let operands = NormBackward { x, dy: given(dy, in_place, dx), output: None, input: None };
            let gradients = NormGradients { dx, dresidual: None, dgamma, dbeta };
            batch_norm_gradients(cpu, &shape, &norm, &operands, gradients, scratch);
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
    // What the rounding of the mean is worth grows with 1 / deviation.
    let of_channel = |c: usize| 1.0 + f64::from(invstd[c]);
    let mut sizes: Vec<f64> = (0..shape.len()).map(|i| of_channel(i % shape.channels).powi(2)).collect();
    sizes.extend((0..shape.channels).map(|c| shape.rows as f64 * of_channel(c)));
    sizes.extend(vec![shape.rows as f64; shape.channels]);
    let truth = [dx, dgamma, dbeta].concat();
    for in_place in [false, true] {
        let outputs = backward(shape, &x, &dy, in_place, Some(&gamma), &mean, &invstd);
        assert_sums(&format!("batch norm backward of {shape:?}"), &outputs, &truth, &sizes);
    }
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
        assert_train(shape, &batch(shape, 1));
        assert_backward(shape);
    }
}

proptest! {
    #[test]
    fn batches_agree_with_the_definition(rows in 2_usize..200, channels in 1_usize..80) {
        let shape = NormShape { rows, channels };
        assert_train(shape, &batch(shape, 1));
        assert_backward(shape);
    }
}

#[test]
fn a_large_mean_does_not_cost_the_variance_its_digits() {
    for channels in [1, 5, 64] {
        let shape = NormShape { rows: 20_000, channels };
        // Mean 1000, deviation 1 / sqrt 3.
        let x: Vec<f32> = numbers(shape.len(), 4).iter().map(|x| 1000.0 + x).collect();
        assert_train(shape, &x);
    }
}

#[test]
fn first_rows_unlike_the_others_do_not_cost_the_variance_its_digits() {
    let shape = NormShape { rows: 40_000, channels: 4 };
    let mut x: Vec<f32> = numbers(shape.len(), 4).iter().map(|x| 100.0 + 0.01 * x).collect();
    x[..CHUNK].fill(-100.0);
    assert_train(shape, &x);
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
    let without = backward(shape, &x, &dy, false, None, &zeros, &ones);
    assert_eq!(without, backward(shape, &x, &dy, false, Some(&ones), &zeros, &ones));
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
        let y: Vec<f64> = dx.iter().enumerate().map(|(i, x)| x + f64::from(shift[i % channels])).collect();
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
        // Mean, 1 / deviation, moving mean and moving variance.
        assert!(out[20..].iter().step_by(2).all(|statistic| statistic.is_nan()), "{isa}");
        assert!(out[21..].iter().step_by(2).all(|statistic| statistic.is_finite()), "{isa}");
    }
}
