//! The algorithms of a convolution's passes, and which is the fastest.

use super::correlate;
use super::correlation::Correlation;
use super::operands::Operands;
use super::winograd::{self, WinogradTile};
use super::{Conv2dShape, backward_data, backward_weights};
use crate::packing::PANEL;
use crate::{Half, HalfFormat, Isa};

/// A pass of a convolution.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConvPass {
    /// From the input to the output.
    Forward,
    /// From the output's gradient to the input's.
    BackwardData,
    /// From the output's gradient to the weights'.
    BackwardWeights,
}

/// How a pass is computed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ConvAlgorithm {
    /// Every product of the definition: implicit GEMM.
    Direct,
    /// Winograd's minimal filtering, for 3x3 kernels of stride 1 without groups and dilation.
    Winograd(WinogradTile),
    /// Every product of the definition, of operands that are rounded to 16 bits; sums are `f32`, or become so. For even numbers of channels and of
    /// filters in a group, but not for depthwise convolutions.
    Half(Half),
}

/// What is made of packed weights beforehand, for an algorithm that does not read them as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WeightTransform {
    /// That of Winograd's minimal filtering.
    Winograd(WinogradTile),
    /// Rounding to 16 bits, and pairing.
    Half(Half),
}

/// The weights as an algorithm reads them.
#[derive(Clone, Copy, Debug)]
pub enum ConvWeights<'a> {
    /// Packed as [`Conv2dShape::weight_layout`] tells.
    Packed(&'a [f32]),
    /// Transformed by [`transform_weights`](crate::transform_weights) for this pass.
    Transformed(WeightTransform, &'a [f32]),
}

/// Where a pass has its weights from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WeightSource {
    /// They change with every batch, and are transformed anew where an algorithm asks for it.
    Trained,
    /// They are as the algorithm reads them, in the third-level cache.
    Cache,
    /// They are as the algorithm reads them, in memory: all those of the network pass by for every batch.
    Memory,
}

impl WeightSource {
    /// That of weights that do not change, of a network with so many in all. Transformed ones are up to four times as many.
    pub fn unchanging(all: usize) -> Self {
        if (4 * size_of::<f32>() * all) as f64 <= CACHE { Self::Cache } else { Self::Memory }
    }
}

impl WeightTransform {
    /// The algorithm that reads what becomes of the weights.
    pub fn algorithm(self) -> ConvAlgorithm {
        match self {
            Self::Winograd(tile) => ConvAlgorithm::Winograd(tile),
            Self::Half(half) => ConvAlgorithm::Half(half),
        }
    }
}

impl ConvAlgorithm {
    /// Whether the algorithm can compute a convolution of this shape.
    pub fn applies(self, shape: &Conv2dShape) -> bool {
        match self {
            Self::Direct => true,
            Self::Winograd(_) => winograd::applies(&shape.correlation()),
            Self::Half(_) => {
                let are_even = [shape.group_channels(), shape.group_filters()]
                    .into_iter()
                    .all(|count| count.is_multiple_of(Half::NUMBERS));
                are_even && !shape.is_depthwise()
            }
        }
    }

    /// The algorithms that can compute a convolution of this shape; those that round to 16 bits only for the formats that are given.
    pub fn all<H: IntoIterator<Item = Half>>(
        shape: &Conv2dShape,
        halves: H,
    ) -> impl Iterator<Item = Self> + use<'_, H> {
        let winograd = [WinogradTile::Two, WinogradTile::Four].map(Self::Winograd);
        let all = [Self::Direct].into_iter().chain(winograd).chain(halves.into_iter().map(Self::Half));
        all.filter(|algorithm| algorithm.applies(shape))
    }

    /// What its weights are transformed by, if they are.
    pub fn transform(self) -> Option<WeightTransform> {
        match self {
            Self::Direct => None,
            Self::Winograd(tile) => Some(WeightTransform::Winograd(tile)),
            Self::Half(half) => Some(WeightTransform::Half(half)),
        }
    }

    /// # Panics
    /// When the algorithm is not one for this shape.
    pub(super) fn check(self, shape: &Conv2dShape) {
        assert!(self.applies(shape), "{self:?} is not for {shape:?}");
    }
}

