//! A network in inference form gives the logits of the network it was made of.

use divvy_nn::{
    Activation, Add, BatchNorm, Connect, Conv2d, Cpu, Dense, DepthwiseConv2d, Device, Dropout, Engine,
    Folded, GlobalAvgPool2d, Graph, Input, Isa, Layer, Network, Optimizer, Padding, ParameterError,
    SeparableConv2d, Task,
};

use crate::everything::{batch, everything};
use crate::noise::noise;
use crate::support::{Batch, assert_near, bits, engine, parameters, step};

/// Moves weights and statistics away from their first values, which would hide a batch norm.
pub(crate) fn trained(network: Network, batches: &[Batch]) -> Engine {
    let mut engine = Engine::new(network, Device::new(Cpu::new(1)), 3);
    for batch in batches {
        step(&mut engine, batch, &Optimizer::adam(), 0.02);
    }
    engine
}

fn assert_folds(mut before: Engine, images: &[f32], count: usize) -> Folded {
    let folded = Folded::new(before.network(), before.parameters()).expect("finite");
    let mut after = Engine::with_parameters(
        folded.network.clone(),
        folded.parameters.clone(),
        Device::new(Cpu::new(1)),
        0,
    );
    let expected = before.logits(images, count).to_vec();
    assert_near(after.logits(images, count), &expected, 1e-5, "folded");
    folded
}

/// Blocks as in residual networks: convolution, norm, activation, and a sum of two paths.
pub(crate) fn residual() -> Network {
    let input = Input::new([9, 8, 3]);
    let conv = |filters| Conv2d::new(filters, 3).padding(Padding::Same).use_bias(false);
    let stem = Activation::Relu.on(&BatchNorm::new().on(&conv(8).on(&input)));
    let path = BatchNorm::new().center(false).on(&conv(8).on(&stem));
    let other = BatchNorm::new().scale(false).on(&Conv2d::new(8, 1).on(&stem));
    let sum = Activation::Relu.on(&Add::new().on_all(&[&path, &other]));
    let depthwise = Dropout::new(0.2).on(&DepthwiseConv2d::new(3).depth_multiplier(2).on(&sum));
    let sum = Activation::Relu6.on(&BatchNorm::new().on(&depthwise));
    let sum = BatchNorm::new().on(&SeparableConv2d::new(12, 2).depth_multiplier(3).use_bias(false).on(&sum));
    let hidden = BatchNorm::new().on(&Dense::new(7).on(&GlobalAvgPool2d::new().on(&sum)));
    let scores = Activation::Softmax.on(&Dense::new(4).on(&Dropout::new(0.5).on(&hidden)));
    let graph = Graph::new(&input, &scores).expect("the shapes fit");
    Network::new(graph, Task::MultiClass).expect("the head fits")
}

pub(crate) fn pictures(number: u32, size: usize) -> Batch {
    let targets = (0..size * 4).map(|i| if i / 4 % 4 == i % 4 { 1.0 } else { 0.0 }).collect();
    Batch { images: noise(number, size * 9 * 8 * 3).collect(), targets, size }
}

#[test]
fn norms_after_convolutions_and_dense_layers_vanish() {
    let batches: Vec<_> = (0..6).map(|number| pictures(number, 8)).collect();
    let folded = assert_folds(trained(residual(), &batches), &pictures(9, 5).images, 5);
    let left: Vec<_> = folded.network.graph().nodes().iter().map(|node| node.layer.type_name()).collect();
    let expected = [
        "input",
        "conv2d",
        "conv2d",
        "conv2d",
        "add",
        "activation",
        "conv2d",
        "conv2d",
        "conv2d",
        "global_avg_pool2d",
        "dense",
        "dense",
        "activation",
    ];
    assert_eq!(left, expected);
    let again = Folded::new(&folded.network, &folded.parameters).expect("finite");
    assert_eq!(again.network, folded.network);
    let tensors = |folded: &Folded| bits(&folded.parameters.tensors().collect::<Vec<_>>());
    assert_eq!(tensors(&again), tensors(&folded));
}

#[test]
fn every_layer_and_activation_is_left_right() {
    let batches: Vec<_> = (0..4).map(|number| batch(number, 6)).collect();
    let folded = assert_folds(trained(everything(0.3), &batches), &batch(8, 3).images, 3);
    let is_dropout = |layer: &Layer| matches!(layer, Layer::Dropout(_));
    assert!(folded.network.graph().nodes().iter().all(|node| !is_dropout(&node.layer)));
}

/// A batch norm that others besides read the input of cannot be worked into it.
#[test]
fn what_others_read_stays() {
    let input = Input::new([4, 4, 2]);
    let conv = Conv2d::new(3, 1).on(&input);
    let sum = Add::new().on_all(&[&BatchNorm::new().on(&conv), &Activation::Relu.on(&conv)]);
    let scores = Activation::Softmax.on(&Dense::new(4).on(&GlobalAvgPool2d::new().on(&sum)));
    let network = Network::new(Graph::new(&input, &scores).expect("fits"), Task::MultiClass).expect("fits");
    let images: Vec<f32> = noise(1, 2 * 32).collect();
    let targets = vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let batches = vec![Batch { images: images.clone(), targets, size: 2 }; 3];
    let folded = assert_folds(trained(network.clone(), &batches), &images, 2);
    assert_eq!(folded.network, network);
}

#[test]
fn a_variance_below_zero_is_refused() {
    let network = residual();
    let mut tensors = parameters(&Engine::new(network.clone(), Device::new(Cpu::new(1)), 0));
    for tensor in tensors.iter_mut().filter(|tensor| tensor.name.ends_with("moving_variance")) {
        tensor.values.fill(-1.0);
    }
    let broken = engine(&network, tensors, Isa::PORTABLE, 1);
    let refused = Folded::new(&network, broken.parameters());
    assert!(matches!(refused, Err(ParameterError::NotFinite { .. })), "{refused:?}");
}
