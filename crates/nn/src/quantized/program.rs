//! Operations on bytes, and running them.

use std::ops::Range;

use divvy_kernels::{
    self as kernels, Buffer, Conv2dShape, Cpu, Int8Affine, Int8Filters, Int8Target, PadShape, PoolShape,
    Residual, as_bytes_mut,
};

use crate::plan::place::{Interval, place};

/// A buffer of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ByteBuffer(pub(super) usize);

/// `clamp(x scale + bias, low, high)`, with numbers for each channel.
#[derive(Clone, Debug)]
pub(super) struct ChannelEpilogue {
    pub(super) scale: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
}

impl ChannelEpilogue {
    pub(super) fn borrow(&self) -> kernels::Int8Epilogue<'_> {
        kernels::Int8Epilogue { scale: &self.scale, bias: &self.bias, low: &self.low, high: &self.high }
    }
}

/// A buffer whose bytes stand for numbers, each the same way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbered {
    pub(super) buffer: ByteBuffer,
    pub(super) affine: Int8Affine,
}

/// Where a convolution's results go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Bytes(ByteBuffer),
    Logits,
}

/// One operation. Shapes are those of one picture.
#[derive(Clone, Debug)]
pub(super) enum ByteOp {
    /// The pictures, as bytes.
    Quantize {
        scale: Vec<f32>,
        shift: Vec<f32>,
        y: ByteBuffer,
    },
    Conv2d {
        shape: Conv2dShape,
        x: ByteBuffer,
        zero_point: u8,
        filters: Box<Int8Filters>,
        residual: Option<(ByteBuffer, f32)>,
        y: Target,
    },
    MaxPool {
        shape: PoolShape,
        x: ByteBuffer,
        y: ByteBuffer,
    },
    AvgPool {
        shape: PoolShape,
        affine: Int8Affine,
        x: ByteBuffer,
        y: ByteBuffer,
    },
    LookUp {
        table: Box<[u8; 256]>,
        x: ByteBuffer,
        y: ByteBuffer,
    },
    PutChannels {
        epilogue: ChannelEpilogue,
        width: usize,
        offset: usize,
        x: ByteBuffer,
        y: ByteBuffer,
    },
    Add {
        inputs: Vec<(ByteBuffer, f32)>,
        bias: f32,
        bounds: (f32, f32),
        y: ByteBuffer,
    },
    ZeroPad {
        shape: PadShape,
        zero_point: u8,
        x: ByteBuffer,
        y: ByteBuffer,
    },
    /// Bytes as the logits.
    Dequantize {
        affine: Int8Affine,
        x: ByteBuffer,
    },
}

impl ByteOp {
    fn inputs(&self) -> Vec<ByteBuffer> {
        match self {
            Self::Quantize { .. } => Vec::new(),
            Self::Conv2d { x, residual, .. } => {
                [*x].into_iter().chain(residual.map(|(buffer, _)| buffer)).collect()
            }
            Self::MaxPool { x, .. }
            | Self::AvgPool { x, .. }
            | Self::LookUp { x, .. }
            | Self::PutChannels { x, .. }
            | Self::ZeroPad { x, .. }
            | Self::Dequantize { x, .. } => vec![*x],
            Self::Add { inputs, .. } => inputs.iter().map(|(buffer, _)| *buffer).collect(),
        }
    }

    fn output(&self) -> Option<ByteBuffer> {
        match self {
            Self::Conv2d { y: Target::Bytes(y), .. }
            | Self::Quantize { y, .. }
            | Self::MaxPool { y, .. }
            | Self::AvgPool { y, .. }
            | Self::LookUp { y, .. }
            | Self::PutChannels { y, .. }
            | Self::Add { y, .. }
            | Self::ZeroPad { y, .. } => Some(*y),
            Self::Conv2d { y: Target::Logits, .. } | Self::Dequantize { .. } => None,
        }
    }
}

/// A batch's shape of a convolution. Pictures of one pixel, as of a dense layer, are a row of pixels.
fn of_batch(shape: &Conv2dShape, batch: usize) -> Conv2dShape {
    if (shape.height, shape.width, shape.kernel) == (1, 1, (1, 1)) {
        Conv2dShape { width: batch, ..*shape }
    } else {
        Conv2dShape { batch, ..*shape }
    }
}

/// A quantised network as operations in order, with a place in one arena for every buffer. It fits any batch: lengths and places
/// are multiplied by the pictures.
#[derive(Clone, Debug)]
pub(super) struct Program {
    ops: Vec<ByteOp>,
    buffers: Vec<Range<usize>>,
    arena_len: usize,
    /// What the last layer with weights decides by, which stays until the end.
    features: Numbered,
}

impl Program {
    /// Places buffers of the given lengths, for one picture.
    pub(super) fn new(ops: Vec<ByteOp>, lens: &[usize], features: Numbered) -> Self {
        let mut intervals: Vec<_> =
            lens.iter().map(|&len| Interval { first: usize::MAX, last: 0, len }).collect();
        for (time, op) in ops.iter().enumerate() {
            for buffer in op.inputs().into_iter().chain(op.output()) {
                let it = &mut intervals[buffer.0];
                (it.first, it.last) = (it.first.min(time), it.last.max(time));
            }
        }
        intervals[features.buffer.0].last = ops.len();
        let (buffers, arena_len) = place(&intervals);
        Self { ops, buffers, arena_len, features }
    }

