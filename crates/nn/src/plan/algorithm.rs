//! The algorithms that an operation can be computed by.

use divvy_kernels::{Conv2dShape, ConvAlgorithm, ConvPass, HalfFormat, WeightSource, WinogradTile};
use serde::Serialize;

use super::op::{ConvOperand, Op};
use super::{Algorithms, PlanOptions};

/// The algorithm that an operation is computed by, and those that were passed over for it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AlgorithmChoice {
    /// The one that is run.
    pub chosen: Algorithm,
    /// The others that could compute it.
    pub passed_over: Vec<PassedOver>,
}

/// An algorithm and what it costs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Algorithm {
    /// `direct`, `winograd 2x2` or `winograd 4x4`, by the outputs that are computed at once, or `direct bf16` and `direct f16`, of rounded operands.
    pub name: &'static str,
    /// By how many times fewer multiplications it does than the definition; of pairs, one is two.
    pub saving: f64,
    /// The millions of clock cycles on one core that it was reckoned to cost; none where there was nothing to choose.
    pub megacycles: Option<f64>,
}

/// An algorithm that was not taken.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PassedOver {
    /// Which.
    #[serde(flatten)]
    pub algorithm: Algorithm,
    /// Why not, in a few words.
    pub reason: String,
}

impl Algorithm {
    fn new(algorithm: ConvAlgorithm, megacycles: Option<f64>) -> Self {
        let (name, saving) = match algorithm {
            ConvAlgorithm::Direct => ("direct", 1.0),
            ConvAlgorithm::Half(half) => match half.format() {
                HalfFormat::Bf16 => ("direct bf16", 2.0),
                HalfFormat::F16 => ("direct f16", 2.0),
            },
            ConvAlgorithm::Winograd(WinogradTile::Two) => ("winograd 2x2", 2.25),
            ConvAlgorithm::Winograd(WinogradTile::Four) => ("winograd 4x4", 4.0),
        };
        Self { name, saving, megacycles }
    }
}

impl AlgorithmChoice {
    /// The only algorithm that there is.
    pub(crate) fn direct() -> Self {
        Self { chosen: Algorithm::new(ConvAlgorithm::Direct, None), passed_over: Vec::new() }
    }

    /// A pass of a convolution, of whose algorithms one was chosen.
    fn of_conv(
        shape: &Conv2dShape,
        pass: ConvPass,
        options: PlanOptions,
        weights: WeightSource,
        chosen: ConvAlgorithm,
    ) -> Self {
        let candidates = shape.algorithms(pass, options.isa, weights, options.half);
        let megacycles =
            |wanted| candidates.iter().find(|(one, _)| *one == wanted).map(|(_, cost)| cost / 1e6);
        let others = candidates.iter().filter(|(other, _)| *other != chosen);
        let why = match options.algorithms {
            Algorithms::Fastest => "reckoned to cost more",
            Algorithms::Exact => "not exact",
            Algorithms::Only(_) => "not asked for",
        };
        let passed_over = others
            .map(|&(other, cost)| PassedOver {
                algorithm: Algorithm::new(other, Some(cost / 1e6)),
                reason: why.to_owned(),
            })
            .collect();
        Self { chosen: Algorithm::new(chosen, megacycles(chosen)), passed_over }
    }
}

impl Op {
    /// How the operation is computed, of a plan that was compiled for `options` and has its weights from there; none where there is but one
    /// way.
    pub(super) fn algorithms(&self, options: PlanOptions, source: WeightSource) -> Option<AlgorithmChoice> {
        let of = |shape, pass, weights: &ConvOperand| {
            AlgorithmChoice::of_conv(shape, pass, options, source, weights.algorithm())
        };
        match self {
            Self::Conv2d { shape, weights, .. } => Some(of(shape, ConvPass::Forward, weights)),
            Self::Conv2dBackwardData { shape, weights, .. } => {
                Some(of(shape, ConvPass::BackwardData, weights))
            }
            Self::Conv2dBackwardWeights { shape, algorithm, .. } => {
                Some(AlgorithmChoice::of_conv(shape, ConvPass::BackwardWeights, options, source, *algorithm))
            }
            Self::Dense { .. } | Self::DenseBackward { .. } => Some(AlgorithmChoice::direct()),
            _ => None,
        }
    }
}
