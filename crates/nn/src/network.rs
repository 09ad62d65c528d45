//! A graph and its head, checked against each other.

use serde::{Deserialize, Serialize};

use crate::error::BuildError;
use crate::graph::Graph;
use crate::head::{Head, Logits, Tail, Task};
use crate::lint;

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
