//! Batch normalisation with a residual and activations, and statistics from moments.

use super::*;
use crate::reference::rectifier::{rectify, slope};
use crate::{Cpu, Isa, Rectifier};

const ACTIVATIONS: [Option<Rectifier>; 3] = [None, Some(Rectifier::Relu), Some(Rectifier::Relu6)];

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|x| *x as f32).collect()
}

/// Parameters and statistics: mean, 1 / deviation, gamma and beta.
struct Channels([Vec<f32>; 4]);

impl Channels {
    /// The statistics are those of `x`.
    fn of(shape: NormShape, x: &[f32]) -> Self {
        let zeros = vec![0.0; shape.channels];
        let statistics = reference::batch_norm(shape.channels, 1e-3, &wide(x), &zeros, &zeros);
        let invstd: Vec<f64> = statistics.variance.iter().map(|v| 1.0 / (v + 1e-3).sqrt()).collect();
        Self([
            narrow(&statistics.mean),
            narrow(&invstd),
            numbers(shape.channels, 3),
            numbers(shape.channels, 4),
        ])
    }

    fn norm(&self) -> Normalisation<'_> {
        let Self([mean, invstd, gamma, beta]) = self;
        Normalisation { mean, invstd, gamma: Some(gamma), beta: Some(beta) }
    }
}

fn assert_forward(shape: NormShape, activation: Option<Rectifier>) {
    let (x, residual) = (batch(shape, 1), batch(shape, 5));
    let channels = Channels::of(shape, &x);
    let [mean, invstd, gamma, beta] = channels.0.each_ref().map(|x| wide(x));
    for residual in [None, Some(&residual[..])] {
        let before = |i: usize| {
            let c = i % shape.channels;
            let normal = (f64::from(x[i]) - mean[c]) * invstd[c] * gamma[c] + beta[c];
            normal + residual.map_or(0.0, |residual| f64::from(residual[i]))
        };
        let truth: Vec<f64> = (0..shape.len()).map(|i| rectify(activation, before(i))).collect();
        let sizes: Vec<f64> = (0..shape.len()).map(|i| 10.0 + before(i).abs()).collect();
        let y = on_every_cpu(
            |_| (shape.len(), 0),
            |cpu, y, _| batch_norm_apply(cpu, &shape, &channels.norm(), &x, residual, activation, y),
        );
        assert_sums(&format!("{activation:?} after batch norm of {shape:?}"), &y, &truth, &sizes);
    }
}

fn assert_backward(shape: NormShape, activation: Option<Rectifier>, input: Option<Rectifier>) {
    let x: Vec<f32> = batch(shape, 1).iter().map(|x| rectify(input, f64::from(*x)) as f32).collect();
    let (dy, residual) = (numbers(shape.len(), 2), batch(shape, 5));
    let channels = Channels::of(shape, &x);
    let (gamma, beta) = (wide(&channels.0[2]), wide(&channels.0[3]));
    let normed = reference::batch_norm(shape.channels, 1e-3, &wide(&x), &gamma, &beta);
    let y: Vec<f32> = normed
        .y
        .iter()
        .zip(&residual)
        .map(|(y, residual)| rectify(activation, y + f64::from(*residual)) as f32)
        .collect();
    let passed: Vec<f64> =
        dy.iter().zip(&y).map(|(dy, y)| f64::from(*dy) * slope(activation, f64::from(*y))).collect();
    let (mut dx, dgamma, dbeta) =
        reference::batch_norm_backward(shape.channels, 1e-3, &wide(&x), &passed, &gamma);
    dx.iter_mut().zip(&x).for_each(|(dx, x)| *dx *= slope(input, f64::from(*x)));

    let of_channel = |c: usize| 1.0 + f64::from(channels.0[1][c]);
    let sizes: Vec<f64> = (0..shape.len()).map(|i| 2.0 * of_channel(i % shape.channels).powi(2)).collect();
    let channel_sizes = [
        (0..shape.channels).map(|c| shape.rows as f64 * of_channel(c)).collect(),
        vec![shape.rows as f64; shape.channels],
    ]
    .concat();
    for (with_residual, in_place) in
        [(false, false), (activation.is_some(), false), (activation.is_some(), true)]
    {
        let outputs = on_every_cpu(
            |_| (2 * shape.len() + 2 * shape.channels, shape.backward_scratch()),
            |cpu, out, scratch| {
                let (dx, out) = out.split_at_mut(shape.len());
                let (dresidual, out) = out.split_at_mut(shape.len());
                let (dgamma, dbeta) = out.split_at_mut(shape.channels);
                dresidual.fill(0.0);
                let output = activation.map(|activation| (activation, NormOutput::Kept(&y)));
                let operands = NormBackward { x: &x, dy: given(&dy, in_place, dx), output, input };
                let dresidual = with_residual.then_some(dresidual);
                let gradients = NormGradients { dx, dresidual, dgamma, dbeta };
                batch_norm_gradients(cpu, &shape, &channels.norm(), &operands, gradients, scratch);
            },
        );
        let dresidual = if with_residual { passed.clone() } else { vec![0.0; shape.len()] };
        let truth = [dx.clone(), dresidual, dgamma.clone(), dbeta.clone()].concat();
        let sizes = [sizes.clone(), vec![1.0; shape.len()], channel_sizes.clone()].concat();
        let what = format!("batch norm of {shape:?} before {activation:?} and after {input:?}, backward");
        assert_sums(&what, &outputs, &truth, &sizes);
    }
}

