//! Depth first by rows: convolutions that are run one behind the other, a band of rows at a time.

use std::ops::Range;

use divvy_kernels::{Conv2dShape, ConvAlgorithm, ConvChain};

use super::Step;
use super::lower::BufferSpec;
use super::op::{BufferId, Op};

/// Floating-point operations that may be done twice for each byte that need not go to memory and back. A core does three times as many
/// while the byte comes from a third-level cache, but other bytes are on their way meanwhile, and short bands keep it less busy.
const FLOPS_PER_BYTE: i64 = 1;

/// Convolutions of a chain at the most: common networks have chains of six or fewer, and each one more is reckoned with all before it.
const LONGEST: usize = 8;

/// Neighbouring operations that are run as one chain where no times are taken of each.
#[derive(Clone, Debug)]
pub(crate) struct Chained {
    pub(crate) steps: Range<usize>,
    pub(crate) chain: ConvChain,
}

impl Chained {
    /// What is gained, in floating-point operations.
    fn gain(&self) -> i64 {
        let spared = 2 * size_of::<f32>() * self.chain.between();
        let reread = size_of::<f32>() * self.chain.weights_reread();
        let bytes = spared.cast_signed() - reread.cast_signed();
        FLOPS_PER_BYTE * bytes as i64 - self.chain.wasted().cast_signed()
    }
}

/// The chains of a plan's operations: each as long as it gains by another convolution.
pub(super) fn chains(steps: &[Step], buffers: &[BufferSpec]) -> Vec<Chained> {
    let mut readers = vec![0; buffers.len()];
    steps.iter().flat_map(|step| step.op.operands().reads).for_each(|id| readers[id.0] += 1);
    let is_between = |id: BufferId| readers[id.0] == 1 && !buffers[id.0].external;
    let mut chains = Vec::new();
    let mut next = 0;
    while next < steps.len() {
        let best = longest(steps, next, is_between);
        next = best.as_ref().map_or(next + 1, |chained| chained.steps.end);
        chains.extend(best);
    }
    chains
}

/// The chain that begins with an operation, if one does.
fn longest(steps: &[Step], first: usize, is_between: impl Fn(BufferId) -> bool) -> Option<Chained> {
    let mut links = vec![link(&steps[first])?];
    let mut best: Option<Chained> = None;
    for (at, pair) in (first + 2..first + 1 + LONGEST).zip(steps[first..].windows(2)) {
        let (Op::Conv2d { y, .. }, Op::Conv2d { x, epilogue, .. }) = (&pair[0].op, &pair[1].op) else {
            break;
        };
        if x != y || epilogue.residual == Some(*y) || !is_between(*y) {
            break;
        }
        links.extend(link(&pair[1]));
        let Some(chain) = ConvChain::new(&links) else { break };
        let longer = Chained { steps: first..at, chain };
        if longer.gain() <= best.as_ref().map_or(0, Chained::gain) {
            break;
        }
        best = Some(longer);
    }
    best
}

fn link(step: &Step) -> Option<(Conv2dShape, ConvAlgorithm)> {
    match &step.op {
        Op::Conv2d { shape, weights, .. } => Some((*shape, weights.algorithm())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{compiled, named, unfused};
    use super::super::{Mode, Op};

    /// Each is a run of convolutions, of which each alone reads what the one before writes. All of those whose maps are large are in one, and
    /// none whose weights are larger than its maps.
    #[test]
    fn the_first_convolutions_of_an_inference_are_chained() {
        let plan = compiled(&named("mobilenet_v2", 224), Mode::Infer, 1);
        let chains: Vec<_> = plan.chains.iter().map(|chained| chained.steps.clone()).collect();
        let is_large = |op: &Op| matches!(op, Op::Conv2d { shape, .. } if shape.out_height() >= 56);
        let mut large = (0..plan.steps().len()).filter(|&at| is_large(&plan.steps()[at].op)).peekable();
        assert!(
            large.peek().is_some() && large.all(|at| chains.iter().any(|steps| steps.contains(&at))),
            "{chains:?}"
        );
        assert!(chains.windows(2).all(|pair| pair[0].end <= pair[1].start), "{chains:?}");
        for steps in chains {
            let ops: Vec<&Op> = plan.steps()[steps.clone()].iter().map(|step| &step.op).collect();
            assert!(ops.len() > 1, "{steps:?}");
            for pair in ops.windows(2) {
                let [Op::Conv2d { y, .. }, Op::Conv2d { x, shape, .. }] = pair else { panic!("{pair:?}") };
                assert_eq!(x, y, "{steps:?}");
                let reads = plan.steps().iter().flat_map(|step| step.op.operands().reads);
                assert_eq!(reads.filter(|id| id == y).count(), 1, "{steps:?}");
                assert!(shape.input_len() + shape.output_len() > shape.weights_len(), "{steps:?}");
            }
        }
    }

    #[test]
    fn a_training_has_no_chains_and_neither_has_what_is_not_fused() {
        let network = named("mobilenet_v2", 224);
        assert!(compiled(&network, Mode::Train, 1).chains.is_empty());
        assert!(unfused(&network, Mode::Infer, 1).chains.is_empty());
    }
}
