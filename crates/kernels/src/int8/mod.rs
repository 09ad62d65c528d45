//! Inference with bytes: activations `u8`, weights `i8`, sums `i32`.
//!
//! A byte `q` of an activation stands for the number `(q - zero point) * step`; a weight `w` of filter f for `w * step of f`. A
//! convolution's sums of products are whole numbers and exact. They become bytes of the next activation in one pass over the
//! registers that hold them ([`Int8Epilogue`]): scaled for each filter, a bias added, a residual added, cut off at bounds that are
//! the activation function's (0 for `ReLU`, 0 and 6 for `ReLU6`), rounded. Padding is with the zero point, which stands for 0.
//!
//! | module | what it holds |
//! |---|---|
//! | `path` | vectors of bytes, one token for each way in which processors multiply them |
//! | `filters` | packed weights and what is done to their sums |
//! | `window` | where windows lie, and how the work is cut into tasks |
//! | `conv` | convolutions and dense layers |
//! | `operand` | what is multiplied: bytes, or 16-bit integers |
//! | `outputs` | where their results go |
//! | `tile` | their innermost loop |
//! | `winograd` | convolutions of 3x3 with 2.25 times fewer products, of whole numbers and as exact |
//! | `depthwise` | convolutions of channels that keep to themselves |
//! | `pool` | maxima and means of windows |
//! | `maps` | from numbers to bytes and from bytes to other bytes |
//!
//! Every path gives the same bits, whatever the number of threads.

mod conv;
mod depthwise;
mod filters;
mod maps;
mod operand;
mod outputs;
pub(crate) mod path;
mod pool;
#[cfg(test)]
mod tests;
mod tile;
mod window;
mod winograd;

pub use conv::{int8_conv2d, int8_conv2d_scratch};
pub use filters::{Int8Epilogue, Int8Filters};
pub use maps::{
    Int8Affine, int8_add, int8_dequantize, int8_look_up, int8_put_channels, int8_quantize, int8_zero_pad,
};
pub use pool::{int8_avg_pool, int8_max_pool};

/// Where results go.
#[derive(Debug)]
pub enum Int8Target<'a> {
    /// To bytes: rounded to the nearest (halves to even) and kept within 0 to 255.
    Bytes(&'a mut [u8]),
    /// To numbers, as they are.
    Floats(&'a mut [f32]),
}

/// An activation that is added to a convolution's output, as long as that.
#[derive(Clone, Copy, Debug)]
pub struct Residual<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// What each is multiplied with before it is added; what the zero point makes of that belongs in the bias.
    pub scale: f32,
}

/// A number from 0 to 255, rounded to the nearest; halves to even.
#[inline(always)]
fn rounded(x: f32) -> u8 {
    // Where one unit in the last place is 1: adding rounds to a whole number, which the lowest bits then hold.
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT).to_bits() as u8
}

/// A number as a byte; 0 for what is no number.
#[inline(always)]
fn to_byte(x: f32) -> u8 {
    let above = if x > 0.0 { x } else { 0.0 };
    rounded(if above < 255.0 { above } else { 255.0 })
}
