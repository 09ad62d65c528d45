//! Networks of torchvision, module by module: names, order, paddings and first values are its own.
//!
//! Where torchvision calls a function, or one module twice, the layer is named as the block and what it does: `layer1.0.add`,
//! `layer1.0.relu_1`. The head stands in place of the last linear module and has its name.

mod mobilenet_v2;
mod resnet;
mod vgg;

pub(super) use mobilenet_v2::mobilenet_v2;
pub(super) use resnet::{resnet18, resnet34, resnet50};
pub(super) use vgg::vgg11;

use super::{LastLayer, Step};
use crate::activation::Activation;
use crate::initializer::Initializer;
use crate::layers::{BatchNorm, Conv2d, Layer};
use crate::shape::Padding;

/// Modules as they are put one on another.
#[derive(Default)]
struct Modules {
    steps: Vec<Step>,
}

impl Modules {
    /// Puts a layer on the one before it; its name.
    fn then(&mut self, name: impl Into<String>, layer: impl Into<Layer>) -> String {
        self.push(name.into(), None, layer.into())
    }

    /// Puts a layer on the ones named; its name.
    fn on(&mut self, inputs: &[&str], name: impl Into<String>, layer: impl Into<Layer>) -> String {
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        self.push(name.into(), Some(inputs), layer.into())
    }

    fn push(&mut self, name: String, inputs: Option<Vec<String>>, layer: Layer) -> String {
        self.steps.push(Step { line: None, name: Some(name.clone()), inputs, layer });
        name
    }
}

/// A square convolution without bias, of PyTorch's padding: half the kernel on every side, whatever the stride.
fn convolution(filters: usize, kernel: usize, stride: usize) -> Conv2d {
    Conv2d::new(filters, kernel)
        .strides(stride)
        .padding(Padding::around(kernel / 2))
        .use_bias(false)
        .kernel_initializer(Initializer::HeNormalFanOut)
}

/// PyTorch's defaults: its momentum of 0.1 is how much a batch changes, ours how much it leaves.
fn batch_norm() -> BatchNorm {
    BatchNorm::new().momentum(0.9).epsilon(1e-5)
}

fn relu() -> Layer {
    Activation::Relu.into()
}
