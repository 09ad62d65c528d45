//! Pairs of neighbouring outputs, and of what their windows see: what gradients to weights, which are sums over pixels, are
//! computed with in 16 bits.

use std::ops::Range;

use super::correlation::{Block, Correlation, Panel};
use super::view::{Rounded, View};
use crate::Half;
use crate::microkernel::Strides;
use crate::packing::PANEL;
use crate::simd::Scale;

/// How the columns of a source are copied, so that output `2 j` and the next one see a pair in every column of their windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PixelPairs {
    /// Pairs of a row of outputs. The last one's second is none where the outputs are odd in number.
    pub pairs: usize,
    /// Columns of a copy.
    columns: usize,
    /// Columns of the source from one column of the copy to the next.
    hop: usize,
    /// Columns of the copy from one pair of outputs to the next.
    pub step: usize,
}

impl PixelPairs {
    pub(super) fn of(c: &Correlation) -> Self {
        let pairs = c.outputs.1.div_ceil(Half::NUMBERS);
        let apart = Half::NUMBERS * c.step.1;
        if c.taps.1 == 1 {
            // Windows of one column share none, and what lies between them is seen by nobody.
            Self { pairs, columns: pairs, hop: apart, step: 1 }
        } else {
            Self { pairs, columns: c.covered(1).1, hop: 1, step: apart }
        }
    }

    /// Elements of a copy of the source of so many rows of outputs, with the channels of a panel.
    pub(super) fn source_len(&self, c: &Correlation, rows: usize) -> usize {
        c.covered(rows).0 * self.columns * c.depth()
    }

    /// A copy of a panel's channels of a block's source, which is in one image: each element a number of a pixel, and the same of the
    /// pixel that the next output sees.
    pub(super) fn view<'a>(
        &self,
        half: Half,
        c: &Correlation,
        x: &[f32],
        block: &Block,
        channel: usize,
        scratch: &'a mut [f32],
    ) -> View<'a> {
        let (rows, row_len) = (c.covered(block.rows.len()).0, self.columns * c.depth());
        let copy = &mut scratch[..rows * row_len];
        let from = c.source.strides();
        let rounded = Rounded::of(half, c.rows_seen(1, x, block));
        let x = &x[block.images.start * from.image..][..from.image];
        let top = c.origin.0 + (block.rows.start * c.step.0).cast_signed();
        for (row, to) in copy.chunks_exact_mut(row_len).enumerate() {
            match usize::try_from(top + row.cast_signed()) {
                Ok(row) if row < c.source.height => {
                    self.row(rounded, c, &x[row * from.row..][..from.row], channel, to);
                }
                _ => to.fill(0.0),
            }
        }
        let strides = Strides { image: copy.len(), row: row_len, pixel: c.depth() };
        View::new(copy, channel, strides, rounded.scale)
    }

    fn row(&self, rounded: Rounded, c: &Correlation, row: &[f32], channel: usize, to: &mut [f32]) {
        let (depth, channels) = (c.depth(), c.source.channels);
        let pixel = |column: isize| {
            let column = usize::try_from(column).ok().filter(|column| *column < c.source.width)?;
            Some(&row[column * channels + channel..][..depth])
        };
        let whole = if self.hop == 1 && depth == channels { self.inside(c) } else { 0..0 };
        for (column, to) in to.chunks_exact_mut(depth).enumerate() {
            if !whole.contains(&column) {
                let low = c.origin.1 + (column * self.hop).cast_signed();
                interleave(rounded, pixel(low), pixel(low + c.step.1.cast_signed()), to);
            }
        }
        if !whole.is_empty() {
            let to = &mut to[whole.start * depth..whole.end * depth];
            let low = (c.origin.1 + whole.start.cast_signed()) as usize * depth;
            let high = low + c.step.1 * depth;
            rounded.interleave(&row[low..low + to.len()], &row[high..high + to.len()], to);
        }
    }

    /// The columns of a copy without gaps both of whose pixels are in the image.
    fn inside(&self, c: &Correlation) -> Range<usize> {
        let columns = self.columns.cast_signed();
        let end = c.source.width.cast_signed() - c.step.1.cast_signed() - c.origin.1;
        let start = (-c.origin.1).clamp(0, columns);
        start as usize..end.clamp(start, columns) as usize
    }

    /// A panel's gradients of a block of outputs in pairs, `[row][pair][PANEL]`, and what they were scaled by.
    pub(super) fn outputs<'d, 'o>(
        &self,
        half: Half,
        c: &Correlation,
        panel: Panel,
        dy: &'d [f32],
        block: &Block,
        outputs: &'o mut [f32],
    ) -> (&'o [f32], Scale) {
        let outputs = &mut outputs[..block.rows.len() * self.pairs * PANEL];
        let row_len = c.outputs.1 * c.target.channels;
        let dy =
            &dy[c.target_offset(block.images.start, block.rows.start, 0)..][..block.rows.len() * row_len];
        let pixels = |dy: &'d [f32]| {
            dy.chunks_exact(c.target.channels).map(|pixel| &pixel[panel.filter..][..panel.filters])
        };
        let rounded = Rounded::of(half, pixels(dy));
        let rows = dy.chunks_exact(row_len);
        for (to, row) in outputs.chunks_exact_mut(self.pairs * PANEL).zip(rows) {
            let mut pixels = pixels(row);
            for to in to.chunks_exact_mut(PANEL) {
                let (used, unused) = to.split_at_mut(panel.filters);
                interleave(rounded, pixels.next(), pixels.next(), used);
                unused.fill(0.0);
            }
        }
        (outputs, rounded.scale)
    }
}

/// Pairs of the numbers of two pixels; zeros stand for those of a pixel that is not there.
fn interleave(rounded: Rounded, low: Option<&[f32]>, high: Option<&[f32]>, to: &mut [f32]) {
    const ZEROS: [f32; PANEL] = [0.0; PANEL];
    match (low, high) {
        (Some(low), Some(high)) => rounded.interleave(low, high, to),
        (None, None) => to.fill(0.0),
        _ => {
            for (part, to) in to.chunks_mut(PANEL).enumerate() {
                let len = to.len();
                let low = low.map_or(&ZEROS[..len], |pixel| &pixel[part * PANEL..][..len]);
                let high = high.map_or(&ZEROS[..len], |pixel| &pixel[part * PANEL..][..len]);
                rounded.interleave(low, high, to);
            }
        }
    }
}
