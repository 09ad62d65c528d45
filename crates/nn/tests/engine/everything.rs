//! One small network with a layer of every type and every activation, its head included, and batches for it.

use divvy_nn::{
    Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Concat, Connect, Conv2d, Dense,
    DepthwiseConv2d, Dropout, Flatten, GlobalAvgPool2d, GlobalMaxPool2d, Graph, Input, MaxPool2d, Network,
    Node, Normalization, Padding, Rescaling, SeparableConv2d, Task, ZeroPad2d,
};

use crate::noise::noise;
use crate::support::Batch;

const PICTURE: [usize; 3] = [12, 10, 3];
const CLASSES: usize = 4;

/// Activations one after the other, each on a convolution of its own.
fn chain(start: &Node, filters: usize, activations: &[Activation]) -> Node {
    activations
        .iter()
        .fold(start.clone(), |x, &activation| Conv2d::new(filters, 1).activation(activation).on(&x))
}

/// The network, with the given rate of dropout.
pub(crate) fn everything(dropout: f32) -> Network {
    use Activation::{Elu, Gelu, HardSwish, LeakyRelu, Linear, Relu, Relu6, Sigmoid, Silu, Softmax, Tanh};
    let same = |filters, kernel: usize| Conv2d::new(filters, kernel).padding(Padding::Same);

    let input = Input::new(PICTURE);
    let x = Rescaling::new(2.0).offset(-0.5).on(&input);
    let x = Normalization::new([0.25, -0.5, 0.125], [0.5, 1.5, 2.0]).on(&x);
    let x = BatchNorm::new().on(&same(8, 3).activation(Relu).on(&x));
    let stem = same(8, 3).on(&x);

    let depthwise = same(8, 3).groups(8).activation(HardSwish).on(&stem);
    let dilated = same(8, 3).groups(2).dilation(2).use_bias(false).activation(Silu).on(&stem);
    let residual = LeakyRelu { alpha: 0.3 }.on(&Add::new().on_all(&[&stem, &depthwise, &dilated]));

    let largest = MaxPool2d::new(2).on(&residual);
    let mean = AvgPool2d::new(3).strides(2).padding(Padding::Same).on(&residual);
    let pooled = Dropout::new(dropout).on(&Concat::new().on_all(&[&largest, &mean]));
    let strided = Conv2d::new(9, [3, 2]).strides([2, 1]).activation(Elu { alpha: 1.0 });
    let maps = chain(&strided.on(&ZeroPad2d::new([[1, 0], [0, 1]]).on(&pooled)), 7, &[Softmax, Gelu, Relu6]);

    let wider = DepthwiseConv2d::new([2, 3])
        .depth_multiplier(2)
        .padding(Padding::around(1))
        .activation(Silu)
        .on(&maps);
    let separable =
        SeparableConv2d::new(5, 3).depth_multiplier(2).strides(2).padding(Padding::Same).activation(Tanh);
    let adapted = AdaptiveAvgPool2d::new([4, 3]).on(&separable.on(&wider));

    let flat = Dense::new(6).activation(Tanh).on(&Flatten::new().on(&maps));
    let joined = Concat::new().on_all(&[
        &flat,
        &GlobalAvgPool2d::new().on(&pooled),
        &GlobalMaxPool2d::new().on(&maps),
    ]);
    let normalised = BatchNorm::new().scale(false).on(&joined);
    let all = Concat::new().on_all(&[&normalised, &Flatten::new().on(&adapted)]);
    let gated = Dense::new(10).activation(Sigmoid).on(&all);
    let scores = Softmax.on(&Linear.on(&Dense::new(CLASSES).on(&gated)));
    let graph = Graph::new(&input, &scores).expect("the shapes fit");
    Network::new(graph, Task::MultiClass).expect("the head fits")
}

/// Pictures of noise, each of a class in turn.
pub(crate) fn batch(number: u32, size: usize) -> Batch {
    let pixels: usize = PICTURE.iter().product();
    let images = noise(number, size * pixels).collect();
    let targets =
        (0..size * CLASSES).map(|i| if i / CLASSES % CLASSES == i % CLASSES { 1.0 } else { 0.0 }).collect();
    Batch { images, targets, size }
}
