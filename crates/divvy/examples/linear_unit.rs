//! One of two classes as a number, from a single linear unit: `Dense(1, linear)`, regression-style.

mod made_up;

use divvy::data::Label;
use divvy::nn::{Activation, Conv2d, Dense, GlobalMaxPool2d, Loss, Network, Sequential, Task};
use made_up::{Pattern, SIDE, learn, picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Sequential::new([SIDE, SIDE, 1])
        .add(Conv2d::new(8, 3).activation(Activation::Relu))
        .add(GlobalMaxPool2d::new())
        .add(Dense::new(1).activation(Activation::Linear))
        .build()?;
    println!(
        "{}: for each picture one number, near 0 for the first class and near 1 for the",
        graph.output_shape()
    );
    println!("second. It can be any number, so it is no probability; a threshold of 0.5 decides.");

    let network = Network::new(graph, Task::Regression)?;
    assert_eq!(network.head().loss(), Loss::MeanSquaredError);
    assert!(!network.head().has_probabilities());

    let patterns = [Pattern::LyingStripes, Pattern::StandingStripes];
    let accuracy = learn(network, |chance| {
        let class = chance.below(2);
        (picture(&[patterns[class]], chance), Label::Class(class))
    })?;
    println!("accuracy on new pictures: {accuracy:.3}");
    assert!(accuracy > 0.95, "lying and standing stripes are easily told apart");
    Ok(())
}
