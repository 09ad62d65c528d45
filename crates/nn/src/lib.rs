//! Graph, layers and heads, checked against each other; the compiled plan and the device that runs it.
//!
//! A network is described with layers that read like Keras, sequentially or as a functional graph:
//!
//! ```
//! use divvy_nn::{Activation, Conv2d, Connect, Dense, Flatten, Graph, Input, MaxPool2d, Network, Padding, Task};
//!
//! let input = Input::new([64, 64, 3]);
//! let x = Conv2d::new(32, 3).padding(Padding::Same).activation(Activation::Relu).on(&input);
//! let x = Flatten::new().on(&MaxPool2d::new(2).on(&x));
//! let scores = Dense::new(2).activation(Activation::Softmax).on(&x);
//!
//! let graph = Graph::new(&input, &scores)?;
//! println!("{}", graph.summary());
//! let network = Network::new(graph, Task::Binary)?;
//! # Ok::<(), divvy_nn::BuildError>(())
//! ```
//!
//! Every shape is known once the [`Graph`] exists, and every way in which a last layer cannot fit its task is
//! refused once the [`Network`] exists: what holds a [`Network`] need not check either again.

mod activation;
mod architecture;
mod arena;
mod device;
mod engine;
mod error;
mod fold;
mod graph;
mod head;
mod initializer;
mod landmarks;
mod layers;
mod lint;
mod memory;
mod names;
mod network;
mod optimizer;
mod parameters;
mod plan;
mod precision;
mod profile;
mod quantized;
mod schedule;
mod shape;
mod state_dict;
mod summary;
mod whitening;
mod wiring;

pub use activation::Activation;
pub use architecture::{Architecture, ArchitectureError};
pub use device::{Device, another_cpu, part_of_cpu};
pub use divvy_kernels::{Cpu, Half, HalfFormat, Isa, WinogradTile, machine};
pub use divvy_rules::{Diagnostic, Place, Rule, Severity};
pub use engine::{Engine, Explained, NotFinite, StateError, StatePart, StateTensor, StepCounts};
pub use error::{BuildError, ShapeError};
pub use fold::Folded;
pub use graph::{Connect, Graph, GraphNode, Input, NamedLayer, Node, NodeId, Sequential};
pub use head::{
    Choice, Encoding, Head, HeadKind, LabelArray, LogitLine, Logits, Loss, LossWeights, Metric, Target,
    Targets, Task,
};
pub use initializer::Initializer;
pub use layers::{
    ActivationLayer, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Concat, Conv2d, Dense, DepthwiseConv2d,
    Dropout, Flatten, GlobalAvgPool2d, GlobalMaxPool2d, Layer, MaxPool2d, Normalization, ParamRole,
    ParamSpec, Rescaling, SeparableConv2d, ZeroPad2d,
};
pub use lint::Circumstances;
pub use memory::{
    OutOfMemory, check_free, free_memory, held_memory, needed_memory, needed_memory_to_train, peak_memory,
};
pub use names::UnknownName;
pub use network::Network;
pub use optimizer::{BadSetting, Moments, Optimizer, UpdateRule, Velocity};
pub use parameters::{ParameterError, ParameterTable, Parameters, Tensor};
pub use plan::{
    Algorithm, AlgorithmChoice, Algorithms, Mode, Op, PassedOver, Plan, PlanOptions, PlanRow, PlanTable,
};
pub use precision::{Precision, PrecisionError};
pub use profile::{Profile, ProfileKind, ProfileLimits, ProfileRow, StepTimes};
pub use quantized::{ActivationRange, Numbers, QuantizeError, Quantized, QuantizedEngine, QuantizedValues};
pub use schedule::{Plateau, PlateauState, Schedule, Warmup};
pub use shape::{Geometry, Margins, Padding, Shape, Size2d, Window};
pub use state_dict::StateDict;
pub use summary::{Summary, SummaryRow};
pub use whitening::Whitening;
pub use wiring::{Decision, LabelForm, LossName, MetricName, Wiring};
