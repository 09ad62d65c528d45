//! First values of kernels against PyTorch's `dirac_`, and what a layer that begins with them makes of a picture.

use std::sync::Arc;

use divvy_nn::{
    Activation, Conv2d, DepthwiseConv2d, Flatten, Initializer, Isa, Layer, NamedLayer, Network, Padding,
    ParameterTable, Parameters, SeparableConv2d, Sequential, Task, Tensor,
};
use serde_json::Value;

use crate::noise::noise;
use crate::reference::{Case, Reference};
use crate::support::{assert_near, engine};

fn first(network: &Network) -> Vec<Tensor> {
    Parameters::initialize(Arc::new(ParameterTable::new(network.graph())), 7).tensors().collect()
}

/// The network of a case, whose kernels begin as they do by default.
fn by_default(case: Case<'_>) -> Network {
    let text = case.description::<Value>().to_string();
    assert!(text.contains(r#""dirac""#), "{text}");
    serde_json::from_str(&text.replace(r#""dirac""#, r#""glorot_uniform""#)).unwrap()
}

#[test]
fn dirac_is_pytorchs_and_leaves_filters_beyond_the_channels_as_they_are_by_default() {
    for case in Reference::read(include_bytes!("../reference/initializers.safetensors")).cases() {
        let (found, default) = (first(&case.description()), first(&by_default(case)));
        let of = |tensors: &[Tensor], name: &str| tensors.iter().find(|it| it.name == name).unwrap().clone();
        for expected in case.folder("first") {
            let (found, default) = (of(&found, &expected.name), of(&default, &expected.name));
            assert_eq!(found.shape, expected.shape, "{}, {}", case.name, expected.name);
            // Where PyTorch's is not a number, it was not asked for one.
            let expected = expected.values.iter().zip(&default.values);
            let expected: Vec<f32> =
                expected.map(|(x, drawn)| if x.is_nan() { *drawn } else { *x }).collect();
            assert_eq!(found.values, expected, "{}, {}", case.name, found.name);
        }
    }
}

#[test]
fn a_layer_that_begins_so_passes_its_picture_on() {
    const SHAPE: [usize; 3] = [5, 6, 4];
    let (dirac, same) = (Initializer::Dirac, Padding::Same);
    let of_network = |layer: NamedLayer| {
        let layers = Sequential::new(SHAPE).add(layer).add(Flatten::new());
        let graph = layers.add(Activation::Sigmoid).build().unwrap();
        Network::new(graph, Task::MultiLabel).unwrap()
    };
    let images: Vec<f32> = noise(3, 2 * SHAPE.iter().product::<usize>()).collect();
    for layer in [
        Layer::from(Conv2d::new(4, 3).padding(same).kernel_initializer(dirac)),
        Conv2d::new(4, [5, 1]).padding(same).groups(2).kernel_initializer(dirac).into(),
        DepthwiseConv2d::new(3).padding(same).depthwise_initializer(dirac).into(),
        SeparableConv2d::new(4, 3)
            .padding(same)
            .depthwise_initializer(dirac)
            .pointwise_initializer(dirac)
            .into(),
    ] {
        let network = of_network(layer.clone().into());
        for isa in Isa::present() {
            let mut engine = engine(&network, first(&network), isa, 1);
            assert_near(engine.logits(&images, 2), &images, 2e-6, &format!("{layer:?} on {}", isa.name()));
        }
    }
}
