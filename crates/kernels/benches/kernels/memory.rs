//! The kernels that are as fast as memory: norms, pools, activations, dropout, sums, the optimizer.

use divan::Bencher;
use divvy_kernels::{
    Activation, Adam, DropoutKey, NormBackward, NormGradients, NormSettings, NormShape, NormStatistics,
    Normalisation, Padding, PoolShape, Rule, Update, activation_backward, activation_forward, add,
    batch_norm_apply, batch_norm_gradients, batch_statistics, bias_gradient, bias_gradient_scratch, dropout,
    max_pool_backward, max_pool_forward, update,
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

#[divan::bench(args = maps())]
fn relu_forward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let x = numbers(map.shape.input_len());
    let mut y = x.clone();
    bencher
        .counter(bytes(2 * x.len()))
        .bench_local(|| activation_forward(&CPU, Activation::Relu, &x, &mut y));
}

#[divan::bench(args = maps())]
fn relu_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (saved, dy) = (numbers(map.shape.input_len()), numbers(map.shape.input_len()));
    let mut dx = dy.clone();
    bencher
        .counter(bytes(3 * dy.len()))
        .bench_local(|| activation_backward(&CPU, Activation::Relu, &saved, &dy, &mut dx));
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
        let operands = NormBackward { x: &x, dy: &dy, output: None, input: None };
        let gradients =
            NormGradients { dx: &mut dx, dresidual: None, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_gradients(&CPU, &shape, &norm, &operands, gradients, &mut scratch);
    });
}

#[divan::bench(args = maps())]
fn pool_forward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, mut y) = (numbers(map.shape.input_len()), numbers(map.shape.output_len()));
    bencher.counter(bytes(x.len() + y.len())).bench_local(|| max_pool_forward(&CPU, &map.shape, &x, &mut y));
}

#[divan::bench(args = maps())]
fn pool_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (x, dy) = (numbers(map.shape.input_len()), numbers(map.shape.output_len()));
    let (mut y, mut dx) = (dy.clone(), x.clone());
    max_pool_forward(&CPU, &map.shape, &x, &mut y);
    bencher
        .counter(bytes(2 * x.len() + 2 * y.len()))
        .bench_local(|| max_pool_backward(&CPU, &map.shape, &x, &y, &dy, &mut dx));
}

#[divan::bench(args = maps())]
fn dropout_of_half(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let x = numbers(map.shape.input_len());
    let mut y = x.clone();
    let key = DropoutKey { seed: 1, step: 2, layer: 3 };
    bencher.counter(bytes(2 * x.len())).bench_local(|| dropout(&CPU, key, 0.5, &x, &mut y));
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

/// The parameters of a small layer, and those of `classic`.
#[divan::bench(args = [73_856, 8_523_586])]
fn adam(bencher: Bencher<'_, '_>, parameters: usize) {
    let gradients = numbers(parameters);
    let (mut values, mut first) = (gradients.clone(), vec![0.0; parameters]);
    let mut second = first.clone();
    let mut adam = Adam {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
        step: 0,
    };
    bencher.counter(bytes(7 * parameters)).bench_local(|| {
        adam.step += 1;
        let state = [&mut first[..], &mut second];
        let step = Update { rule: Rule::Adam(adam), gradient_scale: 1.0, state, average: None };
        update(&CPU, step, &mut values, &gradients);
    });
}
