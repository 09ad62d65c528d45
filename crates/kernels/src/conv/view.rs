//! What windows see: the image itself, or a copy of a part of it, with or without the zeros around.

use std::ops::Range;

use super::correlation::{Block, Correlation};
use crate::Half;
use crate::buffer::LINE;
use crate::microkernel::Strides;
use crate::simd::Scale;

/// How windows read a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// In place: none reaches beyond the image.
    InPlace,
    /// From a copy with the zeros around.
    Framed,
    /// From a copy of what is in the image: taps beyond it are left out.
    Trimmed,
}

/// A rectangle of a source's pixels, or of places beside it: which row and column it begins at, and how many it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub first: (isize, isize),
    pub rows: usize,
    pub columns: usize,
}

/// The source pixels of a block's windows, from its [`Frame`]'s first on.
pub(super) struct View<'a> {
    data: &'a [f32],
    /// The channel that the data begins with.
    first_channel: usize,
    /// From one source pixel to the next.
    pub strides: Strides,
    /// What its numbers were multiplied by.
    pub scale: Scale,
}

impl<'a> View<'a> {
    /// Data that begins with a channel.
    pub(super) fn new(data: &'a [f32], first_channel: usize, strides: Strides, scale: Scale) -> Self {
        Self { data, first_channel, strides, scale }
    }

    /// The pixels from one of their channels on.
    pub(super) fn channel(&self, channel: usize) -> &'a [f32] {
        &self.data[channel - self.first_channel..]
    }
}

/// How numbers of an image become the elements of a copy.
pub(super) trait Framing: Copy {
    /// Neighbouring numbers that become one element.
    const NUMBERS: usize;

    /// What it multiplies numbers by.
    fn scale(self) -> Scale;

    /// Makes as many elements as there is room for.
    fn frame(self, from: &[f32], to: &mut [f32]);
}

/// Numbers stay what they are.
#[derive(Clone, Copy, Debug)]
struct AsTheyAre;

impl Framing for AsTheyAre {
    const NUMBERS: usize = 1;

    fn scale(self) -> Scale {
        Scale::ONE
    }

    fn frame(self, from: &[f32], to: &mut [f32]) {
        to.copy_from_slice(from);
    }
}

/// Numbers are rounded, two to a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounded {
    pub half: Half,
    pub scale: Scale,
}

impl Rounded {
    /// Numbers of which these runs are made, by the scale that suits them.
    pub(super) fn of<'a>(half: Half, runs: impl Iterator<Item = &'a [f32]>) -> Self {
        Self { half, scale: half.scale(runs) }
    }

    /// One of `low` and one of `high` become a pair.
    pub(super) fn interleave(self, low: &[f32], high: &[f32], to: &mut [f32]) {
        self.half.interleave(self.scale, low, high, to);
    }
}

impl Framing for Rounded {
    const NUMBERS: usize = Half::NUMBERS;

    fn scale(self) -> Scale {
        self.scale
    }

    fn frame(self, from: &[f32], to: &mut [f32]) {
        self.half.round(self.scale, from, to);
    }
}

/// Channels from which on the pixels of a trimmed copy lie a line of the cache further apart: a power of two apart, they would
/// compete for the same few lines.
const DEEP: usize = 128;

impl Correlation {
    /// Whether some window reaches beyond the image, so that windows cannot be read in place.
    fn needs_halo(&self) -> bool {
        let covered = self.covered(self.outputs.0);
        let beyond =
            |origin: isize, covered: usize, extent: usize| origin < 0 || origin as usize + covered > extent;
        beyond(self.origin.0, covered.0, self.source.height)
            || beyond(self.origin.1, covered.1, self.source.width)
    }

    /// How windows that have all their taps read a source.
    pub(super) fn whole_reading(&self) -> Reading {
        if self.needs_halo() { Reading::Framed } else { Reading::InPlace }
    }

    /// How windows are read the fastest.
    pub(super) fn reading(&self) -> Reading {
        if self.needs_halo() && self.is_worth_trimming() { Reading::Trimmed } else { self.whole_reading() }
    }

    /// What a view of a block has.
    pub(super) fn frame(&self, reading: Reading, block: &Block) -> Frame {
        let (rows, columns) = self.covered(block.rows.len());
        let top = self.origin.0 + (block.rows.start * self.step.0).cast_signed();
        let whole = Frame { first: (top, self.origin.1), rows, columns };
        match reading {
            Reading::InPlace | Reading::Framed => whole,
            Reading::Trimmed => {
                let rows = within(whole.first.0, rows, self.source.height);
                let columns = within(whole.first.1, columns, self.source.width);
                Frame {
                    first: (rows.start.cast_signed(), columns.start.cast_signed()),
                    rows: rows.len(),
                    columns: columns.len(),
                }
            }
        }
    }

    /// Elements of the source of blocks of so many images and rows of outputs, with all channels, as a view of it has them.
    pub(super) fn source_len(&self, reading: Reading, images: usize, rows: usize) -> usize {
        let (rows, columns) = self.covered(rows);
        let (rows, columns) = match reading {
            Reading::InPlace | Reading::Framed => (rows, columns),
            Reading::Trimmed => (rows.min(self.source.height), columns.min(self.source.width)),
        };
        images * rows * columns * reading.apart(self.source.channels)
    }

