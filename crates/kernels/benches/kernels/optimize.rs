//! Steps of optimizers, what follows them, and the norm by which gradients are clipped.

use divan::Bencher;
use divvy_kernels::{
    Adam, Average, RmsProp, Rule, Sgd, Update, follow, sum_of_squares, sum_of_squares_scratch, update,
};

use crate::case::{CPU, bytes, numbers};

/// The parameters of a small layer, and those of `classic`.
const PARAMETERS: [usize; 2] = [73_856, 8_523_586];

pub(crate) const ADAM: Adam =
    Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decoupled: false, step: 10 };
const SGD: Sgd = Sgd { lr: 1e-3, momentum: 0.9, nesterov: true, weight_decay: 5e-4, decoupled: true };
const RMS_PROP: RmsProp = RmsProp { lr: 1e-3, rho: 0.9, epsilon: 1e-8, momentum: 0.0, weight_decay: 0.0 };

/// A step by a rule that reads and writes so many numbers of each parameter.
fn step(bencher: Bencher<'_, '_>, rule: Rule, numbers_of_each: usize, parameters: usize) {
    let gradients = numbers(parameters);
    let (mut values, mut first) = (gradients.clone(), vec![0.0; parameters]);
    let mut second = first.clone();
    bencher.counter(bytes(numbers_of_each * parameters)).bench_local(|| {
        let state = [&mut first[..], &mut second];
        let step = Update { rule, gradient_scale: 1.0, state, average: None };
        update(&CPU, step, &mut values, &gradients);
    });
}

#[divan::bench(args = PARAMETERS)]
fn adam(bencher: Bencher<'_, '_>, parameters: usize) {
    step(bencher, Rule::Adam(ADAM), 7, parameters);
}

#[divan::bench(args = PARAMETERS)]
fn sgd(bencher: Bencher<'_, '_>, parameters: usize) {
    step(bencher, Rule::Sgd(SGD), 5, parameters);
}

#[divan::bench(args = PARAMETERS)]
fn rms_prop(bencher: Bencher<'_, '_>, parameters: usize) {
    step(bencher, Rule::RmsProp(RMS_PROP), 5, parameters);
}

/// Adam's step and the running average, in one pass.
#[divan::bench(args = PARAMETERS)]
fn adam_and_average(bencher: Bencher<'_, '_>, parameters: usize) {
    let gradients = numbers(parameters);
    let (mut values, mut first) = (gradients.clone(), vec![0.0; parameters]);
    let (mut second, mut average) = (first.clone(), first.clone());
    bencher.counter(bytes(9 * parameters)).bench_local(|| {
        let average = Some(Average { values: &mut average, rate: 0.01 });
        let state = [&mut first[..], &mut second];
        let step = Update { rule: Rule::Adam(ADAM), gradient_scale: 1.0, state, average };
        update(&CPU, step, &mut values, &gradients);
    });
}

#[divan::bench(args = PARAMETERS)]
fn average(bencher: Bencher<'_, '_>, parameters: usize) {
    let (values, mut averaged) = (numbers(parameters), numbers(parameters));
    bencher
        .counter(bytes(3 * parameters))
        .bench_local(|| follow(&CPU, Average { values: &mut averaged, rate: 0.01 }, &values));
}

#[divan::bench(args = PARAMETERS)]
fn norm(bencher: Bencher<'_, '_>, parameters: usize) {
    let gradients = numbers(parameters);
    let mut scratch = numbers(sum_of_squares_scratch(parameters));
    bencher.counter(bytes(parameters)).bench_local(|| sum_of_squares(&CPU, &gradients, &mut scratch));
}
