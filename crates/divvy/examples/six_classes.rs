//! One of six classes, trained by categorical cross-entropy: `Dense(6, softmax)`.

mod made_up;

use divvy::data::Label;
use divvy::nn::{Activation, Conv2d, Dense, Flatten, Loss, MaxPool2d, Network, Sequential, Task};
use made_up::{Pattern, SIDE, learn, picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Sequential::new([SIDE, SIDE, 1])
        .add(Conv2d::new(16, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Flatten::new())
        .add(Dense::new(32).activation(Activation::Relu))
        .add(Dense::new(6).activation(Activation::Softmax))
        .build()?;
    println!(
        "{}: for each picture six probabilities that sum to 1. The largest decides.",
        graph.output_shape()
    );

    // The loss follows from the head: nobody can pair a softmax with the wrong one.
    let network = Network::new(graph, Task::MultiClass)?;
    assert_eq!(network.head().loss(), Loss::CategoricalCrossEntropy);

    let patterns = [
        Pattern::LyingStripes,
        Pattern::StandingStripes,
        Pattern::Checks,
        Pattern::Spot,
        Pattern::Frame,
        Pattern::Nothing,
    ];
    let accuracy = learn(network, |chance| {
        let class = chance.below(6);
        (picture(&[patterns[class]], chance), Label::Class(class))
    })?;
    println!("accuracy on new pictures: {accuracy:.3}");
    assert!(accuracy > 0.9, "chance would reach 0.167");
    Ok(())
}
