//! Residual networks (He et al. 2016), with the stride of a bottleneck in its 3x3 convolution.

use super::{LastLayer, Modules, Step, batch_norm, convolution, relu};
use crate::initializer::Initializer;
use crate::layers::{Add, GlobalAvgPool2d, MaxPool2d};
use crate::shape::Padding;

/// What a stage is made of.
#[derive(Clone, Copy)]
enum Block {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1, 3x3 and 1x1, the last four times as wide.
    Bottleneck,
}

impl Block {
    /// Channels of the block's output over its width.
    fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }

    /// Kernel, channels and stride of each convolution.
    fn convolutions(self, width: usize, stride: usize) -> Vec<[usize; 3]> {
        match self {
            Self::Basic => vec![[3, width, stride], [3, width, 1]],
            Self::Bottleneck => vec![[1, width, 1], [3, width, stride], [1, 4 * width, 1]],
        }
    }
}

pub(in super::super) fn resnet18() -> (Vec<Step>, LastLayer) {
    resnet(Block::Basic, [2, 2, 2, 2])
}

pub(in super::super) fn resnet34() -> (Vec<Step>, LastLayer) {
    resnet(Block::Basic, [3, 4, 6, 3])
}

pub(in super::super) fn resnet50() -> (Vec<Step>, LastLayer) {
    resnet(Block::Bottleneck, [3, 4, 6, 3])
}

fn resnet(block: Block, blocks: [usize; 4]) -> (Vec<Step>, LastLayer) {
    const WIDTH: usize = 64;
    let mut modules = Modules::default();
    modules.then("conv1", convolution(WIDTH, 7, 2));
    modules.then("bn1", batch_norm());
    modules.then("relu", relu());
    let mut x = modules.then("maxpool", MaxPool2d::new(3).strides(2).padding(Padding::around(1)));
    let mut channels = WIDTH;
    for (stage, count) in blocks.into_iter().enumerate() {
        let width = WIDTH << stage;
        for number in 0..count {
            let stride = if stage > 0 && number == 0 { 2 } else { 1 };
            let name = format!("layer{}.{number}", stage + 1);
            let changes = stride != 1 || channels != width * block.expansion();
            x = residual(&mut modules, block, &name, &x, [width, stride], changes);
            channels = width * block.expansion();
        }
    }
    modules.then("avgpool", GlobalAvgPool2d::new());
    (modules.steps, last(channels))
}

/// A block on the layer `x`: the sum of its path and a shortcut, which is a 1x1 convolution where the block `changes` the shape.
fn residual(
    modules: &mut Modules,
    block: Block,
    name: &str,
    x: &str,
    [width, stride]: [usize; 2],
    changes: bool,
) -> String {
    let convolutions = block.convolutions(width, stride);
    let mut path = x.to_owned();
    for (index, &[kernel, filters, stride]) in convolutions.iter().enumerate() {
        let number = index + 1;
        modules.on(&[&path], format!("{name}.conv{number}"), convolution(filters, kernel, stride));
        path = modules.then(format!("{name}.bn{number}"), batch_norm());
        if number < convolutions.len() {
            path = modules.then(relu_name(name, index), relu());
        }
    }
    let shortcut = if changes {
        let filters = width * block.expansion();
        modules.on(&[x], format!("{name}.downsample.0"), convolution(filters, 1, stride));
        modules.then(format!("{name}.downsample.1"), batch_norm())
    } else {
        x.to_owned()
    };
    modules.on(&[&path, &shortcut], format!("{name}.add"), Add::new());
    modules.then(relu_name(name, convolutions.len() - 1), relu())
}

/// A block has one rectifier, which it calls several times.
fn relu_name(block: &str, call: usize) -> String {
    match call {
        0 => format!("{block}.relu"),
        _ => format!("{block}.relu_{call}"),
    }
}

/// PyTorch's linear layer starts uniform on ±1 / √inputs, bias included.
fn last(inputs: usize) -> LastLayer {
    let uniform = Initializer::RandomUniform { limit: 1.0 / (inputs as f32).sqrt() };
    LastLayer { name: "fc", kernel_initializer: uniform, bias_initializer: uniform }
}
