//! How fast the kernels are that do several things in one pass, for the layers of a small network of 64 x 64 pixels.
//!
//! ```text
//! cargo run --release -p divvy-kernels --example fused [-- THREADS [ISA]]
//! ```
//! prints the best of many runs in milliseconds.

use std::time::{Duration, Instant};

use divvy_kernels::{
    Adam, Cpu, DenseShape, DenseWeights, InputMask, Isa, NormBackward, NormGradients, NormOutput,
    NormPoolBackward, NormSettings, NormShape, NormStatistics, Normalisation, Padding, PoolShape, Rectifier,
    Rule, Update, batch_norm_apply, batch_norm_gradients, batch_norm_max_pool_backward,
    batch_norm_max_pool_forward, batch_statistics, dense_backward, dense_forward, mask_backward,
    max_pool_argmax_backward, max_pool_argmax_forward, update,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().map_or(1, |text| text.parse().expect("a number of threads"));
    let isa =
        arguments.next().map_or_else(Isa::best, |name| Isa::by_name(&name).expect("an instruction set"));
    let cpu = Cpu::with_isa(isa, threads);
    println!("{} on {threads} threads, ms", isa.name());
    for (batch, inputs, outputs) in [(32, 32768, 256), (1, 32768, 256), (32, 256, 128), (128, 25088, 10)] {
        dense(&cpu, &DenseShape { batch, inputs, outputs });
    }
    for (size, channels) in [(64, 32), (32, 64), (16, 128)] {
        maps(&cpu, 32, size, channels);
    }
}

const ADAM: Adam =
    Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decoupled: false, step: 10 };

fn adam<'a>(m: &'a mut [f32], v: &'a mut [f32]) -> Update<'a> {
    Update { rule: Rule::Adam(ADAM), gradient_scale: 1.0, state: [m, v] }
}

fn dense(cpu: &Cpu, shape: &DenseShape) {
    let (x, dy) = (numbers(shape.input_len()), numbers(shape.output_len()));
    let (mut w, mut dw, mut dx) = (numbers(shape.weights_len()), numbers(shape.weights_len()), x.clone());
    let (mut m, mut v) = (vec![0.0; w.len()], vec![0.0; w.len()]);
    let mut scratch = numbers(shape.backward_scratch(cpu.threads()));
    let mask = Some(InputMask { scale: 2.0 });
    let gradient = best(|| {
        let weights = DenseWeights::Gradient { w: &w, dw: &mut dw };
        dense_backward(cpu, shape, &x, &dy, weights, mask, Some(&mut dx), &mut scratch);
    });
    let apply = best(|| update(cpu, adam(&mut m, &mut v), &mut w, &dw));
    let mut y = numbers(shape.output_len());
    let mut forward_scratch = numbers(shape.forward_scratch(cpu.threads()));
    let mut forward = |w: &[f32]| dense_forward(cpu, shape, &x, w, None, &mut y, &mut forward_scratch);
    let forward_again = best(|| forward(&w));
    let forward_cold = best_after(&mut w, |w| update(cpu, adam(&mut m, &mut v), w, &dw), |w| forward(w));
    let updated = best(|| {
        let weights = DenseWeights::Update { w: &mut w, update: adam(&mut m, &mut v) };
        dense_backward(cpu, shape, &x, &dy, weights, mask, Some(&mut dx), &mut scratch);
    });
    let DenseShape { batch, inputs, outputs } = shape;
    println!("dense {batch} x {inputs} -> {outputs}");
    report("forward", forward_again);
    report("forward, after other work", forward_cold);
    report("backward", gradient);
    report("Adam", apply);
    report("backward with Adam", updated);
}

