//! What windows see: the image itself, or a copy of a part of it with the zeros around.

use std::ops::Range;

use super::correlation::{Block, Correlation};
use crate::Bf16;
use crate::microkernel::Strides;

/// The source pixels of a block's windows, from the first window's first pixel on.
pub(super) struct View<'a> {
    data: &'a [f32],
    /// The channel that the data begins with.
    first_channel: usize,
    /// From one source pixel to the next.
    pub strides: Strides,
}

impl<'a> View<'a> {
    /// Data that begins with a channel.
    pub(super) fn new(data: &'a [f32], first_channel: usize, strides: Strides) -> Self {
        Self { data, first_channel, strides }
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

    /// Makes as many elements as there is room for.
    fn frame(self, from: &[f32], to: &mut [f32]);
}

/// Numbers stay what they are.
#[derive(Clone, Copy, Debug)]
struct AsTheyAre;

impl Framing for AsTheyAre {
    const NUMBERS: usize = 1;

    fn frame(self, from: &[f32], to: &mut [f32]) {
        to.copy_from_slice(from);
    }
}

impl Framing for Bf16 {
    const NUMBERS: usize = Self::NUMBERS;

    fn frame(self, from: &[f32], to: &mut [f32]) {
        self.round(from, to);
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
        View { data: &x[first..], first_channel: channels.start, strides }
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
        View { data: frame, first_channel: channels.start, strides }
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
