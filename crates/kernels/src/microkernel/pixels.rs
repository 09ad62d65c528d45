//! Tiles whose rows are pixels: convolution forward and backward to the data, dense forward.

use super::cursor::{Cursor, Pixels};
use super::sums::Sums;
use super::taps::{Piece, Pieces, Taps};
use super::target::{Last, begin, claim, finish, store};
use super::{Ahead, Grid, PASS, Start, Strides, Target, even_pieces, in_strips, tile_rows, with_rows};
use crate::packing::PANEL;
use crate::simd::{Product, ProductKernel, Simd};

/// Multiplies what a window sees from each pixel of a grid with one panel of weights.
pub(crate) struct PixelSweep<'a> {
    pub grid: Grid,
    /// The image, from the first number that the first pixel's window sees.
    pub source: &'a [f32],
    pub strides: Strides,
    pub taps: Taps,
    /// `[taps.reach()][PANEL]`.
    pub weights: &'a [f32],
    /// What the next sweep will read; it is fetched meanwhile.
    pub next: &'a [f32],
    pub start: Start<'a>,
    /// Whether tiles of few pixels add up in another order, which is faster: for callers whose grids are the same however their work is
    /// cut.
    pub in_turn: bool,
    /// At most [`PANEL`] columns.
    pub target: Target<'a>,
}

impl ProductKernel for PixelSweep<'_> {
    type Output = ();

    #[inline(always)]
    fn run_with<S: Simd, P: Product<S>>(self, simd: S, product: P) {
        if self.grid.len() == 0 {
            return;
        }
        self.check();
        let columns = self.target.columns;
        in_strips!(columns, S, |N, column| self.strip::<S, P, N>((simd, product), column));
    }
}

/// A piece of the taps for some columns: what one pass over the pixels multiplies with.
struct Pass<'a> {
    taps: Taps,
    /// From the first column of the first tap on.
    weights: &'a [f32],
    columns: usize,
    start: Start<'a>,
    /// What the next pass will read.
    next: &'a [f32],
    in_turn: bool,
    /// What is done to the sums once all is added.
    last: Last<'a>,
}

impl PixelSweep<'_> {
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Self { grid, source, strides, taps, weights, target, start, .. } = self;
        assert!(taps.depth() > 0, "no taps");
        assert!(taps.row_depth >= taps.columns * taps.len, "rows of taps that share weights");
        assert!(strides.last(*grid) + taps.last() < source.len(), "windows reach beyond the image");
        assert!(weights.len() >= taps.reach() * PANEL, "fewer weights than taps");
        assert!(target.columns <= PANEL, "{} columns of a panel", target.columns);
        target.check(*grid, *start);
    }

    /// Computes `N` vectors of columns from `column` on.
    #[inline(always)]
    fn strip<S: Simd, P: Product<S>, const N: usize>(&self, of: (S, P), column: usize) {
        let columns = (N * S::LANES).min(self.target.columns - column);
        let mut start = self.start.columns(column, columns);
        let mut pieces = Pieces::new(self.taps.merged(), PASS).peekable();
        while let Some(Piece { taps, offset, depth }) = pieces.next() {
            let following = pieces.peek();
            let next = following.map_or(self.next, |piece| {
                &self.weights[piece.depth * PANEL..][..piece.taps.reach() * PANEL]
            });
            let weights = &self.weights[depth * PANEL + column..];
            let (last, in_turn) = (self.target.last(column), self.in_turn);
            let pass = Pass { taps, weights, columns, start, next, in_turn, last };
            if following.is_none() && self.target.finishes() {
                self.pass::<S, P, N, true>(of, offset, column, &pass);
            } else {
                self.pass::<S, P, N, false>(of, offset, column, &pass);
            }
            start = Start::Target;
        }
    }

    /// Adds a piece of the taps, `offset` away from each pixel's first, to the columns from `column` on; the last piece where
    /// something is to `FINISH`.
    #[inline(always)]
    fn pass<S: Simd, P: Product<S>, const N: usize, const FINISH: bool>(
        &self,
        of: (S, P),
        offset: usize,
        column: usize,
        pass: &Pass<'_>,
    ) {
        let source = (self.source.as_ptr().wrapping_add(offset), self.strides);
        let target = (self.target.first.wrapping_add(column), self.target.strides);
        let mut cursor = Cursor::new(self.grid, source, target);
        let most = tile_rows(P::REGISTERS, N);
        let mut ahead = match pass.next {
            [] => Ahead::nothing(pass.weights.as_ptr()),
            next => Ahead::spread(next, self.grid.len().div_ceil(most) * pass.taps.depth()),
        };
        for rows in even_pieces(self.grid.len(), most) {
            let pixels = cursor.take(rows);
            // SAFETY: `check` has shown that each pixel's windows lie within the source, the taps within the weights, and
            // the columns within the target, which is this sweep's alone.
            with_rows!(rows, P, N, |R| unsafe { tile::<S, P, R, N, FINISH>(of, &pixels, pass, &mut ahead) });
        }
    }
}

/// One tile: start, add up, store.
///
/// # Safety
/// The first `R` pixels can be read wherever the pass's taps are, and written at the pass's columns; the weights hold `N`
/// vectors for each tap.
#[inline(always)]
unsafe fn tile<S: Simd, P: Product<S>, const R: usize, const N: usize, const FINISH: bool>(
    (simd, product): (S, P),
    pixels: &Pixels,
    pass: &Pass<'_>,
    ahead: &mut Ahead,
) {
    let Pass { taps, weights, columns, start, in_turn, last, .. } = pass;
    claim::<S, R, N>(&pixels.target);
    // SAFETY: the caller promises `columns` numbers at every pixel's target.
    let start = unsafe { begin::<S, R, N>(simd, *start, &pixels.target, *columns) };
    let mut sums = Sums::new((simd, product), start);
    let mut weights = weights.as_ptr();
    for row in 0..taps.rows {
        for column in 0..taps.columns {
            let offset = row * taps.row_stride + column * taps.column_stride;
            let mut from = [pixels.source[0]; R];
            for (from, pixel) in from.iter_mut().zip(pixels.source) {
                *from = pixel.wrapping_add(offset);
            }
            // SAFETY: the caller promises that this run of every pixel lies within the image, and its weights.
            unsafe {
                if const { R * N <= 4 } && *in_turn {
                    sums.multiply_in_turn(from, 1, weights, taps.len, *ahead);
                } else {
                    sums.multiply(from, 1, weights, taps.len, *ahead);
                }
            }
            ahead.advance(taps.len);
            weights = weights.wrapping_add(taps.len * PANEL);
        }
        weights = weights.wrapping_add(taps.gap() * PANEL);
    }
    let sums = sums.total();
    // SAFETY: as above.
    unsafe {
        if FINISH {
            finish(simd, &sums, &pixels.target, *columns, last);
        } else {
            store(simd, &sums, &pixels.target, *columns);
        }
    }
}
