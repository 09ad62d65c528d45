//! Kernels that do several things in one pass.

use divan::Bencher;
use divan::counter::ItemsCount;
use divvy_kernels::{
    DenseShape, DenseWeights, InputMask, NormBackward, NormGradients, NormOutput, NormPoolBackward,
    Normalisation, PoolShape, Rectifier, Rule, Update, batch_norm_apply, batch_norm_gradients,
    batch_norm_max_pool_backward, batch_norm_max_pool_forward, dense_backward, mask_backward,
    max_pool_argmax_backward, max_pool_argmax_forward,
};

use crate::case::{CPU, Case, bytes, numbers};
use crate::dense::layers;
use crate::memory::{maps, norm};
use crate::optimize::ADAM;

/// Both gradients, with the mask of what came before the layer.
#[divan::bench(args = layers())]
fn dense_gradients(bencher: Bencher<'_, '_>, layer: &Case<DenseShape>) {
    let shape = &layer.shape;
    let (x, dy, w) = (numbers(shape.input_len()), numbers(shape.output_len()), numbers(shape.weights_len()));
    let (mut dx, mut dw, mut scratch) =
        (x.clone(), w.clone(), numbers(shape.backward_scratch(CPU.threads())));
    bencher.counter(ItemsCount::new(2 * shape.flops())).bench_local(|| {
        let weights = DenseWeights::Gradient { w: &w, dw: &mut dw };
        let mask = Some(InputMask { scale: 2.0 });
        dense_backward(&CPU, shape, &x, &dy, weights, mask, Some(&mut dx), &mut scratch);
    });
}

/// The same, and Adam's step.
#[divan::bench(args = layers())]
fn dense_gradients_and_adam(bencher: Bencher<'_, '_>, layer: &Case<DenseShape>) {
    let shape = &layer.shape;
    let (x, dy, mut w) =
        (numbers(shape.input_len()), numbers(shape.output_len()), numbers(shape.weights_len()));
    let (mut m, mut v) = (vec![0.0; w.len()], vec![0.0; w.len()]);
    let (mut dx, mut scratch) = (x.clone(), numbers(shape.backward_scratch(CPU.threads())));
    bencher.counter(ItemsCount::new(2 * shape.flops())).bench_local(|| {
        let update =
            Update { rule: Rule::Adam(ADAM), gradient_scale: 1.0, state: [&mut m, &mut v], average: None };
        let weights = DenseWeights::Update { w: &mut w, update };
        let mask = Some(InputMask { scale: 2.0 });
        dense_backward(&CPU, shape, &x, &dy, weights, mask, Some(&mut dx), &mut scratch);
    });
}

/// The parameters and statistics of a batch norm, one number of each for a channel.
struct Channels {
    ones: Vec<f32>,
    tenths: Vec<f32>,
}

impl Channels {
    fn of(shape: &PoolShape) -> Self {
        let all = |value| vec![value; shape.channels];
        Self { ones: all(1.0), tenths: all(0.1) }
    }

    fn norm(&self) -> Normalisation<'_> {
        let Self { ones, tenths } = self;
        Normalisation { mean: tenths, invstd: ones, gamma: Some(ones), beta: Some(tenths) }
    }
}

#[divan::bench(args = maps())]
fn norm_residual_relu(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (shape, channels) = (norm(&map.shape), Channels::of(&map.shape));
    let (x, residual, mut y) = (numbers(shape.len()), numbers(shape.len()), numbers(shape.len()));
    bencher.counter(bytes(3 * x.len())).bench_local(|| {
        let relu = Some(Rectifier::Relu);
        batch_norm_apply(&CPU, &shape, &channels.norm(), &x, Some(&residual), relu, &mut y);
    });
}

#[divan::bench(args = maps())]
fn norm_residual_relu_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (shape, channels) = (norm(&map.shape), Channels::of(&map.shape));
    let (x, y, dy) = (numbers(shape.len()), numbers(shape.len()), numbers(shape.len()));
    let (mut dx, mut dresidual, mut scratch) = (x.clone(), x.clone(), numbers(shape.backward_scratch()));
    let (mut dgamma, mut dbeta) = (channels.ones.clone(), channels.ones.clone());
    bencher.counter(bytes(8 * x.len())).bench_local(|| {
        let output = Some((Rectifier::Relu, NormOutput::Kept(&y)));
        let operands = NormBackward { x: &x, dy: Some(&dy), output, input: None };
        let dresidual = Some(&mut dresidual[..]);
        let gradients = NormGradients { dx: &mut dx, dresidual, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_gradients(&CPU, &shape, &channels.norm(), &operands, gradients, &mut scratch);
    });
}

