//! Fusing changes nothing: random networks give the same compiled with it and without, and what double precision gives.

use std::collections::HashMap;

use divvy_nn::{
    Activation, Add, Algorithms, AvgPool2d, BatchNorm, Connect, Conv2d, Cpu, Dense, Device, Dropout, Engine,
    Flatten, Graph, Input, Isa, MaxPool2d, Mode, Network, Node, Padding, Task, Tensor,
};
use proptest::prelude::*;

use crate::double::loss;
use crate::noise::noise;
use crate::support::{
    ALGORITHMS, Batch, assert_near, engine_on, is_trained, loss_and_gradients, some_parameters,
};

const PICTURE: [usize; 3] = [8, 6, 5];
const CLASSES: usize = 3;
const BATCH: usize = 5;

/// Of the largest number: some hundred roundings, of which batch norms of few pixels make more.
const TOLERANCE: f64 = 2e-4;

/// A layer on the last one's output.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Conv {
        kernel: usize,
        activation: Activation,
    },
    BatchNorm,
    Rectifier(Activation),
    /// The sum with an earlier output of the same shape, counted back from the last one, in either order.
    Shortcut {
        back: usize,
        swapped: bool,
    },
    MaxPool,
    AvgPool,
    Dropout,
}

fn rectifier() -> impl Strategy<Value = Activation> {
    prop::sample::select(vec![Activation::Relu, Activation::Relu6])
}

fn piece() -> impl Strategy<Value = Piece> {
    let activation = prop_oneof![Just(Activation::Linear), Just(Activation::Tanh), rectifier()];
    prop_oneof![
        3 => (prop::sample::select(vec![1, 3]), activation)
            .prop_map(|(kernel, activation)| Piece::Conv { kernel, activation }),
        3 => Just(Piece::BatchNorm),
        3 => rectifier().prop_map(Piece::Rectifier),
        3 => (1..4_usize, any::<bool>()).prop_map(|(back, swapped)| Piece::Shortcut { back, swapped }),
        1 => Just(Piece::MaxPool),
        1 => Just(Piece::AvgPool),
        1 => Just(Piece::Dropout),
    ]
}

/// The pieces one on the other, then a dense layer. What does not fit, as a pool of a single row, is left out.
fn network(pieces: &[Piece], dropout: f32) -> Network {
    let input = Input::new(PICTURE);
    let first = Conv2d::new(PICTURE[2], 3).padding(Padding::Same).on(&input);
    let mut of_this_size = vec![first];
    let mut height = PICTURE[0];
    for &piece in pieces {
        let x = of_this_size.last().expect("there is one").clone();
        let y = match piece {
            Piece::Conv { kernel, activation } => {
                Conv2d::new(PICTURE[2], kernel).padding(Padding::Same).activation(activation).on(&x)
            }
            Piece::BatchNorm => BatchNorm::new().on(&x),
            Piece::Rectifier(function) => function.on(&x),
            Piece::Shortcut { back, swapped } => match of_this_size.iter().rev().nth(back) {
                Some(earlier) if swapped => Add::new().on_all(&[earlier, &x]),
                Some(earlier) => Add::new().on_all(&[&x, earlier]),
                None => continue,
            },
            Piece::MaxPool | Piece::AvgPool if height < 4 => continue,
            Piece::MaxPool => halved(&mut of_this_size, &mut height, MaxPool2d::new(2).on(&x)),
            Piece::AvgPool => halved(&mut of_this_size, &mut height, AvgPool2d::new(2).on(&x)),
            Piece::Dropout => Dropout::new(dropout).on(&x),
        };
        of_this_size.push(y);
    }
    let last = of_this_size.last().expect("there is one");
    let scores = Activation::Softmax.on(&Dense::new(CLASSES).on(&Flatten::new().on(last)));
    Network::new(Graph::new(&input, &scores).expect("the shapes fit"), Task::MultiClass)
        .expect("the head fits")
}

/// Forgets the outputs of the former size.
fn halved(of_this_size: &mut Vec<Node>, height: &mut usize, y: Node) -> Node {
    of_this_size.clear();
    *height /= 2;
    y
}

