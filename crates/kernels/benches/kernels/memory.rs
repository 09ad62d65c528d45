//! The kernels that are as fast as memory: norms, pools, activations, dropout, sums, moves.

use divan::Bencher;
use divvy_kernels::{
    Activation, DropoutKey, NormBackward, NormGradients, NormSettings, NormShape, NormStatistics,
    Normalisation, PadShape, Padding, PoolShape, activation_backward, activation_forward, add,
    batch_norm_apply, batch_norm_gradients, batch_norm_infer, batch_statistics, bias_gradient,
    bias_gradient_scratch, dropout, put_channels, scale_shift_backward, scale_shift_forward, take_channels,
    zero_pad_backward, zero_pad_forward,
};

use crate::case::{CPU, Case, bytes, chosen, numbers};

/// Maps after the convolutions of common networks.
pub(crate) fn maps() -> Vec<Case<PoolShape>> {
    let map = |name: &str, batch, size, channels| {
        let none = Padding { top: 0, bottom: 0, left: 0, right: 0 };
        let (window, strides) = ((2, 2), (2, 2));
        let shape = PoolShape { batch, height: size, width: size, channels, window, strides, padding: none };
        Case { name: name.to_owned(), shape }
    };
    chosen(vec![
        map("classic 1: 64x64x32", 32, 64, 32),
        map("classic 2: 32x32x64", 32, 32, 64),
        map("classic 3: 16x16x128", 32, 16, 128),
        map("classic 1, one image", 1, 64, 32),
    ])
}

pub(crate) fn norm(shape: &PoolShape) -> NormShape {
    NormShape { rows: shape.batch * shape.height * shape.width, channels: shape.channels }
}

/// What a backward pass reads of them is the output or the input, as long as each other.
const ACTIVATIONS: [Activation; 9] = [
    Activation::Relu,
    Activation::Relu6,
    Activation::LeakyRelu { alpha: 0.1 },
    Activation::Elu { alpha: 1.0 },
    Activation::Gelu,
    Activation::Silu,
    Activation::HardSwish,
    Activation::Tanh,
    Activation::Sigmoid,
];

fn activations() -> Vec<Case<Activation>> {
    chosen(ACTIVATIONS.map(|shape| Case { name: format!("{shape:?}"), shape }).into())
}

/// Elements of the maps after the second convolution of `classic`.
const MAP: usize = 32 * 32 * 32 * 64;

#[divan::bench(args = activations())]
fn activating(bencher: Bencher<'_, '_>, activation: &Case<Activation>) {
    let x = numbers(MAP);
    let mut y = x.clone();
    bencher
        .counter(bytes(2 * x.len()))
        .bench_local(|| activation_forward(&CPU, activation.shape, &x, &mut y));
}

#[divan::bench(args = activations())]
fn activating_backward(bencher: Bencher<'_, '_>, activation: &Case<Activation>) {
    let (saved, dy) = (numbers(MAP), numbers(MAP));
    let mut dx = dy.clone();
    bencher
        .counter(bytes(3 * dy.len()))
        .bench_local(|| activation_backward(&CPU, activation.shape, &saved, &dy, &mut dx));
}

#[divan::bench(args = maps())]
fn norm_forward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (shape, settings) = (norm(&map.shape), NormSettings { epsilon: 1e-3, momentum: 0.99 });
    let x = numbers(shape.len());
    let (mut y, mut scratch) = (x.clone(), numbers(shape.train_scratch()));
    let channel = || vec![1.0; shape.channels];
    let (gamma, beta) = (channel(), channel());
    let (mut mean, mut invstd, mut moving_mean, mut moving_variance) =
        (channel(), channel(), channel(), channel());
    bencher.counter(bytes(2 * x.len())).bench_local(|| {
        let statistics = NormStatistics {
            mean: &mut mean,
            invstd: &mut invstd,
            moving_mean: &mut moving_mean,
            moving_variance: &mut moving_variance,
        };
        batch_statistics(&CPU, &shape, &settings, &x, statistics, &mut scratch);
        let norm = Normalisation { mean: &mean, invstd: &invstd, gamma: Some(&gamma), beta: Some(&beta) };
        batch_norm_apply(&CPU, &shape, &norm, &x, None, None, &mut y);
    });
}

