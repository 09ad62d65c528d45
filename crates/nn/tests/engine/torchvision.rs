//! torchvision's networks against PyTorch, with parameters of a formula: logits, loss, gradients and statistics; and each learns.

use std::collections::BTreeMap;

use divvy_nn::{
    Architecture, Cpu, Device, Dropout, Engine, Graph, Head, Isa, Layer, Network, NodeId, Optimizer,
    ParameterTable, Parameters, StateDict, Task, Tensor,
};
use serde::Deserialize;

use crate::noise::noise;
use crate::support::{Batch, assert_near, engine, is_trained, loss_and_gradients, parameters, step};

const CLASSES: usize = 5;
const BATCH: usize = 2;

/// Of a tensor's length: what single precision leaves after 50 layers that normalise over 8 values each.
const TOLERANCE: f64 = 1e-4;

/// The same for gradients, which have gone back through them. Ways to sum that are equally good (statistics 4e-7 off at the most) are between 4e-5 and
/// 2e-4 off in `mobilenet_v2`'s worst one, and 2e-5 in the median.
const OF_GRADIENTS: f64 = 5e-4;

/// What `torchvision_networks.py` wrote of a network.
#[derive(Deserialize)]
struct Expected {
    size: [usize; 2],
    /// The stream of noise of the first parameter in the alphabet of PyTorch's keys.
    first_stream: u32,
    /// The magnitude of the batch norms' beta.
    shift: f32,
    logits: Vec<f32>,
    loss: f32,
    gradients: BTreeMap<String, Sketch>,
    statistics: BTreeMap<String, Sketch>,
}

/// A tensor's length, and its sums over three directions of noise, in PyTorch's layout.
#[derive(Deserialize, Debug)]
struct Sketch([f64; 4]);

impl Sketch {
    fn of(tensor: &Tensor) -> Self {
        let values = || tensor.values.iter().copied().map(f64::from);
        let along = |stream| {
            values().zip(noise(stream, tensor.values.len())).map(|(x, y)| x * f64::from(y)).sum::<f64>()
        };
        Self([values().map(|x| x * x).sum::<f64>().sqrt(), along(1), along(2), along(3)])
    }

    /// Asserts that they differ by at most the tolerated share of the expected length or, where that is 0 because what is
    /// gained here is taken away by the next batch norm, of the largest length in the network.
    #[track_caller]
    fn assert_near(&self, expected: &Self, largest: f64, tolerance: f64, place: &str) {
        let length = if expected.0[0] > 0.0 { expected.0[0] } else { largest };
        for (ours, theirs) in self.0.iter().zip(expected.0) {
            let off = (ours - theirs).abs() / length;
            assert!(off <= tolerance, "{place}: off by {off:.1e} of its length; {self:?}, not {expected:?}");
        }
    }
}

/// Without dropout, whose random numbers are our own.
fn without_dropout(mut graph: Graph) -> Graph {
    let is_dropout = |graph: &Graph, id: NodeId| matches!(graph.node(id).layer, Layer::Dropout(_));
    let ids: Vec<NodeId> = graph.iter().map(|(id, _)| id).filter(|&id| is_dropout(&graph, id)).collect();
    for id in ids {
        graph = graph.with_layer(id, Dropout::new(0.0)).expect("a rate of 0 is a rate");
    }
    graph
}

fn network(name: &str, [height, width]: [usize; 2]) -> Network {
    let head = Head::for_task(Task::MultiClass, None, CLASSES).unwrap();
    let graph = Architecture::by_name(name).unwrap().graph([height, width, 3], &head).unwrap();
    Network::new(graph, Task::MultiClass).unwrap()
}

/// The script's formula for a parameter of ours, in PyTorch's shape.
fn value(stream: u32, name: &str, shape: &[usize], shift: f32) -> Vec<f32> {
    let numbers = noise(stream, shape.iter().product());
    match name.rsplit_once('/').expect("layer and parameter").1 {
        "kernel" => {
            let limit = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt() as f32;
            numbers.map(|x| limit * x).collect()
        }
        "gamma" => numbers.map(|x| 0.25 + 0.125 * x).collect(),
        "beta" => numbers.map(|x| if x < -0.5 { -shift } else { shift } + 0.125 * x).collect(),
        "moving_variance" => numbers.map(|x| 1.0 + 0.5 * x).collect(),
        _ => numbers.map(|x| 0.125 * x).collect(),
    }
}

