//! From layers to operations on bytes.
//!
//! What can be fused waits for its reader: a convolution becomes an operation only when something reads it that is not a
//! residual sum, a `ReLU` or a batch norm, and zeros around a picture only where no window can read them from its padding.

use divvy_kernels::{
    Conv2dShape, Cpu, Int8Affine, Int8Filters, Isa, PadShape, PoolShape, activation_forward,
};

use super::Quantized;
use super::program::{ByteBuffer, ByteOp, ChannelEpilogue, Numbered, Program, Target};
use super::range::Quantization;
use crate::activation::Activation;
use crate::fold::ChannelAffine;
use crate::graph::NodeId;
use crate::head::Logits;
use crate::layers::{Conv2d, Layer};
use crate::parameters::{ParameterTable, Tensor};
use crate::plan::Mode;
use crate::plan::lower::{Lowering, element_wise, margins};
use crate::shape::{Margins, Shape, Window};

/// What a node's output is at present.
#[derive(Clone, Debug)]
enum Value {
    /// Numbers, the pictures `x scale + shift`.
    Pictures(ChannelAffine),
    /// A convolution that can still take up what follows.
    Waiting(Box<Waiting>),
    /// Bytes, with zeros around that are not there yet.
    Framed(Bytes, Margins),
    Bytes(Bytes),
}

#[derive(Clone, Copy, Debug)]
struct Bytes {
    buffer: ByteBuffer,
    quantization: Quantization,
}

impl Bytes {
    /// With what the bytes stand for.
    fn numbered(self) -> Numbered {
        let Self { buffer, quantization: Quantization { step, zero_point } } = self;
        let affine = Int8Affine { scale: step as f32, bias: (-f64::from(zero_point) * step) as f32 };
        Numbered { buffer, affine }
    }
}

/// A convolution or dense layer, and what it has taken up: a sum, then bounds, then a batch norm.
#[derive(Clone, Debug)]
struct Waiting {
    layer: NodeId,
    shape: Conv2dShape,
    x: Bytes,
    residual: Option<Bytes>,
    bounds: Option<(f64, f64)>,
    norm: Option<ChannelAffine>,
}

/// The operations of a quantised network, with weights as is fastest with an instruction set.
pub(super) fn lower(quantized: &Quantized, isa: Isa) -> Program {
    let graph = quantized.network.graph();
    let table = ParameterTable::new(graph);
    let (last, linear) = match quantized.network.logits() {
        Logits::OutputOf(id) => (id, false),
        Logits::BeforeActivationOf(id) => (id, true),
    };
    let mut lowerer = Lowerer {
        quantized,
        isa,
        shapes: Lowering::new(Mode::Infer, 1, graph, &table),
        readers: vec![0; graph.nodes().len()],
        values: Vec::new(),
        last,
        ops: Vec::new(),
        lens: Vec::new(),
    };
    let inputs = graph.nodes()[..=last.index()].iter().flat_map(|node| &node.inputs);
    inputs.for_each(|input| lowerer.readers[input.index()] += 1);
    lowerer.readers[last.index()] = 1;
    for (id, _) in graph.iter().take(last.index() + 1) {
        let value = lowerer.visit(id, linear && id == last);
        lowerer.values.push(value);
        if lowerer.readers[id.index()] > 1 {
            lowerer.bytes(id);
        }
    }
    lowerer.logits(last);
    let features = lowerer.bytes(quantized.network.features()).numbered();
    Program::new(lowerer.ops, &lowerer.lens, features)
}

struct Lowerer<'a> {
    quantized: &'a Quantized,
    isa: Isa,
    /// Makes kernels' shapes of layers' windows, for one picture.
    shapes: Lowering<'a>,
    readers: Vec<usize>,
    /// The node whose output are the logits.
    last: NodeId,
    values: Vec<Value>,
    ops: Vec<ByteOp>,
    lens: Vec<usize>,
}

