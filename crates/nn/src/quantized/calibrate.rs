//! From a trained network to a quantised one: its weights rounded, the ranges of its activations found on pictures.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::range::{Extent, Histogram};
use super::{ActivationRange, Numbers, QuantizeError, Quantized, QuantizedValues};
use crate::activation::Activation;
use crate::device::{Context, Device, Known, Randomness};
use crate::fold::Folded;
use crate::graph::{Draft, Graph, NodeId};
use crate::layers::{ActivationLayer, Layer};
use crate::network::Network;
use crate::parameters::{ParameterTable, Parameters, Tensor};
use crate::plan::Plan;
use crate::plan::constant::{Constants, Places};

impl Quantized {
    /// The 8-bit form of `network` with `parameters`, which are of this network. `batches` are pictures as the network takes them,
    /// each `[pictures, height, width, channels]`: the ranges of all activations are those that lose least on them. A few
    /// hundred pictures of those it was trained on are enough; they are gone through twice.
    ///
    /// # Errors
    /// [`QuantizeError`] when a layer has no 8-bit form, a weight is no number, or there are no pictures.
    ///
    /// # Panics
    /// When a batch is not a whole number of pictures.
    pub fn calibrate<'a>(
        network: &Network,
        parameters: &Parameters,
        batches: impl Iterator<Item = &'a [f32]> + Clone,
        device: &mut Device,
    ) -> Result<Self, QuantizeError> {
        let folded = Folded::new(network, parameters)?;
        let network = Network::new(apart(folded.network.graph())?, folded.network.head().task())?;
        let table = Arc::new(ParameterTable::new(network.graph()));
        let parameters = Parameters::from_tensors(table, folded.parameters.tensors())?;
        let mut tensors = BTreeMap::new();
        for tensor in parameters.tensors() {
            insert(&mut tensors, tensor);
        }
        let ranges = ranges(&network, parameters, batches, device)?;
        for (node, range) in network.graph().nodes().iter().zip(ranges) {
            let numbers = Numbers::F32(vec![range.low, range.high]);
            tensors.insert(format!("{}/range", node.name), QuantizedValues { shape: vec![2], numbers });
        }
        Self::new(network, tensors)
    }
}

/// The graph with activations that a convolution or dense layer cannot apply to its sums as layers of their own.
fn apart(graph: &Graph) -> Result<Graph, QuantizeError> {
    let mut drafts = Vec::new();
    let mut positions = Vec::new();
    for node in graph.nodes() {
        let mut layer = node.layer.clone();
        let function = match &mut layer {
            Layer::Conv2d(layer) => Some(&mut layer.activation),
            Layer::Dense(layer) => Some(&mut layer.activation),
            _ => None,
        };
        let simple = [Activation::Linear, Activation::Relu, Activation::Relu6];
        let function = function.filter(|function| !simple.contains(*function)).map(std::mem::take);
        let inputs = node.inputs.iter().map(|input| positions[input.index()]).collect();
        drafts.push(Draft { name: Some(node.name.clone()), layer, inputs });
        if let Some(function) = function {
            let layer = Layer::Activation(ActivationLayer { function });
            drafts.push(Draft { name: None, layer, inputs: vec![drafts.len() - 1] });
        }
        positions.push(drafts.len() - 1);
    }
    Ok(Graph::assemble(drafts)?)
}

