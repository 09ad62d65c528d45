//! The numeric loops of divvy: every layer's forward and backward pass, losses and optimizers, over plain slices.
//!
//! A kernel is a function of a [`Cpu`], a shape and slices. It knows nothing of graphs, plans or files; it allocates
//! nothing (what it needs besides its arguments comes in as `scratch`), and it gives the same bits whatever the
//! number of threads: sums are cut by shape alone, and their parts are added in a fixed order.
//!
//! ```
//! use divvy_kernels::{Cpu, Isa};
//! let cpu = Cpu::new(2);               // the best instruction set of this machine, two threads
//! assert!(Isa::present().contains(&cpu.isa()));
//! ```
//!
//! # Layouts
//! Activations are `[batch, height, width, channels]`, contiguous. Convolution and dense weights are *packed*, see
//! [`packing`]. Everything is `f32`; sums over a whole batch are carried in `f64`.
//!
//! # Safety
//! This is the only crate of the project with `unsafe` code. Vector instructions are reached only through a token
//! ([`Isa`]) that can be had only after the CPU was asked; raw pointers are used in the innermost loops, behind
//! functions whose slices are checked against the shape first.

mod activation;
mod bias;
mod buffer;
mod bytes;
mod columns;
mod conv;
mod cpu;
mod dense;
mod disjoint;
mod dropout;
mod elementwise;
mod fetch;
mod flush;
mod int8;
mod loss;
pub mod machine;
mod microkernel;
mod moves;
mod norm;
mod optimize;
pub mod packing;
mod philox;
mod pool;
mod rectifier;
#[cfg(test)]
mod reference;
mod shape;
mod simd;
mod softmax;
mod special;
mod team;

pub use activation::{Activation, Saved, activation_backward, activation_forward};
pub use bias::{bias_gradient, bias_gradient_scratch};
pub use buffer::Buffer;
pub use bytes::{as_bytes, as_bytes_mut};
pub use conv::{
    Conv2dShape, ConvAlgorithm, ConvChain, ConvLink, ConvOutput, ConvPass, ConvWeights, Epilogue,
    WeightSource, WeightTransform, WinogradTile, conv2d_backward_data, conv2d_backward_weights,
    conv2d_forward, transform_weights,
};
pub use cpu::Cpu;
pub use dense::{DenseShape, DenseWeights, InputMask, dense_backward, dense_forward};
pub use dropout::{DropoutKey, dropout, dropout_scale, mask_backward};
pub use int8::{
    Int8Affine, Int8Epilogue, Int8Filters, Int8Target, Residual, int8_add, int8_avg_pool, int8_conv2d,
    int8_conv2d_scratch, int8_dequantize, int8_look_up, int8_max_pool, int8_put_channels, int8_quantize,
    int8_zero_pad,
};
pub use loss::{mean_squared_error, sigmoid_cross_entropy, softmax_cross_entropy};
pub use moves::{PadShape, add, put_channels, take_channels, zero_pad_backward, zero_pad_forward};
pub use norm::{
    NormBackward, NormGradients, NormOutput, NormSettings, NormShape, NormStatistics, Normalisation,
    batch_norm_affine, batch_norm_apply, batch_norm_gradients, batch_norm_infer, batch_statistics,
    batch_statistics_from_moments, scale_shift_backward, scale_shift_forward,
};
pub use optimize::{
    Adam, Average, RmsProp, Rule, Sgd, Update, follow, sum_of_squares, sum_of_squares_scratch, update,
};
pub use packing::WeightLayout;
pub use pool::{
    NormPoolBackward, PoolShape, avg_pool_backward, avg_pool_forward, batch_norm_max_pool_backward,
    batch_norm_max_pool_forward, global_avg_pool_backward, global_avg_pool_forward, global_max_pool_backward,
    global_max_pool_forward, max_pool_argmax_backward, max_pool_argmax_forward, max_pool_backward,
    max_pool_forward,
};
pub use rectifier::Rectifier;
pub use shape::Padding;
pub use simd::{Half, HalfFormat, Isa};
pub use softmax::{softmax_backward, softmax_forward};
pub use team::Team;
