//! What answers hang on inside a network: maps against PyTorch, gradients against differences of the logits in double precision.

use divvy_nn::{Algorithms, Architecture, Cpu, Device, Head, Isa, Layer, Network, NodeId, Task};
use serde::Deserialize;

use crate::double::{logits_with, output_of};
use crate::everything::{batch, everything};
use crate::noise::noise;
use crate::reference::{Case, Reference};
use crate::support::{assert_near, engine, engine_on, in_double, some_parameters, ways};

/// Single precision against double: some twenty roundings in a row.
const TOLERANCE: f64 = 4e-6;

#[derive(Deserialize)]
struct Description {
    network: Network,
    explained: String,
    groups: usize,
}

fn cases() -> Reference {
    Reference::read(include_bytes!("../reference/explanations.safetensors"))
}

fn check(case: Case<'_>, isa: Isa) {
    let Description { network, explained, groups } = case.description();
    let place = |what: &str| format!("{what} of {} on {}", case.name, isa.name());
    let (images, units) = (case.f32("images"), network.head().units());
    let batch = images.len() / network.graph().input_shape().len();
    let id = network.last_map().expect("a network of convolutions");
    assert_eq!(network.graph().node(id).name, explained, "{}", case.name);

    let mut engine = engine(&network, case.folder("parameters"), isa, 2);
    assert_near(engine.output_of(id, &images, batch), &case.f32("output"), TOLERANCE, &place("output"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    assert_eq!(network.head().classes(), groups);
    for group in 0..groups {
        let (unit, sign) = network.head().evidence(group);
        let weights: Vec<f32> =
            (0..batch * units).map(|at| if at % units == unit { sign } else { 0.0 }).collect();
        let explained = engine.explain(id, &images, &weights, batch);
        assert_near(explained.logits, &case.f32("logits"), TOLERANCE, &place("logits"));
        assert_near(explained.output, &case.f32("output"), TOLERANCE, &place("output"));
        let gradient = case.f32(&format!("gradient of {group}"));
        assert_near(explained.gradient, &gradient, TOLERANCE, &place("gradient"));
        ours.extend(explained.class_activation());
        theirs.extend(case.f32(&format!("map of {group}")));
    }
    assert_near(&ours, &theirs, TOLERANCE, &place("maps"));
}

#[test]
fn maps_agree_with_pytorch_on_every_instruction_set() {
    for isa in Isa::present() {
        for case in cases().cases() {
            check(case, isa);
        }
    }
}

/// How far each number is moved: too little for any rectifier to open or pool to change its mind on the way.
const STEP: f64 = 1e-6;

/// Layers whose output lies where that of the layer before them does.
fn is_of_its_own(layer: &Layer) -> bool {
    !matches!(layer, Layer::Flatten(_) | Layer::Dropout(_))
}

#[test]
fn gradients_to_every_layer_agree_with_differences_of_the_logits_by_every_algorithm() {
    let (network, batch) = (everything(0.5), batch(0, 3));
    let without_dropout = everything(0.0);
    let start = some_parameters(&network);
    let parameters = in_double(&start);
    let units = network.head().units();
    let weights: Vec<f32> = noise(99, batch.size * units).collect();
    let sum = |logits: Vec<f64>| -> f64 { logits.iter().zip(&weights).map(|(z, &w)| z * f64::from(w)).sum() };
    let graph = network.graph();
    // Behind the logits there is a linear activation, and the softmax.
    let inner = graph.iter().take(graph.nodes().len() - 2).filter(|(_, node)| is_of_its_own(&node.layer));
    for (id, node) in inner {
        let output = output_of(id, &without_dropout, &parameters, &batch);
        // At its bends a rectifier's output stays where it is: a maximum of equals has no slope.
        let bends = |x: f64| x == 0.0 || x == 6.0;
        let along = |(x, &at): (f32, &f64)| if bends(at) { 0.0 } else { f64::from(x.signum()) };
        let direction: Vec<f64> = noise(7, output.len()).zip(&output).map(along).collect();
        let moved = |step: f64| {
            let moved: Vec<f64> = output.iter().zip(&direction).map(|(x, along)| x + step * along).collect();
            sum(logits_with((id, &moved), &without_dropout, &parameters, &batch))
        };
        let rise = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let expected: Vec<f32> = output.iter().map(|&x| x as f32).collect();
        for (isa, algorithms) in ways() {
            let place = format!("{} on {}, {algorithms:?}", node.name, isa.name());
            let device = Device::new(Cpu::with_isa(isa, 2)).algorithms(algorithms);
            let mut engine = engine_on(device, &network, start.clone());
            let explained = engine.explain(id, &batch.images, &weights, batch.size);
            assert_near(explained.output, &expected, 1e-5, &place);
            let gradient = || explained.gradient.iter().copied().map(f64::from);
            let along: f64 = gradient().zip(&direction).map(|(g, d)| g * d).sum();
            let length = gradient().map(|g| g * g).sum::<f64>().sqrt();
            assert!(length > 0.0, "{place}: zeros prove nothing");
            assert!(
                (along - rise).abs() <= 5e-5 * length,
                "{place}: the gradient says {along:.8}, the logits {rise:.8}; its length is {length:.8}",
            );
        }
    }
}

#[test]
fn threads_and_fusing_change_nothing_of_what_is_said() {
    let (network, batch) = (everything(0.5), batch(1, 5));
    let weights: Vec<f32> = noise(3, batch.size * network.head().units()).collect();
    let id = network.last_map().expect("a network of convolutions");
    let maps = |threads: usize, fused: bool| {
        let device = Device::new(Cpu::new(threads)).fused(fused).algorithms(Algorithms::Exact);
        let mut engine = engine_on(device, &network, some_parameters(&network));
        let logits = engine.logits(&batch.images, batch.size).to_vec();
        let explained = engine.explain(id, &batch.images, &weights, batch.size);
        assert_near(explained.logits, &logits, 1e-5, "logits");
        explained.class_activation()
    };
    let of_one = maps(1, true);
    assert_eq!(maps(3, true), of_one);
    assert_near(&maps(2, false), &of_one, 1e-5, "without fusing");
}

#[test]
fn the_last_map_and_the_features_of_known_networks() {
    let head = Head::for_task(Task::MultiClass, None, 5).expect("a head");
    let name = |network: &Network, id: NodeId| network.graph().node(id).name.clone();
    for (architecture, last_map, features) in [
        ("classic", "conv2d_2", "dense_2"),
        ("lenet5", "c5", "f6"),
        ("resnet9", "add_1", "global_max_pool2d"),
        ("resnet18", "layer4.1.relu_1", "avgpool"),
        ("mobilenet_v2", "features.18.2", "avgpool"),
    ] {
        let graph = Architecture::by_name(architecture).expect("its name").graph([64, 64, 3], &head);
        let network = Network::new(graph.expect("it fits"), Task::MultiClass).expect("the head fits");
        let found = network.last_map().map(|id| name(&network, id));
        assert_eq!(found.as_deref(), Some(last_map), "{architecture}");
        assert_eq!(name(&network, network.features()), features, "{architecture}");
    }
}

#[test]
fn a_map_of_one_pixel_or_of_no_convolution_is_none() {
    let head = Head::for_task(Task::MultiClass, None, 5).expect("a head");
    let last_map = |text: &str, size: usize| {
        let architecture = Architecture::from_toml(text, "some.toml").expect("it can be read");
        let graph = architecture.graph([size, size, 3], &head).expect("it fits");
        let network = Network::new(graph, Task::MultiClass).expect("the head fits");
        network.last_map().map(|id| network.graph().node(id).name.clone())
    };
    let dense = "[[layer]]\ntype = \"batch_norm\"\n[[layer]]\ntype = \"flatten\"\n\
        [[layer]]\ntype = \"dense\"\nunits = 8\nactivation = \"relu\"\n";
    assert_eq!(last_map(dense, 8), None);
    let convolutions = "[[layer]]\ntype = \"conv2d\"\nname = \"wide\"\nfilters = 4\nkernel = 3\n\
        [[layer]]\ntype = \"conv2d\"\nname = \"narrow\"\nfilters = 4\nkernel = 6\n[[layer]]\ntype = \"flatten\"\n";
    assert_eq!(last_map(convolutions, 9).as_deref(), Some("narrow"));
    assert_eq!(last_map(convolutions, 8).as_deref(), Some("wide"));
}
