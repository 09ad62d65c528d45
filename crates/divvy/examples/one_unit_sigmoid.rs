//! One of two classes, from a single unit: `Dense(1, sigmoid)`.

mod made_up;

use divvy::data::Label;
use divvy::nn::{Activation, Conv2d, Dense, GlobalMaxPool2d, Network, Sequential, Task};
use made_up::{Pattern, SIDE, learn, picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let below = || {
        Sequential::new([SIDE, SIDE, 1])
            .add(Conv2d::new(8, 3).activation(Activation::Relu))
            .add(GlobalMaxPool2d::new())
    };

    // A softmax over one unit gives 1 whatever the picture. It is refused when the network is built, with the reason.
    let impossible = below().add(Dense::new(1).activation(Activation::Softmax)).build()?;
    let refusal = Network::new(impossible, Task::Binary).expect_err("a softmax needs two units or more");
    println!("{refusal}\n");

    let graph = below().add(Dense::new(1).activation(Activation::Sigmoid)).build()?;
    println!(
        "{}: for each picture one probability p, that of the second class; the first",
        graph.output_shape()
    );
    println!("has 1 - p. A threshold decides, 0.5 unless another is chosen. Labels are 0 or 1.");

    let network = Network::new(graph, Task::Binary)?;
    let patterns = [Pattern::Nothing, Pattern::Spot];
    let accuracy = learn(network, |chance| {
        let class = chance.below(2);
        (picture(&[patterns[class]], chance), Label::Class(class))
    })?;
    println!("accuracy on new pictures: {accuracy:.3}");
    assert!(accuracy > 0.95, "a spot is easily seen");
    Ok(())
}
