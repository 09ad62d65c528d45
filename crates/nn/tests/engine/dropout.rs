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

/// One hidden unit for each sample, which sees the sample alone, so that the last layer's gradient tells whether it was dropped forwards, and the hidden
/// layer's whether it was backwards.
#[test]
fn the_gradient_of_a_sample_passes_where_its_values_did() {
    const SAMPLES: usize = 60;
    let mut images = vec![0.0; SAMPLES * SAMPLES];
    (0..SAMPLES).for_each(|sample| images[sample * (SAMPLES + 1)] = 1.0);
    let batch = Batch { images, targets: vec![-0.5; SAMPLES], size: SAMPLES };
    for activation in [Activation::Linear, Activation::Relu, Activation::Tanh] {
        let hidden = Dense::new(3).activation(activation).kernel_initializer(Initializer::Ones);
        let layers = Sequential::new([SAMPLES]).add(hidden).add(Dropout::new(RATE).whole());
        let network = number(layers.add(Dense::new(1).kernel_initializer(Initializer::Ones)));
        let mut values = engine(network.clone(), 2, 0);
        let (loss, gradients) = loss_and_gradients(&mut values, &batch);
        let of =
            |name| &gradients.iter().find(|it| it.name == name).expect("a parameter of the network").values;
        let (rows, rest) = of("dense/kernel").as_chunks::<3>();
        assert!(rest.is_empty() && rows.iter().all(|row| row.iter().all(|g| (*g == 0.0) == (row[0] == 0.0))));
        let dropped = rows.iter().filter(|row| row[0] == 0.0).count();
        assert!((1..SAMPLES).contains(&dropped), "{dropped} of {SAMPLES}");
        // Forwards a sample is answered with 0 where it was dropped, else with what its three units give: half the squares of how far that is from -0.5.
        let unit = f64::from(match activation {
            Activation::Tanh => 1.0_f32.tanh(),
            _ => 1.0,
        });
        let answer = 3.0 * unit * f64::from(SCALE);
        let kept = (SAMPLES - dropped) as f64;
        let expected = (dropped as f64 * 0.25 + kept * (answer + 0.5).powi(2)) / SAMPLES as f64;
        assert!(
            (f64::from(loss) - expected).abs() < 1e-4 * expected,
            "{activation:?}: {loss}, not {expected}"
        );
    }
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

/// As many samples as inputs are pairs: each sample has ones in a pair of its own, whose weights' gradients are what its dropout lets through.
#[test]
fn whole_samples_are_dropped_each_by_a_draw_of_its_own() {
    const SAMPLES: usize = 800;
    let sum = Dense::new(1).kernel_initializer(Initializer::Zeros);
    let network = || number(Sequential::new([2 * SAMPLES]).add(Dropout::new(RATE).whole()).add(sum.clone()));
    let mut images = vec![0.0; SAMPLES * 2 * SAMPLES];
    for sample in 0..SAMPLES {
        images[sample * 2 * SAMPLES + 2 * sample..][..2].fill(1.0);
    }
    // The loss is the mean over samples.
    let targets = vec![-0.5 * SAMPLES as f32; SAMPLES];
    let batch = Batch { images, targets, size: SAMPLES };
    let masks = |threads| {
        let (_, mut gradients) = loss_and_gradients(&mut engine(network(), threads, 0), &batch);
        gradients.retain(|gradient| gradient.name == "dense/kernel");
        gradients.remove(0).values
    };
    let mask = masks(1);
    assert_eq!(mask, masks(3));
    let (pairs, rest) = mask.as_chunks::<2>();
    assert!(
        rest.is_empty() && pairs.iter().all(|[first, second]| first == second),
        "a sample is dropped whole"
    );
    assert!(pairs.iter().all(|[value, _]| *value == 0.0 || (value - SCALE).abs() < 1e-5));
    let dropped = pairs.iter().filter(|[value, _]| *value == 0.0).count() as f32 / SAMPLES as f32;
    // Five standard deviations of a binomial distribution of 800 draws.
    assert!((dropped - RATE).abs() < 5.0 * 0.0153, "{dropped}");
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
