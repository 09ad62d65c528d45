//! Depth first by rows: convolutions that are run one behind the other, a band of rows at a time.

use std::ops::Range;

use divvy_kernels::{Conv2dShape, ConvAlgorithm, ConvChain};

use super::Step;
use super::lower::BufferSpec;
use super::op::{BufferId, Op};

/// Floating-point operations that may be done twice for each byte that need not go to memory and back. A core does three times as many
/// while the byte comes from a third-level cache, but other bytes are on their way meanwhile, and short bands keep it less busy.
const FLOPS_PER_BYTE: i64 = 1;

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
    for (at, pair) in (first + 2..).zip(steps[first..].windows(2)) {
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
