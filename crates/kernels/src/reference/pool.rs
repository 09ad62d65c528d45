//! Pooling, window by window.

use crate::PoolShape;

/// The indices of the input's elements in the window of each element of the output, row by row.
pub(crate) fn windows(shape: &PoolShape) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    for image in 0..shape.batch {
        for oy in 0..shape.out_height() {
            for ox in 0..shape.out_width() {
                for channel in 0..shape.channels {
                    all.push(window(shape, image, oy, ox, channel));
                }
            }
        }
    }
    all
}

fn window(shape: &PoolShape, image: usize, oy: usize, ox: usize, channel: usize) -> Vec<usize> {
    let mut indices = Vec::new();
    for ky in 0..shape.window.0 {
        for kx in 0..shape.window.1 {
            // In the padded map, counted from its border.
            let (y, x) = (oy * shape.strides.0 + ky, ox * shape.strides.1 + kx);
            let inside_y = y >= shape.padding.top && y < shape.padding.top + shape.height;
            let inside_x = x >= shape.padding.left && x < shape.padding.left + shape.width;
            if inside_y && inside_x {
                let row = image * shape.height + y - shape.padding.top;
                indices.push((row * shape.width + x - shape.padding.left) * shape.channels + channel);
            }
        }
    }
    indices
}

pub(crate) fn max_pool(shape: &PoolShape, x: &[f64]) -> Vec<f64> {
    let largest = |window: Vec<usize>| window.into_iter().map(|i| x[i]).fold(f64::NEG_INFINITY, f64::max);
    windows(shape).into_iter().map(largest).collect()
}

/// The gradient of each window goes to its first maximum.
pub(crate) fn max_pool_backward(shape: &PoolShape, x: &[f64], dy: &[f64]) -> Vec<f64> {
    let mut dx = vec![0.0; x.len()];
    for (window, dy) in windows(shape).into_iter().zip(dy) {
        let mut first = window[0];
        for i in window {
            if x[i] > x[first] {
                first = i;
            }
        }
        dx[first] += dy;
    }
    dx
}

pub(crate) fn avg_pool(shape: &PoolShape, x: &[f64]) -> Vec<f64> {
    let mean = |window: Vec<usize>| window.iter().map(|i| x[*i]).sum::<f64>() / window.len() as f64;
    windows(shape).into_iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Padding;
    use crate::reference::differences::gradient;
    use crate::reference::trial::{dot, numbers, wide};

    #[test]
    fn the_backward_pass_agrees_with_differences() {
        let padding = Padding { top: 1, bottom: 0, left: 1, right: 1 };
        let shape = PoolShape {
            batch: 2,
            height: 5,
            width: 4,
            channels: 3,
            window: (3, 2),
            strides: (2, 1),
            padding,
        };
        // Numbers so far apart that a difference does not change which is the largest.
        let x: Vec<f64> = (0..shape.input_len()).map(|i| (i * 37 % shape.input_len()) as f64 * 0.1).collect();
        let dy = wide(&numbers(shape.output_len(), 3));
        let formula = max_pool_backward(&shape, &x, &dy);
        let differences = gradient(|x| dot(&max_pool(&shape, x), &dy), &x);
        assert!(
            formula.iter().zip(&differences).all(|(a, b)| (a - b).abs() < 1e-7),
            "{formula:?} {differences:?}"
        );
    }
}