/// A parameter in 8-bit form: weights as bytes with a step for each filter, all else as it is.
fn insert(tensors: &mut BTreeMap<String, QuantizedValues>, tensor: Tensor) {
    let Tensor { name, shape, values } = tensor;
    let Some(layer) = name.strip_suffix("/kernel") else {
        tensors.insert(name, QuantizedValues { shape, numbers: Numbers::F32(values) });
        return;
    };
    let filters = shape.last().copied().unwrap_or_default();
    let mut largest = vec![0.0_f32; filters];
    for row in values.chunks_exact(filters) {
        largest.iter_mut().zip(row).for_each(|(largest, w)| *largest = largest.max(w.abs()));
    }
    // A filter of zeros has any step.
    let steps: Vec<f32> = largest.iter().map(|w| if *w > 1e-30 { w / 127.0 } else { 1.0 }).collect();
    let byte = |(i, w): (usize, &f32)| (w / steps[i % filters]).round_ties_even() as i8;
    let bytes = values.iter().enumerate().map(byte).collect();
    tensors.entry(format!("{layer}/bias")).or_insert_with(|| QuantizedValues {
        shape: vec![filters],
        numbers: Numbers::F32(vec![0.0; filters]),
    });
    let step = QuantizedValues { shape: vec![filters], numbers: Numbers::F32(steps) };
    tensors.insert(format!("{layer}/kernel_step"), step);
    tensors.insert(name, QuantizedValues { shape, numbers: Numbers::I8(bytes) });
}

/// The range of each node's output.
fn ranges<'a>(
    network: &Network,
    parameters: Parameters,
    batches: impl Iterator<Item = &'a [f32]> + Clone,
    device: &mut Device,
) -> Result<Vec<ActivationRange>, QuantizeError> {
    let graph = network.graph();
    let mut observer = Observer { graph, parameters, device };
    let mut extents = vec![Extent::default(); graph.nodes().len()];
    let mut pictures = 0;
    for batch in batches.clone() {
        pictures += observer.outputs(batch, |id, values| extents[id.index()].add(values));
    }
    if pictures == 0 {
        return Err(QuantizeError::NoPictures);
    }
    let mut histograms: Vec<_> = extents.into_iter().map(Histogram::new).collect();
    for batch in batches {
        observer.outputs(batch, |id, values| histograms[id.index()].add(values));
    }
    Ok(histograms.iter().map(Histogram::best_range).collect())
}

/// A network that shows every layer's output.
struct Observer<'a> {
    graph: &'a Graph,
    parameters: Parameters,
    device: &'a mut Device,
}

impl Observer<'_> {
    /// Runs a batch layer by layer, showing each output; how many pictures it has.
    fn outputs(&mut self, images: &[f32], mut show: impl FnMut(NodeId, &[f32])) -> usize {
        let len = self.graph.input_shape().len();
        assert!(images.len().is_multiple_of(len), "{} numbers are not pictures of {len}", images.len());
        let batch = images.len() / len;
        if batch == 0 {
            return 0;
        }
        let table = Arc::clone(self.parameters.table());
        let mut last_reader = vec![0; self.graph.nodes().len()];
        for (id, node) in self.graph.iter() {
            node.inputs.iter().for_each(|input| last_reader[input.index()] = id.index());
        }
        let mut outputs: Vec<Vec<f32>> = Vec::new();
        for (id, node) in self.graph.iter() {
            let output = if node.inputs.is_empty() {
                images.to_vec()
            } else {
                let (plan, inputs, output) = Plan::of_layer(self.graph, &table, id, batch);
                self.device.prepare(&plan);
                for (buffer, input) in inputs.into_iter().zip(&node.inputs) {
                    self.device.fill(&plan, buffer, &outputs[input.index()]);
                }
                let (constants, places) = (Constants::default(), Places::default());
                let context = Context {
                    constants: Known { constants: &constants, places: &places },
                    parameters: &mut self.parameters,
                    gradients: &mut [],
                    randomness: Randomness { seed: 0, step: 0 },
                    loss_weights: None,
                    updates: None,
                };
                self.device.run(&plan, plan.forward(), context);
                self.device.buffer(&plan, output).to_vec()
            };
            show(id, &output);
            outputs.push(output);
            for input in node.inputs.iter().filter(|input| last_reader[input.index()] == id.index()) {
                outputs[input.index()] = Vec::new();
            }
        }
        batch
    }
}
