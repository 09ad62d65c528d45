//! Any number of labels a picture, from one sigmoid each: `Dense(3, sigmoid)`.

mod made_up;

use divvy::data::Label;
use divvy::nn::{Activation, Conv2d, Dense, Flatten, MaxPool2d, Network, Sequential, Task};
use made_up::{Pattern, SIDE, learn, picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Sequential::new([SIDE, SIDE, 1])
        .add(Conv2d::new(16, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Flatten::new())
        .add(Dense::new(32).activation(Activation::Relu))
        .add(Dense::new(3).activation(Activation::Sigmoid))
        .build()?;
    println!(
        "{}: for each picture three probabilities, one a label. They need not sum to 1,",
        graph.output_shape()
    );
    println!(
        "because labels do not exclude each other: all three may be there, or none. A threshold decides"
    );
    println!("for each. Labels are lists such as (0, 2), or multi-hot rows such as (1, 0, 1).");

    let network = Network::new(graph, Task::MultiLabel)?;
    let patterns = [Pattern::LyingStripes, Pattern::Spot, Pattern::Frame];
    let exact = learn(network, |chance| {
        let labels: Vec<usize> = (0..3).filter(|_| chance.share() < 0.5).collect();
        let shown: Vec<Pattern> = labels.iter().map(|&label| patterns[label]).collect();
        (picture(&shown, chance), Label::Labels(labels))
    })?;
    println!("new pictures with all three labels right: {exact:.3}");
    assert!(exact > 0.8, "chance would reach 0.125");
    Ok(())
}