fn batch() -> Batch {
    let images = noise(1, BATCH * PICTURE.iter().product::<usize>()).collect();
    let targets = (0..BATCH * CLASSES).map(|i| f32::from(u8::from(i / CLASSES % CLASSES == i % CLASSES)));
    Batch { images, targets: targets.collect(), size: BATCH }
}

/// What can be seen of a step: the logits before it, its loss, all gradients one after the other, and the statistics after it.
struct Seen {
    logits: Vec<f32>,
    loss: f32,
    gradients: Vec<f32>,
    statistics: Vec<f32>,
}

fn seen(device: Device, network: &Network, start: &[Tensor], batch: &Batch) -> Seen {
    let mut engine = engine_on(device, network, start.to_vec());
    let logits = engine.logits(&batch.images, batch.size).to_vec();
    let (loss, gradients) = loss_and_gradients(&mut engine, batch);
    let statistics = engine.parameters().tensors().filter(|it| !is_trained(it)).flat_map(|it| it.values);
    let statistics = statistics.collect();
    Seen { logits, loss, gradients: gradients.into_iter().flat_map(|it| it.values).collect(), statistics }
}

fn check(pieces: &[Piece]) {
    let batch = batch();
    // Double precision drops nothing out.
    let whole = network(pieces, 0.0);
    let start = some_parameters(&whole);
    let in_double = |it: &Tensor| (it.name.clone(), it.values.iter().copied().map(f64::from).collect());
    let values: HashMap<String, Vec<f64>> = start.iter().map(in_double).collect();
    let truth = loss(&whole, &values, &batch) as f32;
    for network in [whole, network(pieces, 0.25)] {
        for isa in Isa::present() {
            for algorithms in ALGORITHMS {
                let device = |fused| Device::new(Cpu::with_isa(isa, 2)).algorithms(algorithms).fused(fused);
                let [fused, plain] = [true, false].map(|fused| seen(device(fused), &network, &start, &batch));
                let place = |what| format!("{what} of {pieces:?} on {}, {algorithms:?}", isa.name());
                assert_near(&fused.logits, &plain.logits, TOLERANCE, &place("logits"));
                assert_near(&[fused.loss], &[plain.loss], TOLERANCE, &place("loss"));
                assert_near(&fused.gradients, &plain.gradients, TOLERANCE, &place("gradients"));
                if !plain.statistics.is_empty() {
                    assert_near(&fused.statistics, &plain.statistics, TOLERANCE, &place("statistics"));
                }
            }
        }
    }
    for fused in [true, false] {
        let network = network(pieces, 0.0);
        let seen = seen(Device::new(Cpu::new(2)).fused(fused), &network, &start, &batch);
        assert_near(&[seen.loss], &[truth], TOLERANCE, &format!("loss of {pieces:?}, fused: {fused}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_fused_network_computes_what_the_plain_one_does(pieces in prop::collection::vec(piece(), 1..12)) {
        check(&pieces);
    }
}

/// Whether fusing finds something: without, the test above would compare a plan with itself.
#[test]
fn each_pair_of_the_table_is_fused() {
    use Piece::{BatchNorm, Conv, MaxPool, Rectifier, Shortcut};
    let linear = Conv { kernel: 3, activation: Activation::Linear };
    let relu = Rectifier(Activation::Relu);
    let (near, far) = (Shortcut { back: 1, swapped: false }, Shortcut { back: 3, swapped: true });
    for pieces in [
        &[linear, relu][..],
        &[linear, BatchNorm, relu],
        &[linear, relu, BatchNorm],
        &[BatchNorm, MaxPool],
        &[BatchNorm, relu, MaxPool],
        &[relu, linear, near, relu],
        &[relu, linear, BatchNorm, far, relu],
        &[relu, Rectifier(Activation::Tanh), near, relu],
    ] {
        let network = network(pieces, 0.0);
        let steps = |fused| {
            let device = Device::new(Cpu::new(1)).algorithms(Algorithms::Exact).fused(fused);
            let mut engine = Engine::new(network.clone(), device, 0);
            [Mode::Train, Mode::Infer].map(|mode| engine.plan(mode, 2).steps().len())
        };
        let (fused, plain) = (steps(true), steps(false));
        assert!(fused.iter().sum::<usize>() < plain.iter().sum(), "{pieces:?}: {fused:?}, {plain:?}");
        check(pieces);
    }
}