impl Lowerer<'_> {
    fn visit(&mut self, id: NodeId, without_activation: bool) -> Value {
        let graph = self.quantized.network.graph();
        let node = graph.node(id);
        let input = node.inputs.first().copied().unwrap_or(id);
        match &node.layer {
            Layer::Input { shape } => {
                let channels = shape.channels();
                Value::Pictures(ChannelAffine { scale: vec![1.0; channels], shift: vec![0.0; channels] })
            }
            Layer::Rescaling(_) | Layer::Normalization(_) | Layer::BatchNorm(_) => self.affine(id, input),
            Layer::Conv2d(layer) => {
                let activation = if without_activation { Activation::Linear } else { layer.activation };
                self.convolution(id, input, layer, activation)
            }
            Layer::Dense(layer) => {
                let activation = if without_activation { Activation::Linear } else { layer.activation };
                let inputs = graph.node(input).shape.len();
                let layer = Conv2d::new(layer.units, 1);
                let x = self.bytes(input);
                let shape =
                    self.shapes.convolution(&layer.window(), Shape::from([1, 1, inputs]), layer.filters, 1);
                Self::waiting(id, shape, x, activation)
            }
            Layer::MaxPool2d(layer) => self.max_pool(input, &layer.window(), id),
            Layer::GlobalMaxPool2d(_) => self.max_pool(input, &whole(graph.node(input).shape), id),
            Layer::AvgPool2d(layer) => self.avg_pool(input, &layer.window(), id),
            Layer::AdaptiveAvgPool2d(layer) => match layer.even_window(graph.node(input).shape) {
                Some(window) => self.avg_pool(input, &window, id),
                None => unreachable!("a quantised network has even pooling only"),
            },
            Layer::DepthwiseConv2d(_) | Layer::SeparableConv2d(_) => {
                unreachable!("a quantised network has plain convolutions only")
            }
            Layer::GlobalAvgPool2d(_) => self.avg_pool(input, &whole(graph.node(input).shape), id),
            // As logits the sums of a convolution need not become bytes.
            Layer::Flatten(_) if id == self.last => self.values[input.index()].clone(),
            // The same bytes in the same order.
            Layer::Flatten(_) | Layer::Dropout(_) => Value::Bytes(self.bytes(input)),
            Layer::ZeroPad2d(layer) => Value::Framed(self.bytes(input), layer.padding),
            Layer::Add(_) => self.add(id),
            Layer::Concat(_) => self.concat(id),
            Layer::Activation(layer) => self.activation(id, input, layer.function),
        }
    }

    /// How the bytes of a node's own are to be understood.
    fn quantization(&self, id: NodeId) -> Quantization {
        self.quantized.range(id).quantization()
    }

    /// A buffer for a node's output, understood in its own way.
    fn output(&mut self, id: NodeId) -> Bytes {
        let quantization = self.quantization(id);
        self.output_as(id, quantization)
    }

    fn output_as(&mut self, id: NodeId, quantization: Quantization) -> Bytes {
        self.lens.push(self.quantized.network.graph().node(id).shape.len());
        Bytes { buffer: ByteBuffer(self.lens.len() - 1), quantization }
    }

    /// The bytes of a node's output, computed now if they were not yet.
    fn bytes(&mut self, id: NodeId) -> Bytes {
        let bytes = match self.values[id.index()].clone() {
            Value::Bytes(bytes) => bytes,
            Value::Pictures(affine) => {
                let y = self.output(id);
                let Quantization { step, zero_point } = y.quantization;
                let scale = affine.scale.iter().map(|scale| (scale / step) as f32).collect();
                let shift =
                    affine.shift.iter().map(|shift| (shift / step + f64::from(zero_point)) as f32).collect();
                self.ops.push(ByteOp::Quantize { scale, shift, y: y.buffer });
                y
            }
            Value::Waiting(waiting) => {
                let y = self.output(id);
                self.emit(&waiting, Some(y));
                y
            }
            Value::Framed(x, around) => {
                let y = self.output_as(id, x.quantization);
                let input = self.quantized.network.graph().node(id).inputs[0];
                let shape: PadShape =
                    self.shapes.padded(around, self.quantized.network.graph().node(input).shape);
                let zero_point = x.quantization.zero_point;
                self.ops.push(ByteOp::ZeroPad { shape, zero_point, x: x.buffer, y: y.buffer });
                y
            }
        };
        self.values[id.index()] = Value::Bytes(bytes);
        bytes
    }

    /// The logits: a last convolution's sums as they are, or what the bytes stand for.
    fn logits(&mut self, last: NodeId) {
        if let Value::Waiting(waiting) = self.values[last.index()].clone() {
            self.emit(&waiting, None);
            return;
        }
        let Numbered { buffer: x, affine } = self.bytes(last).numbered();
        self.ops.push(ByteOp::Dequantize { affine, x });
    }

    fn convolution(&mut self, id: NodeId, input: NodeId, layer: &Conv2d, activation: Activation) -> Value {
        let shape_of = |node: NodeId| self.quantized.network.graph().node(node).shape;
        if let Value::Framed(x, around) = self.values[input.index()] {
            let inner = self.quantized.network.graph().node(input).inputs[0];
            let mut shape =
                self.shapes.convolution(&layer.window(), shape_of(input), layer.filters, layer.groups);
            // The same windows, over the map without its frame.
            let [height, width] = sides(shape_of(inner));
            (shape.height, shape.width) = (height, width);
            let around = margins(around);
            shape.padding.top += around.top;
            shape.padding.bottom += around.bottom;
            shape.padding.left += around.left;
            shape.padding.right += around.right;
            return Self::waiting(id, shape, x, activation);
        }
        let shape = self.shapes.convolution(&layer.window(), shape_of(input), layer.filters, layer.groups);
        let x = self.bytes(input);
        Self::waiting(id, shape, x, activation)
    }

    fn waiting(layer: NodeId, shape: Conv2dShape, x: Bytes, activation: Activation) -> Value {
        let bounds = bounds_of(activation).filter(|_| activation != Activation::Linear);
        Value::Waiting(Box::new(Waiting { layer, shape, x, residual: None, bounds, norm: None }))
    }

    /// Emits a convolution that has waited: to bytes, or as numbers to the logits.
    fn emit(&mut self, waiting: &Waiting, y: Option<Bytes>) {
        let Waiting { layer, shape, x, residual, bounds, norm } = waiting;
        let name = &self.quantized.network.graph().node(*layer).name;
        let steps = self.quantized.numbers(name, "kernel_step");
        let bias = self.quantized.numbers(name, "bias");
        let to = y.map_or(Quantization { step: 1.0, zero_point: 0 }, |y| y.quantization);
        let added = residual.map(|residual| residual.quantization);
        let mut epilogue = ChannelEpilogue::with_capacity(shape.filters);
        for f in 0..shape.filters {
            let (g, h) = norm.as_ref().map_or((1.0, 0.0), |norm| (norm.scale[f], norm.shift[f]));
            let mut number = f64::from(bias[f]) * g + h;
            if let Some(added) = added {
                number -= f64::from(added.zero_point) * added.step;
            }
            let scale = x.quantization.step * f64::from(steps[f]) * g;
            epilogue.push(to, scale, number, bounds_after(*bounds, g, h));
        }
        let weights = self.quantized.kernel(name).unwrap_or_default();
        let zero_point = x.quantization.zero_point;
        let filters = Box::new(Int8Filters::new(self.isa, shape, weights, zero_point, &epilogue.borrow()));
        let residual =
            residual.map(|residual| (residual.buffer, (residual.quantization.step / to.step) as f32));
        let y = y.map_or(Target::Logits, |y| Target::Bytes(y.buffer));
        self.ops.push(ByteOp::Conv2d { shape: *shape, x: x.buffer, zero_point, filters, residual, y });
    }

    /// A batch norm, rescaling or normalization: taken up where possible.
    fn affine(&mut self, id: NodeId, input: NodeId) -> Value {
        let affine = self.channel_affine(id, input);
        match &mut self.values[input.index()] {
            Value::Pictures(before) => Value::Pictures(before.then(&affine)),
            Value::Waiting(waiting) if waiting.norm.is_none() && waiting.residual.is_none() => {
                let mut waiting = waiting.clone();
                waiting.norm = Some(affine);
                Value::Waiting(waiting)
            }
            _ => self.channels(id, input, &affine, None),
        }
    }

    /// What such a layer does to its channels.
    fn channel_affine(&self, id: NodeId, input: NodeId) -> ChannelAffine {
        let graph = self.quantized.network.graph();
        let node = graph.node(id);
        let channels = graph.node(input).shape.channels();
        match &node.layer {
            Layer::BatchNorm(norm) => {
                let tensor = |name: &str| Tensor {
                    name: format!("{}/{name}", node.name),
                    shape: vec![channels],
                    values: self.quantized.numbers(&node.name, name).to_vec(),
                };
                let names = graph.parameters(id).into_iter().map(|spec| tensor(spec.name));
                ChannelAffine::of(norm, &names.collect::<Vec<_>>())
            }
            Layer::Rescaling(layer) => ChannelAffine {
                scale: vec![f64::from(layer.scale); channels],
                shift: vec![f64::from(layer.offset); channels],
            },
            Layer::Normalization(layer) => {
                let (scale, shift) = layer.scale_shift(channels);
                let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect();
                ChannelAffine { scale: wide(scale), shift: wide(shift) }
            }
            _ => ChannelAffine { scale: vec![1.0; channels], shift: vec![0.0; channels] },
        }
    }

    /// Bytes of one meaning made bytes of another, with numbers for each channel.
    fn channels(
        &mut self,
        id: NodeId,
        input: NodeId,
        affine: &ChannelAffine,
        bounds: Option<(f64, f64)>,
    ) -> Value {
        let x = self.bytes(input);
        let y = self.output(id);
        let epilogue = requantize(x.quantization, y.quantization, affine, bounds);
        let width = affine.scale.len();
        self.ops.push(ByteOp::PutChannels { epilogue, width, offset: 0, x: x.buffer, y: y.buffer });
        Value::Bytes(y)
    }

    fn max_pool(&mut self, input: NodeId, window: &Window, id: NodeId) -> Value {
        let graph = self.quantized.network.graph();
        let mut shape: PoolShape = self.shapes.pool(window, graph.node(input).shape);
        let x = match self.values[input.index()] {
            // Where 0 is the least byte, zeros around change no maximum: it is enough to leave them out.
            Value::Framed(x, around) if x.quantization.zero_point == 0 && window_covers(&shape, around) => {
                let [height, width] = sides(graph.node(graph.node(input).inputs[0]).shape);
                (shape.height, shape.width) = (height, width);
                shape.padding = margins(around);
                x
            }
            _ => self.bytes(input),
        };
        let y = self.output_as(id, x.quantization);
        self.ops.push(ByteOp::MaxPool { shape, x: x.buffer, y: y.buffer });
        Value::Bytes(y)
    }

    fn avg_pool(&mut self, input: NodeId, window: &Window, id: NodeId) -> Value {
        let shape = self.shapes.pool(window, self.quantized.network.graph().node(input).shape);
        let x = self.bytes(input);
        let y = self.output(id);
        let (from, to) = (x.quantization, y.quantization);
        let scale = from.step / to.step;
        let bias = f64::from(to.zero_point) - f64::from(from.zero_point) * scale;
        let affine = Int8Affine { scale: scale as f32, bias: bias as f32 };
        self.ops.push(ByteOp::AvgPool { shape, affine, x: x.buffer, y: y.buffer });
        Value::Bytes(y)
    }

    /// A sum of two, one of which is a convolution that waits, is taken up by it; any other is an operation.
    fn add(&mut self, id: NodeId) -> Value {
        let inputs = self.quantized.network.graph().node(id).inputs.clone();
        if let [first, second] = *inputs.as_slice() {
            for (waits, other) in [(second, first), (first, second)] {
                if let Value::Waiting(waiting) = self.values[waits.index()].clone()
                    && waits != other
                    && waiting.bounds.is_none()
                    && waiting.norm.is_none()
                    && waiting.residual.is_none()
                {
                    let residual = Some(self.bytes(other));
                    return Value::Waiting(Box::new(Waiting { residual, ..*waiting }));
                }
            }
        }
        self.sum(id, &inputs)
    }

    fn sum(&mut self, id: NodeId, inputs: &[NodeId]) -> Value {
        let inputs: Vec<Bytes> = inputs.iter().map(|&input| self.bytes(input)).collect();
        let y = self.output(id);
        let to = y.quantization;
        let zeros: f64 = inputs
            .iter()
            .map(|input| f64::from(input.quantization.zero_point) * input.quantization.step / to.step)
            .sum();
        let bias = (f64::from(to.zero_point) - zeros) as f32;
        let scaled = |input: &Bytes| (input.buffer, (input.quantization.step / to.step) as f32);
        let inputs = inputs.iter().map(scaled).collect();
        self.ops.push(ByteOp::Add { inputs, bias, bounds: (0.0, 255.0), y: y.buffer });
        Value::Bytes(y)
    }

    fn concat(&mut self, id: NodeId) -> Value {
        let graph = self.quantized.network.graph();
        let inputs: Vec<(Bytes, usize)> = graph
            .node(id)
            .inputs
            .clone()
            .into_iter()
            .map(|input| (self.bytes(input), graph.node(input).shape.channels()))
            .collect();
        let y = self.output(id);
        let width = graph.node(id).shape.channels();
        let mut offset = 0;
        for (x, channels) in inputs {
            let affine = ChannelAffine { scale: vec![1.0; channels], shift: vec![0.0; channels] };
            let epilogue = requantize(x.quantization, y.quantization, &affine, None);
            self.ops.push(ByteOp::PutChannels { epilogue, width, offset, x: x.buffer, y: y.buffer });
            offset += channels;
        }
        Value::Bytes(y)
    }

    /// Bounds are taken up by a convolution that waits; any other function is a table of 256 bytes.
    fn activation(&mut self, id: NodeId, input: NodeId, function: Activation) -> Value {
        if let (Some(bounds), Value::Waiting(waiting)) = (bounds_of(function), &self.values[input.index()])
            && waiting.bounds.is_none()
            && waiting.norm.is_none()
        {
            let mut waiting = waiting.clone();
            waiting.bounds = Some(bounds).filter(|_| function != Activation::Linear);
            return Value::Waiting(waiting);
        }
        let x = self.bytes(input);
        let y = self.output(id);
        let table = table(function, x.quantization, y.quantization);
        self.ops.push(ByteOp::LookUp { table, x: x.buffer, y: y.buffer });
        Value::Bytes(y)
    }
}

