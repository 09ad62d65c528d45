//! The loops in which nearly all the time of a network goes: products of a small tile, held in registers.
//!
//! Convolutions and dense layers, forward and backward, are the same sum: a *tile* of up to [`MAX_ROWS`] rows and two
//! vectors of columns, `c[row][column] += sum over k of a[row][k] * b[k][column]`. For each `k`, the columns of `b` are
//! loaded once, and one number of each row is broadcast and multiplied with them. `b` is packed, [`PANEL`] columns
//! to a row, and is read from start to end; what differs is where `a` comes from:
//!
//! * [`PixelSweep`]: a row is a pixel of an image, and `k` runs over what a kernel window sees from there, read in
//!   place ("implicit GEMM": no matrix of windows is ever written).
//! * [`WeightSweep`]: a row is a weight, and `k` runs over the pixels that it is multiplied with.
//! * [`PlaneSweep`]: `a` is a matrix, one of many that lie in planes.
//! * [`ListedSweep`]: a row is one of a few, and only those `k` are gone through that are on a list.
//!
//! [`ChannelSweep`] and [`ChannelWeightSweep`] are the same two for depthwise convolutions, where nothing is summed over channels.

mod channel_weights;
mod channels;
mod cursor;
mod listed;
mod pixels;
mod planes;
mod sums;
mod taps;
mod target;
mod unrolled;
mod weights;
mod windows;

pub(crate) use channel_weights::ChannelWeightSweep;
pub(crate) use channels::ChannelSweep;
pub(crate) use listed::{AHEAD as LIST_AHEAD, ListedSweep, ROWS as LIST_ROWS};
pub(crate) use pixels::PixelSweep;
pub(crate) use planes::{MatrixStrides, PlaneSweep};
pub(crate) use taps::Taps;
pub(crate) use target::{After, Start, Target};
pub(crate) use weights::WeightSweep;
pub(crate) use windows::Windows;

use crate::fetch::fetch;
use crate::packing::PANEL;
use crate::simd::{Product, Simd};

/// Tasks that a kernel is cut into where its shape allows, at the least: enough to share evenly among the threads of a desktop,
/// few enough to cost nothing.
pub(crate) const TASKS: usize = 32;

/// Tasks at the least of a kernel whose results do not depend on how it is cut: one thread alone has nobody to share with.
pub(crate) fn tasks_for(threads: usize) -> usize {
    if threads == 1 { 1 } else { TASKS }
}

/// Numbers of each row that are multiplied in one pass over the rows: what they are multiplied with, 24 KiB for two of the widest vectors, stays in the
/// first-level cache (32 KiB at the least) while rows stream by.
const PASS: usize = 192;

/// Rows of the highest tile: 14 rows of two vectors, two vectors of `b` and a broadcast are 31 of AVX-512's 32 registers.
const MAX_ROWS: usize = 14;

/// Rows of a tile that fits the registers, with `vectors` vectors to a row.
const fn tile_rows(registers: usize, vectors: usize) -> usize {
    let rows = (registers - vectors - 1) / vectors;
    if rows > MAX_ROWS { MAX_ROWS } else { rows }
}

/// Pixels of one or more images.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grid {
    pub images: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Grid {
    pub(crate) fn len(self) -> usize {
        self.images * self.rows * self.columns
    }
}

/// How many elements apart the pixels of a grid lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Strides {
    pub image: usize,
    pub row: usize,
    pub pixel: usize,
}

impl Strides {
    /// Where a grid's last pixel lies, counted from its first; the grid is not empty.
    pub(crate) fn last(self, grid: Grid) -> usize {
        (grid.images - 1) * self.image + (grid.rows - 1) * self.row + (grid.columns - 1) * self.pixel
    }
}

/// Cuts `total` into pieces of at most `most`, as even as can be: a last piece of one row would leave the
/// multipliers idle.
pub(crate) fn even_pieces(total: usize, most: usize) -> impl Iterator<Item = usize> {
    let pieces = total.div_ceil(most);
    (0..pieces).map(move |piece| total / pieces + usize::from(piece < total % pieces))
}

/// Memory that is fetched while a product is at work: `at`, and so many elements further after each step.
#[derive(Clone, Copy)]
struct Ahead {
    at: *const f32,
    step: usize,
}

impl Ahead {
    /// Spreads the fetching of a slice over so many steps.
    #[inline(always)]
    fn spread(slice: &[f32], steps: usize) -> Self {
        Self { at: slice.as_ptr(), step: slice.len() / steps }
    }

    /// Nothing to fetch: `at` is at hand already.
    #[inline(always)]
    fn nothing(at: *const f32) -> Self {
        Self { at, step: 0 }
    }

    #[inline(always)]
    fn advance(&mut self, steps: usize) {
        self.at = self.at.wrapping_add(steps * self.step);
    }
}

