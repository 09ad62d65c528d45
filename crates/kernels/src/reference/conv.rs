//! Convolution, as its definition reads.

use crate::Conv2dShape;

/// Calls `term(x index, weight index, y index)` for every product of the sum; weights are in Keras's layout.
fn for_each_term(shape: &Conv2dShape, mut term: impl FnMut(usize, usize, usize)) {
    let (channels, filters) = (shape.channels / shape.groups, shape.filters / shape.groups);
    for b in 0..shape.batch {
        for i in 0..shape.out_height() {
            for j in 0..shape.out_width() {
                for f in 0..shape.filters {
                    for p in 0..shape.kernel.0 {
                        for q in 0..shape.kernel.1 {
                            // Rows and columns of the padded image.
                            let row = i * shape.strides.0 + p * shape.dilation.0;
                            let column = j * shape.strides.1 + q * shape.dilation.1;
                            let (top, left) = (shape.padding.top, shape.padding.left);
                            let inside = (top..top + shape.height).contains(&row)
                                && (left..left + shape.width).contains(&column);
                            if !inside {
                                continue;
                            }
                            let pixel = (b * shape.height + row - top) * shape.width + column - left;
                            let output = (b * shape.out_height() + i) * shape.out_width() + j;
                            for c in 0..channels {
                                term(
                                    pixel * shape.channels + f / filters * channels + c,
                                    ((p * shape.kernel.1 + q) * channels + c) * shape.filters + f,
                                    output * shape.filters + f,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `y`, from `x` and weights in Keras's layout.
pub(crate) fn forward(shape: &Conv2dShape, x: &[f64], w: &[f64], bias: &[f64]) -> Vec<f64> {
    let mut y: Vec<f64> = (0..shape.output_len()).map(|i| bias[i % shape.filters]).collect();
    for_each_term(shape, |x_at, w_at, y_at| y[y_at] += x[x_at] * w[w_at]);
    y
}

/// `dx`, from `dy` and weights in Keras's layout.
pub(crate) fn backward_data(shape: &Conv2dShape, dy: &[f64], w: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; shape.input_len()];
    for_each_term(shape, |x_at, w_at, y_at| dx[x_at] += dy[y_at] * w[w_at]);
    dx
}

/// `dw` in Keras's layout, from `x` and `dy`.
pub(crate) fn backward_weights(shape: &Conv2dShape, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dw = vec![0.0; shape.weight_layout().keras_len()];
    for_each_term(shape, |x_at, w_at, y_at| dw[w_at] += x[x_at] * dy[y_at]);
    dw
}
