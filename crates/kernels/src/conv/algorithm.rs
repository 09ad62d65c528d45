//! The algorithms of a convolution's passes, and which is the fastest.

use super::correlation::Correlation;
use super::winograd::{self, WinogradTile};
use super::{Conv2dShape, backward_data};
use crate::Isa;
use crate::packing::PANEL;

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
}

/// The weights as an algorithm reads them.
#[derive(Clone, Copy, Debug)]
pub enum ConvWeights<'a> {
    /// Packed as [`Conv2dShape::weight_layout`] tells.
    Packed(&'a [f32]),
    /// Transformed by [`winograd_weights`](crate::winograd_weights) for this pass.
    Winograd(WinogradTile, &'a [f32]),
}

impl ConvAlgorithm {
    /// Whether the algorithm can compute a convolution of this shape.
    pub fn applies(self, shape: &Conv2dShape) -> bool {
        match self {
            Self::Direct => true,
            Self::Winograd(_) => winograd::applies(&shape.correlation()),
        }
    }

    /// The algorithms that can compute a convolution of this shape.
    pub fn all(shape: &Conv2dShape) -> impl Iterator<Item = Self> + '_ {
        let winograd = [WinogradTile::Two, WinogradTile::Four].map(Self::Winograd);
        [Self::Direct].into_iter().chain(winograd).filter(|algorithm| algorithm.applies(shape))
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
            Self::Winograd(tile, _) => ConvAlgorithm::Winograd(*tile),
        }
    }

    /// # Panics
    /// When they are not weights of this shape.
    pub(super) fn check(&self, shape: &Conv2dShape, pass: ConvPass) {
        let (found, needed) = match self {
            Self::Packed(w) => (w.len(), shape.weights_len()),
            Self::Winograd(tile, u) => (u.len(), shape.winograd_len(pass, *tile)),
        };
        assert_eq!(found, needed, "a convolution's weights");
    }
}

/// What a pass is reckoned to cost on one core, in clock cycles.
///
/// The figures are those of AVX-512 on a Zen 5 core; what counts are the ratios, which hold elsewhere: an algorithm is never worth
/// the trouble where it saves a few hundredths.
struct Cost {
    /// Numbers in a vector.
    lanes: f64,
}

/// Multiplications and additions that a core starts in a cycle.
const MULTIPLIERS: f64 = 2.0;
/// Of those, the share that a sum over windows, or over products, keeps busy.
const DIRECT: f64 = 0.95;
const PRODUCTS: f64 = 0.8;
/// Bytes of transformed weights that stay in a second-level, and in a third-level cache.
const NEAR: f64 = (1 << 19) as f64;
const FAR: f64 = (1 << 23) as f64;

impl Cost {
    fn direct(&self, shape: &Conv2dShape) -> f64 {
        shape.flops() as f64 / 2.0 / (self.lanes * MULTIPLIERS * DIRECT)
    }

    /// Cycles to carry a vector of squares over, or back.
    fn carry(tile: WinogradTile) -> f64 {
        match tile {
            WinogradTile::Two => 120.0,
            WinogradTile::Four => 300.0,
        }
    }

    fn vectors(&self, channels: usize) -> f64 {
        (channels as f64 / self.lanes).ceil()
    }

    /// Moving so many bytes of weights, which lie in the cache that holds `all` of them.
    fn bytes(moved: f64, all: f64) -> f64 {
        match all {
            all if all <= NEAR => moved / 32.0,
            all if all <= FAR => moved / 12.0,
            _ => moved / 2.5,
        }
    }

    /// Sums over windows by Winograd's algorithm; `prepared` where the weights are transformed already.
    fn winograd(&self, c: &Correlation, tile: WinogradTile, prepared: bool) -> f64 {
        let planes = tile.planes() as f64;
        let blocks = winograd::blocks(c, tile);
        let tiles = winograd::tiles(c, tile) as f64;
        let (channels, filters) = (c.depth() as f64, (c.panels() * PANEL) as f64);
        let products = tiles * planes * channels * filters / (self.lanes * MULTIPLIERS * PRODUCTS);
        let carried = self.vectors(c.depth()) * blocks.passes as f64 + self.vectors(c.filters());
        let weights = winograd::weights_len(c, tile) as f64;
        let read = Self::bytes(4.0 * weights * blocks.count as f64, 4.0 * weights);
        let transform = if prepared {
            0.0
        } else {
            2.0 * channels * filters / self.lanes * Self::carry(tile)
                + Self::bytes(4.0 * weights, 4.0 * weights)
        };
        products + tiles * carried * Self::carry(tile) + read + transform
    }

    fn winograd_weights(&self, c: &Correlation, tile: WinogradTile) -> f64 {
        let planes = tile.planes() as f64;
        let blocks = winograd::gradient_blocks(c, tile);
        let tiles = winograd::tiles(c, tile) as f64;
        let (channels, filters) = (c.depth() as f64, (c.panels() * PANEL) as f64);
        let products = tiles * planes * channels * filters / (self.lanes * MULTIPLIERS * PRODUCTS);
        let carried = self.vectors(c.depth()) * blocks.passes as f64 + self.vectors(c.filters());
        let sums = winograd::weights_len(c, tile) as f64;
        let moved = Self::bytes(8.0 * sums * blocks.count as f64, 4.0 * sums);
        let back = 2.0 * channels * filters / self.lanes * Self::carry(tile) * blocks.parts as f64;
        products + tiles * carried * Self::carry(tile) + moved + back
    }
}

impl Conv2dShape {
    /// The algorithms for a pass and what each is reckoned to cost on one core, in clock cycles: the fastest first. `prepared` tells
    /// whether weights are transformed beforehand, as where they do not change.
    pub fn algorithms(&self, pass: ConvPass, isa: Isa, prepared: bool) -> Vec<(ConvAlgorithm, f64)> {
        let cost = Cost { lanes: isa.lanes() as f64 };
        let of = |algorithm| match (algorithm, pass) {
            (ConvAlgorithm::Direct, _) => cost.direct(self),
            (ConvAlgorithm::Winograd(tile), ConvPass::Forward) => {
                cost.winograd(&self.correlation(), tile, prepared)
            }
            (ConvAlgorithm::Winograd(tile), ConvPass::BackwardData) => {
                cost.winograd(&backward_data::whole(self), tile, prepared)
            }
            (ConvAlgorithm::Winograd(tile), ConvPass::BackwardWeights) => {
                cost.winograd_weights(&self.correlation(), tile)
            }
        };
        let mut algorithms: Vec<_> =
            ConvAlgorithm::all(self).map(|algorithm| (algorithm, of(algorithm))).collect();
        // The sort is stable: of two that cost the same, the one with less rounding comes first.
        algorithms.sort_by(|a, b| a.1.total_cmp(&b.1));
        algorithms
    }
}