#[divan::bench(args = maps())]
fn norm_relu_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (shape, channels) = (norm(&map.shape), Channels::of(&map.shape));
    let (x, dy) = (numbers(shape.len()), numbers(shape.len()));
    let (mut dx, mut scratch) = (x.clone(), numbers(shape.backward_scratch()));
    let (mut dgamma, mut dbeta) = (channels.ones.clone(), channels.ones.clone());
    bencher.counter(bytes(5 * x.len())).bench_local(|| {
        let output = Some((Rectifier::Relu, NormOutput::FromInput));
        let operands = NormBackward { x: &x, dy: Some(&dy), output, input: None };
        let gradients =
            NormGradients { dx: &mut dx, dresidual: None, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_gradients(&CPU, &shape, &channels.norm(), &operands, gradients, &mut scratch);
    });
}

#[divan::bench(args = maps())]
fn relu_and_dropout_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (y, dy) = (numbers(map.shape.input_len()), numbers(map.shape.input_len()));
    let mut dx = y.clone();
    bencher.counter(bytes(3 * y.len())).bench_local(|| mask_backward(&CPU, 2.0, &y, &dy, &mut dx));
}

#[divan::bench(args = maps())]
fn pool_with_places(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let shape = &map.shape;
    let (x, mut y, mut argmax) =
        (numbers(shape.input_len()), numbers(shape.output_len()), vec![0; shape.output_len()]);
    bencher
        .counter(bytes(x.len() + y.len()))
        .bench_local(|| max_pool_argmax_forward(&CPU, shape, &x, &mut y, &mut argmax));
}

#[divan::bench(args = maps())]
fn pool_with_places_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let shape = &map.shape;
    let (dy, argmax) = (numbers(shape.output_len()), vec![0; shape.output_len()]);
    let mut dx = numbers(shape.input_len());
    bencher
        .counter(bytes(dx.len() + dy.len()))
        .bench_local(|| max_pool_argmax_backward(&CPU, shape, &argmax, &dy, &mut dx));
}

#[divan::bench(args = maps())]
fn norm_and_pool(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (shape, channels) = (&map.shape, Channels::of(&map.shape));
    let (x, mut y, mut argmax) =
        (numbers(shape.input_len()), numbers(shape.output_len()), vec![0; shape.output_len()]);
    let mut scratch = numbers(shape.norm_forward_scratch());
    bencher.counter(bytes(x.len() + y.len())).bench_local(|| {
        batch_norm_max_pool_forward(
            &CPU,
            shape,
            &channels.norm(),
            None,
            &x,
            &mut y,
            &mut argmax,
            &mut scratch,
        );
    });
}

#[divan::bench(args = maps())]
fn relu_norm_and_pool_backward(bencher: Bencher<'_, '_>, map: &Case<PoolShape>) {
    let (shape, channels) = (&map.shape, Channels::of(&map.shape));
    let (x, y, dy) = (numbers(shape.input_len()), numbers(shape.output_len()), numbers(shape.output_len()));
    let argmax = vec![0; y.len()];
    let (mut dx, mut scratch) = (x.clone(), numbers(shape.norm_backward_scratch()));
    let (mut dgamma, mut dbeta) = (channels.ones.clone(), channels.ones.clone());
    bencher.counter(bytes(2 * x.len() + 2 * y.len())).bench_local(|| {
        let input = Some(Rectifier::Relu);
        let operands = NormPoolBackward { x: &x, y: &y, argmax: &argmax, dy: &dy, activation: None, input };
        let norm = channels.norm();
        batch_norm_max_pool_backward(
            &CPU,
            shape,
            &norm,
            &operands,
            &mut dx,
            &mut dgamma,
            &mut dbeta,
            &mut scratch,
        );
    });
}