/// The gradients of a forward pass without a residual: dx, dgamma and dbeta, with the output read and with it made again, and with dx
/// written over dy or beside it.
fn backward_of_plain(
    shape: NormShape,
    x: &[f32],
    channels: &Channels,
    activation: Rectifier,
    (keep, in_place): (bool, bool),
) -> Outputs {
    let dy = numbers(shape.len(), 2);
    on_every_cpu(
        |_| (shape.len() + 2 * shape.channels, shape.backward_scratch()),
        |cpu, out, scratch| {
            let mut y = vec![0.0; shape.len()];
            batch_norm_apply(cpu, &shape, &channels.norm(), x, None, Some(activation), &mut y);
            let (dx, out) = out.split_at_mut(shape.len());
            let (dgamma, dbeta) = out.split_at_mut(shape.channels);
            let kept = if keep { NormOutput::Kept(&y) } else { NormOutput::FromInput };
            let operands = NormBackward {
                x,
                dy: given(&dy, in_place, dx),
                output: Some((activation, kept)),
                input: None,
            };
            let gradients = NormGradients { dx, dresidual: None, dgamma, dbeta };
            batch_norm_gradients(cpu, &shape, &channels.norm(), &operands, gradients, scratch);
        },
    )
}

/// Whether the output is kept, and whether the gradient is written over the one before.
const WAYS: [(bool, bool); 4] = [(true, false), (false, false), (true, true), (false, true)];

/// What is made again passes the same gradients, to the bit, as what was kept, also where the activation's bounds are met exactly
/// and where there are numbers that are none.
fn assert_made_again(shape: NormShape) {
    let mut x = batch(shape, 1);
    let channels = Channels::of(shape, &x);
    for activation in [Rectifier::Relu, Rectifier::Relu6] {
        let [kept, again, over, over_again] =
            WAYS.map(|way| backward_of_plain(shape, &x, &channels, activation, way));
        assert_eq!(kept, again, "{activation:?} after batch norm of {shape:?}");
        assert!(kept == over && kept == over_again, "in place, {activation:?} after batch norm of {shape:?}");
    }
    let Channels([mean, invstd, gamma, beta]) = channels;
    let bounds = [0.0, 6.0, 3.0].iter().cycle().copied();
    let beta: Vec<f32> = beta.iter().zip(bounds).map(|(_, bound)| bound).collect();
    // Rows that are the mean become beta itself.
    x[..shape.channels].copy_from_slice(&mean);
    x[shape.len() - 1] = f32::NAN;
    let channels = Channels([mean, invstd, gamma, beta]);
    let bits = |outputs: Outputs| -> Vec<Vec<u32>> {
        outputs.iter().map(|(_, out)| out.iter().map(|x| x.to_bits()).collect()).collect()
    };
    for activation in [Rectifier::Relu, Rectifier::Relu6] {
        let [kept, others @ ..] =
            WAYS.map(|way| bits(backward_of_plain(shape, &x, &channels, activation, way)));
        assert!(
            others.iter().all(|other| *other == kept),
            "{activation:?} at the bounds, after batch norm of {shape:?}"
        );
    }
}

fn assert_all(shape: NormShape) {
    assert_made_again(shape);
    for activation in ACTIVATIONS {
        assert_forward(shape, activation);
        for input in ACTIVATIONS {
            assert_backward(shape, activation, input);
        }
    }
}

#[test]
fn large_batches_agree_with_the_definition() {
    for shape in [NormShape { rows: 5_001, channels: 3 }, NormShape { rows: 531, channels: 64 }] {
        assert_all(shape);
    }
}