impl ChannelEpilogue {
    fn with_capacity(channels: usize) -> Self {
        let empty = || Vec::with_capacity(channels);
        Self { scale: empty(), bias: empty(), low: empty(), high: empty() }
    }

    /// Adds a channel: `clamp(x scale + number, bounds)`, in steps of `to`.
    fn push(&mut self, to: Quantization, scale: f64, number: f64, (low, high): (f64, f64)) {
        let in_steps = |number: f64| (number / to.step + f64::from(to.zero_point)) as f32;
        self.scale.push((scale / to.step) as f32);
        self.bias.push(in_steps(number));
        self.low.push(in_steps(low));
        self.high.push(in_steps(high));
    }
}

fn requantize(
    from: Quantization,
    to: Quantization,
    affine: &ChannelAffine,
    bounds: Option<(f64, f64)>,
) -> ChannelEpilogue {
    let mut epilogue = ChannelEpilogue::with_capacity(affine.scale.len());
    for (scale, shift) in affine.scale.iter().zip(&affine.shift) {
        let scale = scale * from.step;
        let number = shift - f64::from(from.zero_point) * scale;
        epilogue.push(to, scale, number, bounds_after(bounds, 1.0, 0.0));
    }
    epilogue
}

/// A function of each of the numbers that bytes stand for, as bytes; the same on every machine.
fn table(function: Activation, from: Quantization, to: Quantization) -> Box<[u8; 256]> {
    let number = |q: usize| ((q as f64 - f64::from(from.zero_point)) * from.step) as f32;
    let x: [f32; 256] = std::array::from_fn(number);
    let mut y = x;
    if let Some(function) = element_wise(function) {
        activation_forward(&Cpu::with_isa(Isa::PORTABLE, 1), function, &x, &mut y);
    }
    let byte = |y: f32| {
        (f64::from(y) / to.step + f64::from(to.zero_point)).clamp(0.0, 255.0).round_ties_even() as u8
    };
    Box::new(y.map(byte))
}