impl ConvWeights<'_> {
    /// The algorithm that reads them.
    pub fn algorithm(&self) -> ConvAlgorithm {
        match self {
            Self::Packed(_) => ConvAlgorithm::Direct,
            Self::Transformed(transform, _) => transform.algorithm(),
        }
    }

    /// # Panics
    /// When they are not weights of this shape.
    pub(super) fn check(&self, shape: &Conv2dShape, pass: ConvPass) {
        let (found, needed) = match self {
            Self::Packed(w) => (w.len(), shape.weights_len()),
            Self::Transformed(transform, u) => (u.len(), shape.transformed_len(pass, *transform)),
        };
        assert_eq!(found, needed, "a convolution's weights");
    }
}

/// What a pass is reckoned to cost on one core, in clock cycles.
///
/// Arithmetic is as fast as on the processor at hand; the other figures are those of AVX-512 on a Zen 5 core. What counts are the ratios,
/// which hold elsewhere: an algorithm is never worth the trouble where it saves a few hundredths.
struct Cost {
    /// Numbers in a vector.
    lanes: f64,
    /// Products that a core begins in a cycle.
    products: f64,
}

/// Of the products that a core can begin, the share that a sum over windows, or over products, keeps busy.
const DIRECT: f64 = 0.95;
const PRODUCTS: f64 = 0.8;
/// Carrying a vector of kernels over, of what carrying one of squares costs.
const LIFT: f64 = 1.4;

/// What pairs of numbers cost.
struct PairCost {
    /// Their sums, of what those of numbers cost.
    sums: f64,
    /// Cycles to read two numbers from a cache further away, to round them, and to write a pair.
    copy: f64,
}

impl PairCost {
    fn of(format: HalfFormat) -> Self {
        match format {
            // Sums take half as long; but so much does the reckoning of Winograd's algorithm, which they compete with, lie above its times on
            // Zen 5. Copying is reckoned likewise.
            HalfFormat::Bf16 => Self { sums: 0.8, copy: 0.5 },
            // Those of Sapphire Rapids. Sums are widened now and then, and numbers read twice, the first time for the scale.
            HalfFormat::F16 => Self { sums: 0.65, copy: 0.7 },
        }
    }
}

/// Bytes of transformed weights that stay in a third-level cache. They are fetched ahead of the products, so that it hardly matters
/// whether the second-level cache has them.
const CACHE: f64 = (1 << 25) as f64;
/// Bytes of a task's own sums that stay in a second-level cache beside its block.
const OWN: f64 = (3 << 18) as f64;

impl Cost {
    fn direct(&self, products: u64) -> f64 {
        products as f64 / (self.products * DIRECT)
    }

    /// `copied` are the pairs that are made of the source.
    fn half(&self, half: Half, shape: &Conv2dShape, copied: usize) -> f64 {
        let PairCost { sums, copy } = PairCost::of(half.format());
        self.direct(shape.flops() / 2) * sums + copied as f64 * copy
    }

    /// Cycles to carry a vector of squares over, or back.
    fn carry(tile: WinogradTile) -> f64 {
        match tile {
            WinogradTile::Two => 85.0,
            WinogradTile::Four => 300.0,
        }
    }

    fn vectors(&self, channels: usize) -> f64 {
        (channels as f64 / self.lanes).ceil()
    }

    /// Moving so many bytes of weights, from the cache if that holds `all` of them.
    fn bytes(moved: f64, all: f64) -> f64 {
        if all <= CACHE { moved / 32.0 } else { moved / 2.5 }
    }

    /// Having the weights of a pass as the algorithm reads them, in the cache.
    fn weights(
        &self,
        shape: &Conv2dShape,
        pass: ConvPass,
        algorithm: ConvAlgorithm,
        source: WeightSource,
    ) -> f64 {
        if pass == ConvPass::BackwardWeights {
            return 0.0;
        }
        let packed = shape.weights_len();
        let read = algorithm.transform().map_or(packed, |transform| shape.transformed_len(pass, transform));
        let bytes = 4.0 * read as f64;
        match (source, algorithm) {
            (WeightSource::Cache, _) | (WeightSource::Trained, ConvAlgorithm::Direct) => 0.0,
            // They are fetched ahead of the products.
            (WeightSource::Memory, _) => bytes / 6.0,
            (WeightSource::Trained, ConvAlgorithm::Half(_)) => {
                Self::bytes(4.0 * packed as f64, 4.0 * packed as f64)
            }
            (WeightSource::Trained, ConvAlgorithm::Winograd(tile)) => {
                let kernels = packed as f64 / 9.0;
                LIFT * kernels / self.lanes * Self::carry(tile) + Self::bytes(bytes, bytes)
            }
        }
    }

