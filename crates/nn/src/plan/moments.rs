//! Batch norms in training read the moments that the convolution before them gathers of its outputs while those are in the cache, rather than
//! the outputs once more.

use std::collections::HashMap;

use super::lower::Lowering;
use super::op::{BufferId, Op};

/// Lets each convolution whose output a batch norm normalises gather its moments. Convolutions have their algorithms, which decide how many
/// parts there are.
pub(super) fn gather_moments(lowering: &mut Lowering<'_>) {
    let mut convolutions = HashMap::new();
    for at in 0..lowering.ops.len() {
        match lowering.ops[at].op {
            Op::Conv2d { y, .. } => _ = convolutions.insert(y, at),
            Op::BatchNormTrain { x, .. } | Op::BatchNormMaxPool { x, .. } => {
                let of_x = convolutions.get(&x).map(|&convolution| moments_of(lowering, convolution));
                if let Op::BatchNormTrain { moments, .. } | Op::BatchNormMaxPool { moments, .. } =
                    &mut lowering.ops[at].op
                {
                    *moments = of_x;
                }
            }
            _ => {}
        }
    }
}

/// The buffer that this convolution gathers its moments in.
fn moments_of(lowering: &mut Lowering<'_>, convolution: usize) -> BufferId {
    let Op::Conv2d { shape, weights, moments, .. } = lowering.ops[convolution].op else {
        unreachable!("an operation that was found to be a convolution");
    };
    moments.unwrap_or_else(|| {
        let buffer = lowering.buffer(shape.moments_len(weights.algorithm()));
        if let Op::Conv2d { moments, .. } = &mut lowering.ops[convolution].op {
            *moments = Some(buffer);
        }
        buffer
    })
}
