//! What a window sees, and how it is cut into pieces that the cache can hold.

/// What a window sees from a pixel: `rows` x `columns` runs of `len` neighbouring numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Taps {
    pub rows: usize,
    pub columns: usize,
    pub len: usize,
    /// Elements from one row of runs to the next.
    pub row_stride: usize,
    /// Elements from one run of a row to the next.
    pub column_stride: usize,
    /// Rows of the packed weights from those of one row of runs to those of the next: more than there are in a row where some taps
    /// are left out.
    pub row_depth: usize,
}

impl Taps {
    /// `len` neighbouring numbers.
    pub(crate) fn run(len: usize) -> Self {
        Self { rows: 1, columns: 1, len, row_stride: 0, column_stride: 0, row_depth: len }
    }

    /// All numbers seen.
    pub(super) fn depth(self) -> usize {
        self.rows * self.columns * self.len
    }

    /// Rows of the packed weights from the first number's to behind the last one's.
    pub(super) fn reach(self) -> usize {
        (self.rows - 1) * self.row_depth + self.columns * self.len
    }

    /// Rows of the packed weights that are left out behind each row of runs.
    #[inline(always)]
    pub(super) fn gap(self) -> usize {
        self.row_depth - self.columns * self.len
    }

    /// The same numbers in as few runs as can be: runs without a gap between them are one run.
    pub(crate) fn merged(mut self) -> Self {
        if self.column_stride == self.len {
            (self.columns, self.len) = (1, self.columns * self.len);
        }
        self
    }

    pub(super) fn last(self) -> usize {
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + self.len - 1
    }

    /// The size of a piece of at most `most` numbers: whole rows, or whole runs of one row, or a part of one run.
    fn piece(self, most: usize) -> Self {
        let rows = (most / (self.columns * self.len)).clamp(1, self.rows);
        let columns = if rows > 1 { self.columns } else { (most / self.len).clamp(1, self.columns) };
        Self { rows, columns, len: self.len.min(most), ..self }
    }
}

/// A part of some taps.
pub(super) struct Piece {
    pub(super) taps: Taps,
    /// Where its first number lies, counted from the first of all.
    pub(super) offset: usize,
    /// The row of the packed weights that belongs to it.
    pub(super) depth: usize,
}

/// The pieces of some taps, in order.
pub(super) struct Pieces {
    taps: Taps,
    piece: Taps,
    row: usize,
    column: usize,
    start: usize,
}

impl Pieces {
    pub(super) fn new(taps: Taps, most: usize) -> Self {
        Self { taps, piece: taps.piece(most), row: 0, column: 0, start: 0 }
    }
}

impl Iterator for Pieces {
    type Item = Piece;

    // Not left to the compiler, as nothing is that stands between a kernel's entry and its innermost loop.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { taps, piece, row, column, start } = *self;
        if row >= taps.rows {
            return None;
        }
        let found = Taps {
            rows: piece.rows.min(taps.rows - row),
            columns: piece.columns.min(taps.columns - column),
            len: piece.len.min(taps.len - start),
            ..taps
        };
        self.start += piece.len;
        if self.start >= taps.len {
            (self.start, self.column) = (0, column + piece.columns);
        }
        if self.column >= taps.columns {
            (self.column, self.row) = (0, row + piece.rows);
        }
        Some(Piece {
            taps: found,
            offset: row * taps.row_stride + column * taps.column_stride + start,
            depth: row * taps.row_depth + column * taps.len + start,
        })
    }
}
