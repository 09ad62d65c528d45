//! One of two classes, from two units that share one probability: `Dense(2, softmax)`.

mod made_up;

use divvy::data::Label;
use divvy::nn::{Activation, Conv2d, Dense, GlobalMaxPool2d, Network, Sequential, Task};
use made_up::{Pattern, SIDE, learn, picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Sequential::new([SIDE, SIDE, 1])
        .add(Conv2d::new(8, 3).activation(Activation::Relu))
        .add(GlobalMaxPool2d::new())
        .add(Dense::new(2).activation(Activation::Softmax))
        .build()?;
    println!(
        "{}: for each picture two probabilities, of the first and of the second class, which",
        graph.output_shape()
    );
    println!("sum to 1. The larger decides. Labels are 0 or 1, or the one-hot rows (1, 0) and (0, 1).");

    let network = Network::new(graph, Task::Binary)?;
    let patterns = [Pattern::LyingStripes, Pattern::StandingStripes];
    let accuracy = learn(network, |chance| {
        let class = chance.below(2);
        (picture(&[patterns[class]], chance), Label::Class(class))
    })?;
    println!("accuracy on new pictures: {accuracy:.3}");
    assert!(accuracy > 0.95, "lying and standing stripes are easily told apart");
    Ok(())
}
