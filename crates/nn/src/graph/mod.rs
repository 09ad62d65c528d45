//! The network as a checked graph of layers.

mod assemble;
mod builder;
mod record;

pub use builder::{Connect, Input, NamedLayer, Node, Sequential};

pub(crate) use assemble::{Draft, Wired, wire};

use serde::{Deserialize, Serialize};

use crate::error::BuildError;
use crate::layers::{Layer, ParamSpec};
use crate::shape::Shape;
use crate::summary::Summary;

/// A node's position in its [`Graph`]; a node's inputs have smaller positions than the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

impl NodeId {
    /// The position, from 0, which is the input.
    pub fn index(self) -> usize {
        self.0
    }
}

/// A layer in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphNode {
    /// Its name, unique in the graph: `conv2d`, `conv2d_1`, or as given.
    pub name: String,
    /// What it does.
    pub layer: Layer,
    /// The nodes it reads, in order; none for the input, at least one for every other.
    pub inputs: Vec<NodeId>,
    /// The shape of its output, one sample.
    pub shape: Shape,
}

/// A network whose shapes all fit: one input, one output, every layer used.
///
/// In files it is a list of layers, each with its name, the names of those it reads, and its settings in full, under
/// the keys that `docs/architectures.md` explains. Reading it checks everything again:
///
/// ```json
/// {"layers": [
///   {"name": "input", "inputs": [], "layer": {"type": "input", "shape": [28, 28, 1]}},
///   {"name": "flatten", "inputs": ["input"], "layer": {"type": "flatten"}}
/// ]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "record::GraphRecord", into = "record::GraphRecord")]
pub struct Graph {
    nodes: Vec<GraphNode>,
}

impl Graph {
    /// The most nodes a graph may have.
    pub const MAX_LAYERS: usize = 10_000;

    /// The most parameters a graph may have: 2³⁰, which is 4 GiB of `f32`.
    pub const MAX_PARAMETERS: usize = 1 << 30;

    /// The nodes; each comes after those it reads, the first is the input and the last the output.
    pub fn nodes(&self) -> &[GraphNode] {
        &self.nodes
    }

    /// The nodes with their ids, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (NodeId, &GraphNode)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// A node of this graph.
    ///
    /// # Panics
    /// When the id comes from a larger graph.
    pub fn node(&self, id: NodeId) -> &GraphNode {
        &self.nodes[id.0]
    }

    /// The id of the node of the given name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.name == name).map(NodeId)
    }

    /// The node whose output is the network's.
    pub fn output(&self) -> NodeId {
        NodeId(self.nodes.len() - 1)
    }

    /// The shape of one input sample.
    pub fn input_shape(&self) -> Shape {
        self.nodes[0].shape
    }

    /// The shape of one output sample.
    pub fn output_shape(&self) -> Shape {
        self.node(self.output()).shape
    }

    /// The shapes a node reads, in order.
    pub fn input_shapes(&self, id: NodeId) -> Vec<Shape> {
        self.node(id).inputs.iter().map(|&input| self.node(input).shape).collect()
    }

    /// A node's parameters, in Keras's order and layout.
    pub fn parameters(&self, id: NodeId) -> Vec<ParamSpec> {
        self.node(id).layer.parameters(&self.input_shapes(id))
    }

    /// This graph with another layer in a node's place: its name, its inputs and all other layers stay, and everything is
    /// checked again.
    ///
    /// # Errors
    /// [`BuildError`] where the layer, or one that reads it, does not fit.
    ///
    /// # Panics
    /// When the id comes from a larger graph.
    pub fn with_layer(&self, id: NodeId, layer: impl Into<Layer>) -> Result<Self, BuildError> {
        let draft = |node: &GraphNode| Draft {
            name: Some(node.name.clone()),
            layer: node.layer.clone(),
            inputs: node.inputs.iter().map(|input| input.0).collect(),
        };
        let mut drafts: Vec<Draft> = self.nodes.iter().map(draft).collect();
        drafts[id.0].layer = layer.into();
        Self::assemble(drafts)
    }

    /// The layers with shapes and parameters, to print.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }
}
