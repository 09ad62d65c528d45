//! Loops over matrices `[rows, channels]` that need something of each channel: a factor, a sum.
//!
//! A vector holds neighbouring channels of one row. Where there are few channels, several rows are taken as one long row
//! (of 3 channels, 32 rows as one of 96), so that vectors are full whatever the number of channels; what comes out for
//! the columns of the long row is then narrowed to the channels. A matrix is cut into pieces by its shape alone.

mod fold;
mod map;
mod moments;

pub(crate) use fold::{Fold, Sum, Totals, column_sums, column_sums_scratch, fold_piece, load_each};
pub(crate) use map::{Input, OfChannel, map_channels};
pub(crate) use moments::{MOMENTS, column_moments};

use crate::elementwise::CHUNK;
use crate::team::Order;

/// Walks columns, four vectors at a time, then one, then what is left of one: evaluates a call with `const W: usize`, the first column and the lanes of
/// each vector that count.
macro_rules! in_vectors {
    ($columns:expr, $simd:ident, |$w:ident, $at:ident, $n:ident| $call:expr) => {
        let (columns, mut $at) = ($columns, 0);
        while $at + 4 * $simd::LANES <= columns {
            const $w: usize = 4;
            let $n = $simd::LANES;
            $call;
            $at += $w * $n;
        }
        while $at + $simd::LANES <= columns {
            const $w: usize = 1;
            let $n = $simd::LANES;
            $call;
            $at += $w * $n;
        }
        if $at < columns {
            const $w: usize = 1;
            let $n = columns - $at;
            $call;
        }
    };
}
use in_vectors;

/// The most columns of a piece; a few numbers of each of them lie on the stack.
pub(crate) const PANEL: usize = 1024;
/// Long rows have at least this many columns: enough vectors to keep the adders busy.
const LONG: usize = 64;
/// The columns of a long row are a multiple of the widest vector.
const WIDEST: usize = 16;
/// Rows of a piece at the least, so that what is done once a piece does not count.
const MIN_ROWS: usize = 32;

/// A matrix `[rows, channels]`, how it is cut, and in which order its pieces are mapped.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    rows: usize,
    channels: usize,
    /// Rows taken as one long row.
    repeat: usize,
    order: Order,
}

/// A part of a matrix: some columns of some (long) rows.
#[derive(Clone, Copy)]
pub(crate) struct Piece {
    /// The channel of the first column.
    pub(crate) channel: usize,
    /// Columns of a row.
    pub(crate) width: usize,
    /// Whole rows.
    rows: usize,
    /// Elements after the last whole row, where the rows do not fill long ones.
    tail: usize,
    /// Where the first element lies.
    start: usize,
    /// Elements from a row to the next.
    stride: usize,
    /// How often the channels repeat in a row.
    repeat: usize,
}

impl Grid {
    pub(crate) fn new(rows: usize, channels: usize) -> Self {
        Self { rows, channels, repeat: rows_in_long_row(channels), order: Order::FirstToLast }
    }

    /// The same, where the last piece is the first to be mapped.
    pub(crate) fn last_to_first(self) -> Self {
        Self { order: Order::LastToFirst, ..self }
    }

    /// Elements of the matrix.
    pub(crate) fn len(&self) -> usize {
        self.rows * self.channels
    }

    /// Columns of the widest piece.
    pub(crate) fn width(&self) -> usize {
        self.long_row().min(PANEL)
    }

    /// Pieces side by side.
    pub(crate) fn panels(&self) -> usize {
        self.long_row().div_ceil(PANEL)
    }

    /// Pieces one below the other: one, without elements, where there are no rows.
    pub(crate) fn bands(&self) -> usize {
        self.rows.div_ceil(self.repeat).div_ceil(self.rows_of_piece()).max(1)
    }

    /// Pieces of the matrix.
    pub(crate) fn pieces(&self) -> usize {
        self.panels() * self.bands()
    }

