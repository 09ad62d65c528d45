//! A network for inference alone: what training needs and classifying does not is worked into the layers before it.
//!
//! | found | becomes |
//! |---|---|
//! | a linear `Conv2d` or `Dense`, read by a `BatchNorm` alone | the same layer with a bias, its filters scaled |
//! | a linear `Conv2d` or `Dense`, read by an `Activation` alone | the same layer with that activation |
//! | `DepthwiseConv2d` | `Conv2d` with a group for each channel |
//! | `SeparableConv2d` | two of `Conv2d` |
//! | `Dropout`, or an `Activation` that is linear | nothing |
//!
//! A batch norm anywhere else, as after an activation, stays: zeros around the next convolution would no longer be zeros if it
//! were worked into that one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::activation::Activation;
use crate::graph::{Draft, Graph, GraphNode, NodeId};
use crate::layers::{BatchNorm, Layer};
use crate::network::Network;
use crate::parameters::{ParameterError, ParameterTable, Parameters, Tensor};

/// A network and its parameters in inference form. The logits are those of the network it was made of, but for rounding.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The layers that are left, under the names they had.
    pub network: Network,
    /// Their parameters.
    pub parameters: Parameters,
}

impl Folded {
    /// The inference form of `network` with `parameters`, which are of this network. Folding what is folded changes nothing.
    ///
    /// # Errors
    /// [`ParameterError::NotFinite`] where a batch norm's variance is below zero, or its scale beyond what a number can be.
    ///
    /// # Panics
    /// Never: leaving these layers out changes no shape and no head.
    pub fn new(network: &Network, parameters: &Parameters) -> Result<Self, ParameterError> {
        let mut folding = Folding::new(network.graph(), parameters);
        for (id, node) in network.graph().iter() {
            folding.visit(id, node);
        }
        let Folding { drafts, positions, mut tensors, .. } = folding;
        let output = positions[network.graph().output().index()];
        debug_assert_eq!(output, drafts.len() - 1, "what the last layer read is last when it is gone");
        let names: Vec<_> = drafts.iter().filter_map(|draft| draft.name.clone()).collect();
        let graph = Graph::assemble(drafts).expect("the layers that are left fit as they did");
        let network = Network::new(graph, network.head().task()).expect("the head is what it was");
        let of_layer = |name: &String| tensors.remove(name).unwrap_or_default();
        let tensors: Vec<_> = names.iter().flat_map(of_layer).collect();
        let parameters = Parameters::from_tensors(Arc::new(ParameterTable::new(network.graph())), tensors)?;
        Ok(Self { network, parameters })
    }
}

/// The layers kept so far.
struct Folding {
    /// The names of all nodes, and the channels that each gives.
    names: HashSet<String>,
    channels: Vec<usize>,
    drafts: Vec<Draft>,
    /// For each node seen, the draft that gives its output.
    positions: Vec<usize>,
    /// For each draft, how many nodes read its output.
    readers: Vec<usize>,
    /// For each node, how many read it.
    node_readers: Vec<usize>,
    /// By the name of the layer.
    tensors: HashMap<String, Vec<Tensor>>,
}

impl Folding {
    fn new(graph: &Graph, parameters: &Parameters) -> Self {
        let mut node_readers = vec![0; graph.nodes().len()];
        let inputs = graph.nodes().iter().flat_map(|node| &node.inputs);
        inputs.for_each(|input| node_readers[input.index()] += 1);
        let mut tensors: HashMap<String, Vec<Tensor>> = HashMap::new();
        for tensor in parameters.tensors() {
            let layer = tensor.name.split('/').next().unwrap_or_default().to_owned();
            tensors.entry(layer).or_default().push(tensor);
        }
        let names = graph.nodes().iter().map(|node| node.name.clone()).collect();
        let channels = graph.nodes().iter().map(|node| node.shape.channels()).collect();
        Self {
            names,
            channels,
            drafts: Vec::new(),
            positions: Vec::new(),
            readers: Vec::new(),
            node_readers,
            tensors,
        }
    }

