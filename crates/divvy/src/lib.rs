//! Divides images into groups: the library people import and the command they type.
//!
//! ```text
//! files ─▶ Dataset ─▶ Batch ─▶ Plan ─▶ Trainer ─▶ Model ─▶ evaluate · predict · sort
//!                                ▲
//!              Graph + Head ─────┘   (what you write; checked, then compiled)
//! ```
//!
//! | module | what is in it |
//! |---|---|
//! | [`nn`] | layers, graphs and heads that read like Keras; the compiled engine, optimizers, schedules |
//! | [`data`] | folders, idx files and lists of pictures: datasets, splits, preprocessing, batches |
//! | [`model`] | a trained classifier and its file |
//! | [`train`] | the training loop, its events, the run folder; evaluation |
//! | [`eval`] | metrics with intervals |
//! | [`rules`] | the numbered mistakes, and findings of them |
//! | [`sort`] | pictures into a folder for each group, safely |
//!
//! A network is written down, checked, and put on the processor; what cannot work is refused with the reason:
//!
//! ```
//! use divvy::Cpu;
//! use divvy::nn::{Activation, Connect, Conv2d, Dense, Device, Engine, Flatten, Graph, Input, Network, Optimizer, Task};
//!
//! let input = Input::new([8, 8, 3]);
//! let x = Conv2d::new(4, 3).activation(Activation::Relu).on(&input);
//! let p = Dense::new(2).activation(Activation::Softmax).on(&Flatten::new().on(&x));
//! let network = Network::new(Graph::new(&input, &p)?, Task::Binary)?;
//! println!("{}", network.graph().summary());
//!
//! let mut engine = Engine::new(network, Device::new(Cpu::new(2)), 0);
//! let images = vec![0.5; 4 * 8 * 8 * 3]; // four pictures, [batch, height, width, channels]
//! let targets = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]; // one-hot, [batch, classes]
//! let loss = engine.train_step(&images, &targets, 4, &Optimizer::adam(), 1e-3)?;
//! assert!(loss.is_finite());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Training from folders, with the run folder that the command line makes, is [`train::train`]; using a model is
//! [`model::Model::open`] and [`model::Classifier`]. The `examples` folder shows each kind of head at work.

pub mod sort;

pub use divvy_data as data;
pub use divvy_eval as eval;
pub use divvy_model as model;
pub use divvy_nn as nn;
pub use divvy_rules as rules;
pub use divvy_train as train;

pub use nn::{Cpu, Isa};