/// Every parameter by the script's formula, its stream counted in the alphabet of PyTorch's keys.
fn parameters_of_formula(graph: &Graph, expected: &Expected) -> Vec<Tensor> {
    let names = StateDict::of(graph);
    let fresh = Parameters::initialize(ParameterTable::new(graph).into(), 0);
    let mut there: Vec<Tensor> =
        fresh.tensors().map(|it| names.export(&it).expect("torchvision has it")).collect();
    there.sort_by(|a, b| a.name.cmp(&b.name));
    let with_formula = |(stream, tensor): (usize, Tensor)| {
        let name = names.parameter(&tensor.name).expect("it came from here");
        let values = value(expected.first_stream + stream as u32, &name, &tensor.shape, expected.shift);
        names.import(&Tensor { values, ..tensor }).expect("it came from here")
    };
    there.into_iter().enumerate().map(with_formula).collect()
}

fn assert_sketches(
    graph: &Graph,
    ours: &[Tensor],
    expected: &BTreeMap<String, Sketch>,
    tolerance: f64,
    place: &str,
) {
    let names = StateDict::of(graph);
    assert_eq!(ours.len(), expected.len(), "{place}");
    let largest = expected.values().map(|sketch| sketch.0[0]).fold(0.0, f64::max);
    for tensor in ours {
        let there = names.export(tensor).expect("torchvision has it");
        let place = format!("{place}, {}", there.name);
        Sketch::of(&there).assert_near(&expected[&there.name], largest, tolerance, &place);
    }
}

fn check(name: &str, isa: Isa) {
    let all: BTreeMap<String, Expected> =
        serde_json::from_str(include_str!("../reference/torchvision.json")).expect("as the script writes it");
    let expected = &all[name];
    let graph = without_dropout(network(name, expected.size).graph().clone());
    let network = Network::new(graph, Task::MultiClass).unwrap();
    let place = |what: &str| format!("{what} of {name} on {}", isa.name());
    let pixels = expected.size[0] * expected.size[1] * 3;
    let one_hot = (0..BATCH * CLASSES).map(|i| if i / CLASSES == i % CLASSES { 1.0 } else { 0.0 });
    let batch = Batch { images: noise(0, BATCH * pixels).collect(), targets: one_hot.collect(), size: BATCH };

    let mut engine = engine(&network, parameters_of_formula(network.graph(), expected), isa, 2);
    assert_near(engine.logits(&batch.images, BATCH), &expected.logits, TOLERANCE, &place("logits"));
    let (loss, gradients) = loss_and_gradients(&mut engine, &batch);
    assert_near(&[loss], &[expected.loss], TOLERANCE, &place("loss"));
    assert_sketches(network.graph(), &gradients, &expected.gradients, OF_GRADIENTS, &place("gradients"));
    let statistics: Vec<Tensor> = parameters(&engine).into_iter().filter(|it| !is_trained(it)).collect();
    assert_sketches(network.graph(), &statistics, &expected.statistics, TOLERANCE, &place("statistics"));
}

/// Deep networks are slow on the plainer instruction sets; resnet18 stands for all of them there.
fn best() -> Isa {
    Cpu::new(1).isa()
}

#[test]
fn resnet18_is_torchvisions() {
    for isa in Isa::present() {
        check("resnet18", isa);
    }
}

#[test]
fn resnet34_is_torchvisions() {
    check("resnet34", best());
}

#[test]
fn resnet50_is_torchvisions() {
    check("resnet50", best());
}

#[test]
fn mobilenet_v2_is_torchvisions() {
    check("mobilenet_v2", best());
}

#[test]
fn vgg11_is_torchvisions() {
    check("vgg11", best());
}

/// Pictures of one colour and noise, the colour that of the class.
fn coloured(size: usize, count: usize) -> Batch {
    let tint = |class: usize, channel: usize| if class % 3 == channel { 1.0 } else { -0.5 };
    let image = |number: usize| {
        let grain = noise(number as u32, size * size * 3);
        grain.enumerate().map(move |(i, x)| 0.5 * x + tint(number % CLASSES, i % 3))
    };
    let targets = (0..count * CLASSES).map(|i| if i / CLASSES % CLASSES == i % CLASSES { 1.0 } else { 0.0 });
    Batch { images: (0..count).flat_map(image).collect(), targets: targets.collect(), size: count }
}

#[test]
fn each_network_learns_from_its_own_first_values() {
    // How mobilenet_v2 begins is chance: after 10 steps the loss lies by 2 to 12 % lower, as the last bits of sums fall; after 20 it has halved.
    for (name, steps) in
        [("resnet18", 10), ("resnet34", 10), ("resnet50", 10), ("mobilenet_v2", 20), ("vgg11", 10)]
    {
        let batch = coloured(64, 10);
        let mut engine = Engine::new(network(name, [64, 64]), Device::new(Cpu::new(2)), 1);
        let mut train = || step(&mut engine, &batch, &Optimizer::sgd(0.9), 0.005);
        let losses: Vec<f32> = (0..steps).map(|_| train()).collect();
        let end = losses[steps - 3..].iter().sum::<f32>() / 3.0;
        assert!(end < 0.97 * losses[0], "{name}: {losses:?}");
    }
}