    /// Piece `index` below [`Grid::pieces`]: all bands of the first panel, then those of the next.
    pub(crate) fn piece(&self, index: usize) -> Piece {
        let (panel, band) = (index / self.bands(), index % self.bands());
        let column = panel * PANEL;
        let first = band * self.rows_of_piece();
        let last = (self.rows / self.repeat).min(first + self.rows_of_piece());
        Piece {
            channel: column,
            width: self.width().min(self.long_row() - column),
            rows: last - first,
            tail: if band + 1 == self.bands() { self.rows % self.repeat * self.channels } else { 0 },
            start: first * self.long_row() + column,
            stride: self.long_row(),
            repeat: self.repeat,
        }
    }

    fn long_row(&self) -> usize {
        self.channels * self.repeat
    }

    fn rows_of_piece(&self) -> usize {
        (CHUNK / self.width().max(1)).max(MIN_ROWS)
    }
}

/// The smallest number of rows that makes a long row of full vectors, where the channels do not make one themselves.
fn rows_in_long_row(channels: usize) -> usize {
    if channels == 0 || channels >= LONG {
        return 1;
    }
    let common_twos = channels.trailing_zeros().min(WIDEST.ilog2());
    LONG.div_ceil(channels).next_multiple_of(WIDEST >> common_twos)
}

impl Piece {
    /// Channels of the piece.
    pub(crate) fn channels(&self) -> usize {
        self.width / self.repeat
    }

    /// Elements of each channel in the piece.
    pub(crate) fn samples(&self) -> usize {
        self.rows * self.repeat + self.tail / self.channels()
    }

    /// The numbers of the channels, given in order from channel 0, as those of the piece's columns.
    pub(crate) fn pattern<const P: usize>(&self, of: impl Fn(usize) -> [f32; P]) -> [[f32; PANEL]; P] {
        let mut pattern = [[0.0; PANEL]; P];
        for channel in 0..self.channels() {
            for (column, value) in pattern.iter_mut().zip(of(self.channel + channel)) {
                column[channel] = value;
            }
        }
        for columns in &mut pattern {
            self.widen(columns);
        }
        pattern
    }

    /// Repeats the numbers of the channels, with which `columns` begins, over all columns.
    pub(crate) fn widen(&self, columns: &mut [f32]) {
        let channels = self.channels();
        for at in (channels..self.width).step_by(channels) {
            columns.copy_within(..channels, at);
        }
    }

    /// Adds the columns of each channel, in order, onto its first one.
    pub(crate) fn narrow(&self, columns: &mut [f32]) {
        let (sums, others) = columns[..self.width].split_at_mut(self.channels());
        for row in others.chunks_exact(sums.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
    }

    /// Where the piece's elements lie, and others' between them where it has not all columns.
    fn extent(&self) -> std::ops::Range<usize> {
        match self.rows {
            0 if self.tail == 0 => 0..0,
            0 => self.start..self.start + self.tail,
            rows => self.start..self.start + (rows - 1) * self.stride + self.width + self.tail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_cover_every_element_once(rows in 0_usize..400, channels in 1_usize..2100) {
            let grid = Grid::new(rows, channels);
            let mut seen = vec![0_u8; grid.len()];
            for piece in (0..grid.pieces()).map(|index| grid.piece(index)) {
                prop_assert!(piece.width <= grid.width() && grid.width() <= PANEL);
                prop_assert!(piece.extent().end <= grid.len());
                let rows = (0..piece.rows).map(|row| (row, piece.width)).chain([(piece.rows, piece.tail)]);
                for (row, width) in rows {
                    for column in 0..width {
                        let element = piece.start + row * piece.stride + column;
                        seen[element] += 1;
                        prop_assert_eq!(element % channels, piece.channel + column % piece.channels());
                    }
                }
            }
            prop_assert!(seen.iter().all(|&times| times == 1));
        }
    }

    #[test]
    fn long_rows_are_full_vectors() {
        for channels in 1..LONG {
            let columns = channels * rows_in_long_row(channels);
            assert!(
                (LONG..=PANEL).contains(&columns) && columns.is_multiple_of(WIDEST),
                "{channels} channels: {columns}"
            );
        }
    }
}
