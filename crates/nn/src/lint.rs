//! What is wrong with a network's layers, or worth knowing about them.

use divvy_rules::{Diagnostic, Place, Rule, Severity};

use crate::activation::Activation;
use crate::graph::{Graph, GraphNode, NodeId};
use crate::layers::Layer;
use crate::network::Network;
use crate::parameters::ParameterTable;
use crate::shape::Shape;

/// How a network is to be used, as far as that makes a difference to whether it is well made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// Pictures in the smallest step of training, where there is training.
    pub batch: Option<usize>,
    /// Whether pictures come with their bytes scaled already, as divvy's preprocessing makes them.
    pub input_is_scaled: bool,
}

impl Network {
    /// Everything about the layers that works but is probably not as meant, and what does not work in the circumstances.
    pub fn lint(&self, circumstances: &Circumstances) -> Vec<Diagnostic> {
        let graph = self.graph();
        let mut findings = Vec::new();
        findings.extend(circumstances.batch.and_then(|batch| tiny_batch(graph, batch)));
        findings.extend(circumstances.input_is_scaled.then(|| scaled_twice(graph)).flatten());
        findings.extend(softmax_below_head(self));
        findings.extend(heavy_flatten(graph));
        findings
    }
}

/// Refuses layers that cannot do anything, wherever they stand.
pub(crate) fn check(graph: &Graph) -> Result<(), Diagnostic> {
    for (id, node) in graph.iter() {
        if own_activation(&node.layer) == Some(Activation::Softmax)
            && node.shape.channels() == 1
            && id != graph.output()
        {
            return Err(Diagnostic::new(Rule::H01, "softmax over a single unit")
                .at(place(node))
                .because("its output is 1 whatever comes in, so the layers after it see the same for every picture")
                .fix("give the layer more units, or another activation"));
        }
    }
    if ParameterTable::new(graph).trained_len() == 0 {
        return Err(Diagnostic::new(Rule::T04, "nothing to train")
            .at(place(graph.node(graph.output())))
            .because("no layer has parameters that gradients change, so the loss stays what it is at first")
            .fix("add a Dense or Conv2d layer"));
    }
    Ok(())
}

/// The layer as a place.
pub(crate) fn place(node: &GraphNode) -> Place {
    Place::layer(&node.name, node.layer.type_label())
}

/// The activation a layer applies to its result, for the layers that have one.
pub(crate) fn own_activation(layer: &Layer) -> Option<Activation> {
    match layer {
        Layer::Conv2d(layer) => Some(layer.activation),
        Layer::DepthwiseConv2d(layer) => Some(layer.activation),
        Layer::SeparableConv2d(layer) => Some(layer.activation),
        Layer::Dense(layer) => Some(layer.activation),
        Layer::Activation(layer) => Some(layer.function),
        _ => None,
    }
}

/// Batch norm over so few values that their variance means nothing.
fn tiny_batch(graph: &Graph, batch: usize) -> Option<Diagnostic> {
    if batch != 1 {
        return None;
    }
    let values = |node: &GraphNode| node.shape.len() / node.shape.channels().max(1);
    let norms = graph.nodes().iter().filter(|node| matches!(node.layer, Layer::BatchNorm(_)));
    // The one over fewest values is the worst.
    let node = norms.min_by_key(|node| values(node))?;
    let alone = values(node) == 1;
    let finding = Diagnostic::new(Rule::T01, "batch norm over a batch of 1").at(place(node));
    let finding = if alone {
        finding.because("the mean of one value is the value and its variance 0, so every output is beta and nothing is learnt")
    } else {
        finding.severity(Severity::Warning).because(
            "each picture is normalised by itself while training, and by the averages of all afterwards: it is answered by another function than \
             was trained",
        )
    };
    Some(finding.fix("train with a batch of 8 or more"))
}

/// A network that scales bytes which are scaled already.
fn scaled_twice(graph: &Graph) -> Option<Diagnostic> {
    /// 1 / 255 is 0.004 and 1 / 127.5 is 0.008; nobody shrinks scaled values as much.
    const FOR_BYTES: f32 = 0.02;
    let input = graph.iter().next().map(|(id, _)| id)?;
    let (_, node) = graph.iter().find(|(_, node)| {
        matches!(&node.layer, Layer::Rescaling(layer) if layer.scale.abs() < FOR_BYTES)
            && node.inputs == [input]
    })?;
    Some(
        Diagnostic::new(Rule::P01, "pictures scaled twice")
            .at(place(node))
            .because("they come with mean 0 and deviation 1 already; divided by 255 again, all values lie within 0.01 of each other")
            .fix("remove the rescaling layer: the model file holds the scaling"),
    )
}

/// A last layer of one's own below the one that is appended.
fn softmax_below_head(network: &Network) -> Option<Diagnostic> {
    let graph = network.graph();
    let head = graph.node(graph.output());
    let Layer::Dense(_) = head.layer else { return None };
    let below = skip_dropout(graph, head.inputs[0]);
    let node = graph.node(below);
    (own_activation(&node.layer) == Some(Activation::Softmax)).then(|| {
        Diagnostic::new(Rule::H07, format!("a softmax just below the head, in {}", place(node)))
            .severity(Severity::Warning)
            .at(place(head))
            .because("the head would see values that sum to 1, as if it were to correct the answer of another head")
            .fix("remove that layer: the head is appended to the layers of a file")
    })
}

fn skip_dropout(graph: &Graph, mut id: NodeId) -> NodeId {
    while let Layer::Dropout(_) = graph.node(id).layer {
        id = graph.node(id).inputs[0];
    }
    id
}

/// Nearly all parameters in the one layer after a flatten.
fn heavy_flatten(graph: &Graph) -> Option<Diagnostic> {
    /// Beyond this share the other layers hardly count.
    const HEAVY: f64 = 0.9;
    /// Networks smaller than this overfit no more for being lopsided.
    const LEAST: usize = 100_000;
    let total: usize = graph.iter().map(|(id, _)| parameters(graph, id)).sum();
    let (id, node) = graph.iter().find(|&(id, node)| {
        let reads_flat = || {
            let below = graph.node(skip_dropout(graph, node.inputs[0]));
            matches!(below.layer, Layer::Flatten(_)) && matches!(graph.node(below.inputs[0]).shape, Shape::Map { height, width, .. } if height * width > 1)
        };
        matches!(node.layer, Layer::Dense(_))
            && reads_flat()
            && total >= LEAST
            && parameters(graph, id) as f64 > HEAVY * total as f64
    })?;
    let share = 100.0 * parameters(graph, id) as f64 / total as f64;
    Some(
        Diagnostic::new(Rule::T05, format!("{share:.0} % of the parameters in one layer after Flatten"))
            .at(place(node))
            .because(format!(
                "it has {} of {total} parameters, one for each place in the picture and unit: it learns where things were in the training pictures",
                parameters(graph, id)
            ))
            .fix("put global_avg_pool2d in place of flatten, or pool more before it"),
    )
}

fn parameters(graph: &Graph, id: NodeId) -> usize {
    graph
        .parameters(id)
        .iter()
        .filter(|spec| spec.role.is_trainable())
        .map(crate::layers::ParamSpec::len)
        .sum()
}
