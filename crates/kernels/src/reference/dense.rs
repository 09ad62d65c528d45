//! Dense layers, as their definition reads.

use crate::DenseShape;

/// `y`, from `x` and weights `[inputs, outputs]`.
pub(crate) fn forward(shape: &DenseShape, x: &[f64], w: &[f64], bias: &[f64]) -> Vec<f64> {
    let mut y = Vec::with_capacity(shape.output_len());
    for b in 0..shape.batch {
        for o in 0..shape.outputs {
            let products = (0..shape.inputs).map(|i| x[b * shape.inputs + i] * w[i * shape.outputs + o]);
            y.push(bias[o] + products.sum::<f64>());
        }
    }
    y
}

/// `dx`, from `dy` and weights `[inputs, outputs]`.
pub(crate) fn backward_data(shape: &DenseShape, dy: &[f64], w: &[f64]) -> Vec<f64> {
    let mut dx = Vec::with_capacity(shape.input_len());
    for b in 0..shape.batch {
        for i in 0..shape.inputs {
            let products = (0..shape.outputs).map(|o| dy[b * shape.outputs + o] * w[i * shape.outputs + o]);
            dx.push(products.sum());
        }
    }
    dx
}

/// `dw`, `[inputs, outputs]`, from `x` and `dy`.
pub(crate) fn backward_weights(shape: &DenseShape, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dw = Vec::with_capacity(shape.inputs * shape.outputs);
    for i in 0..shape.inputs {
        for o in 0..shape.outputs {
            let products = (0..shape.batch).map(|b| x[b * shape.inputs + i] * dy[b * shape.outputs + o]);
            dw.push(products.sum());
        }
    }
    dw
}
