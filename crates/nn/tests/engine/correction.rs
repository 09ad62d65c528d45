//! What weights in the loss do to logits can be taken off wherever these have a bias, and logits can be put on another scale.

use divvy_nn::{
    Activation, Conv2d, Cpu, Dense, Device, Engine, Flatten, GlobalAvgPool2d, GlobalMaxPool2d, Graph,
    LogitLine, Network, Sequential, Task,
};

fn logits(
    network: &Network,
    parameters: Option<&divvy_nn::Parameters>,
    images: &[f32],
) -> (Engine, Vec<f32>) {
    let mut engine = Engine::new(network.clone(), Device::new(Cpu::new(1)), 3);
    if let Some(parameters) = parameters {
        engine.replace_parameters(parameters.clone());
    }
    let logits = engine.logits(images, 2).to_vec();
    (engine, logits)
}

/// Networks for two pictures of 4 x 4 x 3 that end in three logits in different ways.
fn networks() -> Vec<Network> {
    let input = || Sequential::new([4, 4, 3]);
    let softmax = || Activation::Softmax;
    let graphs = [
        input().add(Flatten::new()).add(Dense::new(3).activation(softmax())),
        input().add(Flatten::new()).add(Dense::new(3)).add(Activation::Linear).add(softmax()),
        input().add(Conv2d::new(3, 3)).add(GlobalAvgPool2d::new()).add(softmax()),
        input().add(Conv2d::new(3, 3)).add(Activation::Linear).add(GlobalMaxPool2d::new()).add(softmax()),
    ];
    let network = |graph: Sequential| {
        let graph: Graph = graph.build().unwrap();
        Network::new(graph, Task::MultiClass).unwrap()
    };
    graphs.into_iter().map(network).collect()
}

fn images() -> Vec<f32> {
    (0..2 * 4 * 4 * 3).map(|i| ((i * 37 + 11) % 64) as f32 / 32.0 - 1.0).collect()
}

#[test]
fn every_logit_falls_by_its_shift() {
    let shifts = [0.5, -2.25, 1.0];
    for network in networks() {
        let (engine, before) = logits(&network, None, &images());
        let corrected = network.corrected(engine.parameters(), &shifts).unwrap();
        let (_, after) = logits(&network, Some(&corrected), &images());
        for (at, (before, after)) in before.iter().zip(&after).enumerate() {
            assert!(
                (before - shifts[at % 3] - after).abs() < 1e-5,
                "{before} {after}: {:?}",
                network.graph()
            );
        }
    }
}

#[test]
fn logits_without_a_bias_of_their_own_are_not_corrected() {
    let input = || Sequential::new([4, 4, 3]);
    let graphs = [
        input().add(Flatten::new()).add(Dense::new(3).use_bias(false).activation(Activation::Softmax)),
        // Its bias is added before another function.
        input()
            .add(Conv2d::new(3, 3).activation(Activation::Relu))
            .add(GlobalAvgPool2d::new())
            .add(Activation::Softmax),
    ];
    for graph in graphs {
        let network = Network::new(graph.build().unwrap(), Task::MultiClass).unwrap();
        let (engine, _) = logits(&network, None, &[0.0; 2 * 4 * 4 * 3]);
        assert!(network.corrected(engine.parameters(), &[0.0; 3]).is_none());
    }
}

const LINES: [LogitLine; 3] = [
    LogitLine { slope: 0.5, intercept: -0.75 },
    LogitLine { slope: 3.0, intercept: 0.25 },
    LogitLine { slope: 1.0, intercept: 0.0 },
];

#[test]
fn every_logit_moves_along_its_line() {
    for network in networks() {
        let (engine, before) = logits(&network, None, &images());
        let rescaled = network.rescaled(engine.parameters(), &LINES).unwrap();
        let (_, after) = logits(&network, Some(&rescaled), &images());
        for (at, (before, after)) in before.iter().zip(&after).enumerate() {
            let wanted = LINES[at % 3].slope * before + LINES[at % 3].intercept;
            assert!((wanted - after).abs() < 1e-5, "{before} {after}: {:?}", network.graph());
        }
    }
}

#[test]
fn logits_that_cannot_move_along_a_line_are_left() {
    let input = || Sequential::new([4, 4, 3]).add(Flatten::new());
    let without_bias = input().add(Dense::new(3).use_bias(false).activation(Activation::Softmax));
    let network = Network::new(without_bias.build().unwrap(), Task::MultiClass).unwrap();
    let (engine, _) = logits(&network, None, &images());
    assert!(network.rescaled(engine.parameters(), &LINES).is_none(), "an intercept has no place to go");
    let line = |slope| [LogitLine { slope, intercept: 0.0 }; 3];
    assert!(network.rescaled(engine.parameters(), &line(0.5)).is_some());
    for slope in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(!network.takes(&line(slope)), "{slope}");
        assert!(network.rescaled(engine.parameters(), &line(slope)).is_none(), "{slope}");
    }
    let large = network.rescaled(engine.parameters(), &line(1e38)).unwrap();
    assert!(network.rescaled(&large, &line(1e38)).is_none(), "weights would no longer be finite");
}