    fn visit(&mut self, id: NodeId, node: &GraphNode) {
        let inputs: Vec<usize> = node.inputs.iter().map(|input| self.positions[input.index()]).collect();
        let readers = self.node_readers[id.index()];
        let is_absorbed = match (&node.layer, inputs.as_slice()) {
            (Layer::Dropout(_), _) => true,
            (Layer::Activation(layer), _) if layer.function == Activation::Linear => true,
            (Layer::Activation(layer), &[input]) => self.absorb_activation(input, layer.function),
            (Layer::BatchNorm(layer), &[input]) => self.absorb_norm(input, layer, &node.name),
            _ => false,
        };
        if is_absorbed {
            let input = inputs[0];
            self.readers[input] = self.readers[input] + readers - 1;
            self.positions.push(input);
        } else {
            self.keep(node, inputs, readers);
        }
    }

    fn keep(&mut self, node: &GraphNode, inputs: Vec<usize>, readers: usize) {
        let channels = node.inputs.first().map_or(0, |input| self.channels[input.index()]);
        match &node.layer {
            Layer::DepthwiseConv2d(layer) => {
                self.as_one_kernel(&node.name, &node.name, "kernel");
                self.push(node.name.clone(), layer.as_conv2d(channels), inputs, readers);
            }
            Layer::SeparableConv2d(layer) => {
                let (depthwise, pointwise) = layer.as_conv2ds(channels);
                let name = self.free_name(&node.name);
                self.as_one_kernel(&node.name, &name, "depthwise_kernel");
                self.as_one_kernel(&node.name, &node.name, "pointwise_kernel");
                let between = self.drafts.len();
                self.push(name, depthwise, inputs, 1);
                self.push(node.name.clone(), pointwise, vec![between], readers);
            }
            layer => self.push(node.name.clone(), layer.clone(), inputs, readers),
        }
        self.positions.push(self.drafts.len() - 1);
    }

    fn push(&mut self, name: String, layer: impl Into<Layer>, inputs: Vec<usize>, readers: usize) {
        self.readers.push(readers);
        self.drafts.push(Draft { name: Some(name), layer: layer.into(), inputs });
    }

    /// Makes the kernel `kernel` of the layer `from` that of the convolution `to`: the same numbers, the last axis but one taken
    /// into the last where each channel has its own.
    fn as_one_kernel(&mut self, from: &str, to: &str, kernel: &str) {
        let tensors = self.tensors.entry(from.to_owned()).or_default();
        let Some(at) = tensors.iter().position(|tensor| tensor.name == format!("{from}/{kernel}")) else {
            return;
        };
        let mut tensor = tensors.remove(at);
        tensor.name = format!("{to}/kernel");
        if let ([_, _, channels, filters], true) = (tensor.shape.as_mut_slice(), kernel != "pointwise_kernel")
        {
            (*channels, *filters) = (1, *channels * *filters);
        }
        self.tensors.entry(to.to_owned()).or_default().push(tensor);
    }

    /// A name for the first of the two layers that `name` becomes.
    fn free_name(&self, name: &str) -> String {
        let stem: String = name.chars().take(20).collect();
        let names = (0..).map(|number| format!("{stem}_depthwise_{number}"));
        let is_free = |name: &String| {
            !self.names.contains(name) && self.drafts.iter().all(|draft| draft.name.as_ref() != Some(name))
        };
        names.into_iter().find(is_free).unwrap_or_default()
    }

    /// Gives a linear layer that nothing else reads the activation; whether there is such a layer.
    fn absorb_activation(&mut self, at: usize, function: Activation) -> bool {
        if self.readers[at] != 1 || function == Activation::Softmax {
            return false;
        }
        match &mut self.drafts[at].layer {
            Layer::Conv2d(layer) if layer.activation == Activation::Linear => layer.activation = function,
            Layer::Dense(layer) if layer.activation == Activation::Linear => layer.activation = function,
            _ => return false,
        }
        true
    }