#[divan::bench(args = maps())]
fn norm_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let shape = norm(&map.shape);
    let (x, dy) = (numbers(shape.len()), numbers(shape.len()));
    let (mut dx, mut scratch) = (x.clone(), numbers(shape.backward_scratch()));
    let channel = || vec![1.0; shape.channels];
    let (gamma, mean, invstd) = (channel(), channel(), channel());
    let (mut dgamma, mut dbeta) = (channel(), channel());
    bencher.counter(bytes(3 * x.len())).bench_local(|| {
        let norm = Normalisation { mean: &mean, invstd: &invstd, gamma: Some(&gamma), beta: None };
        let operands = NormBackward { x: &x, dy: Some(&dy), output: None, input: None };
        let gradients =
            NormGradients { dx: &mut dx, dresidual: None, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_gradients(&CPU, &shape, &norm, &operands, gradients, &mut scratch);
    });
}

#[divan::bench(args = maps())]
fn norm_at_use(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let shape = norm(&map.shape);
    let (x, ones) = (numbers(shape.len()), vec![1.0; shape.channels]);
    let mut y = x.clone();
    bencher.counter(bytes(2 * x.len())).bench_local(|| {
        batch_norm_infer(&CPU, &shape, 1e-3, &x, Some(&ones), Some(&ones), &ones, &ones, &mut y);
    });
}

#[divan::bench(args = maps())]
fn scale_and_shift(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let NormShape { rows, channels } = norm(&map.shape);
    let (x, ones) = (numbers(rows * channels), vec![1.0; channels]);
    let mut y = x.clone();
    bencher
        .counter(bytes(2 * x.len()))
        .bench_local(|| scale_shift_forward(&CPU, rows, channels, &x, &ones, &ones, &mut y));
}

#[divan::bench(args = maps())]
fn scale_and_shift_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let NormShape { rows, channels } = norm(&map.shape);
    let (dy, ones) = (numbers(rows * channels), vec![1.0; channels]);
    let mut dx = dy.clone();
    bencher
        .counter(bytes(2 * dy.len()))
        .bench_local(|| scale_shift_backward(&CPU, rows, channels, &dy, &ones, &mut dx));
}

#[divan::bench(args = maps())]
fn dropout_of_half(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let x = numbers(map.shape.input_len());
    let mut y = x.clone();
    let key = DropoutKey { seed: 1, step: 2, layer: 3 };
    bencher.counter(bytes(2 * x.len())).bench_local(|| dropout(&CPU, key, 0.5, 1, &x, &mut y));
}

#[divan::bench(args = maps())]
fn bias(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let NormShape { rows, channels } = norm(&map.shape);
    let dy = numbers(rows * channels);
    let (mut db, mut scratch) = (numbers(channels), numbers(bias_gradient_scratch(rows, channels)));
    bencher
        .counter(bytes(dy.len()))
        .bench_local(|| bias_gradient(&CPU, rows, channels, &dy, &mut db, &mut scratch));
}

#[divan::bench(args = maps())]
fn adding(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let a = numbers(map.shape.input_len());
    let (b, mut y) = (a.clone(), a.clone());
    bencher.counter(bytes(3 * a.len())).bench_local(|| add(&CPU, &a, &b, None, &mut y));
}

/// A border of one pixel around maps.
fn bordered(map: &PoolShape) -> PadShape {
    let PoolShape { batch, height, width, channels, .. } = *map;
    let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    PadShape { batch, height, width, channels, padding }
}

#[divan::bench(args = maps())]
fn zero_pad(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let shape = bordered(&map.shape);
    let (x, mut y) = (numbers(shape.input_len()), numbers(shape.output_len()));
    bencher.counter(bytes(x.len() + y.len())).bench_local(|| zero_pad_forward(&CPU, &shape, &x, &mut y));
}

#[divan::bench(args = maps())]
fn zero_pad_gradient(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let shape = bordered(&map.shape);
    let (dy, mut dx) = (numbers(shape.output_len()), numbers(shape.input_len()));
    bencher.counter(bytes(2 * dx.len())).bench_local(|| zero_pad_backward(&CPU, &shape, &dy, &mut dx));
}

/// Maps into the second half of twice as many channels.
#[divan::bench(args = maps())]
fn concatenating(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let NormShape { rows, channels } = norm(&map.shape);
    let (x, mut y) = (numbers(rows * channels), numbers(2 * rows * channels));
    bencher
        .counter(bytes(2 * x.len()))
        .bench_local(|| put_channels(&CPU, rows, channels, 2 * channels, channels, &x, &mut y));
}

/// The second half of the channels.
#[divan::bench(args = maps())]
fn taking_apart(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let NormShape { rows, channels } = norm(&map.shape);
    let half = channels / 2;
    let (x, mut y) = (numbers(rows * channels), numbers(rows * half));
    bencher
        .counter(bytes(2 * y.len()))
        .bench_local(|| take_channels(&CPU, rows, channels, half, half, &x, &mut y));
}
