//! Walking through the pixels of a grid, a tile at a time.

use super::{Grid, MAX_ROWS, Strides};

/// Up to [`MAX_ROWS`] pixels: where they are read and where they are written. Those beyond a tile's rows mean nothing.
pub(super) struct Pixels {
    pub(super) source: [*const f32; MAX_ROWS],
    pub(super) target: [*mut f32; MAX_ROWS],
}

/// The next pixel of a grid. Its pointers are computed, never read or written here.
pub(super) struct Cursor {
    grid: Grid,
    row: usize,
    column: usize,
    source: Place<*const f32>,
    target: Place<*mut f32>,
}

/// The present pixel and the first pixels of its row and image.
struct Place<P> {
    strides: Strides,
    image: P,
    row: P,
    pixel: P,
}

impl Cursor {
    #[inline(always)]
    pub(super) fn new(grid: Grid, source: (*const f32, Strides), target: (*mut f32, Strides)) -> Self {
        let (from, to) = (source.0, target.0);
        let source = Place { strides: source.1, image: from, row: from, pixel: from };
        let target = Place { strides: target.1, image: to, row: to, pixel: to };
        Self { grid, row: 0, column: 0, source, target }
    }

    /// The next `rows` pixels.
    #[inline(always)]
    pub(super) fn take(&mut self, rows: usize) -> Pixels {
        let mut pixels =
            Pixels { source: [self.source.pixel; MAX_ROWS], target: [self.target.pixel; MAX_ROWS] };
        for r in 0..rows {
            pixels.source[r] = self.source.pixel;
            pixels.target[r] = self.target.pixel;
            self.advance();
        }
        pixels
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.source.pixel = self.source.pixel.wrapping_add(self.source.strides.pixel);
        self.target.pixel = self.target.pixel.wrapping_add(self.target.strides.pixel);
        self.column += 1;
        if self.column == self.grid.columns {
            self.next_row();
        }
    }

    fn next_row(&mut self) {
        self.column = 0;
        self.row += 1;
        let (source, target) = (&mut self.source, &mut self.target);
        if self.row == self.grid.rows {
            self.row = 0;
            source.image = source.image.wrapping_add(source.strides.image);
            target.image = target.image.wrapping_add(target.strides.image);
            (source.row, target.row) = (source.image, target.image);
        } else {
            source.row = source.row.wrapping_add(source.strides.row);
            target.row = target.row.wrapping_add(target.strides.row);
        }
        (source.pixel, target.pixel) = (source.row, target.row);
    }
}
