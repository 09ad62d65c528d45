//! One of three classes: `Dense(3, softmax)`.

mod made_up;

use divvy::data::Label;
use divvy::nn::{Activation, Conv2d, Dense, GlobalMaxPool2d, Network, Sequential, Task};
use made_up::{Pattern, SIDE, learn, picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Sequential::new([SIDE, SIDE, 1])
        .add(Conv2d::new(12, 3).activation(Activation::Relu))
        .add(GlobalMaxPool2d::new())
        .add(Dense::new(3).activation(Activation::Softmax))
        .build()?;
    println!(
        "{}: for each picture three probabilities that sum to 1, because the classes",
        graph.output_shape()
    );
    println!("exclude each other. The largest decides. Labels are 0, 1 or 2, or one-hot rows of three.");

    let network = Network::new(graph, Task::MultiClass)?;
    let patterns = [Pattern::LyingStripes, Pattern::StandingStripes, Pattern::Nothing];
    let accuracy = learn(network, |chance| {
        let class = chance.below(3);
        (picture(&[patterns[class]], chance), Label::Class(class))
    })?;
    println!("accuracy on new pictures: {accuracy:.3}");
    assert!(accuracy > 0.95, "these three are easily told apart");
    Ok(())
}
