//! What tests of models share: a small model, and its file.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::Path;
use std::sync::Arc;

use divvy_data::{Channels, Preprocess};
use divvy_model::{Model, ModelError, Prior, TrainingRecord, Validation};
use divvy_nn::{
    Activation, BatchNorm, Conv2d, Dense, Flatten, Network, Optimizer, ParameterTable, Parameters, Schedule,
    Sequential, Task,
};

pub(crate) fn network(filters: usize) -> Network {
    let graph = Sequential::new([6, 6, 3])
        .add(Conv2d::new(filters, 3).activation(Activation::Relu))
        .add(BatchNorm::new())
        .add(Flatten::new())
        .add(Dense::new(2).activation(Activation::Softmax))
        .build()
        .unwrap();
    Network::new(graph, Task::Binary).unwrap()
}

pub(crate) fn record() -> TrainingRecord {
    TrainingRecord {
        divvy: "0.1.0".to_owned(),
        seed: 7,
        training_images: 80,
        validation_images: 20,
        batch: 32,
        learning_rate: 1e-3,
        optimizer: Optimizer::adam_w(0.01).clip_norm(1.0),
        schedule: Schedule::ONE_CYCLE,
        warmup: None,
        plateau: None,
        augment: "none".to_owned(),
        label_smoothing: Some(0.1),
        balance: None,
        calibration: None,
        prior: Some(Prior { stated: vec![0.9, 0.1], learnt_from: vec![0.375, 0.625] }),
        epoch: 3,
        validation: Validation { loss: 0.25, metric: "accuracy".to_owned(), value: 0.9 },
    }
}

pub(crate) fn model(filters: usize) -> Model {
    let network = network(filters);
    let table = Arc::new(ParameterTable::new(network.graph()));
    let parameters = Parameters::initialize(table, 1);
    let preprocess = Preprocess::new(6, 6, Channels::Rgb).unwrap();
    let classes = vec!["healthy".to_owned(), "spotted ☂".to_owned()];
    Model::new(network, classes, preprocess, parameters, record()).unwrap()
}

pub(crate) fn read(bytes: &[u8]) -> Result<Model, ModelError> {
    Model::from_bytes(bytes, Path::new("some.divvy"))
}

/// Changes the metadata as text; lengths stay as they are.
pub(crate) fn with_text(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .expect("the text is in the file");
    let mut changed = bytes.to_vec();
    changed[at..at + to.len()].copy_from_slice(to.as_bytes());
    changed
}