/// The bounds of functions that only cut off.
fn bounds_of(function: Activation) -> Option<(f64, f64)> {
    match function {
        Activation::Linear => Some((f64::NEG_INFINITY, f64::INFINITY)),
        Activation::Relu => Some((0.0, f64::INFINITY)),
        Activation::Relu6 => Some((0.0, 6.0)),
        _ => None,
    }
}

/// What bounds become by `g x + h`.
fn bounds_after(bounds: Option<(f64, f64)>, g: f64, h: f64) -> (f64, f64) {
    let (low, high) = bounds.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
    if g == 0.0 {
        return (h, h);
    }
    let (a, b) = (low * g + h, high * g + h);
    (a.min(b), a.max(b))
}

/// A window that sees a whole map.
fn whole(shape: Shape) -> Window {
    let size = sides(shape).into();
    Window { size, strides: size, dilation: 1.into(), padding: crate::shape::Padding::Valid }
}

fn sides(shape: Shape) -> [usize; 2] {
    match shape {
        Shape::Map { height, width, .. } => [height, width],
        Shape::Vector { .. } => [1, 1],
    }
}

/// Whether every window over a framed map sees some of the map itself.
fn window_covers(shape: &PoolShape, around: Margins) -> bool {
    let none = divvy_kernels::Padding::NONE;
    shape.padding == none
        && around.top.max(around.bottom) < shape.window.0
        && around.left.max(around.right) < shape.window.1
}
