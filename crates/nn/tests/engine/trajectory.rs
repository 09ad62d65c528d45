//! Fifty steps of training against PyTorch: the losses on the way, and what the trained network says.

use std::sync::Arc;

use divvy_nn::{
    Algorithms, Cpu, Device, Isa, Network, Optimizer, ParameterTable, Parameters, Tensor, WinogradTile,
};

use crate::noise::noise;
use crate::reference::Reference;
use crate::support::{Batch, assert_near, engine_on, step, ways};

const STEPS: u32 = 50;
const BATCH: usize = 8;
const RATE: f64 = 1.0 / 32768.0;

/// PyTorch's own two precisions are 3e-6 apart.
const TOLERANCE: f64 = 1e-4;

/// The same where outputs are computed in tiles of 4 x 4, which rounds about ten times as coarsely: now and then a unit that is next to nothing is cut off a step
/// earlier or later, after which losses are 9e-5 to 5e-4 apart, with batch norms fused or not.
const COARSE_TOLERANCE: f64 = 1e-3;

/// How far the logits of two ways to compute may be apart after ten steps.
const AGREEMENT: f64 = 2e-5;

/// The first parameters: kernels from `noise`, the others as the engine starts them, which is as Keras does.
fn first_parameters(network: &Network) -> Vec<Tensor> {
    let fresh = Parameters::initialize(Arc::new(ParameterTable::new(network.graph())), 0);
    let with_noise = |tensor: Tensor| {
        if !tensor.name.ends_with("/kernel") {
            return tensor;
        }
        let inputs: usize = tensor.shape[..tensor.shape.len() - 1].iter().product();
        let limit = (3.0 / inputs as f64).sqrt() as f32;
        let count = tensor.values.len();
        Tensor { values: noise(count as u32, count).map(|value| value * limit).collect(), ..tensor }
    };
    fresh.tensors().map(with_noise).collect()
}

/// A quarter of noise; half of a fixed pattern is added for one class and taken away for the other.
fn batch(number: u32, pixels: usize) -> Batch {
    let class = |sample: usize| (sample + number as usize) % 2;
    let pattern: Vec<f32> = noise(1, pixels).collect();
    let mix = |(index, value): (usize, f32)| {
        let sign = if class(index / pixels) == 1 { 0.5 } else { -0.5 };
        0.25 * value + sign * pattern[index % pixels]
    };
    let images = noise(1000 + number, BATCH * pixels).enumerate().map(mix).collect();
    let targets = (0..2 * BATCH).map(|i| if class(i / 2) == i % 2 { 1.0 } else { 0.0 }).collect();
    Batch { images, targets, size: BATCH }
}

fn batches(network: &Network, steps: u32) -> Vec<Batch> {
    let pixels = network.graph().input_shape().len();
    (0..=steps).map(|number| batch(number, pixels)).collect()
}

/// The loss at each step, and the logits of one more batch afterwards.
fn train(network: &Network, batches: &[Batch], device: Device) -> (Vec<f32>, Vec<f32>) {
    let mut engine = engine_on(device, network, first_parameters(network));
    let (last, batches) = batches.split_last().expect("there are batches");
    let losses = batches.iter().map(|batch| step(&mut engine, batch, &Optimizer::adam(), RATE)).collect();
    (losses, engine.logits(&last.images, BATCH).to_vec())
}

#[test]
fn fifty_losses_agree_with_pytorch_on_every_instruction_set_by_every_algorithm_and_number_of_threads() {
    let reference = Reference::read(include_bytes!("../reference/trajectory.safetensors"));
    let network: Network = reference.case("float32").description();
    let batches = batches(&network, STEPS);
    for (isa, algorithms) in ways() {
        let device = |threads| Device::new(Cpu::with_isa(isa, threads)).algorithms(algorithms);
        let may_be_coarse = matches!(algorithms, Algorithms::Fastest | Algorithms::Only(WinogradTile::Four));
        let tolerance = if may_be_coarse { COARSE_TOLERANCE } else { TOLERANCE };
        let (losses, logits) = train(&network, &batches, device(1));
        for case in reference.cases() {
            let place = format!("{}, {}, {algorithms:?}", case.name, isa.name());
            let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<_>>();
            for (step, (ours, theirs)) in losses.iter().zip(narrow(case.f64("losses"))).enumerate() {
                assert_near(&[*ours], &[theirs], tolerance, &format!("loss {step}, {place}"));
            }
            assert_near(&logits, &narrow(case.f64("logits")), tolerance, &format!("logits, {place}"));
        }
        let place = format!("two threads on {}, {algorithms:?}", isa.name());
        assert_eq!(train(&network, &batches, device(2)), (losses, logits), "{place}");
    }
}

#[test]
fn instruction_sets_and_algorithms_agree_after_ten_steps() {
    let reference = Reference::read(include_bytes!("../reference/trajectory.safetensors"));
    let network: Network = reference.case("float32").description();
    let batches = batches(&network, 10);
    let logits = |(isa, algorithms)| {
        let device = Device::new(Cpu::with_isa(isa, 2)).algorithms(algorithms);
        train(&network, &batches, device).1
    };
    let plain = logits((Isa::PORTABLE, Algorithms::Exact));
    for (isa, algorithms) in ways() {
        let place = format!("{}, {algorithms:?}", isa.name());
        assert_near(&logits((isa, algorithms)), &plain, AGREEMENT, &place);
    }
}
