//! A graph that is no chain: a residual block, in which two paths meet in a sum.

mod made_up;

use divvy::data::Label;
use divvy::nn::{
    Activation, Add, BatchNorm, Connect, Conv2d, Dense, GlobalAvgPool2d, Graph, Input, Network, Node,
    Padding, Task,
};
use made_up::{Pattern, SIDE, learn, picture};

/// `relu(x + f(x))`, f being two convolutions: the block of He et al., 2015.
fn residual(x: &Node, filters: usize) -> Node {
    let y = Conv2d::new(filters, 3).padding(Padding::Same).use_bias(false).on(x);
    let y = Activation::Relu.on(&BatchNorm::new().on(&y));
    let y = Conv2d::new(filters, 3).padding(Padding::Same).use_bias(false).on(&y);
    let sum = Add::new().on_all(&[x, &BatchNorm::new().on(&y)]);
    Activation::Relu.on(&sum)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input = Input::new([SIDE, SIDE, 1]);
    let x = Conv2d::new(8, 3).padding(Padding::Same).activation(Activation::Relu).named("stem").on(&input);
    let x = residual(&x, 8);
    let x = GlobalAvgPool2d::new().on(&x);
    let scores = Dense::new(4).activation(Activation::Softmax).named("head").on(&x);
    let graph = Graph::new(&input, &scores)?;
    println!("{}", graph.summary());
    println!(
        "{}: for each picture four probabilities that sum to 1. The largest decides.",
        graph.output_shape()
    );

    let network = Network::new(graph, Task::MultiClass)?;
    let patterns = [Pattern::LyingStripes, Pattern::StandingStripes, Pattern::Checks, Pattern::Nothing];
    let accuracy = learn(network, |chance| {
        let class = chance.below(4);
        (picture(&[patterns[class]], chance), Label::Class(class))
    })?;
    println!("accuracy on new pictures: {accuracy:.3}");
    assert!(accuracy > 0.9, "chance would reach 0.25");
    Ok(())
}
