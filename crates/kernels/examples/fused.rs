//! How fast the kernels are that do several things in one pass, for the layers of a small network of 64 x 64 pixels.
//!
//! ```text
//! cargo run --release -p divvy-kernels --example fused [-- THREADS [ISA]]
//! ```
//! prints the best of many runs in milliseconds.

use std::time::{Duration, Instant};

use divvy_kernels::{
    Adam, Cpu, DenseShape, DenseWeights, InputMask, Isa, Rule, Update, dense_backward, update,
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
}

const ADAM: Adam =
    Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, decoupled: false, step: 10 };

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
    let adam = |m, v| Update { rule: Rule::Adam(ADAM), gradient_scale: 1.0, state: [m, v] };
    let apply = best(|| update(cpu, adam(&mut m, &mut v), &mut w, &dw));
    let updated = best(|| {
        let weights = DenseWeights::Update { w: &mut w, update: adam(&mut m, &mut v) };
        dense_backward(cpu, shape, &x, &dy, weights, mask, Some(&mut dx), &mut scratch);
    });
    let DenseShape { batch, inputs, outputs } = shape;
    println!("dense {batch} x {inputs} -> {outputs}");
    report("backward", gradient);
    report("Adam", apply);
    report("backward with Adam", updated);
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1000) as f32 / 1000.0 - 0.5).collect()
}

/// The shortest of the runs that fit into a while, and of five at the least.
fn best(mut run: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    let start = Instant::now();
    let mut runs = 0;
    while runs < 5 || start.elapsed() < Duration::from_millis(300) {
        let before = Instant::now();
        run();
        best = best.min(before.elapsed());
        runs += 1;
    }
    best
}

fn report(name: &str, time: Duration) {
    println!("  {name:40} {:8.3}", time.as_secs_f64() * 1e3);
}
