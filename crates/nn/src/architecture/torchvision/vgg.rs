//! The network of eleven layers of Simonyan and Zisserman (2015), their configuration A, without batch norm.

use super::{LastLayer, Modules, Step, convolution, relu};
use crate::initializer::Initializer;
use crate::layers::{AdaptiveAvgPool2d, Dense, Dropout, Flatten, MaxPool2d};

/// Filters of the convolutions; a pooling follows each row.
const STAGES: [&[usize]; 5] = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];

pub(in super::super) fn vgg11() -> (Vec<Step>, LastLayer) {
    let mut modules = Modules::default();
    let mut numbers = 0_usize..;
    let mut next = || format!("features.{}", numbers.next().unwrap_or_default());
    for filters in STAGES {
        for &filters in filters {
            modules.then(next(), convolution(filters, 3, 1).use_bias(true));
            modules.then(next(), relu());
        }
        modules.then(next(), MaxPool2d::new(2));
    }
    modules.then("avgpool", AdaptiveAvgPool2d::new(7));
    modules.then("flatten", Flatten::new());
    for first in [0, 3] {
        let dense = Dense::new(4096).kernel_initializer(NORMAL);
        modules.then(format!("classifier.{first}"), dense);
        modules.then(format!("classifier.{}", first + 1), relu());
        modules.then(format!("classifier.{}", first + 2), Dropout::new(0.5));
    }
    let last =
        LastLayer { name: "classifier.6", kernel_initializer: NORMAL, bias_initializer: Initializer::Zeros };
    (modules.steps, last)
}

const NORMAL: Initializer = Initializer::RandomNormal { deviation: 0.01 };