    /// Scales the filters of a linear layer that nothing else reads; whether there is such a layer.
    fn absorb_norm(&mut self, at: usize, norm: &BatchNorm, name: &str) -> bool {
        if self.readers[at] != 1 {
            return false;
        }
        match &mut self.drafts[at].layer {
            Layer::Conv2d(layer) if layer.activation == Activation::Linear => layer.use_bias = true,
            Layer::Dense(layer) if layer.activation == Activation::Linear => layer.use_bias = true,
            _ => return false,
        }
        let norm = ChannelAffine::of(norm, self.tensors.get(name).map_or(&[], Vec::as_slice));
        let layer = self.drafts[at].name.clone().unwrap_or_default();
        norm.apply(&layer, self.tensors.entry(layer.clone()).or_default());
        true
    }
}

/// `y = x scale + shift` with numbers for each channel: what a batch norm does once it is trained.
#[derive(Clone, Debug)]
pub(crate) struct ChannelAffine {
    pub(crate) scale: Vec<f64>,
    pub(crate) shift: Vec<f64>,
}

impl ChannelAffine {
    /// That of a batch norm with the given parameters.
    pub(crate) fn of(norm: &BatchNorm, tensors: &[Tensor]) -> Self {
        let find = |wanted: &str| {
            let is_it = |tensor: &&Tensor| tensor.name.rsplit('/').next() == Some(wanted);
            tensors.iter().find(is_it).map(|tensor| tensor.values.as_slice())
        };
        let (mean, variance) =
            (find("moving_mean").unwrap_or_default(), find("moving_variance").unwrap_or_default());
        let at = |values: Option<&[f32]>, channel: usize, other: f64| {
            values.map_or(other, |values| f64::from(values[channel]))
        };
        let scale: Vec<f64> = (0..variance.len())
            .map(|c| at(find("gamma"), c, 1.0) / (f64::from(variance[c]) + f64::from(norm.epsilon)).sqrt())
            .collect();
        let shift =
            (0..mean.len()).map(|c| at(find("beta"), c, 0.0) - f64::from(mean[c]) * scale[c]).collect();
        Self { scale, shift }
    }

    /// This one, and then another.
    pub(crate) fn then(&self, other: &Self) -> Self {
        let of_both = |f: fn(f64, f64, f64) -> f64, ours: &[f64]| {
            let theirs = other.scale.iter().zip(&other.shift);
            ours.iter().zip(theirs).map(|(ours, (scale, shift))| f(*ours, *scale, *shift)).collect()
        };
        Self {
            scale: of_both(|ours, scale, _| ours * scale, &self.scale),
            shift: of_both(|ours, scale, shift| ours * scale + shift, &self.shift),
        }
    }

    /// Works it into a layer's kernel, whose last axis are the channels, and bias.
    fn apply(&self, layer: &str, tensors: &mut Vec<Tensor>) {
        let channels = self.scale.len();
        let mut bias = vec![0.0; channels];
        tensors.retain_mut(|tensor| {
            let is_kernel = tensor.name.ends_with("/kernel");
            if is_kernel {
                for row in tensor.values.chunks_exact_mut(channels) {
                    row.iter_mut()
                        .zip(&self.scale)
                        .for_each(|(w, scale)| *w = (f64::from(*w) * scale) as f32);
                }
            } else {
                bias = tensor.values.iter().copied().map(f64::from).collect();
            }
            is_kernel
        });
        let folded = |(b, (scale, shift)): (&f64, (&f64, &f64))| (b * scale + shift) as f32;
        let values = bias.iter().zip(self.scale.iter().zip(&self.shift)).map(folded).collect();
        tensors.push(Tensor { name: format!("{layer}/bias"), shape: vec![channels], values });
    }
}
