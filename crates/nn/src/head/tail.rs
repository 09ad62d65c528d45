//! Reading the head off the end of a graph.

use super::rules::finding;
use super::{Head, Task};
use crate::activation::Activation;
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, GraphNode, NodeId};
use crate::layers::Layer;
use crate::shape::Shape;

/// Where in a graph the logits are: the values from which losses and probabilities are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logits {
    /// They are the output of this node; nodes after it only apply the head's activation.
    OutputOf(NodeId),
    /// They are what this node, a dense layer or convolution, gives its own activation.
    BeforeActivationOf(NodeId),
}

/// The end of a graph, as a head sees it.
pub(crate) struct Tail {
    /// The activation that makes the output.
    activation: Activation,
    /// What the activation is given.
    pub(crate) logits: Logits,
}

impl Head {
    /// The head at the end of `graph`: its last activation, in a dense layer or a layer of its own, and its units.
    ///
    /// # Errors
    /// H01 to H08 where the graph's end cannot do the task.
    pub fn of(graph: &Graph, task: Task) -> Result<Self, Diagnostic> {
        let place = place(graph.node(graph.output()));
        let Shape::Vector { features: units } = graph.output_shape() else {
            return Err(output_is_a_map(graph.output_shape()).at(place));
        };
        let tail = Tail::of(graph);
        tail.check_order(graph, task)?;
        Self::checked(task, tail.activation, units, &place)
    }
}

impl Tail {
    pub(crate) fn of(graph: &Graph) -> Self {
        let mut id = graph.output();
        let mut node = graph.node(id);
        while own_activation(&node.layer) == Some(Activation::Linear)
            && matches!(node.layer, Layer::Activation(_))
        {
            id = node.inputs[0];
            node = graph.node(id);
        }
        let activation = own_activation(&node.layer).unwrap_or_default();
        let logits = match node.layer {
            _ if activation == Activation::Linear => Logits::OutputOf(id),
            Layer::Activation(_) => Logits::OutputOf(node.inputs[0]),
            _ => Logits::BeforeActivationOf(id),
        };
        Self { activation, logits }
    }

    /// Refuses layers between a head's activation and the output.
    fn check_order(&self, graph: &Graph, task: Task) -> Result<(), Diagnostic> {
        let Logits::OutputOf(last) = self.logits else { return Ok(()) };
        let late = match (task, &graph.node(last).layer) {
            (Task::Regression, Layer::Dropout(_)) => Some(last),
            (Task::Regression, _) => None,
            _ => earlier_head(graph, last),
        };
        match late {
            Some(id) => Err(layer_after_head(graph, id)),
            None => Ok(()),
        }
    }
}

/// The activation a layer applies to its result, for the layers that have one.
fn own_activation(layer: &Layer) -> Option<Activation> {
    match layer {
        Layer::Conv2d(layer) => Some(layer.activation),
        Layer::Dense(layer) => Some(layer.activation),
        Layer::Activation(layer) => Some(layer.function),
        _ => None,
    }
}

/// A softmax or sigmoid that reaches `id` through nothing but layers that leave each value in its place.
fn earlier_head(graph: &Graph, mut id: NodeId) -> Option<NodeId> {
    loop {
        let node = graph.node(id);
        if matches!(own_activation(&node.layer), Some(Activation::Softmax | Activation::Sigmoid)) {
            return Some(id);
        }
        match node.layer {
            Layer::Dropout(_)
            | Layer::BatchNorm(_)
            | Layer::Rescaling(_)
            | Layer::Normalization(_)
            | Layer::Flatten(_)
            | Layer::Activation(_) => id = node.inputs[0],
            _ => return None,
        }
    }
}

fn place(node: &GraphNode) -> String {
    format!("layer `{}` ({})", node.name, node.layer.type_label())
}

fn output_is_a_map(shape: Shape) -> Diagnostic {
    finding(
        "H06",
        format!("the output {shape} is a map"),
        "there is an answer for each position where the task wants one a picture",
        "put Flatten or GlobalAvgPool2d and the head's Dense layer after it",
    )
}

/// `id` is the early activation, or the dropout at the end.
fn layer_after_head(graph: &Graph, id: NodeId) -> Diagnostic {
    let last = graph.node(graph.output());
    let early = graph.node(id);
    let what = match own_activation(&early.layer) {
        Some(activation) => format!("layers after {activation}, the head's activation, in {}", place(early)),
        None => "dropout on the output".to_owned(),
    };
    finding(
        "H07",
        what,
        "they make probabilities that are noisy, do not sum to 1 or leave 0 to 1, and the loss is no longer \
         computed from logits",
        "put them before the last Dense layer, or remove them",
    )
    .at(place(last))
}
