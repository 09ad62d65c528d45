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

#[cfg(test)]
mod tests {
    use super::super::op::{BufferId, Op};
    use super::super::testing::{compiled, named, unfused};
    use super::super::{Mode, Plan};
    use crate::{Activation, BatchNorm, Conv2d, Dense, Flatten, MaxPool2d, Network, Sequential, Task};

    /// Of each batch norm, what operation makes its input, the moments that this gathers, and those that the norm reads.
    fn norms(plan: &Plan) -> Vec<(&'static str, Option<BufferId>, Option<BufferId>)> {
        let maker = |x: BufferId| {
            let op = plan.steps().iter().map(|step| &step.op).find(|op| op.operands().writes.contains(&x));
            match op.expect("an operation makes it") {
                Op::Conv2d { y, moments, .. } if *y == x => ("conv2d", *moments),
                op => (op.name(), None),
            }
        };
        let norm = |op: &Op| match *op {
            Op::BatchNormTrain { x, moments, .. } | Op::BatchNormMaxPool { x, moments, .. } => {
                let (name, gathered) = maker(x);
                Some((name, gathered, moments))
            }
            _ => None,
        };
        plan.steps().iter().filter_map(|step| norm(&step.op)).collect()
    }

    #[test]
    fn norms_behind_convolutions_read_the_moments_that_these_gather() {
        for (name, count) in [("classic", 2), ("mobilenet_v2", 52)] {
            let norms = norms(&compiled(&named(name, 32), Mode::Train, 2));
            assert_eq!(norms.len(), count, "{name}");
            for (maker, gathered, read) in norms {
                assert_eq!(maker, "conv2d", "{name}");
                assert!(gathered.is_some() && read == gathered, "{name}: {gathered:?}, {read:?}");
            }
        }
    }

    #[test]
    fn a_norm_behind_something_else_reads_its_input_and_so_does_each_where_nothing_is_fused() {
        let graph = Sequential::new([8, 8, 3])
            .add(Conv2d::new(4, 3))
            .add(MaxPool2d::new(2))
            .add(BatchNorm::new())
            .add(Conv2d::new(4, 3))
            .add(BatchNorm::new())
            .add(Flatten::new())
            .add(Dense::new(3).activation(Activation::Softmax))
            .build();
        let network = Network::new(graph.unwrap(), Task::MultiClass).unwrap();
        let read = |plan: &Plan| norms(plan).iter().map(|norm| norm.2.is_some()).collect::<Vec<_>>();
        assert_eq!(read(&compiled(&network, Mode::Train, 2)), [false, true]);
        assert_eq!(read(&unfused(&network, Mode::Train, 2)), [false, false]);
    }
}
