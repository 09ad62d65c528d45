//! Convolutions of operands that are rounded to 16 bits: close to those of `f32`, and the same bits on any number of threads. Where the
//! machine has no such instruction, there is nothing to prove.

use divvy_nn::{
    Activation, BatchNorm, Conv2d, Cpu, Dense, Device, Engine, GlobalAvgPool2d, Graph, Half, Isa, Mode,
    Network, Op, Optimizer, Padding, Sequential, Task, Tensor,
};

use crate::noise::noise;
use crate::support::{Batch, bits, loss_and_gradients, parameters, step};

const SIZE: usize = 12;
const UNITS: usize = 4;

/// Smooth, and kernels that Winograd's algorithm is not for; the first layer has three channels, which are no pairs.
fn network() -> Network {
    let silu = |filters, kernel| Conv2d::new(filters, kernel).activation(Activation::Silu);
    let graph: Graph = Sequential::new([SIZE, SIZE, 3])
        .add(silu(64, 3).padding(Padding::Same))
        .add(silu(128, 5).padding(Padding::Same))
        .add(BatchNorm::new())
        .add(silu(192, 3).strides(2).padding(Padding::Same))
        .add(silu(128, 1))
        .add(GlobalAvgPool2d::new())
        .add(Dense::new(UNITS).activation(Activation::Softmax))
        .build()
        .unwrap();
    Network::new(graph, Task::MultiClass).unwrap()
}

fn batch(size: usize) -> Batch {
    let images = noise(1, size * SIZE * SIZE * 3).collect();
    let targets = (0..size * UNITS).map(|i| f32::from(u8::from(i % UNITS == i / UNITS % UNITS))).collect();
    Batch { images, targets, size }
}

fn cpu(threads: usize) -> Cpu {
    Cpu::with_isa(Isa::best(), threads)
}

fn engine(cpu: Cpu) -> Engine {
    Engine::new(network(), Device::new(cpu), 5)
}

#[test]
fn each_pass_is_computed_so_where_that_is_faster() {
    Isa::best().halves().for_each(is_computed_so);
}

fn is_computed_so(half: Half) {
    let device = Device::new(cpu(1).with_half(half));
    let name = format!("direct {}", half.format().name());
    let options = device.plan_options();
    let mut engine = Engine::new(network(), device, 0);
    for (mode, passes) in [(Mode::Train, 3), (Mode::Infer, 1)] {
        let plan = engine.plan(mode, 16);
        let mut found = [0; 3];
        for step in plan.steps() {
            let pass = match step.op {
                Op::Conv2d { .. } => 0,
                Op::Conv2dBackwardData { .. } => 1,
                Op::Conv2dBackwardWeights { .. } => 2,
                _ => continue,
            };
            let choice = plan.algorithms(&step.op, options).unwrap();
            found[pass] += usize::from(choice.chosen.name == name);
        }
        assert!(found[..passes].iter().all(|count| *count > 0), "{name}, {mode:?}: {found:?}");
    }
}

#[test]
fn loss_and_gradients_are_those_of_f32_to_within_three_hundredths() {
    Isa::best().halves().for_each(is_close_to_f32);
}

fn is_close_to_f32(half: Half) {
    let batch = batch(16);
    let (truth, gradients) = loss_and_gradients(&mut engine(cpu(2)), &batch);
    let (loss, rounded) = loss_and_gradients(&mut engine(cpu(2).with_half(half)), &batch);
    assert!((loss - truth).abs() < 3e-3 * truth, "a loss of {loss}, not {truth}");
    assert!(bits(&rounded) != bits(&gradients), "nothing was rounded");
    // Each operand is off by a 512th at the most, or each sum of some tens of products as little. An activation with a step in its slope, as
    // ReLU, would hide that behind the few whose input is rounded to the other side of it.
    let all = |tensors: &[Tensor]| {
        tensors.iter().flat_map(|it| it.values.clone()).map(f64::from).collect::<Vec<_>>()
    };
    let (ours, theirs) = (all(&rounded), all(&gradients));
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let off = norm(&mut ours.iter().zip(&theirs).map(|(x, y)| x - y)) / norm(&mut theirs.iter().copied());
    assert!(off < 0.03, "{:?}: the gradient is off by {off:.4} of its norm", half.format());
}

#[test]
fn one_two_and_three_threads_train_alike() {
    for half in Isa::best().halves() {
        let train = |threads| {
            let mut engine = engine(cpu(threads).with_half(half));
            for size in [7, 8, 7] {
                step(&mut engine, &batch(size), &Optimizer::adam(), 0.01);
            }
            bits(&parameters(&engine))
        };
        let alone = train(1);
        assert!([2, 3].into_iter().all(|threads| train(threads) == alone), "{:?}", half.format());
    }
}
