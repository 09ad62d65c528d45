//! Networks in 8-bit whole numbers, for classifying only: post-training quantisation.
//!
//! | module | what it holds |
//! |---|---|
//! | `range` | the range of an activation, and which range loses least |
//! | `calibrate` | ranges and weights of a trained network, from pictures |
//! | `lower` | from layers to operations on bytes, with what can be fused |
//! | `program` | the operations, and running them |
//! | `engine` | a quantised network on a processor |
//!
//! Weights are symmetric around 0 with a step for each filter; activations are bytes with a step and a zero point for each layer
//! (Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference", 2018). All
//! convolutions and dense layers are 8-bit, the first and the last as well; pictures come in as `f32` and logits, the
//! sums of the last layer, go out as `f32` without being rounded to bytes.

mod calibrate;
mod engine;
mod lower;
mod program;
mod range;

use std::collections::BTreeMap;

use thiserror::Error;

pub use engine::QuantizedEngine;
pub use range::ActivationRange;

use crate::activation::Activation;
use crate::error::BuildError;
use crate::graph::{Graph, NodeId};
use crate::head::Logits;
use crate::layers::{Layer, ParamSpec};
use crate::lint::own_activation;
use crate::network::Network;
use crate::parameters::ParameterError;

/// A network whose weights and activations are 8-bit: the folded network, its weights, and the range of each activation.
#[derive(Clone, PartialEq, Debug)]
pub struct Quantized {
    network: Network,
    /// By layer and parameter, `conv2d/kernel`.
    tensors: BTreeMap<String, QuantizedValues>,
}

/// The numbers of a tensor of a quantised network, with their shape.
#[derive(Clone, PartialEq, Debug)]
pub struct QuantizedValues {
    /// Sizes in Keras's layout.
    pub shape: Vec<usize>,
    /// The numbers, the last axis fastest.
    pub numbers: Numbers,
}

/// Numbers of either type.
#[derive(Clone, PartialEq, Debug)]
pub enum Numbers {
    /// Weights: each times its filter's step.
    I8(Vec<i8>),
    /// All else.
    F32(Vec<f32>),
}

