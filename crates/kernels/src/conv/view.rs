//! What windows see: the image itself, or a copy of a part of it with the zeros around.

use std::ops::Range;

use super::correlation::{Block, Correlation};
use crate::Half;
use crate::microkernel::Strides;
use crate::simd::Scale;

/// The source pixels of a block's windows, from the first window's first pixel on.
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

impl Correlation {
    /// Whether some window reaches beyond the image, so that windows cannot be read in place.
    pub(super) fn needs_halo(&self) -> bool {
        let covered = self.covered(self.outputs.0);
        let beyond =
            |origin: isize, covered: usize, extent: usize| origin < 0 || origin as usize + covered > extent;
        beyond(self.origin.0, covered.0, self.source.height)
            || beyond(self.origin.1, covered.1, self.source.width)
    }

    /// Elements of scratch that [`Self::view`] needs for blocks of so many images and rows of outputs, with all channels.
    pub(super) fn halo_len(&self, images: usize, rows: usize) -> usize {
        if self.needs_halo() { self.source_len(images, rows) } else { 0 }
    }

    /// The source of a block: in place where windows do not reach beyond the image, else a copy of it in `scratch`, with the
    /// zeros around. Only the given channels are of interest.
    pub(super) fn view<'a>(
        &self,
        x: &'a [f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
    ) -> View<'a> {
        if self.needs_halo() {
            return self.framed(AsTheyAre, x, block, channels, scratch);
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
        let height = self.source.height.cast_signed();
        let top = self.origin.0 + (block.rows.start * self.step.0).cast_signed();
        let bottom = top + self.covered(block.rows.len()).0.cast_signed();
        let start = top.clamp(0, height);
        start as usize..bottom.clamp(start, height) as usize
    }

    /// A copy of a block's source in `scratch`, with the zeros around. Channels are those of the copy: each is made of
    /// [`Framing::NUMBERS`] of the image's.
    pub(super) fn framed<'a, F: Framing>(
        &self,
        framing: F,
        x: &[f32],
        block: &Block,
        channels: Range<usize>,
        scratch: &'a mut [f32],
    ) -> View<'a> {
        let (rows, columns) = self.covered(block.rows.len());
        let row_len = columns * channels.len();
        let strides = Strides { image: rows * row_len, row: row_len, pixel: channels.len() };
        let top = self.origin.0 + (block.rows.start * self.step.0).cast_signed();
        let frame = &mut scratch[..block.images.len() * strides.image];
        for (image, frame) in block.images.clone().zip(frame.chunks_exact_mut(strides.image)) {
            let from = self.source.strides();
            let x = &x[F::NUMBERS * image * from.image..][..F::NUMBERS * from.image];
            for (row, to) in frame.chunks_exact_mut(row_len).enumerate() {
                match usize::try_from(top + row.cast_signed()) {
                    Ok(row) if row < self.source.height => {
                        let x = &x[F::NUMBERS * row * from.row..][..F::NUMBERS * from.row];
                        self.frame_row(framing, x, channels.clone(), to);
                    }
                    _ => to.fill(0.0),
                }
            }
        }
        View::new(frame, channels.start, strides, framing.scale())
    }

    /// Copies one row of an image, with the zeros before and after it.
    fn frame_row<F: Framing>(&self, framing: F, row: &[f32], channels: Range<usize>, to: &mut [f32]) {
        let (depth, width) = (channels.len(), self.source.width.cast_signed());
        let columns = (to.len() / depth).cast_signed();
        // Column c of the frame is column c + origin of the image.
        let start = (-self.origin.1).clamp(0, columns) as usize;
        let end = (width - self.origin.1).clamp(start.cast_signed(), columns) as usize;
        to[..start * depth].fill(0.0);
        to[end * depth..].fill(0.0);
        if start == end {
            return;
        }
        let first = (start.cast_signed() + self.origin.1) as usize;
        let to = &mut to[start * depth..end * depth];
        if depth == self.source.channels {
            framing.frame(&row[F::NUMBERS * first * depth..][..F::NUMBERS * to.len()], to);
        } else {
            let pixels = row.chunks_exact(F::NUMBERS * self.source.channels).skip(first);
            for (to, pixel) in to.chunks_exact_mut(depth).zip(pixels) {
                framing.frame(&pixel[F::NUMBERS * channels.start..F::NUMBERS * channels.end], to);
            }
        }
    }
}