/// `tile[r][n] += sum over k of a[r][k * step] * b[k][n]`, with `product` for the multiplication.
///
/// # Safety
/// `a[r]` can be read at `k * step`, and `b` at `k * PANEL` for `N` vectors, for every `k < len`.
#[inline(always)]
unsafe fn multiply<S: Simd, P: Product<S>, const R: usize, const N: usize>(
    of: (S, P),
    tile: &mut [[S::V; N]; R],
    a: [*const f32; R],
    step: usize,
    b: *const f32,
    len: usize,
    ahead: Ahead,
) {
    for k in 0..len {
        fetch(ahead.at.wrapping_add(k * ahead.step));
        // SAFETY: promised by the caller.
        unsafe { multiply_one(of, tile, a, k * step, b.wrapping_add(k * PANEL)) };
    }
}

/// Tiles that take turns in [`multiply_in_turn`].
const TURNS: usize = 4;

/// The sums of [`multiply`] in another order: four tiles take turns, and are added up in the end. A product takes four cycles and two
/// are begun in each: one tile of less than eight vectors would leave the multipliers, and with them memory, waiting.
///
/// # Safety
/// As for [`multiply`].
#[inline(always)]
unsafe fn multiply_in_turn<S: Simd, P: Product<S>, const R: usize, const N: usize>(
    (simd, product): (S, P),
    tile: &mut [[S::V; N]; R],
    a: [*const f32; R],
    step: usize,
    b: *const f32,
    len: usize,
    ahead: Ahead,
) {
    let mut tiles = [[[simd.zero(); N]; R]; TURNS];
    tiles[0] = *tile;
    for k in 0..len / TURNS {
        for (turn, tile) in tiles.iter_mut().enumerate() {
            let k = TURNS * k + turn;
            // Where there is one tile to a pass, each step ahead is a whole row of a panel: two lines of the cache.
            fetch(ahead.at.wrapping_add(k * ahead.step + PANEL / 2));
            fetch(ahead.at.wrapping_add(k * ahead.step));
            // SAFETY: promised by the caller.
            unsafe { multiply_one((simd, product), tile, a, k * step, b.wrapping_add(k * PANEL)) };
        }
    }
    for k in len / TURNS * TURNS..len {
        fetch(ahead.at.wrapping_add(k * ahead.step));
        // SAFETY: promised by the caller.
        unsafe { multiply_one((simd, product), &mut tiles[0], a, k * step, b.wrapping_add(k * PANEL)) };
    }
    *tile = add_turns(simd, &tiles);
}

/// The sums of the tiles that took turns.
#[inline(always)]
fn add_turns<S: Simd, const R: usize, const N: usize>(
    simd: S,
    tiles: &[[[S::V; N]; R]; TURNS],
) -> [[S::V; N]; R] {
    let mut total = tiles[0];
    for of_turn in &tiles[1..] {
        for (sums, of_turn) in total.iter_mut().zip(of_turn) {
            for (sum, of_turn) in sums.iter_mut().zip(of_turn) {
                *sum = simd.add(*sum, *of_turn);
            }
        }
    }
    total
}

/// One `k` of [`multiply`]: the numbers at `at` of each row of `a`, times a row of `b`.
///
/// # Safety
/// `a[r]` can be read at `at`, and `N` vectors at `row`.
#[inline(always)]
unsafe fn multiply_one<S: Simd, P: Product<S>, const R: usize, const N: usize>(
    (simd, product): (S, P),
    tile: &mut [[S::V; N]; R],
    a: [*const f32; R],
    at: usize,
    row: *const f32,
) {
    let mut columns = [simd.zero(); N];
    for (n, column) in columns.iter_mut().enumerate() {
        // SAFETY: promised by the caller.
        *column = unsafe { simd.load_ptr(row.add(n * S::LANES)) };
    }
    for (sums, a) in tile.iter_mut().zip(a) {
        // SAFETY: promised by the caller.
        let x = simd.splat(unsafe { *a.add(at) });
        for (sum, column) in sums.iter_mut().zip(columns) {
            *sum = product.add_to(*sum, x, column);
        }
    }
}

/// Evaluates a call with `const R: usize`, chosen at run time from 1 to the rows of a tile. Tiles that the registers of the
/// instruction set cannot hold are not even compiled.
macro_rules! with_rows {
    ($rows:expr, $of:ident, $vectors:ident, |$r:ident| $call:expr) => {
        with_rows!($rows, $of, $vectors, |$r| $call, 1 2 3 4 5 6 7 8 9 10 11 12 13 14)
    };
    ($rows:expr, $of:ident, $vectors:ident, |$r:ident| $call:expr, $($n:literal)*) => {
        match $rows {
            $($n if const { $n <= tile_rows($of::REGISTERS, $vectors) } => {
                const $r: usize = $n;
                $call
            })*
            rows => unreachable!("a tile of {rows} rows"),
        }
    };
}
use with_rows;

/// Walks columns in strips of two vectors, and of one where no more are left: evaluates a call with `const N: usize` and the strip's first column.
macro_rules! in_strips {
    ($columns:expr, $simd:ident, |$n:ident, $first:ident| $call:expr) => {
        let mut $first = 0;
        while $first < $columns {
            if $columns - $first > $simd::LANES {
                const $n: usize = 2;
                $call;
                $first += $n * $simd::LANES;
            } else {
                const $n: usize = 1;
                $call;
                $first += $n * $simd::LANES;
            }
        }
    };
}
pub(crate) use in_strips;
