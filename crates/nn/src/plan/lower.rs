//! From layers to operations.
//!
//! Each layer emits its forward operations into a [`Lowering`] (the `lower` method in its file); the backward pass is
//! then derived from those.

use divvy_kernels as kernels;
use divvy_kernels::{Conv2dShape, PadShape, PoolShape};

use super::op::{BufferId, Op};
use super::{Mode, Step};
use crate::activation::Activation;
use crate::graph::{Graph, NodeId};
use crate::parameters::{ParameterId, ParameterTable};
use crate::shape::{Geometry, Margins, Shape, Window};

/// What a layer sees of the plan being made: it asks for buffers and parameters and pushes operations.
pub(crate) struct Lowering<'a> {
    pub(crate) mode: Mode,
    pub(crate) batch: usize,
    pub(super) ops: Vec<Step>,
    pub(super) buffers: Vec<BufferSpec>,
    /// The node being lowered, by its number in the graph.
    pub(super) node: NodeId,
    /// Whether the layer's activation is left out: that of the head is part of the loss.
    pub(super) omit_activation: bool,
    graph: &'a Graph,
    table: &'a ParameterTable,
}

/// The length of a buffer in numbers and what it is to the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferSpec {
    pub(crate) len: usize,
    /// Whether the caller reads or writes it: then it is alive throughout.
    pub(crate) external: bool,
}

/// The output of a layer: where it is and what it looks like, for one picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) buffer: BufferId,
    pub(crate) shape: Shape,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(mode: Mode, batch: usize, graph: &'a Graph, table: &'a ParameterTable) -> Self {
        Self {
            mode,
            batch,
            ops: Vec::new(),
            buffers: Vec::new(),
            node: graph.output(),
            omit_activation: false,
            graph,
            table,
        }
    }

    /// The shape that the graph gives the layer being lowered.
    pub(crate) fn output_shape(&self) -> Shape {
        self.graph.node(self.node).shape
    }

    /// A buffer for the output of the layer being lowered.
    pub(crate) fn output(&mut self) -> Value {
        self.value(self.output_shape())
    }

    /// A number of the layer being lowered that differs from those of all others.
    pub(crate) fn layer_number(&self) -> u32 {
        u32::try_from(self.node.index()).expect("a graph has at most Graph::MAX_LAYERS nodes")
    }

    /// A buffer for a whole batch of `shape`.
    pub(crate) fn value(&mut self, shape: Shape) -> Value {
        Value { buffer: self.buffer(self.batch * shape.len()), shape }
    }

    /// A buffer of `len` numbers.
    pub(crate) fn buffer(&mut self, len: usize) -> BufferId {
        self.buffers.push(BufferSpec { len, external: false });
        BufferId(self.buffers.len() - 1)
    }

    /// A buffer that the caller of the plan fills or reads.
    pub(super) fn external(&mut self, len: usize) -> BufferId {
        self.buffers.push(BufferSpec { len, external: true });
        BufferId(self.buffers.len() - 1)
    }

    /// A buffer as long as `x`.
    pub(super) fn gradient_of(&mut self, x: BufferId) -> BufferId {
        self.buffer(self.buffers[x.0].len)
    }

    /// The parameter of that name (`kernel`, `gamma`, ...) of the layer being lowered, if it has one.
    pub(crate) fn parameter(&self, name: &str) -> Option<ParameterId> {
        self.table.find(self.node, name)
    }

    /// A parameter that the layer always has.
    ///
    /// # Panics
    /// When the layer's `parameters` does not list it: the two are beside each other in the layer's file.
    pub(crate) fn required(&self, name: &str) -> ParameterId {
        self.parameter(name)
            .unwrap_or_else(|| panic!("a layer that lowers to {name} lists it in its parameters"))
    }

    /// Whether gradients change a parameter.
    pub(crate) fn is_trained(&self, id: ParameterId) -> bool {
        self.table.is_trained(id)
    }

    pub(crate) fn push(&mut self, op: Op) {
        self.ops.push(Step { node: self.node, op });
    }

    /// The rows of a batch of `shape`: pixels of all pictures, or pictures.
    pub(crate) fn rows(&self, shape: Shape) -> usize {
        self.batch * shape.len() / shape.channels()
    }

    /// Emits `y = function(x)`; the identity emits nothing.
    pub(crate) fn activation(&mut self, function: Activation, x: Value) -> Value {
        let (rows, columns) = (self.rows(x.shape), x.shape.channels());
        if self.omit_activation {
            return x;
        }
        if function == Activation::Linear {
            return x;
        }
        let y = self.value(x.shape);
        let (x, y_buffer) = (x.buffer, y.buffer);
        self.push(match element_wise(function) {
            Some(function) => Op::Activation { function, x, y: y_buffer },
            None => Op::Softmax { rows, columns, x, y: y_buffer },
        });
        y
    }

    /// Emits `y = x scale + shift`, channel by channel.
    pub(crate) fn scale_shift(&mut self, scale: Vec<f32>, shift: Vec<f32>, x: Value) -> Value {
        let y = self.value(x.shape);
        let rows = self.rows(x.shape);
        self.push(Op::ScaleShift {
            rows,
            scale: scale.into(),
            shift: shift.into(),
            x: x.buffer,
            y: y.buffer,
        });
        y
    }

    /// The kernels' description of a convolution over a batch of `x`.
    pub(crate) fn convolution(
        &self,
        window: &Window,
        x: Shape,
        filters: usize,
        groups: usize,
    ) -> Conv2dShape {
        let [height, width, channels] = sides(x);
        Conv2dShape {
            batch: self.batch,
            height,
            width,
            channels,
            filters,
            kernel: (window.size.height, window.size.width),
            strides: (window.strides.height, window.strides.width),
            dilation: (window.dilation.height, window.dilation.width),
            groups,
            padding: margins(placed(window, x).margins),
        }
    }

    /// The kernels' description of a pooling over a batch of `x`.
    pub(crate) fn pool(&self, window: &Window, x: Shape) -> PoolShape {
        let [height, width, channels] = sides(x);
        PoolShape {
            batch: self.batch,
            height,
            width,
            channels,
            window: (window.size.height, window.size.width),
            strides: (window.strides.height, window.strides.width),
            padding: margins(placed(window, x).margins),
        }
    }

    /// The kernels' description of a batch of `x` with zeros around it.
    pub(crate) fn padded(&self, around: Margins, x: Shape) -> PadShape {
        let [height, width, channels] = sides(x);
        PadShape { batch: self.batch, height, width, channels, padding: margins(around) }
    }
}

