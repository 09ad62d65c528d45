//! What the proofs share: engines, a step that shows gradients, and comparison.

use std::collections::HashMap;
use std::sync::Arc;

use divvy_nn::{
    Algorithms, Cpu, Device, Engine, Isa, Network, Optimizer, ParameterTable, Parameters, Tensor,
    WinogradTile,
};

use crate::noise::noise;

/// Images and targets as the engine takes them.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) images: Vec<f32>,
    pub(crate) targets: Vec<f32>,
    pub(crate) size: usize,
}

/// Every choice of algorithms.
pub(crate) const ALGORITHMS: [Algorithms; 4] = [
    Algorithms::Exact,
    Algorithms::Only(WinogradTile::Two),
    Algorithms::Only(WinogradTile::Four),
    Algorithms::Fastest,
];

/// Every instruction set of this machine with every choice of algorithms.
pub(crate) fn ways() -> impl Iterator<Item = (Isa, Algorithms)> {
    Isa::present().into_iter().flat_map(|isa| ALGORITHMS.map(|algorithms| (isa, algorithms)))
}

/// An engine with the parameters given, and the fastest algorithms.
pub(crate) fn engine(network: &Network, parameters: Vec<Tensor>, isa: Isa, threads: usize) -> Engine {
    engine_on(Device::new(Cpu::with_isa(isa, threads)), network, parameters)
}

/// An engine with the parameters given.
pub(crate) fn engine_on(device: Device, network: &Network, parameters: Vec<Tensor>) -> Engine {
    let table = Arc::new(ParameterTable::new(network.graph()));
    let parameters = Parameters::from_tensors(table, parameters).unwrap_or_else(|error| panic!("{error}"));
    Engine::with_parameters(network.clone(), parameters, device, 0)
}

/// Fresh parameters, shaken, so that none is 0 or 1 and hides what it is multiplied with or added to.
pub(crate) fn some_parameters(network: &Network) -> Vec<Tensor> {
    let fresh = Engine::new(network.clone(), Device::new(Cpu::new(1)), 1);
    let shaken = |(stream, tensor): (usize, Tensor)| {
        let noise = noise(stream as u32, tensor.values.len());
        let values = tensor.values.iter().zip(noise).map(|(value, noise)| value + noise / 8.0).collect();
        Tensor { values, ..tensor }
    };
    fresh.parameters().tensors().enumerate().map(shaken).collect()
}

/// The same numbers in double precision, by name.
pub(crate) fn in_double(parameters: &[Tensor]) -> HashMap<String, Vec<f64>> {
    parameters
        .iter()
        .map(|it| (it.name.clone(), it.values.iter().copied().map(f64::from).collect()))
        .collect()
}

/// All parameters, by name.
pub(crate) fn parameters(engine: &Engine) -> Vec<Tensor> {
    let mut tensors: Vec<Tensor> = engine.parameters().tensors().collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors
}

/// Whether training moves the parameter along a gradient.
pub(crate) fn is_trained(parameter: &Tensor) -> bool {
    !parameter.name.contains("/moving_")
}

pub(crate) fn step(engine: &mut Engine, batch: &Batch, optimizer: &Optimizer, rate: f64) -> f32 {
    engine
        .train_step(&batch.images, &batch.targets, batch.size, optimizer, rate)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The mean loss of a batch, in training mode, and the gradient of each trained parameter.
///
/// The engine does not show its gradients. After a step of plain gradient descent they are what the parameters lost, over the
/// rate; with a rate this large nothing of them is rounded away, and a power of two rounds nothing by itself.
pub(crate) fn loss_and_gradients(engine: &mut Engine, batch: &Batch) -> (f32, Vec<Tensor>) {
    const RATE: f32 = (1 << 20) as f32;
    let before = parameters(engine);
    let loss = step(engine, batch, &Optimizer::sgd(0.0), RATE.into());
    let moved = |(before, after): (Tensor, Tensor)| Tensor {
        values: before.values.iter().zip(&after.values).map(|(x, y)| (x - y) / RATE).collect(),
        ..before
    };
    let pairs = before.into_iter().zip(parameters(engine)).filter(|(before, _)| is_trained(before));
    (loss, pairs.map(moved).collect())
}

/// The largest difference, as a share of the largest of their values.
pub(crate) fn distance(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    // What is not a number comes above all that are.
    let largest =
        |values: &mut dyn Iterator<Item = f64>| values.map(f64::abs).max_by(f64::total_cmp).unwrap_or(0.0);
    let scale = largest(&mut theirs.iter().copied().map(f64::from));
    assert!(scale > 0.0, "zeros prove nothing");
    largest(&mut ours.iter().zip(theirs).map(|(&x, &y)| f64::from(x) - f64::from(y))) / scale
}

/// Asserts that the largest difference is at most `tolerance` of the largest of their values.
#[track_caller]
pub(crate) fn assert_near(ours: &[f32], theirs: &[f32], tolerance: f64, place: &str) {
    let found = distance(ours, theirs);
    assert!(
        found <= tolerance,
        "{place}: off by {found:.1e} of the largest, at most {tolerance:.0e} is allowed"
    );
}

/// Asserts the same names and shapes, and values as [`assert_near`] does.
#[track_caller]
pub(crate) fn assert_tensors_near(ours: &[Tensor], theirs: &[Tensor], tolerance: f64, place: &str) {
    let names =
        |tensors: &[Tensor]| tensors.iter().map(|it| (it.name.clone(), it.shape.clone())).collect::<Vec<_>>();
    assert_eq!(names(ours), names(theirs), "{place}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_near(&ours.values, &theirs.values, tolerance, &format!("{place}, {}", ours.name));
    }
}

/// Every bit of every number.
pub(crate) fn bits(tensors: &[Tensor]) -> Vec<(String, Vec<u32>)> {
    let of = |tensor: &Tensor| tensor.values.iter().map(|value| value.to_bits()).collect();
    tensors.iter().map(|tensor| (tensor.name.clone(), of(tensor))).collect()
}