    /// Elements of scratch that [`Self::view`] needs for blocks of so many images and rows of outputs, with all channels.
    pub(super) fn copy_len(&self, reading: Reading, images: usize, rows: usize) -> usize {
        if reading == Reading::InPlace { 0 } else { self.source_len(reading, images, rows) }
    }

    /// The source of a block: in place, or a copy of it in `scratch`. Only the given channels are of interest.
    pub(super) fn view<'a>(
        &self,
        reading: Reading,
        x: &'a [f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
    ) -> View<'a> {
        if reading != Reading::InPlace {
            return self.copied(AsTheyAre, reading, x, block, channels, scratch);
        }
        let strides = self.source.strides();
        let row = block.rows.start * self.step.0 + self.origin.0 as usize;
        let first = block.images.start * strides.image
            + row * strides.row
            + self.origin.1 as usize * strides.pixel
            + channels.start;
        View::new(&x[first..], channels.start, strides, Scale::ONE)
    }

    /// The rows of the image that a block's windows see, whole, of an image whose channels are `numbers` times as many as the windows'.
    pub(super) fn rows_seen<'a>(
        &self,
        numbers: usize,
        x: &'a [f32],
        block: &Block,
    ) -> impl Iterator<Item = &'a [f32]> {
        let strides = self.source.strides();
        let (image, row) = (numbers * strides.image, numbers * strides.row);
        let seen = self.source_rows(block);
        block.images.clone().map(move |at| &x[at * image + seen.start * row..at * image + seen.end * row])
    }

    /// The rows of an image, from the first to the last, that the windows of a block see.
    fn source_rows(&self, block: &Block) -> Range<usize> {
        let top = self.origin.0 + (block.rows.start * self.step.0).cast_signed();
        within(top, self.covered(block.rows.len()).0, self.source.height)
    }

    /// A copy of a block's source in `scratch`. Channels are those of the copy: each is made of
    /// [`Framing::NUMBERS`] of the image's.
    pub(super) fn copied<'a, F: Framing>(
        &self,
        framing: F,
        reading: Reading,
        x: &[f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
    ) -> View<'a> {
        let frame = self.frame(reading, block);
        let pixel = reading.apart(channels.len());
        let row_len = frame.columns * pixel;
        let strides = Strides { image: frame.rows * row_len, row: row_len, pixel };
        let copy = &mut scratch[..block.images.len() * strides.image];
        for (image, copy) in block.images.clone().zip(copy.chunks_exact_mut(strides.image)) {
            let from = self.source.strides();
            let x = &x[F::NUMBERS * image * from.image..][..F::NUMBERS * from.image];
            for (row, to) in copy.chunks_exact_mut(row_len).enumerate() {
                match usize::try_from(frame.first.0 + row.cast_signed()) {
                    Ok(row) if row < self.source.height => {
                        let x = &x[F::NUMBERS * row * from.row..][..F::NUMBERS * from.row];
                        self.copy_row(framing, frame.first.1, x, channels.clone(), pixel, to);
                    }
                    _ => to.fill(0.0),
                }
            }
        }
        View::new(copy, channels.start, strides, framing.scale())
    }

    /// Copies one row of an image from a column on, which may lie before the first, with zeros for what is beyond the image; pixels
    /// go so many elements apart.
    fn copy_row<F: Framing>(
        &self,
        framing: F,
        first: isize,
        row: &[f32],
        channels: Range<usize>,
        apart: usize,
        to: &mut [f32],
    ) {
        // Column c of the copy is column c + first of the image.
        let inside = within(-first, self.source.width, to.len() / apart);
        to[..inside.start * apart].fill(0.0);
        to[inside.end * apart..].fill(0.0);
        if inside.is_empty() {
            return;
        }
        let from = inside.start.strict_add_signed(first);
        let to = &mut to[inside.start * apart..inside.end * apart];
        if apart == channels.len() && apart == self.source.channels {
            framing.frame(&row[F::NUMBERS * from * apart..][..F::NUMBERS * to.len()], to);
        } else {
            let pixels = row.chunks_exact(F::NUMBERS * self.source.channels).skip(from);
            for (to, pixel) in to.chunks_exact_mut(apart).zip(pixels) {
                let pixel = &pixel[F::NUMBERS * channels.start..F::NUMBERS * channels.end];
                framing.frame(pixel, &mut to[..channels.len()]);
            }
        }
    }
}

impl Reading {
    /// Elements from one pixel of so many channels to the next.
    fn apart(self, channels: usize) -> usize {
        if self == Self::Trimmed && channels >= DEEP { channels + LINE } else { channels }
    }
}

/// Which of so many places from `first` on are among the first `extent`: none, but still one of those, where none is.
fn within(first: isize, places: usize, extent: usize) -> Range<usize> {
    let end = first + places.cast_signed();
    let start = first.clamp(0, extent.cast_signed());
    start as usize..end.clamp(start, extent.cast_signed()) as usize
}
