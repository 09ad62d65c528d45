//! What comes behind the last layer: softmax, and losses with their gradients.

use divan::Bencher;
use divvy_kernels::{
    mean_squared_error, sigmoid_cross_entropy, softmax_backward, softmax_cross_entropy, softmax_forward,
};

use crate::case::{CPU, Case, bytes, chosen, numbers};

/// Pictures of a batch, and units of the head.
fn heads() -> Vec<Case<[usize; 2]>> {
    let head = |rows, units| Case { name: format!("{rows} of {units}"), shape: [rows, units] };
    chosen(vec![head(32, 2), head(128, 10), head(64, 1000)])
}

/// So many rows that each have one 1.
fn one_hot([rows, units]: [usize; 2]) -> Vec<f32> {
    (0..rows * units).map(|i| if i % units == i / units % units { 1.0 } else { 0.0 }).collect()
}

#[divan::bench(args = heads())]
fn softmax(bencher: Bencher<'_, '_>, head: &Case<[usize; 2]>) {
    let [rows, units] = head.shape;
    let x = numbers(rows * units);
    let mut y = x.clone();
    bencher.counter(bytes(2 * x.len())).bench_local(|| softmax_forward(&CPU, rows, units, &x, &mut y));
}

#[divan::bench(args = heads())]
fn softmax_gradient(bencher: Bencher<'_, '_>, head: &Case<[usize; 2]>) {
    let [rows, units] = head.shape;
    let (dy, mut y) = (numbers(rows * units), numbers(rows * units));
    softmax_forward(&CPU, rows, units, &dy, &mut y);
    let mut dx = dy.clone();
    bencher
        .counter(bytes(3 * dy.len()))
        .bench_local(|| softmax_backward(&CPU, rows, units, &y, &dy, &mut dx));
}

#[divan::bench(args = heads())]
fn categorical_cross_entropy(bencher: Bencher<'_, '_>, head: &Case<[usize; 2]>) {
    let [rows, units] = head.shape;
    let (x, t, weights) = (numbers(rows * units), one_hot(head.shape), vec![1.0; units]);
    let (mut losses, mut dx) = (numbers(rows), x.clone());
    bencher.counter(bytes(3 * x.len())).bench_local(|| {
        softmax_cross_entropy(&CPU, rows, units, &x, &t, &weights, &mut losses, &mut dx);
    });
}

#[divan::bench(args = heads())]
fn binary_cross_entropy(bencher: Bencher<'_, '_>, head: &Case<[usize; 2]>) {
    let [rows, units] = head.shape;
    let (x, t, weights) = (numbers(rows * units), one_hot(head.shape), vec![1.0; units]);
    let (mut losses, mut dx) = (numbers(rows), x.clone());
    bencher.counter(bytes(3 * x.len())).bench_local(|| {
        let weights = [&weights[..], &weights];
        sigmoid_cross_entropy(&CPU, rows, units, &x, &t, weights, &mut losses, &mut dx);
    });
}

#[divan::bench(args = heads())]
fn squared_error(bencher: Bencher<'_, '_>, head: &Case<[usize; 2]>) {
    let [rows, units] = head.shape;
    let (x, t) = (numbers(rows * units), one_hot(head.shape));
    let (mut losses, mut dx) = (numbers(rows), x.clone());
    bencher
        .counter(bytes(3 * x.len()))
        .bench_local(|| mean_squared_error(&CPU, rows, units, &x, &t, &mut losses, &mut dx));
}
