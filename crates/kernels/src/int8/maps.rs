//! From numbers to bytes and from bytes to other bytes, one by one.

use super::{Int8Epilogue, to_byte};
use crate::Cpu;
use crate::moves::PadShape;
use crate::simd::{Kernel, Simd};

/// Elements that make a task.
const CHUNK: usize = 16 * 1024;
/// Elements that are worked on together, as numbers.
const STRIP: usize = 64;

/// `y = x scale + bias`, where `x` are bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Int8Affine {
    /// What bytes are multiplied with.
    pub scale: f32,
    /// What is added.
    pub bias: f32,
}

/// `y = x scale + shift` as bytes, of `x` `[rows, channels]` with a scale and a shift for each channel. What is no number becomes 0.
///
/// # Panics
/// When the slices' lengths do not fit.
pub fn int8_quantize(cpu: &Cpu, scale: &[f32], shift: &[f32], x: &[f32], y: &mut [u8]) {
    let channels = scale.len();
    assert!(
        channels > 0 && shift.len() == channels && x.len().is_multiple_of(channels),
        "channels of numbers"
    );
    assert_eq!(x.len(), y.len(), "numbers to quantise");
    let rows = (CHUNK / channels).max(1);
    cpu.team().for_chunks(y, rows * channels, |task, y| {
        let x = &x[task * rows * channels..][..y.len()];
        cpu.isa().call(Quantize { scale, shift, x, y });
    });
}

struct Quantize<'a> {
    scale: &'a [f32],
    shift: &'a [f32],
    x: &'a [f32],
    y: &'a mut [u8],
}

impl Kernel for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { scale, shift, x, y } = self;
        let channels = scale.len();
        let affine = |y: &mut [u8], x: &[f32], scale: &[f32], shift: &[f32]| {
            for ((y, x), (scale, shift)) in y.iter_mut().zip(x).zip(scale.iter().zip(shift)) {
                *y = to_byte(x * scale + shift);
            }
        };
        if channels >= STRIP {
            for (y, x) in y.chunks_mut(channels).zip(x.chunks(channels)) {
                affine(y, x, scale, shift);
            }
            return;
        }
        // Few channels are repeated until there are enough for a vector.
        let (mut scales, mut shifts) = ([0.0; STRIP], [0.0; STRIP]);
        let len = STRIP / channels * channels;
        for i in 0..len {
            (scales[i], shifts[i]) = (scale[i % channels], shift[i % channels]);
        }
        for (y, x) in y.chunks_mut(len).zip(x.chunks(len)) {
            affine(y, x, &scales[..len], &shifts[..len]);
        }
    }
}

/// `y = table[x]`: any function of one byte.
///
/// # Panics
/// When the slices' lengths differ.
pub fn int8_look_up(cpu: &Cpu, table: &[u8; 256], x: &[u8], y: &mut [u8]) {
    assert_eq!(x.len(), y.len(), "bytes to look up");
    cpu.team().for_chunks(y, CHUNK, |task, y| {
        let x = &x[task * CHUNK..][..y.len()];
        y.iter_mut().zip(x).for_each(|(y, x)| *y = table[usize::from(*x)]);
    });
}

/// The numbers that bytes stand for: `y = x scale + bias`.
///
/// # Panics
/// When the slices' lengths differ.
pub fn int8_dequantize(cpu: &Cpu, affine: Int8Affine, x: &[u8], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "bytes to dequantise");
    cpu.team().for_chunks(y, CHUNK, |task, y| {
        let x = &x[task * CHUNK..][..y.len()];
        y.iter_mut().zip(x).for_each(|(y, x)| *y = f32::from(*x) * affine.scale + affine.bias);
    });
}

/// `clamp(x scale + bias, low, high)` of `x`, `[rows, channels]`, with numbers for each channel, to the channels of `y`, `[rows,
/// width]`, from `offset` on; the others stay as they are.
///
/// # Panics
/// When the slices' lengths do not fit.
pub fn int8_put_channels(
    cpu: &Cpu,
    epilogue: &Int8Epilogue<'_>,
    width: usize,
    offset: usize,
    x: &[u8],
    y: &mut [u8],
) {
    let channels = epilogue.scale.len();
    assert!(channels > 0 && offset + channels <= width, "{channels} of {width} channels from {offset} on");
    assert!(
        [epilogue.bias, epilogue.low, epilogue.high].iter().all(|numbers| numbers.len() == channels),
        "a number for each channel"
    );
    let rows = y.len() / width;
    assert!(y.len() == rows * width && x.len() == rows * channels, "rows of channels");
    let at_once = (CHUNK / channels).max(1);
    cpu.team().for_chunks(y, at_once * width, |task, y| {
        let x = &x[task * at_once * channels..][..y.len() / width * channels];
        cpu.isa().call(PutChannels { epilogue, width, offset, x, y });
    });
}

