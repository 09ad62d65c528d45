//! Numbers that 16 bits hold only where they are scaled.

use super::*;

/// Gradients of a mean over a batch are far below the range of f16, and sums of activations may lie above it.
#[test]
fn numbers_beyond_the_range_of_f16_keep_their_precision() {
    let (tiny, huge) = (2_f32.powi(-40), 2_f32.powi(20));
    let mut case = Case::new(Conv2dShape { strides: (2, 2), ..square(3, 9, 34, 66, 3, 1) }, 3);
    case.dy.iter_mut().for_each(|dy| *dy *= tiny);
    case.x.iter_mut().for_each(|x| *x *= huge);
    case.check();
}

/// What one block is scaled by is nothing to the others, nor are numbers that are not finite to those that they do not meet.
#[test]
fn what_is_not_finite_stays_where_it_is() {
    let shape = square(2, 12, 16, 32, 3, 1);
    for half in Isa::best().halves() {
        let algorithm = ConvAlgorithm::Half(half);
        let mut case = Case::new(shape, 5);
        let plain = forward(&case, algorithm);
        case.x[0] = f32::INFINITY;
        let (first, other) = (shape.filters * 2, shape.output_len() / 2);
        let y = forward(&case, algorithm);
        assert!(y[..first].iter().any(|y| !y.is_finite()));
        assert!(
            y[other..].iter().zip(&plain[other..]).all(|(y, plain)| (y - plain).abs() < 1e-1),
            "{half:?}"
        );
    }
}

fn forward(case: &Case, algorithm: ConvAlgorithm) -> Vec<f32> {
    let shape = &case.shape;
    let outputs = on_every_cpu(
        |threads| (shape.output_len(), shape.scratch(ConvPass::Forward, algorithm, threads)),
        |cpu, y, scratch| {
            case.with_weights(cpu, ConvPass::Forward, algorithm, |weights| {
                conv2d_forward(cpu, shape, &case.x, weights, &Epilogue::default(), y.into(), scratch);
            });
        },
    );
    outputs.into_iter().next().expect("there is a portable one").1
}