/// Batch normalisation and pooling of square maps.
fn maps(cpu: &Cpu, batch: usize, size: usize, channels: usize) {
    println!("{batch} maps of {size} x {size} x {channels}");
    let shape = NormShape { rows: batch * size * size, channels };
    let (x, residual, mut y, mut dx) =
        (numbers(shape.len()), numbers(shape.len()), numbers(shape.len()), numbers(shape.len()));
    let [mut mean, mut invstd, mut moving_mean, mut moving_variance] = [(); 4].map(|()| vec![1.0; channels]);
    let mut scratch = numbers(shape.train_scratch().max(shape.backward_scratch()));
    let settings = NormSettings { epsilon: 1e-3, momentum: 0.9 };
    let statistics = best(|| {
        let statistics = NormStatistics {
            mean: &mut mean,
            invstd: &mut invstd,
            moving_mean: &mut moving_mean,
            moving_variance: &mut moving_variance,
        };
        batch_statistics(cpu, &shape, &settings, &x, statistics, &mut scratch);
    });
    report("statistics", statistics);
    let (gamma, beta) = (vec![1.0; channels], vec![0.1; channels]);
    let norm = Normalisation { mean: &mean, invstd: &invstd, gamma: Some(&gamma), beta: Some(&beta) };
    let relu = Some(Rectifier::Relu);
    report("norm", best(|| batch_norm_apply(cpu, &shape, &norm, &x, None, None, &mut y)));
    let apply = best(|| batch_norm_apply(cpu, &shape, &norm, &x, Some(&residual), relu, &mut y));
    report("norm, residual, ReLU", apply);
    let mut dresidual = numbers(shape.len());
    let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
    let dy = &residual;
    let backward = best(|| {
        let operands = NormBackward { x: &x, dy, output: None, input: relu };
        let gradients =
            NormGradients { dx: &mut dx, dresidual: None, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_gradients(cpu, &shape, &norm, &operands, gradients, &mut scratch);
    });
    report("norm after ReLU, backward", backward);
    let backward = best(|| {
        let operands =
            NormBackward { x: &x, dy, output: Some((Rectifier::Relu, NormOutput::Kept(&y))), input: None };
        let dresidual = Some(&mut dresidual[..]);
        let gradients = NormGradients { dx: &mut dx, dresidual, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_gradients(cpu, &shape, &norm, &operands, gradients, &mut scratch);
    });
    report("norm, residual, ReLU, backward", backward);
    let backward = best(|| {
        let operands =
            NormBackward { x: &x, dy, output: Some((Rectifier::Relu, NormOutput::FromInput)), input: None };
        let gradients =
            NormGradients { dx: &mut dx, dresidual: None, dgamma: &mut dgamma, dbeta: &mut dbeta };
        batch_norm_gradients(cpu, &shape, &norm, &operands, gradients, &mut scratch);
    });
    report("norm, ReLU, backward", backward);
    report("ReLU and dropout, backward", best(|| mask_backward(cpu, 2.0, &x, dy, &mut dx)));
    let one = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    for (window, padding) in [(2, Padding::NONE), (3, one)] {
        let shape = PoolShape {
            batch,
            height: size,
            width: size,
            channels,
            window: (window, window),
            strides: (2, 2),
            padding,
        };
        pool(cpu, &shape, &norm, &x);
    }
}

fn pool(cpu: &Cpu, shape: &PoolShape, norm: &Normalisation<'_>, x: &[f32]) {
    println!("  max pool of {:?}", shape.window);
    let (mut y, dy, mut argmax) =
        (numbers(shape.output_len()), numbers(shape.output_len()), vec![0; shape.output_len()]);
    let mut dx = numbers(shape.input_len());
    let (mut dgamma, mut dbeta) = (vec![0.0; shape.channels], vec![0.0; shape.channels]);
    let mut scratch = numbers(shape.norm_forward_scratch().max(shape.norm_backward_scratch()));
    report("pool", best(|| max_pool_argmax_forward(cpu, shape, x, &mut y, &mut argmax)));
    report("pool, backward", best(|| max_pool_argmax_backward(cpu, shape, &argmax, &dy, &mut dx)));
    let forward = best(|| {
        batch_norm_max_pool_forward(cpu, shape, norm, None, x, &mut y, &mut argmax, &mut scratch);
    });
    report("norm and pool", forward);
    let input = Some(Rectifier::Relu);
    let operands = NormPoolBackward { x, y: &y, argmax: &argmax, dy: &dy, activation: None, input };
    let backward = best(|| {
        batch_norm_max_pool_backward(
            cpu,
            shape,
            norm,
            &operands,
            &mut dx,
            &mut dgamma,
            &mut dbeta,
            &mut scratch,
        );
    });
    report("ReLU, norm and pool, backward", backward);
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1000) as f32 / 1000.0 - 0.5).collect()
}

/// The shortest of the runs that fit into a while, and of five at the least.
fn best(mut run: impl FnMut()) -> Duration {
    best_after(&mut (), |()| (), |()| run())
}

/// The same, with something else done before each run.
fn best_after<T>(shared: &mut T, mut other: impl FnMut(&mut T), mut run: impl FnMut(&mut T)) -> Duration {
    let mut best = Duration::MAX;
    let start = Instant::now();
    let mut runs = 0;
    while runs < 5 || start.elapsed() < Duration::from_millis(200) {
        other(shared);
        let before = Instant::now();
        run(shared);
        best = best.min(before.elapsed());
        runs += 1;
    }
    best
}

fn report(name: &str, time: Duration) {
    println!("  {name:40} {:8.3}", time.as_secs_f64() * 1e3);
}