    /// Reading and writing so many bytes of the sums over tiles, of which a task has `own`: most of that goes on while products do.
    fn sums(moved: f64, own: f64) -> f64 {
        if own <= OWN { moved / 64.0 } else { moved / 48.0 }
    }

    /// Sums over windows by Winograd's algorithm.
    fn winograd(&self, c: &Correlation, tile: WinogradTile) -> f64 {
        let planes = tile.planes() as f64;
        let blocks = winograd::blocks(c, tile);
        let tiles = winograd::tiles(c, tile) as f64;
        let (channels, filters) = (c.depth() as f64, (c.panels() * PANEL) as f64);
        let products = tiles * planes * channels * filters / (self.products * PRODUCTS);
        let carried = self.vectors(c.depth()) * blocks.passes as f64 + self.vectors(c.filters());
        let weights = winograd::weights_len(c, tile) as f64;
        let read = Self::bytes(4.0 * weights * blocks.count as f64, 4.0 * weights);
        products + tiles * carried * Self::carry(tile) + read
    }

    fn winograd_weights(&self, c: &Correlation, tile: WinogradTile) -> f64 {
        let planes = tile.planes() as f64;
        let blocks = winograd::gradient_blocks(c, tile);
        let tiles = winograd::tiles(c, tile) as f64;
        let (channels, filters) = (c.depth() as f64, (c.panels() * PANEL) as f64);
        let products = tiles * planes * channels * filters / (self.products * PRODUCTS);
        let carried = self.vectors(c.depth()) * blocks.passes as f64 + self.vectors(c.filters());
        let sums = winograd::weights_len(c, tile) as f64;
        let moved = Self::sums(8.0 * sums * blocks.count as f64, 4.0 * blocks.sums as f64);
        let back = channels * filters / self.lanes * blocks.parts as f64;
        products + (tiles * carried + back) * Self::carry(tile) + moved
    }
}

impl Conv2dShape {
    /// The algorithms for a pass and what each is reckoned to cost on one core, in clock cycles: the fastest first; of nothing to compute,
    /// the direct one alone. With `half`, operands may be rounded to that.
    pub fn algorithms(
        &self,
        pass: ConvPass,
        isa: Isa,
        weights: WeightSource,
        half: Option<Half>,
    ) -> Vec<(ConvAlgorithm, f64)> {
        if self.output_len() == 0 {
            return vec![(ConvAlgorithm::Direct, 0.0)];
        }
        let lanes = isa.lanes() as f64;
        let cost = Cost { lanes, products: lanes * isa.multipliers() as f64 };
        let sums = |algorithm| match (algorithm, pass) {
            (ConvAlgorithm::Direct, ConvPass::Forward) => {
                let c = self.correlation();
                cost.direct(c.products(c.reading()))
            }
            (ConvAlgorithm::Direct, ConvPass::BackwardData) => cost.direct(backward_data::products(self)),
            (ConvAlgorithm::Direct, ConvPass::BackwardWeights) => {
                cost.direct(backward_weights::products(self))
            }
            (ConvAlgorithm::Half(half), ConvPass::Forward) => {
                let copied = correlate::copied(Operands::Pairs(half), &self.correlation());
                cost.half(half, self, copied)
            }
            (ConvAlgorithm::Half(half), ConvPass::BackwardData) => {
                cost.half(half, self, backward_data::copied_pairs(half, self))
            }
            (ConvAlgorithm::Half(half), ConvPass::BackwardWeights) => {
                cost.half(half, self, backward_weights::copied_pairs(self))
            }
            (ConvAlgorithm::Winograd(tile), ConvPass::Forward) => cost.winograd(&self.correlation(), tile),
            (ConvAlgorithm::Winograd(tile), ConvPass::BackwardData) => {
                cost.winograd(&backward_data::whole(self), tile)
            }
            (ConvAlgorithm::Winograd(tile), ConvPass::BackwardWeights) => {
                cost.winograd_weights(&self.correlation(), tile)
            }
        };
        let mut algorithms: Vec<_> = ConvAlgorithm::all(self, half)
            .map(|algorithm| (algorithm, sums(algorithm) + cost.weights(self, pass, algorithm, weights)))
            .collect();
        // The sort is stable: of two that cost the same, the one with less rounding comes first.
        algorithms.sort_by(|a, b| a.1.total_cmp(&b.1));
        algorithms
    }
}
