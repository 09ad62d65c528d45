//! One model with either of two last layers: two units that share a probability, or one that decides.
//!
//! Two units with a softmax give the second class `e^z₁ / (e^z₀ + e^z₁) = 1 / (1 + e^−(z₁ − z₀))`, which is the sigmoid of
//! the one number `z₁ − z₀ = x · (w₁ − w₀) + (b₁ − b₀)`. So `w = w₁ − w₀` and `b = b₁ − b₀` are the weights of one unit
//! that says the same; and `w₀ = 0, w₁ = w` are those of two that say what one does.

use std::sync::Arc;

use divvy_nn::{
    Activation, ActivationLayer, BuildError, Dense, Graph, Head, HeadKind, Layer, Logits, Network, NodeId,
    ParameterTable, Parameters, Task, Tensor,
};
use thiserror::Error;

use crate::{Model, Weights};

/// Why a model is not the same model with another last layer. Each message says what to do instead.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum ConvertError {
    /// It has that head.
    #[error("the last layer is {head} already; use the model as it is")]
    Already {
        /// The last layer.
        head: Head,
    },
    /// Several labels, each decided by itself.
    #[error(
        "{head} decides each label alone, so a picture may have several or none, and a softmax would choose exactly one: \
         that is another model; train one with `divvy train --task multi-class` where pictures have one label each"
    )]
    Labels {
        /// The last layer.
        head: Head,
    },
    /// A softmax over more classes than one probability can tell apart.
    #[error(
        "{head} tells {} classes apart, and one sigmoid has one probability, which tells two apart; keep the softmax",
        head.classes()
    )]
    Classes {
        /// The last layer.
        head: Head,
    },
    /// A head that answers with a number.
    #[error(
        "{head} answers with a number of any size, which is no probability, and no sigmoid or softmax says the same; \
         train one with `divvy train --head {wanted}`"
    )]
    FromNumber {
        /// The last layer.
        head: Head,
        /// The head that was asked for.
        wanted: HeadKind,
    },
    /// A number was asked for where there is a probability.
    #[error(
        "{head} answers with a probability, and a linear unit with a number: that is another model; \
         train one with `divvy train --head linear`"
    )]
    ToNumber {
        /// The last layer.
        head: Head,
    },
    /// The weights of the last layer do not make the logits directly.
    #[error(
        "the weights of two units can be joined to those of one only where a Dense layer feeds the {activation} directly, \
         and here {layer} does; keep the model as it is, or train one that ends in Dense"
    )]
    NotDense {
        /// The layer between, its type, and its activation if that is what is in the way.
        layer: String,
        /// The activation of the head.
        activation: HeadKind,
    },
    /// Weights in 8 bits, which cannot be joined without loss.
    #[error(
        "the model is in 8 bits; convert the one that it was made of, and quantise that with `divvy quantize`"
    )]
    Quantized,
    /// Weights that are no numbers, or whose difference is larger than a number can be.
    #[error(
        "the weights in '{parameter}' are not finite, or so large that their difference is not: the file is damaged or its \
         training went wrong; train again"
    )]
    NotFinite {
        /// Layer and parameter.
        parameter: String,
    },
    /// The graph with the other last layer is none.
    #[error(transparent)]
    Graph(#[from] BuildError),
}

/// Where the weights of the last layer are and where its activation is applied: in one layer, or in two.
struct End<'a> {
    dense: NodeId,
    layer: &'a Dense,
    activation: NodeId,
}

impl Model {
    /// The same model with the other last layer for two classes: `Dense(1, sigmoid)` for `Dense(2, softmax)` and the
    /// other way round. It gives every picture the same probabilities, but for the rounding of the weights. From a sigmoid to a
    /// softmax and back, not a bit changes.
    ///
    /// The sigmoid is the probability of the second class, and its task is binary, also where that of the softmax was
    /// multi-class over two.
    ///
    /// # Errors
    /// [`ConvertError`] where no such last layer makes the same model.
    ///
    /// # Panics
    /// Never: the parameters that are changed are those of the layer that is changed.
    pub fn with_head(&self, kind: HeadKind) -> Result<Self, ConvertError> {
        let head = *self.network.head();
        let parameters = self.parameters().ok_or(ConvertError::Quantized)?;
        check(head, kind)?;
        let end = End::of(&self.network)?;
        let network = Network::new(end.with(self.network.graph(), kind)?, Task::Binary)?;
        let layer = &self.network.graph().node(end.dense).name;
        let change = |tensor: Tensor| match tensor.name.rsplit_once('/') {
            Some((owner, _)) if owner == layer => recast(tensor, kind),
            _ => Ok(tensor),
        };
        let tensors = parameters.tensors().map(change).collect::<Result<Vec<_>, _>>()?;
        let table = Arc::new(ParameterTable::new(network.graph()));
        let parameters =
            Parameters::from_tensors(table, tensors).expect("only the units of the last layer are others");
        Ok(Self { network, weights: Weights::F32(parameters), ..self.clone() })
    }
}

