//! The whole-number sums of a quantised convolution, as its definition reads, and the bytes of a residual and an epilogue.

use crate::Conv2dShape;

/// The sum for each output of `(x - zero_point) * w`, with weights in Keras's layout.
pub(crate) fn sums(shape: &Conv2dShape, x: &[u8], zero_point: u8, w: &[i8]) -> Vec<i64> {
    let wide = |bytes: &[i64]| bytes.iter().map(|x| *x as f64).collect::<Vec<_>>();
    let x: Vec<i64> = x.iter().map(|x| i64::from(*x) - i64::from(zero_point)).collect();
    let w: Vec<i64> = w.iter().map(|w| i64::from(*w)).collect();
    // Every product and partial sum is a whole number far below 2^53, so that doubles are exact.
    let sums = super::conv::forward(shape, &wide(&x), &wide(&w), &vec![0.0; shape.filters]);
    sums.into_iter().map(|sum| sum as i64).collect()
}

/// The nearest byte, halves to even.
pub(crate) fn byte(x: f64) -> u8 {
    x.clamp(0.0, 255.0).round_ties_even() as u8
}