/// How many rows there are, a number near their mean, and the sums of their differences from it and of the squares of these, by the definition.
fn moments(channels: usize, x: &[f32]) -> Vec<f32> {
    let of_channel = |channel: usize| {
        let x: Vec<f64> = x.iter().skip(channel).step_by(channels).map(|&x| f64::from(x)).collect();
        let near = f64::from(x[0] as f32 + 0.5);
        let off = || x.iter().map(|x| x - near);
        [x.len() as f64, near, off().sum(), off().map(|off| off * off).sum()]
    };
    let of_channels: Vec<[f64; 4]> = (0..channels).map(of_channel).collect();
    (0..4).flat_map(|moment| of_channels.iter().map(move |of| of[moment] as f32)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn batches_agree_with_the_definition(rows in 2_usize..200, channels in 1_usize..80) {
        assert_all(NormShape { rows, channels });
    }

    /// Moments of parts of the rows.
    #[test]
    fn statistics_from_moments_are_those_of_the_batch(
        rows in 1_usize..300,
        channels in 1_usize..70,
        parts in 1_usize..9,
        mean in -1000.0_f32..1000.0,
    ) {
        let shape = NormShape { rows, channels };
        let x: Vec<f32> = batch(shape, 1).iter().map(|x| x + mean).collect();
        let of_part = rows.div_ceil(parts) * channels;
        let moments: Vec<f32> = x.chunks(of_part).flat_map(|x| moments(channels, x)).collect();
        let zeros = vec![0.0; channels];
        let truth = reference::batch_norm(channels, 1e-3, &wide(&x), &zeros, &zeros);
        let statistics = |make: &dyn Fn(NormStatistics<'_>)| {
            let [mut mean, mut invstd, mut moving_mean, mut moving_variance] =
                [f32::NAN, f32::NAN, 2.0, 5.0].map(|start| vec![start; channels]);
            make(NormStatistics {
                mean: &mut mean,
                invstd: &mut invstd,
                moving_mean: &mut moving_mean,
                moving_variance: &mut moving_variance,
            });
            [mean, invstd, moving_mean, moving_variance]
        };
        let from_moments = statistics(&|s| batch_statistics_from_moments(&shape, &SETTINGS, &moments, s));
        let cpu = Cpu::with_isa(Isa::PORTABLE, 1);
        let mut scratch = vec![0.0; shape.train_scratch()];
        let scratch = std::cell::RefCell::new(&mut scratch);
        let from_batch =
            statistics(&|s| batch_statistics(&cpu, &shape, &SETTINGS, &x, s, &mut scratch.borrow_mut()));
        for c in 0..channels {
            // Means are up to four from their shifts.
            let deviation = truth.variance[c] + 16.0;
            let invstd = 1.0 / (truth.variance[c] + 1e-3).sqrt();
            let expected = [
                (truth.mean[c], 1.0 + truth.mean[c].abs()),
                (invstd, invstd + 0.1 * invstd.powi(3) * deviation),
                (0.9 * 2.0 + 0.1 * truth.mean[c], 2.0 + truth.mean[c].abs()),
                (0.9 * 5.0 + 0.1 * truth.variance[c], 5.0 + 10.0 * deviation),
            ];
            for made in [&from_moments, &from_batch] {
                for (numbers, (truth, size)) in made.iter().zip(expected) {
                    let off = (f64::from(numbers[c]) - truth).abs();
                    prop_assert!(off <= 1e-5 * size, "channel {}: {} instead of {}", c, numbers[c], truth);
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "the output does not follow from the input")]
fn the_gradient_of_a_residual_needs_the_output() {
    let shape = NormShape { rows: 2, channels: 1 };
    let norm = Normalisation { mean: &[0.0], invstd: &[1.0], gamma: None, beta: None };
    let output = Some((Rectifier::Relu, NormOutput::FromInput));
    let operands = NormBackward { x: &[1.0, 2.0], dy: Some(&[1.0, 2.0]), output, input: None };
    let (mut dx, mut dresidual, mut dgamma, mut dbeta) = ([0.0; 2], [0.0; 2], [0.0], [0.0]);
    let gradients = NormGradients {
        dx: &mut dx,
        dresidual: Some(&mut dresidual),
        dgamma: &mut dgamma,
        dbeta: &mut dbeta,
    };
    let mut scratch = vec![0.0; shape.backward_scratch()];
    batch_norm_gradients(&Cpu::new(1), &shape, &norm, &operands, gradients, &mut scratch);
}

#[test]
#[should_panic(expected = "the residual's gradient is the output's")]
fn a_copy_of_the_output_gradient_is_refused() {
    let shape = NormShape { rows: 2, channels: 1 };
    let norm = Normalisation { mean: &[0.0], invstd: &[1.0], gamma: None, beta: None };
    let operands = NormBackward { x: &[1.0, 2.0], dy: Some(&[1.0, 2.0]), output: None, input: None };
    let (mut dx, mut dresidual, mut dgamma, mut dbeta) = ([0.0; 2], [0.0; 2], [0.0], [0.0]);
    let gradients = NormGradients {
        dx: &mut dx,
        dresidual: Some(&mut dresidual),
        dgamma: &mut dgamma,
        dbeta: &mut dbeta,
    };
    let mut scratch = vec![0.0; shape.backward_scratch()];
    batch_norm_gradients(&Cpu::new(1), &shape, &norm, &operands, gradients, &mut scratch);
}
