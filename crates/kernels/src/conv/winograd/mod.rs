//! Winograd's minimal filtering for 3x3 kernels of stride 1.
//!
//! Outputs are computed in tiles of 2x2 or 4x4. Squares of the image, and once for all of them the weights, are carried into a
//! space where the convolution is a product number by number; there, sums over channels are matrix products, one for each of the
//! 16 or 36 numbers of a square, done by the same microkernel as everything else; what comes out is carried back. 2.25 or 4
//! times fewer multiplications than the direct form. A task carries some tiles through all three stages while they are in the
//! second-level cache.
//!
//! The gradient to the weights is the transpose of this map: squares of the image and tiles of the gradient are carried over,
//! multiplied, summed over all tiles there, and carried back once.

mod backward_weights;
mod forward;
mod tiles;
mod transform;

pub(super) use backward_weights::{
    blocks as gradient_blocks, run as backward_weights, scratch as backward_weights_scratch,
};
pub(super) use forward::{blocks, run as forward, scratch as forward_scratch};

use super::correlation::Correlation;
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::packing::PANEL;
use tiles::{LiftWeights, Planes, Tiles};
use transform::{LinearMap, Weights};

/// The tiles in which Winograd's algorithm computes outputs of a 3x3 convolution.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WinogradTile {
    /// 2x2 outputs: F(2x2, 3x3), 2.25 times fewer multiplications.
    Two,
    /// 4x4 outputs: F(4x4, 3x3), 4 times fewer multiplications, and about ten times the rounding error.
    Four,
}

impl WinogradTile {
    /// Outputs along a side.
    pub(super) fn side(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Numbers of a square of inputs, and products for each channel.
    pub(super) fn planes(self) -> usize {
        (self.side() + 2).pow(2)
    }
}

/// Calls a function that is generic in the sides of a tile, of outputs and of inputs.
macro_rules! with_sides {
    ($tile:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match $tile {
            WinogradTile::Two => $function::<2, 4>($($argument),*),
            WinogradTile::Four => $function::<4, 6>($($argument),*),
        }
    };
}
use with_sides;

/// Whether windows are those that the algorithm is for.
pub(super) fn applies(c: &Correlation) -> bool {
    let squares = c.taps == (3, 3) && c.spacing == (1, 1) && c.step == (1, 1) && c.every == (1, 1);
    squares && c.groups == 1 && c.outputs == (c.target.height, c.target.width)
}

/// Tiles of a batch.
pub(super) fn tiles(c: &Correlation, tile: WinogradTile) -> usize {
    Tiles::of(c, tile.side()).len()
}

/// Elements of a worker's zeros, so many of which are needed: what follows them begins on a cache line.
fn zeros_len(channels: usize) -> usize {
    channels.next_multiple_of(16)
}

/// How a pass is cut, for those who reckon its cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Blocks {
    /// How often all weights, or sums, pass by.
    pub count: usize,
    /// How often every square of the image is carried over.
    pub passes: usize,
    /// Copies of the gradient.
    pub parts: usize,
    /// Elements of the sums that a task adds to; none where it keeps its sums in registers.
    pub sums: usize,
}

/// The planes of a panel's transformed weights, `[plane][channel][PANEL]`, or of their gradient.
fn weight_planes(c: &Correlation) -> Planes {
    Planes::new(c.depth(), PANEL)
}

/// Elements of the transformed weights: each panel's planes.
pub(super) fn weights_len(c: &Correlation, tile: WinogradTile) -> usize {
    c.panels() * weight_planes(c).len(tile.planes())
}

/// Elements of the planes of a block of tiles, squares and what one panel makes of them or is multiplied by: 384 KiB, which stay in a second-level cache of
/// 512 KiB while weights or sums pass by.
const BLOCK: usize = 96 * 1024;
/// Channels of a panel that one task transforms.
const CHANNELS: usize = 16;

/// Transforms packed weights, `[panel][3][3][channel][PANEL]`.
pub(super) fn transform_weights(cpu: &Cpu, c: &Correlation, tile: WinogradTile, w: &[f32], u: &mut [f32]) {
    assert_eq!(u.len(), weights_len(c, tile), "transformed weights");
    match tile {
        WinogradTile::Two => transform_weights_with::<4>(cpu, c, w, u),
        WinogradTile::Four => transform_weights_with::<6>(cpu, c, w, u),
    }
}

fn transform_weights_with<const IN: usize>(cpu: &Cpu, c: &Correlation, w: &[f32], u: &mut [f32])
where
    Weights: LinearMap<3, IN>,
{
    let (planes, chunks) = (weight_planes(c), c.depth().div_ceil(CHANNELS));
    let u = Disjoint::new(u);
    cpu.team().run(c.panels() * chunks, |_, task| {
        let (panel, first) = (task / chunks, task % chunks * CHANNELS);
        cpu.isa().call(LiftWeights::<IN> {
            weights: &w[panel * c.panel_len()..][..c.panel_len()],
            range: first..c.depth().min(first + CHANNELS),
            planes,
            target: &u,
            offset: panel * planes.len(IN * IN),
        });
    });
}
