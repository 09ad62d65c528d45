//! Dropout, seen through gradients: a weight whose input was dropped has none.

use divvy_nn::{
    Activation, Cpu, Dense, Device, Dropout, Engine, Initializer, Isa, Network, Sequential, Task,
};

use crate::support::{Batch, loss_and_gradients};

const WIDTH: usize = 10_000;
const RATE: f32 = 0.25;

/// `1 / (1 - RATE)`.
const SCALE: f32 = 4.0 / 3.0;

fn number(sequential: Sequential) -> Network {
    Network::new(sequential.build().expect("the shapes fit"), Task::Regression).expect("the head fits")
}

/// Ones, dropout, and a sum of what is left.
fn network() -> Network {
    let sum = Dense::new(1).kernel_initializer(Initializer::Zeros);
    number(Sequential::new([WIDTH]).add(Dropout::new(RATE)).add(sum))
}

fn engine(network: Network, threads: usize, seed: u64) -> Engine {
    Engine::new(network, Device::new(Cpu::new(threads)), seed)
}

/// One sample of ones, whose loss has the derivative 2 · ½ with respect to an output of 0.
fn ones(width: usize) -> Batch {
    Batch { images: vec![1.0; width], targets: vec![-0.5], size: 1 }
}

/// What dropout makes of ones in each of some steps of training: with weights of 0 and a derivative of 1, the weights' gradient.
fn masks(engine: &mut Engine, steps: usize) -> Vec<Vec<f32>> {
    let start = engine.parameters().clone();
    let mut mask = || {
        engine.replace_parameters(start.clone());
        let (_, mut gradients) = loss_and_gradients(engine, &ones(WIDTH));
        gradients.retain(|gradient| gradient.name == "dense/kernel");
        gradients.remove(0).values
    };
    (0..steps).map(|_| mask()).collect()
}

#[test]
fn training_drops_the_share_asked_for_and_scales_the_rest() {
    for mask in masks(&mut engine(network(), 1, 0), 3) {
        let dropped = mask.iter().filter(|&&value| value == 0.0).count();
        assert!(mask.iter().all(|&value| value == 0.0 || (value - SCALE).abs() < 1e-6));
        // Five standard deviations of a binomial distribution of 10,000 draws.
        let share = dropped as f32 / WIDTH as f32;
        assert!((share - RATE).abs() < 5.0 * 0.00433, "{share}");
    }
}

#[test]
fn masks_differ_by_step_and_seed_but_not_by_thread() {
    let of = |threads, seed| masks(&mut engine(network(), threads, seed), 2);
    let one = of(1, 0);
    assert_ne!(one[0], one[1]);
    assert_ne!(one, of(1, 1));
    assert_eq!(one, of(3, 0));
}

#[test]
fn two_layers_draw_masks_of_their_own() {
    let two = Sequential::new([WIDTH]).add(Dropout::new(RATE)).add(Dropout::new(RATE));
    let network = number(two.add(Dense::new(1).kernel_initializer(Initializer::Zeros)));
    let mask = masks(&mut engine(network, 1, 0), 1).remove(0);
    let kept = mask.iter().filter(|&&value| value != 0.0).count() as f32 / WIDTH as f32;
    assert!((kept - 0.75 * 0.75).abs() < 5.0 * 0.00496, "{kept}");
    assert!(mask.iter().all(|&value| value == 0.0 || (value - SCALE * SCALE).abs() < 1e-6));
}

#[test]
fn the_gradient_passes_where_the_value_did() {
    const HIDDEN: usize = 500;
    let hidden = Dense::new(HIDDEN).bias_initializer(Initializer::Ones);
    let network = number(Sequential::new([1]).add(hidden).add(Dropout::new(RATE)).add(Dense::new(1)));
    let (_, gradients) = loss_and_gradients(&mut engine(network, 2, 0), &ones(1));
    let of = |name| &gradients.iter().find(|it| it.name == name).expect("a parameter of the network").values;
    let forward: Vec<bool> = of("dense_1/kernel").iter().map(|&g| g != 0.0).collect();
    let backward: Vec<bool> = of("dense/bias").iter().map(|&g| g != 0.0).collect();
    assert_eq!(forward, backward);
    assert!(forward.contains(&true) && forward.contains(&false));
}

#[test]
fn prediction_drops_nothing() {
    let layers = |rate| {
        let hidden =
            Sequential::new([64]).add(Dropout::new(rate)).add(Dense::new(32)).add(Dropout::new(rate));
        let graph =
            hidden.add(Dense::new(5).activation(Activation::Softmax)).build().expect("the shapes fit");
        Network::new(graph, Task::MultiClass).expect("the head fits")
    };
    let images: Vec<f32> = crate::noise::noise(0, 3 * 64).collect();
    let kernels = |mut engine: Engine| engine.logits(&images, 3).to_vec();
    assert_eq!(kernels(engine(layers(0.5), 2, 0)), kernels(engine(layers(0.0), 2, 0)));
    for isa in Isa::present() {
        let logits = |rate| kernels(Engine::new(layers(rate), Device::new(Cpu::with_isa(isa, 1)), 0));
        assert_eq!(logits(0.9), logits(0.0));
    }
}