/// Why a network has no 8-bit form, or tensors are not that of one. Each message says what to do.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum QuantizeError {
    /// A softmax that is not the head's.
    #[error(
        "'{layer}' is a softmax inside the network, which has no 8-bit form; use the model as it is, or train one without it"
    )]
    Softmax {
        /// The layer.
        layer: String,
    },
    /// A layer that has no 8-bit form.
    #[error(
        "'{layer}' ({kind}) has no 8-bit form here: a depthwise or separable convolution has to be folded, and an adaptive pooling to \
         have windows that are all alike; use the model as it is, or train one for a --size that its pooling divides"
    )]
    Layer {
        /// The layer.
        layer: String,
        /// Its type.
        kind: &'static str,
    },
    /// A layer with an activation that is to be a layer of its own.
    #[error(
        "'{layer}' applies {function} itself, which an 8-bit layer cannot; the file is damaged, quantise again"
    )]
    Function {
        /// The layer.
        layer: String,
        /// Its activation.
        function: Activation,
    },
    /// Sums that could be larger than 32 bits hold.
    #[error(
        "'{layer}' adds up more products than fit a 32-bit sum; use the model as it is, or train a smaller network"
    )]
    TooDeep {
        /// The layer.
        layer: String,
    },
    /// A tensor is missing, superfluous, of another shape or type, or has numbers that it cannot have.
    #[error("'{name}' {problem}; the file is damaged or was made for another network, quantise again")]
    Tensor {
        /// Layer and parameter.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No pictures to calibrate with.
    #[error("there are no pictures to calibrate with; give a data set that has some")]
    NoPictures,
    /// Weights of the trained network that are no numbers.
    #[error(transparent)]
    Weights(#[from] ParameterError),
    /// The network in 8-bit form is none.
    #[error(transparent)]
    Graph(#[from] BuildError),
}

impl Quantized {
    /// Joins a folded network, in which activations other than `ReLU` and `ReLU6` are layers of their own, with its tensors.
    ///
    /// Each convolution and dense layer has `kernel` (`i8`), `kernel_step` (a step above 0 for each filter) and `bias`; each
    /// batch norm its four; every layer `range`, the least and the largest value of its output, around 0.
    ///
    /// # Errors
    /// [`QuantizeError`] when a layer has no 8-bit form or a tensor does not fit.
    pub fn new(network: Network, tensors: BTreeMap<String, QuantizedValues>) -> Result<Self, QuantizeError> {
        let quantized = Self { network, tensors };
        quantized.check()?;
        Ok(quantized)
    }

    /// The layers in inference form.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Every tensor, by name.
    pub fn tensors(&self) -> &BTreeMap<String, QuantizedValues> {
        &self.tensors
    }

    fn graph(&self) -> &Graph {
        self.network.graph()
    }

    fn check(&self) -> Result<(), QuantizeError> {
        let mut expected = 0;
        for (id, node) in self.graph().iter() {
            if own_activation(&node.layer) == Some(Activation::Softmax) && id != self.graph().output() {
                return Err(QuantizeError::Softmax { layer: node.name.clone() });
            }
            self.check_layer(id)?;
            self.check_function(id)?;
            for (name, shape) in tensors_of(self.graph(), id) {
                expected += 1;
                let name = format!("{}/{name}", node.name);
                let problem = |problem| QuantizeError::Tensor { name: name.clone(), problem };
                let found = self.tensors.get(&name).ok_or_else(|| problem("is missing"))?;
                if found.shape != shape || found.numbers.len() != shape.iter().product::<usize>() {
                    return Err(problem("has another shape than its layer"));
                }
                found.check(&name).map_err(problem)?;
            }
            self.check_sums(id)?;
        }
        if self.tensors.len() != expected {
            let of_layer = |name: &&String| {
                let known = |(id, node): (NodeId, &crate::GraphNode)| {
                    tensors_of(self.graph(), id)
                        .iter()
                        .any(|(one, _)| **name == format!("{}/{one}", node.name))
                };
                !self.graph().iter().any(known)
            };
            let name = self.tensors.keys().find(of_layer).cloned().unwrap_or_default();
            return Err(QuantizeError::Tensor { name, problem: "belongs to no layer" });
        }
        Ok(())
    }

    /// Refuses layers that are not lowered to bytes.
    fn check_layer(&self, id: NodeId) -> Result<(), QuantizeError> {
        let node = self.graph().node(id);
        let is_lowered = match &node.layer {
            Layer::DepthwiseConv2d(_) | Layer::SeparableConv2d(_) => false,
            Layer::AdaptiveAvgPool2d(layer) => layer.even_window(self.graph().input_shapes(id)[0]).is_some(),
            _ => true,
        };
        let (layer, kind) = (node.name.clone(), node.layer.type_label());
        if is_lowered { Ok(()) } else { Err(QuantizeError::Layer { layer, kind }) }
    }

    /// Refuses activations that a convolution or dense layer cannot apply, but for that of the head, which is left out.
    fn check_function(&self, id: NodeId) -> Result<(), QuantizeError> {
        let node = self.graph().node(id);
        let function = own_activation(&node.layer).unwrap_or_default();
        let applies = matches!(function, Activation::Linear | Activation::Relu | Activation::Relu6)
            || matches!(node.layer, Layer::Activation(_))
            || self.network.logits() == Logits::BeforeActivationOf(id);
        if applies { Ok(()) } else { Err(QuantizeError::Function { layer: node.name.clone(), function }) }
    }

    /// Makes sure that no sum can exceed 32 bits, nor the sum of a window's bytes what its kernel counts to.
    fn check_sums(&self, id: NodeId) -> Result<(), QuantizeError> {
        /// Pixels of a mean's window.
        const MOST_PIXELS: usize = 1 << 24;
        let node = self.graph().node(id);
        let too_deep = || QuantizeError::TooDeep { layer: node.name.clone() };
        if matches!(node.layer, Layer::AvgPool2d(_) | Layer::GlobalAvgPool2d(_) | Layer::AdaptiveAvgPool2d(_))
        {
            let input = self.graph().input_shapes(id)[0];
            return if input.len() / input.channels() > MOST_PIXELS { Err(too_deep()) } else { Ok(()) };
        }
        let Some(kernel) = self.kernel(&node.name) else { return Ok(()) };
        let filters = self.numbers(&node.name, "kernel_step").len();
        let mut sums = vec![0_i64; filters];
        for row in kernel.chunks_exact(filters) {
            sums.iter_mut().zip(row).for_each(|(sum, w)| *sum += i64::from(*w).abs() * 255);
        }
        if sums.iter().any(|sum| *sum > i64::from(i32::MAX)) { Err(too_deep()) } else { Ok(()) }
    }

    /// The weights of a layer that has some.
    fn kernel(&self, layer: &str) -> Option<&[i8]> {
        match self.tensors.get(&format!("{layer}/kernel"))?.numbers {
            Numbers::I8(ref weights) => Some(weights),
            Numbers::F32(_) => None,
        }
    }

    /// The numbers of a parameter; none where the layer does not have it.
    fn numbers(&self, layer: &str, name: &str) -> &[f32] {
        match self.tensors.get(&format!("{layer}/{name}")) {
            Some(QuantizedValues { numbers: Numbers::F32(numbers), .. }) => numbers,
            _ => &[],
        }
    }

    /// The range of a layer's output.
    fn range(&self, id: NodeId) -> ActivationRange {
        match self.numbers(&self.graph().node(id).name, "range") {
            &[low, high] => ActivationRange { low, high },
            _ => ActivationRange::default(),
        }
    }
}

/// The names and shapes of the tensors that a layer has.
fn tensors_of(graph: &Graph, id: NodeId) -> Vec<(&'static str, Vec<usize>)> {
    let parameters = graph.parameters(id);
    let mut all: Vec<_> =
        parameters.iter().map(|ParamSpec { name, shape, .. }| (*name, shape.clone())).collect();
    if let Some(kernel) = parameters.iter().find(|spec| spec.name == "kernel") {
        let filters = kernel.shape.last().copied().unwrap_or_default();
        all.push(("kernel_step", vec![filters]));
        if !parameters.iter().any(|spec| spec.name == "bias") {
            all.push(("bias", vec![filters]));
        }
    }
    all.push(("range", vec![2]));
    all
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::I8(numbers) => numbers.len(),
            Self::F32(numbers) => numbers.len(),
        }
    }
}

impl QuantizedValues {
    /// Refuses numbers that a tensor of that name cannot have.
    fn check(&self, name: &str) -> Result<(), &'static str> {
        let kind = name.rsplit('/').next().unwrap_or_default();
        let numbers = match (&self.numbers, kind) {
            (Numbers::I8(_), "kernel") => return Ok(()),
            (Numbers::I8(_), _) => return Err("holds whole numbers where others are expected"),
            (Numbers::F32(_), "kernel") => return Err("holds other numbers where bytes are expected"),
            (Numbers::F32(numbers), _) => numbers,
        };
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err("has numbers that are infinite or none");
        }
        match (kind, numbers.as_slice()) {
            ("kernel_step", steps) if !steps.iter().all(|step| *step >= f32::MIN_POSITIVE) => {
                Err("has steps that are not above 0")
            }
            ("moving_variance", all) if !all.iter().all(|variance| *variance >= 0.0) => Err("is below 0"),
            ("range", &[low, high])
                if !(low <= 0.0 && high >= 0.0 && high - low >= 1e-30 && (high - low).is_finite()) =>
            {
                Err("is no range around 0")
            }
            _ => Ok(()),
        }
    }
}