/// The kernels' name of a function that looks at one number at a time and changes it.
pub(crate) fn element_wise(function: Activation) -> Option<kernels::Activation> {
    match function {
        Activation::Linear | Activation::Softmax => None,
        Activation::Relu => Some(kernels::Activation::Relu),
        Activation::Relu6 => Some(kernels::Activation::Relu6),
        Activation::LeakyRelu { alpha } => Some(kernels::Activation::LeakyRelu { alpha }),
        Activation::Elu { alpha } => Some(kernels::Activation::Elu { alpha }),
        Activation::Gelu => Some(kernels::Activation::Gelu),
        Activation::Silu => Some(kernels::Activation::Silu),
        Activation::HardSwish => Some(kernels::Activation::HardSwish),
        Activation::Tanh => Some(kernels::Activation::Tanh),
        Activation::Sigmoid => Some(kernels::Activation::Sigmoid),
    }
}

/// Height, width and channels; a vector is a map of one pixel.
fn sides(shape: Shape) -> [usize; 3] {
    match shape {
        Shape::Map { height, width, channels } => [height, width, channels],
        Shape::Vector { features } => [1, 1, features],
    }
}

/// Where the window stands over `x`.
fn placed(window: &Window, x: Shape) -> Geometry {
    let [height, width, channels] = sides(x);
    window.over(height, width, channels).expect("the graph was built, so every window fits its input")
}

pub(crate) fn margins(margins: Margins) -> kernels::Padding {
    let Margins { top, bottom, left, right } = margins;
    kernels::Padding { top, bottom, left, right }
}
