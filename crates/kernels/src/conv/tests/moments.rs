//! What is gathered of a convolution's outputs, against the outputs themselves.

use super::*;

impl Case {
    /// Numbers of each filter over all its outputs, put together from the parts, are those of the outputs that the convolution leaves alone.
    pub(super) fn check_moments(&self, algorithm: ConvAlgorithm) {
        let shape = &self.shape;
        let (len, moments_len) = (shape.output_len(), shape.moments_len(algorithm));
        let run = |asked: bool| {
            on_every_cpu(
                |threads| (len + moments_len, shape.scratch(ConvPass::Forward, algorithm, threads)),
                |cpu, output, scratch| {
                    let (y, moments) = output.split_at_mut(len);
                    let output = ConvOutput { y, moments: asked.then_some(moments) };
                    self.with_weights(cpu, ConvPass::Forward, algorithm, |weights| {
                        let epilogue = Epilogue {
                            activation: Some(Rectifier::Relu),
                            ..Epilogue::bias(Some(&self.bias))
                        };
                        conv2d_forward(cpu, shape, &self.x, weights, &epilogue, output, scratch);
                    });
                },
            )
        };
        for ((isa, output), (_, alone)) in run(true).iter().zip(run(false)) {
            let (y, moments) = output.split_at(len);
            assert!(y == &alone[..len], "{algorithm:?} on {isa}: other outputs with moments");
            for filter in 0..if len == 0 { 0 } else { shape.filters } {
                let of_filter: Vec<f64> =
                    y.iter().skip(filter).step_by(shape.filters).map(|&y| f64::from(y)).collect();
                let parts = moments.chunks_exact(4 * shape.filters);
                let parts =
                    parts.map(|part| [0, 1, 2, 3].map(|of| f64::from(part[of * shape.filters + filter])));
                assert_put_together(&parts.collect::<Vec<_>>(), &of_filter);
            }
        }
    }
}

/// `parts` are samples of `all`, a number near their mean, and sums of their differences from it and of the squares of these.
fn assert_put_together(parts: &[[f64; 4]], all: &[f64]) {
    let rows = all.len() as f64;
    assert_eq!(parts.iter().map(|[samples, ..]| samples).sum::<f64>(), rows, "samples");
    let mean = parts.iter().map(|[samples, near, sum, _]| samples * near + sum).sum::<f64>() / rows;
    let squares = parts.iter().map(|[samples, near, sum, squares]| {
        squares + 2.0 * (near - mean) * sum + samples * (near - mean).powi(2)
    });
    let (squares, truth) = (squares.sum::<f64>(), all.iter().sum::<f64>() / rows);
    let size = all.iter().map(|y| y.abs()).fold(1e-3, f64::max);
    assert!((mean - truth).abs() < 1e-6 * size, "a mean of {mean}, not {truth}");
    let truth = all.iter().map(|y| (y - truth).powi(2)).sum::<f64>();
    assert!((squares - truth).abs() < 1e-5 * rows * size * size, "squares of {squares}, not {truth}");
}

/// Parts of several images, of rows of an image, of some panels; tiles that begin within a row of them.
#[test]
fn parts_of_all_kinds_make_up_the_outputs() {
    let shapes = [
        square(70, 6, 5, 40, 3, 1),
        square(2, 90, 3, 70, 3, 1),
        square(3, 21, 40, 70, 3, 1),
        square(1, 24, 32, 300, 3, 1),
        Conv2dShape { groups: 200, ..square(2, 40, 200, 200, 3, 1) },
    ];
    for (seed, shape) in shapes.into_iter().enumerate() {
        let case = Case::new(shape, seed as u64);
        for algorithm in ConvAlgorithm::all(&shape, Isa::best().halves()) {
            let parts = shape.moments_len(algorithm) / (4 * shape.filters);
            assert!(parts > 1, "{algorithm:?}: {parts} parts");
            case.check_moments(algorithm);
        }
    }
}