    /// The bytes of the arena for a batch.
    pub(super) fn arena_len(&self, batch: usize) -> usize {
        self.arena_len * batch
    }

    /// The bytes of scratch for a batch on so many threads.
    pub(super) fn scratch_len(&self, batch: usize, threads: usize) -> usize {
        let of_op = |op: &ByteOp| match op {
            ByteOp::Conv2d { shape, filters, .. } => {
                kernels::int8_conv2d_scratch(filters, &of_batch(shape, batch), threads)
            }
            _ => 0,
        };
        self.ops.iter().map(of_op).max().unwrap_or(0)
    }

    /// Computes the logits of a batch. `arena` and `scratch` are as long as the program says.
    pub(super) fn run(&self, cpu: &Cpu, images: &[f32], batch: usize, memory: &mut ByteMemory) {
        let ByteMemory { arena, scratch, logits } = memory;
        let (arena, scratch) = (as_bytes_mut(arena), as_bytes_mut(scratch));
        for op in &self.ops {
            let y = op.output().map_or(0..0, |y| self.range(y, batch));
            let (arena, y) = Arena::around(arena, y);
            let get = |buffer: ByteBuffer| arena.get(self.range(buffer, batch));
            execute(op, cpu, images, batch, get, y, scratch, logits);
        }
    }

    /// What the last layer with weights was given in the [run](Self::run) before, in numbers.
    pub(super) fn features(&self, cpu: &Cpu, batch: usize, memory: &mut ByteMemory, features: &mut [f32]) {
        let Numbered { buffer, affine } = self.features;
        let bytes = &as_bytes_mut(&mut memory.arena)[self.range(buffer, batch)];
        kernels::int8_dequantize(cpu, affine, bytes, features);
    }

    fn range(&self, buffer: ByteBuffer, batch: usize) -> Range<usize> {
        let Range { start, end } = self.buffers[buffer.0];
        start * batch..end * batch
    }
}

/// What a program runs in.
#[derive(Debug, Default)]
pub(super) struct ByteMemory {
    pub(super) arena: Buffer,
    pub(super) scratch: Buffer,
    pub(super) logits: Vec<f32>,
}

/// An arena around the one buffer that is written.
struct Arena<'a> {
    before: &'a [u8],
    after: &'a [u8],
    after_from: usize,
}

impl<'a> Arena<'a> {
    fn around(arena: &'a mut [u8], y: Range<usize>) -> (Self, &'a mut [u8]) {
        let (before, rest) = arena.split_at_mut(y.start);
        let (y_slice, after) = rest.split_at_mut(y.len());
        (Self { before, after, after_from: y.end }, y_slice)
    }

    /// A buffer that is read: the operands of one operation do not overlap.
    fn get(&self, range: Range<usize>) -> &'a [u8] {
        if range.end <= self.before.len() {
            &self.before[range]
        } else {
            &self.after[range.start - self.after_from..range.end - self.after_from]
        }
    }
}

/// One kernel for each operation.
fn execute<'a>(
    op: &ByteOp,
    cpu: &Cpu,
    images: &[f32],
    batch: usize,
    get: impl Fn(ByteBuffer) -> &'a [u8] + Sync,
    y: &mut [u8],
    scratch: &mut [u8],
    logits: &mut [f32],
) {
    match op {
        ByteOp::Quantize { scale, shift, .. } => kernels::int8_quantize(cpu, scale, shift, images, y),
        ByteOp::Conv2d { shape, x, zero_point, filters, residual, y: target } => {
            let residual = residual.map(|(buffer, scale)| Residual { bytes: get(buffer), scale });
            let y = match target {
                Target::Bytes(_) => Int8Target::Bytes(y),
                Target::Logits => Int8Target::Floats(logits),
            };
            let shape = of_batch(shape, batch);
            kernels::int8_conv2d(cpu, &shape, get(*x), *zero_point, filters, residual, y, scratch);
        }
        ByteOp::MaxPool { shape, x, .. } => {
            kernels::int8_max_pool(cpu, &PoolShape { batch, ..*shape }, get(*x), y);
        }
        ByteOp::AvgPool { shape, affine, x, .. } => {
            kernels::int8_avg_pool(cpu, &PoolShape { batch, ..*shape }, *affine, get(*x), y);
        }
        ByteOp::LookUp { table, x, .. } => kernels::int8_look_up(cpu, table, get(*x), y),
        ByteOp::PutChannels { epilogue, width, offset, x, .. } => {
            kernels::int8_put_channels(cpu, &epilogue.borrow(), *width, *offset, get(*x), y);
        }
        ByteOp::Add { inputs, bias, bounds, .. } => {
            let input = |i: usize| (get(inputs[i].0), inputs[i].1);
            kernels::int8_add(cpu, inputs.len(), input, *bias, *bounds, y);
        }
        ByteOp::ZeroPad { shape, zero_point, x, .. } => {
            kernels::int8_zero_pad(cpu, &PadShape { batch, ..*shape }, *zero_point, get(*x), y);
        }
        ByteOp::Dequantize { affine, x } => kernels::int8_dequantize(cpu, *affine, get(*x), logits),
    }
}
