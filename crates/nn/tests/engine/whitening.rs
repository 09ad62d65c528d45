//! Kernels that whiten pictures, against airbench's formula in PyTorch, and that training leaves them alone.

use divvy_nn::{Cpu, Device, Engine, Network, Optimizer, Tensor};

use crate::reference::{Case, Reference};
use crate::support::{Batch, engine_on, parameters, step};

fn device() -> Device {
    Device::new(Cpu::new(2))
}

fn reference() -> Reference {
    Reference::read(include_bytes!("../reference/whitening.safetensors"))
}

/// The network of a case after it has seen the case's pictures, in pieces.
fn whitened(case: Case<'_>) -> Engine {
    whitened_as(case.description(), case)
}

fn whitened_as(network: Network, case: Case<'_>) -> Engine {
    let picture = network.graph().input_shape().len();
    let mut engine = Engine::new(network, device(), 5);
    let mut whitening = engine.whitening().expect("a layer asks for it");
    case.f32("images").chunks(7 * picture).for_each(|images| whitening.see(images));
    engine.whiten(&whitening);
    engine
}

fn tensor(engine: &Engine, name: &str) -> Tensor {
    engine.parameters().tensors().find(|tensor| tensor.name == name).expect("the network has it")
}

/// The numbers of one filter.
fn column(values: &[f32], filters: usize, filter: usize) -> Vec<f64> {
    values.chunks_exact(filters).map(|row| f64::from(row[filter])).collect()
}

fn largest(x: impl IntoIterator<Item = f64>) -> f64 {
    x.into_iter().fold(0.0, |most, x| x.abs().max(most))
}

#[test]
fn filters_are_airbenchs_and_their_negatives() {
    for case in reference().cases() {
        let kernel = tensor(&whitened(case), "conv2d/kernel");
        let filters = kernel.shape[3];
        let numbers = kernel.values.len() / filters;
        let directions = case.f32("directions");
        let pairs = numbers.min(filters / 2);
        for pair in 0..pairs {
            let (found, truth) = (column(&kernel.values, filters, pair), column(&directions, numbers, pair));
            // An eigenvector's negative is one as well.
            let off = [1.0, -1.0].map(|sign| largest(found.iter().zip(&truth).map(|(x, y)| x - sign * y)));
            let size = largest(truth.iter().copied());
            assert!(
                off[0].min(off[1]) < 1e-4 * size,
                "{}, filter {pair}: {found:?}, not {truth:?}",
                case.name
            );
            let negative: Vec<f64> =
                column(&kernel.values, filters, pairs + pair).iter().map(|x| -x).collect();
            assert_eq!(found, negative, "{}, filter {pair}", case.name);
        }
    }
}

/// What every filter makes of the pictures it follows from is of the same size, about 1, those beyond the pairs included.
#[test]
fn filters_give_numbers_of_one_size() {
    for case in reference().cases() {
        let kernel = tensor(&whitened(case), "conv2d/kernel");
        let (filters, truth) = (kernel.shape[3], case.f32("directions"));
        let numbers = kernel.values.len() / filters;
        for filter in 0..filters {
            let of_filter = column(&kernel.values, filters, filter);
            // The filter's shares of the directions, which are at right angles to each other.
            let shares = (0..numbers).map(|at| {
                let direction = column(&truth, numbers, at);
                let square: f64 = direction.iter().map(|x| x * x).sum();
                of_filter.iter().zip(&direction).map(|(x, y)| x * y).sum::<f64>() / square
            });
            let size = shares.map(|share| share * share).sum::<f64>().sqrt();
            assert!((size - 1.0).abs() < 1e-4, "{}, filter {filter}: {size}", case.name);
        }
    }
}

/// A step moves everything else as if the same kernel were an ordinary one.
#[test]
fn training_leaves_them_alone() {
    let text = reference().case("three channels").description::<serde_json::Value>().to_string();
    assert!(text.contains(r#""use_bias":false"#), "{text}");
    leaves_them_alone(&text);
    // A bias learns, so that the layer is gone back through.
    leaves_them_alone(&text.replace(r#""use_bias":false"#, r#""use_bias":true"#));
}

fn leaves_them_alone(text: &str) {
    let reference = reference();
    let case = reference.case("three channels");
    let network: Network = serde_json::from_str(text).unwrap();
    let mut kept = whitened_as(network.clone(), case);
    let ordinary: Network = serde_json::from_str(&text.replace("whitening", "glorot_uniform")).unwrap();
    assert!(Engine::new(ordinary.clone(), device(), 5).whitening().is_none());
    let before = parameters(&kept);
    let picture = kept.network().graph().input_shape().len();
    let images = case.f32("images")[..8 * picture].to_vec();
    let targets = (0..24).map(|i| f32::from(u8::from(i % 5 < 2))).collect();
    let batch = Batch { images, targets, size: 8 };
    // Gradients that may be clipped are all kept until the end, where one that is written where it does not belong is seen.
    let optimizer = Optimizer::nesterov(0.9).weight_decay(0.1).average(0.9).clip_norm(1e9);
    for _ in 0..3 {
        step(&mut kept, &batch, &optimizer, 0.1);
    }
    let after = parameters(&kept);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before == after, before.name == "conv2d/kernel", "{}", before.name);
    }
    // One step of either from the same point: what the kernel's own gradient does not reach is the same, bit by bit.
    let mut moved = engine_on(device(), &ordinary, before);
    let mut kept = whitened_as(network, case);
    let losses = [step(&mut kept, &batch, &optimizer, 0.1), step(&mut moved, &batch, &optimizer, 0.1)];
    assert_eq!(losses[0].to_bits(), losses[1].to_bits());
    for (kept, moved) in parameters(&kept).iter().zip(parameters(&moved)) {
        assert_eq!(*kept == moved, kept.name != "conv2d/kernel", "{}", kept.name);
    }
}

#[test]
fn averages_keep_them() {
    let reference = reference();
    let case = reference.case("three channels");
    let mut engine = whitened(case);
    let kernel = tensor(&engine, "conv2d/kernel");
    let picture = engine.network().graph().input_shape().len();
    let batch = Batch { images: case.f32("images")[..4 * picture].to_vec(), targets: vec![1.0; 12], size: 4 };
    for _ in 0..20 {
        step(&mut engine, &batch, &Optimizer::adam().average(0.9), 0.01);
    }
    let average = engine.average().expect("one is kept");
    assert!(average.tensors().any(|tensor| tensor == kernel));
}