/// Refuses heads that have no equivalent of the wanted kind.
fn check(head: Head, wanted: HeadKind) -> Result<(), ConvertError> {
    match (head.task(), head.kind(), wanted) {
        (_, kind, wanted) if kind == wanted => Err(ConvertError::Already { head }),
        (_, HeadKind::Linear, _) => Err(ConvertError::FromNumber { head, wanted }),
        (_, _, HeadKind::Linear) => Err(ConvertError::ToNumber { head }),
        (Task::MultiLabel, _, _) => Err(ConvertError::Labels { head }),
        _ if head.classes() != 2 => Err(ConvertError::Classes { head }),
        _ => Ok(()),
    }
}

impl<'a> End<'a> {
    fn of(network: &'a Network) -> Result<Self, ConvertError> {
        let graph = network.graph();
        let (dense, activation) = match network.logits() {
            Logits::BeforeActivationOf(id) => (id, id),
            Logits::OutputOf(id) => {
                let reader = graph.iter().find(|(_, node)| node.inputs == [id]);
                (below_identity(graph, id), reader.map_or(graph.output(), |(reader, _)| reader))
            }
        };
        match &graph.node(dense).layer {
            Layer::Dense(layer) if dense == activation || layer.activation == Activation::Linear => {
                Ok(Self { dense, layer, activation })
            }
            other => Err(ConvertError::NotDense {
                layer: described(graph, dense, other),
                activation: network.head().kind(),
            }),
        }
    }

    /// The graph with the units and the activation of a head of the given kind.
    fn with(&self, graph: &Graph, kind: HeadKind) -> Result<Graph, BuildError> {
        let dense = self.layer.clone();
        let dense = Dense { units: if kind == HeadKind::Softmax { 2 } else { 1 }, ..dense };
        if self.dense == self.activation {
            return graph.with_layer(self.dense, dense.activation(kind.activation()));
        }
        graph.with_layer(self.dense, dense)?.with_layer(self.activation, kind.activation())
    }
}

/// The first layer at or below `id` that is more than a linear activation, which changes nothing.
fn below_identity(graph: &Graph, mut id: NodeId) -> NodeId {
    while let Layer::Activation(ActivationLayer { function }) = graph.node(id).layer
        && function == Activation::Linear
    {
        id = graph.node(id).inputs[0];
    }
    id
}

/// The name of a layer and what it does to the logits.
fn described(graph: &Graph, id: NodeId, layer: &Layer) -> String {
    let function = match layer {
        Layer::Dense(dense) => Some(dense.activation),
        Layer::Activation(activation) => Some(activation.function),
        _ => None,
    };
    let (name, label) = (&graph.node(id).name, layer.type_label());
    match function {
        Some(function) => format!("'{name}' ({label}, {function})"),
        None => format!("'{name}' ({label})"),
    }
}

/// A kernel or bias of one unit for that of two, or the other way round; the units are the last axis.
fn recast(tensor: Tensor, kind: HeadKind) -> Result<Tensor, ConvertError> {
    let Tensor { name, mut shape, values } = tensor;
    let values: Vec<f32> = if kind == HeadKind::Softmax {
        values.iter().flat_map(|&one| [0.0, one]).collect()
    } else {
        values.as_chunks().0.iter().map(|[first, second]| second - first).collect()
    };
    if let Some(units) = shape.last_mut() {
        *units = if kind == HeadKind::Softmax { 2 } else { 1 };
    }
    let finite = values.iter().all(|value| value.is_finite());
    if finite { Ok(Tensor { name, shape, values }) } else { Err(ConvertError::NotFinite { parameter: name }) }
}
