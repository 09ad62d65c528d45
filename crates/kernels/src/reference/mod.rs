//! The same mathematics as the kernels', in `f64` and in plain loops: what the fast code is tested against.

pub(crate) mod activation;
pub(crate) mod conv;
pub(crate) mod dense;
pub(crate) mod differences;
pub(crate) mod half;
pub(crate) mod int8;
pub(crate) mod norm;
pub(crate) mod optimize;
pub(crate) mod pool;
pub(crate) mod rectifier;
pub(crate) mod softmax;
pub(crate) mod trial;
