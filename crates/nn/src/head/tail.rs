//! Reading the head off the end of a graph.

use divvy_rules::{Diagnostic, Rule};

use super::loss::floor_of_softmax_twice;
use super::rules::finding;
use super::{Head, Task};
use crate::activation::Activation;
use crate::graph::{Graph, NodeId};
use crate::layers::Layer;
use crate::lint::{own_activation, place};
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
        Self::checked(task, tail.activation, units, place)
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

/// A softmax or sigmoid that reaches `id` through layers that have nothing to learn: whatever they make of its probabilities,
/// they were made for a head.
fn earlier_head(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let mut open = vec![id];
    let mut seen = vec![false; graph.nodes().len()];
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut seen[id.index()], true) {
            continue;
        }
        let node = graph.node(id);
        match (own_activation(&node.layer), &node.layer) {
            (Some(Activation::Softmax | Activation::Sigmoid), _) => return Some(id),
            (
                _,
                Layer::Dropout(_)
                | Layer::BatchNorm(_)
                | Layer::Rescaling(_)
                | Layer::Normalization(_)
                | Layer::Flatten(_)
                | Layer::Activation(_)
                | Layer::MaxPool2d(_)
                | Layer::AvgPool2d(_)
                | Layer::AdaptiveAvgPool2d(_)
                | Layer::GlobalAvgPool2d(_)
                | Layer::GlobalMaxPool2d(_)
                | Layer::ZeroPad2d(_)
                | Layer::Add(_)
                | Layer::Concat(_),
            ) => open.extend(&node.inputs),
            (
                _,
                Layer::Input { .. }
                | Layer::Conv2d(_)
                | Layer::DepthwiseConv2d(_)
                | Layer::SeparableConv2d(_)
                | Layer::Dense(_),
            ) => {}
        }
    }
    None
}

fn output_is_a_map(shape: Shape) -> Diagnostic {
    finding(
        Rule::H06,
        format!("the output {shape} is a map"),
        "there is an answer for each position where the task wants one a picture",
        "put Flatten or GlobalAvgPool2d and the head's Dense layer after it",
    )
}

/// `id` is the early activation, or the dropout at the end.
fn layer_after_head(graph: &Graph, id: NodeId) -> Diagnostic {
    let last = graph.node(graph.output());
    let early = graph.node(id);
    let (first, second) = (own_activation(&early.layer), own_activation(&last.layer));
    match (first, second) {
        (Some(Activation::Softmax), Some(Activation::Softmax)) => return applied_twice(Rule::L01, graph, id),
        (Some(Activation::Sigmoid), Some(Activation::Sigmoid)) => return applied_twice(Rule::L02, graph, id),
        _ => {}
    }
    let what = match own_activation(&early.layer) {
        Some(activation) => format!("layers after {activation}, the head's activation, in {}", place(early)),
        None => "dropout on the output".to_owned(),
    };
    finding(
        Rule::H07,
        what,
        "they make probabilities that are noisy, do not sum to 1 or leave 0 to 1, and the loss is no longer \
         computed from logits",
        "put them before the last Dense layer, or remove them",
    )
    .at(place(last))
}

/// The same activation once in `id` and once at the end.
fn applied_twice(rule: Rule, graph: &Graph, id: NodeId) -> Diagnostic {
    let (what, why) = if rule == Rule::L02 {
        (
            "sigmoid applied twice",
            "the second one sees values from 0 to 1, so every probability lies between 0.5 and 0.7311"
                .to_owned(),
        )
    } else {
        let floor = floor_of_softmax_twice(graph.output_shape().channels());
        let why = format!("the second one sees values from 0 to 1, so the loss cannot fall below {floor}");
        ("softmax applied twice", why)
    };
    finding(rule, what, why, "remove one of the two").at(place(graph.node(id)))
}
