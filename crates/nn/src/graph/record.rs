//! The graph in files.

use serde::{Deserialize, Serialize};

use super::assemble::{Wired, wire};
use super::{Graph, GraphNode};
use crate::error::BuildError;
use crate::layers::Layer;

/// A [`Graph`] as it is written: what cannot be worked out again, and nothing else.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GraphRecord {
    layers: Vec<LayerRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerRecord {
    name: String,
    inputs: Vec<String>,
    layer: Layer,
}

impl From<Graph> for GraphRecord {
    fn from(graph: Graph) -> Self {
        let name = |id| graph.node(id).name.clone();
        let record = |node: &GraphNode| LayerRecord {
            name: node.name.clone(),
            inputs: node.inputs.iter().copied().map(name).collect(),
            layer: node.layer.clone(),
        };
        Self { layers: graph.nodes().iter().map(record).collect() }
    }
}

impl TryFrom<GraphRecord> for Graph {
    type Error = BuildError;

    fn try_from(record: GraphRecord) -> Result<Self, BuildError> {
        let wired =
            |LayerRecord { name, inputs, layer }| Wired { name: Some(name), inputs: Some(inputs), layer };
        Graph::assemble(wire(record.layers.into_iter().map(wired))?)
    }
}
