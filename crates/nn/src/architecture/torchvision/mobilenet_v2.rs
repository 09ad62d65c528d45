//! `MobileNetV2` (Sandler et al. 2018), of width 1.

use super::{LastLayer, Modules, Step, batch_norm, convolution};
use crate::activation::Activation;
use crate::initializer::Initializer;
use crate::layers::{Add, Conv2d, Dropout, GlobalAvgPool2d};

/// Inverted residuals that differ in no more than the stride of the first.
struct Stage {
    /// How many times wider a block is inside.
    expansion: usize,
    /// Output channels.
    channels: usize,
    blocks: usize,
    stride: usize,
}

/// The table of the paper.
const STAGES: [Stage; 7] = [
    Stage { expansion: 1, channels: 16, blocks: 1, stride: 1 },
    Stage { expansion: 6, channels: 24, blocks: 2, stride: 2 },
    Stage { expansion: 6, channels: 32, blocks: 3, stride: 2 },
    Stage { expansion: 6, channels: 64, blocks: 4, stride: 2 },
    Stage { expansion: 6, channels: 96, blocks: 3, stride: 1 },
    Stage { expansion: 6, channels: 160, blocks: 3, stride: 2 },
    Stage { expansion: 6, channels: 320, blocks: 1, stride: 1 },
];

pub(in super::super) fn mobilenet_v2() -> (Vec<Step>, LastLayer) {
    let mut modules = Modules::default();
    let mut channels = 32;
    let mut x = rectified(&mut modules, "features.0", convolution(channels, 3, 2));
    let mut number = 1;
    for Stage { expansion, channels: out, blocks, stride } in STAGES {
        for block in 0..blocks {
            let stride = if block == 0 { stride } else { 1 };
            let name = format!("features.{number}");
            let projected =
                inverted_residual(&mut modules, &name, [channels, channels * expansion, out], stride);
            x = if stride == 1 && channels == out {
                modules.on(&[&x, &projected], format!("{name}.add"), Add::new())
            } else {
                projected
            };
            (channels, number) = (out, number + 1);
        }
    }
    rectified(&mut modules, &format!("features.{number}"), convolution(1280, 1, 1));
    modules.then("avgpool", GlobalAvgPool2d::new());
    modules.then("classifier.0", Dropout::new(0.2));
    let last = LastLayer {
        name: "classifier.1",
        kernel_initializer: Initializer::RandomNormal { deviation: 0.01 },
        bias_initializer: Initializer::Zeros,
    };
    (modules.steps, last)
}

/// A block on the layer before it, without its sum: wider where `inside` is wider than `from`, then depthwise, then linear.
fn inverted_residual(
    modules: &mut Modules,
    name: &str,
    [from, inside, to]: [usize; 3],
    stride: usize,
) -> String {
    let mut module = 0;
    let mut next = || {
        let path = format!("{name}.conv.{module}");
        module += 1;
        path
    };
    if inside != from {
        rectified(modules, &next(), convolution(inside, 1, 1));
    }
    rectified(modules, &next(), convolution(inside, 3, stride).groups(inside));
    modules.then(next(), convolution(to, 1, 1));
    modules.then(next(), batch_norm())
}

/// Convolution, batch norm and rectifier as one module.
fn rectified(modules: &mut Modules, name: &str, convolution: Conv2d) -> String {
    modules.then(format!("{name}.0"), convolution);
    modules.then(format!("{name}.1"), batch_norm());
    modules.then(format!("{name}.2"), Activation::Relu6)
}
