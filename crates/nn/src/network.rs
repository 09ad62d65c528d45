//! A graph and its head, checked against each other.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::error::BuildError;
use crate::graph::{Graph, NodeId};
use crate::head::{Head, Logits, Tail, Task};
use crate::layers::{Conv2d, Dense, Layer};
use crate::lint::{self, own_activation};

/// A graph whose end fits its task: all that is needed to compile it for training.
///
/// Every way to get one, reading it from a file included, checks both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "NetworkRecord", into = "NetworkRecord")]
pub struct Network {
    graph: Graph,
    head: Head,
}

/// A [`Network`] as it is written: the head follows from graph and task.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkRecord {
    task: Task,
    graph: Graph,
}

impl Network {
    /// Joins a graph with the task its output is for.
    ///
    /// # Errors
    /// [`BuildError::Head`] with the finding, as [`Head::of`]; H01 and T04 also for layers below the head.
    pub fn new(graph: Graph, task: Task) -> Result<Self, BuildError> {
        let head = Head::of(&graph, task)?;
        lint::check(&graph)?;
        Ok(Self { graph, head })
    }

    /// The layers.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the output means.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Where in the graph the logits are.
    pub fn logits(&self) -> Logits {
        Tail::of(&self.graph).logits
    }

    /// The layer whose outputs become the logits without anything else than a choice or mean among them, and whether it has a bias: the last dense layer, or a
    /// convolution before a pooling of the whole map. None where another function lies between.
    pub(crate) fn logit_layer(&self) -> Option<(NodeId, bool)> {
        let (mut id, mut is_before_activation) = match self.logits() {
            Logits::OutputOf(id) => (id, false),
            Logits::BeforeActivationOf(id) => (id, true),
        };
        loop {
            let node = self.graph.node(id);
            if !is_before_activation && own_activation(&node.layer).unwrap_or_default() != Activation::Linear
            {
                return None;
            }
            match &node.layer {
                Layer::Dense(Dense { use_bias, .. }) | Layer::Conv2d(Conv2d { use_bias, .. }) => {
                    return Some((id, *use_bias));
                }
                Layer::Activation(_) | Layer::GlobalAvgPool2d(_) | Layer::GlobalMaxPool2d(_) => {
                    (id, is_before_activation) = (*node.inputs.first()?, false);
                }
                _ => return None,
            }
        }
    }
}

impl TryFrom<NetworkRecord> for Network {
    type Error = BuildError;

    fn try_from(NetworkRecord { task, graph }: NetworkRecord) -> Result<Self, BuildError> {
        Self::new(graph, task)
    }
}

impl From<Network> for NetworkRecord {
    fn from(Network { graph, head }: Network) -> Self {
        Self { task: head.task(), graph }
    }
}