struct PutChannels<'a> {
    epilogue: &'a Int8Epilogue<'a>,
    width: usize,
    offset: usize,
    x: &'a [u8],
    y: &'a mut [u8],
}

impl Kernel for PutChannels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { epilogue: Int8Epilogue { scale, bias, low, high }, width, offset, x, y } = self;
        let channels = scale.len();
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(channels)) {
            let y = &mut y[offset..offset + channels];
            let numbers = scale.iter().zip(*bias).zip(low.iter().zip(*high));
            for ((y, x), ((scale, bias), (low, high))) in y.iter_mut().zip(x).zip(numbers) {
                *y = to_byte(clamp(f32::from(*x) * scale + bias, *low, *high));
            }
        }
    }
}

#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let above = if x > low { x } else { low };
    if above < high { above } else { high }
}

/// `y = clamp(sum of inputs + bias, low, high)`, where `input` gives the bytes of each of `count` inputs and what they are
/// multiplied with.
///
/// # Panics
/// When an input is not as long as `y`.
pub fn int8_add<'a>(
    cpu: &Cpu,
    count: usize,
    input: impl Fn(usize) -> (&'a [u8], f32) + Sync,
    bias: f32,
    (low, high): (f32, f32),
    y: &mut [u8],
) {
    assert!((0..count).all(|i| input(i).0.len() == y.len()), "inputs as long as their sum");
    cpu.team().for_chunks(y, CHUNK, |task, y| {
        let part = task * CHUNK..task * CHUNK + y.len();
        let input = |i| {
            let (x, scale) = input(i);
            (&x[part.clone()], scale)
        };
        let inputs = Inputs { count, input };
        cpu.isa().call(Sum { inputs, bias, low, high, y });
    });
}

struct Inputs<F> {
    count: usize,
    input: F,
}

struct Sum<'y, F> {
    inputs: Inputs<F>,
    bias: f32,
    low: f32,
    high: f32,
    y: &'y mut [u8],
}

impl<'a, F: Fn(usize) -> (&'a [u8], f32)> Kernel for Sum<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { inputs: Inputs { count, input }, bias, low, high, y } = self;
        for (strip, y) in y.chunks_mut(STRIP).enumerate() {
            let mut sums = [bias; STRIP];
            for i in 0..count {
                let (x, scale) = input(i);
                let x = &x[strip * STRIP..][..y.len()];
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += f32::from(*x) * scale);
            }
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y = to_byte(clamp(sum, low, high)));
        }
    }
}

/// `x`, `[batch, height, width, channels]`, framed with the zero point.
///
/// # Panics
/// When a slice has not the length that the shape tells.
pub fn int8_zero_pad(cpu: &Cpu, shape: &PadShape, zero_point: u8, x: &[u8], y: &mut [u8]) {
    let PadShape { height, width, channels, padding, .. } = *shape;
    assert_eq!(x.len(), shape.input_len(), "a map to pad");
    assert_eq!(y.len(), shape.output_len(), "a padded map");
    let (row, out_rows) = (width * channels, padding.top + height + padding.bottom);
    let out_row = (padding.left + width + padding.right) * channels;
    let at_once = (CHUNK / out_row.max(1)).max(1);
    cpu.team().for_chunks(y, at_once * out_row, |task, y| {
        for (index, y) in y.chunks_exact_mut(out_row).enumerate() {
            let (image, out) = ((task * at_once + index) / out_rows, (task * at_once + index) % out_rows);
            y.fill(zero_point);
            if let Some(inside) = out.checked_sub(padding.top).filter(|inside| *inside < height) {
                let x = &x[(image * height + inside) * row..][..row];
                y[padding.left * channels..][..row].copy_from_slice(x);
            }
        }
    });
}
