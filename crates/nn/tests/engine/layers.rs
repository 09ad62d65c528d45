//! Each layer against PyTorch: its output, the gradients of its parameters and of its input, the statistics that it gathers.

use std::collections::BTreeSet;

use divvy_nn::{Activation, Isa, Layer, Network, Tensor};

use crate::reference::{Case, Reference};
use crate::support::{
    Batch, assert_near, assert_tensors_near, engine, is_trained, loss_and_gradients, parameters,
};

/// Single precision against double: some ten roundings in a row.
const TOLERANCE: f64 = 2e-6;

fn cases() -> Reference {
    Reference::read(include_bytes!("../reference/layers.safetensors"))
}

fn check(case: Case<'_>, isa: Isa) {
    let network: Network = case.description();
    let place = |what: &str| format!("{what} of {} on {}", case.name, isa.name());
    let targets = case.f32("targets");
    let size = targets.len() / network.head().units();
    let batch = Batch { images: case.f32("images"), targets, size };

    let mut engine = engine(&network, case.folder("before"), isa, 2);
    let logits = engine.logits(&batch.images, size);
    assert_near(logits, &case.f32("logits"), TOLERANCE, &place("output"));

    let (loss, gradients) = loss_and_gradients(&mut engine, &batch);
    assert_near(&[loss], &case.f32("loss"), TOLERANCE, &place("loss"));
    assert_tensors_near(&gradients, &case.folder("gradient"), TOLERANCE, &place("gradients"));

    let statistics: Vec<Tensor> = parameters(&engine).into_iter().filter(|it| !is_trained(it)).collect();
    assert_tensors_near(&statistics, &case.folder("after"), TOLERANCE, &place("statistics"));
}

#[test]
fn every_layer_agrees_with_pytorch_on_every_instruction_set() {
    for isa in Isa::present() {
        for case in cases().cases() {
            check(case, isa);
        }
    }
}

#[test]
fn every_layer_and_activation_has_a_case() {
    let networks: Vec<Network> = cases().cases().map(|case| case.description()).collect();
    let layers: Vec<&Layer> =
        networks.iter().flat_map(|it| it.graph().nodes()).map(|node| &node.layer).collect();
    let types: BTreeSet<&str> = layers.iter().map(|layer| layer.type_name()).collect();
    // Dropout draws from numbers of our own: dropout.rs is about it.
    let expected = [
        "activation",
        "adaptive_avg_pool2d",
        "add",
        "avg_pool2d",
        "batch_norm",
        "concat",
        "conv2d",
        "dense",
        "depthwise_conv2d",
        "flatten",
        "global_avg_pool2d",
        "global_max_pool2d",
        "input",
        "max_pool2d",
        "normalization",
        "rescaling",
        "separable_conv2d",
        "zero_pad2d",
    ];
    assert_eq!(types.into_iter().collect::<Vec<_>>(), expected);
    for activation in Activation::ALL {
        let is_it = |layer: &&Layer| matches!(layer, Layer::Activation(it) if it.function == activation);
        assert!(layers.iter().any(is_it), "{activation}");
    }
}
