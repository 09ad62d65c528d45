//! Pieces of images that are transformed as one, and the kernels that carry them to products and back.

use std::ops::Range;

use super::transform::{Input, LinearMap, Output, OutputTransposed, Weights, WeightsTransposed, both_ways};
use crate::conv::correlation::{Correlation, Map};
use crate::disjoint::Disjoint;
use crate::microkernel::{After, Start};
use crate::packing::PANEL;
use crate::rectifier::Bounds;
use crate::simd::{Kernel, Simd};

/// The outputs of a batch of images, cut into squares; those at the lower and right edges may reach beyond the outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tiles {
    batch: usize,
    /// Tiles of one image.
    rows: usize,
    columns: usize,
    /// Outputs along one side of a tile.
    side: usize,
    /// Rows and columns of outputs.
    outputs: (usize, usize),
}

/// One tile: its image, and its first output's row and column.
#[derive(Clone, Copy)]
struct Tile {
    image: usize,
    row: usize,
    column: usize,
}

impl Tiles {
    pub(super) fn of(c: &Correlation, side: usize) -> Self {
        Self {
            batch: c.batch,
            rows: c.outputs.0.div_ceil(side),
            columns: c.outputs.1.div_ceil(side),
            side,
            outputs: c.outputs,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.batch * self.rows * self.columns
    }

    fn tile(&self, index: usize) -> Tile {
        let (image, rest) = (index / (self.rows * self.columns), index % (self.rows * self.columns));
        Tile { image, row: rest / self.columns * self.side, column: rest % self.columns * self.side }
    }
}

/// Products, or what they are made of: `[IN * IN]` planes of `[tiles][channels]`, a little apart so that planes do not
/// compete for the same lines of the cache.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    tiles: usize,
    pub channels: usize,
}

/// Elements between planes.
const APART: usize = 16;

impl Planes {
    pub(super) fn new(tiles: usize, channels: usize) -> Self {
        Self { tiles, channels }
    }

    pub(super) fn stride(self) -> usize {
        (self.tiles * self.channels).next_multiple_of(APART) + APART
    }

    pub(super) fn len(self, planes: usize) -> usize {
        planes * self.stride()
    }
}

/// Squares of images as the maps read them.
pub(super) struct Source<'a> {
    pub images: &'a [f32],
    pub map: Map,
    /// Where the square of the first tile begins.
    pub origin: (isize, isize),
    /// The channels that are read.
    pub channels: Range<usize>,
    /// As many zeros as there are channels: what squares find beyond the image.
    pub zeros: &'a [f32],
}

impl Source<'_> {
    /// The first channel of every pixel of a tile's square.
    #[inline(always)]
    fn pixels<const SIDE: usize>(&self, tile: Tile) -> [[*const f32; SIDE]; SIDE] {
        let Map { height, width, .. } = self.map;
        let strides = self.map.strides();
        let (top, left) = (self.origin.0 + tile.row.cast_signed(), self.origin.1 + tile.column.cast_signed());
        let image = self.images.as_ptr().wrapping_add(tile.image * strides.image + self.channels.start);
        let mut pixels = [[self.zeros.as_ptr(); SIDE]; SIDE];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            let row = top + i.cast_signed();
            if row < 0 || row >= height.cast_signed() {
                continue;
            }
            let first = image.wrapping_offset(row * strides.row.cast_signed());
            for (j, pixel) in pixels.iter_mut().enumerate() {
                let column = left + j.cast_signed();
                let inside = column >= 0 && column < width.cast_signed();
                let there = first.wrapping_offset(column * strides.pixel.cast_signed());
                *pixel = if inside { there } else { self.zeros.as_ptr() };
            }
        }
        pixels
    }

    /// What the pointers of [`Self::pixels`] rely on.
    fn check(&self, tiles: &Tiles) {
        let Map { height, width, channels } = self.map;
        assert_eq!(self.images.len(), tiles.batch * height * width * channels, "images");
        assert!(self.channels.end <= channels && self.channels.len() <= self.zeros.len(), "channels");
    }
}

/// Where squares come from and where they go.
pub(super) struct Lift<'a> {
    pub tiles: Tiles,
    /// The tiles that are carried.
    pub range: Range<usize>,
    pub source: Source<'a>,
    pub planes: Planes,
    pub target: &'a mut [f32],
}

/// Carries squares of images to planes: `B' d B`.
pub(super) struct LiftInput<'a, const IN: usize>(pub Lift<'a>);

impl<const IN: usize> Kernel for LiftInput<'_, IN>
where
    Input: LinearMap<IN, IN>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.run::<S, Input, IN, IN>(simd);
    }
}

/// Carries the gradients of tiles to planes: `A y A'`.
pub(super) struct LiftOutputs<'a, const OUT: usize, const IN: usize>(pub Lift<'a>);

impl<const OUT: usize, const IN: usize> Kernel for LiftOutputs<'_, OUT, IN>
where
    OutputTransposed: LinearMap<OUT, IN>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.0.run::<S, OutputTransposed, OUT, IN>(simd);
    }
}

impl Lift<'_> {
    #[inline(always)]
    fn run<S: Simd, M: LinearMap<FROM, TO>, const FROM: usize, const TO: usize>(mut self, simd: S) {
        self.source.check(&self.tiles);
        assert!(self.range.end <= self.tiles.len() && self.range.len() <= self.planes.tiles, "tiles");
        assert!(self.source.channels.len() <= self.planes.channels, "channels of planes");
        assert!(self.target.len() >= self.planes.len(TO * TO), "room for planes");
        for (at, index) in self.range.clone().enumerate() {
            let pixels = self.source.pixels::<FROM>(self.tiles.tile(index));
            let channels = self.source.channels.len();
            let mut channel = 0;
            while channel < channels {
                let count = S::LANES.min(channels - channel);
                // SAFETY: the pixels are within the images or the zeros, which have all channels, and tile `at` and its
                // channels are within every plane, as checked.
                unsafe { self.square::<S, M, FROM, TO>(simd, &pixels, at, channel, count) };
                channel += count;
            }
        }
    }

    /// Carries `count` channels of one square.
    ///
    /// # Safety
    /// The pixels can be read at these channels; there is such a tile and such channels in the planes.
    #[inline(always)]
    unsafe fn square<S: Simd, M: LinearMap<FROM, TO>, const FROM: usize, const TO: usize>(
        &mut self,
        simd: S,
        pixels: &[[*const f32; FROM]; FROM],
        at: usize,
        channel: usize,
        count: usize,
    ) {
        let mut square = [[simd.zero(); FROM]; FROM];
        for (numbers, pixels) in square.iter_mut().zip(pixels) {
            for (number, pixel) in numbers.iter_mut().zip(pixels) {
                // SAFETY: promised by the caller.
                *number = unsafe { simd.load_first(pixel.add(channel), count) };
            }
        }
        let lifted = both_ways::<S, M, FROM, TO>(simd, &square);
        let mut to = self.target.as_mut_ptr().wrapping_add(at * self.planes.channels + channel);
        for number in lifted.as_flattened() {
            // SAFETY: promised by the caller.
            unsafe { simd.store_first(*number, to, count) };
            to = to.wrapping_add(self.planes.stride());
        }
    }
}

/// Carries planes of products back to outputs: `A' m A`, and what comes after.
pub(super) struct Lower<'a, const OUT: usize, const IN: usize> {
    pub tiles: Tiles,
    pub range: Range<usize>,
    pub planes: Planes,
    pub products: &'a [f32],
    /// All outputs; this kernel writes some filters of its tiles.
    pub target: &'a Disjoint<'a, f32>,
    pub map: Map,
    pub filters: Range<usize>,
    pub start: Start<'a>,
    /// From the first image's first filter on.
    pub after: After<'a>,
}

impl<const OUT: usize, const IN: usize> Kernel for Lower<'_, OUT, IN>
where
    Output: LinearMap<IN, OUT>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.check();
        for (at, index) in self.range.clone().enumerate() {
            let tile = self.tiles.tile(index);
            let mut filter = 0;
            while filter < self.filters.len() {
                let count = S::LANES.min(self.filters.len() - filter);
                // SAFETY: there are such a tile and such filters in the products, as checked.
                unsafe { self.square(simd, tile, at, filter, count) };
                filter += count;
            }
        }
    }
}

impl<const OUT: usize, const IN: usize> Lower<'_, OUT, IN>
where
    Output: LinearMap<IN, OUT>,
{
    /// Everything the raw pointers below rely on.
    fn check(&self) {
        let Map { height, width, channels } = self.map;
        let outputs = self.tiles.batch * height * width * channels;
        assert!(self.range.end <= self.tiles.len() && self.range.len() <= self.planes.tiles, "tiles");
        assert!(self.filters.len() <= self.planes.channels && self.filters.end <= channels, "filters");
        assert!(self.products.len() >= self.planes.len(IN * IN), "planes of products");
        assert_eq!((self.target.len(), self.tiles.outputs), (outputs, (height, width)), "outputs");
        if let Start::Bias(bias) = self.start {
            assert!(bias.len() >= self.filters.len(), "a bias for each filter");
        }
        if let Some(residual) = self.after.residual {
            assert!(residual.len() + self.filters.start >= outputs, "a residual like the outputs");
        }
        for affine in [self.after.before, self.after.behind].into_iter().flatten() {
            assert!(affine.iter().all(|of| of.len() >= self.filters.len()), "a scale for each filter");
        }
    }

    /// Carries `count` filters of one tile.
    ///
    /// # Safety
    /// The kernel was checked; tile `at` is one of its tiles, and there are such filters.
    #[inline(always)]
    unsafe fn square<S: Simd>(&self, simd: S, tile: Tile, at: usize, filter: usize, count: usize) {
        let mut square = [[simd.zero(); IN]; IN];
        let mut from = self.products.as_ptr().wrapping_add(at * self.planes.channels + filter);
        for number in square.as_flattened_mut() {
            // SAFETY: promised by the caller.
            *number = unsafe { simd.load_first(from, count) };
            from = from.wrapping_add(self.planes.stride());
        }
        let outputs = both_ways::<S, Output, IN, OUT>(simd, &square);
        let strides = self.map.strides();
        let bias = match self.start {
            // SAFETY: there is a bias for each filter, as checked.
            Start::Bias(bias) => unsafe { simd.load_first(bias.as_ptr().wrapping_add(filter), count) },
            _ => simd.zero(),
        };
        let rows = OUT.min(self.map.height - tile.row);
        let columns = OUT.min(self.map.width - tile.column);
        for (i, outputs) in outputs.iter().enumerate().take(rows) {
            for (j, output) in outputs.iter().enumerate().take(columns) {
                let pixel = tile.image * strides.image
                    + (tile.row + i) * strides.row
                    + (tile.column + j) * strides.pixel;
                let sum = simd.add(*output, bias);
                // SAFETY: the pixel is within the outputs, and the filters are those of this kernel, as checked.
                unsafe { self.store(simd, sum, pixel, filter, count) };
            }
        }
    }

    /// Stores `count` filters of a pixel's sums after what comes after.
    ///
    /// # Safety
    /// The kernel was checked; the pixel is one of its tiles', and there are such filters.
    #[inline(always)]
    unsafe fn store<S: Simd>(&self, simd: S, sum: S::V, pixel: usize, filter: usize, count: usize) {
        let mut sum = sum;
        // SAFETY: what comes after has as many numbers as there are filters or outputs, as checked; nobody else has these
        // filters of the tiles.
        unsafe {
            if let Some([scale, shift]) = self.after.before {
                let scale = simd.load_first(scale.as_ptr().add(filter), count);
                let shift = simd.load_first(shift.as_ptr().add(filter), count);
                sum = simd.mul_add(sum, scale, shift);
            }
            if let Some(residual) = self.after.residual {
                sum = simd.add(sum, simd.load_first(residual.as_ptr().add(pixel + filter), count));
            }
            sum = Bounds::of(self.after.activation).keep(simd, sum);
            if let Some([scale, shift]) = self.after.behind {
                let scale = simd.load_first(scale.as_ptr().add(filter), count);
                let shift = simd.load_first(shift.as_ptr().add(filter), count);
                sum = simd.mul_add(sum, scale, shift);
            }
            let first = pixel + self.filters.start + filter;
            simd.store_first(sum, self.target.pointer(first..first + count), count);
        }
    }
}

/// Transforms the weights of some channels of a panel: `G g G'`.
pub(super) struct LiftWeights<'a, const IN: usize> {
    /// `[3][3][channels][PANEL]`: a panel.
    pub weights: &'a [f32],
    pub channels: usize,
    pub range: Range<usize>,
    /// `[IN * IN][channels][PANEL]`: the panel transformed; this kernel writes some channels.
    pub target: &'a Disjoint<'a, f32>,
    /// Where the panel begins.
    pub offset: usize,
}

impl<const IN: usize> Kernel for LiftWeights<'_, IN>
where
    Weights: LinearMap<3, IN>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for channel in self.range.clone() {
            for lane in (0..PANEL).step_by(S::LANES) {
                let mut taps = [[simd.zero(); 3]; 3];
                for (tap, number) in taps.as_flattened_mut().iter_mut().enumerate() {
                    let at = (tap * self.channels + channel) * PANEL + lane;
                    *number = simd.load_some(&self.weights[at..at + S::LANES]);
                }
                let lifted = both_ways::<S, Weights, 3, IN>(simd, &taps);
                for (plane, number) in lifted.as_flattened().iter().enumerate() {
                    let at = self.offset + (plane * self.channels + channel) * PANEL + lane;
                    // SAFETY: this kernel alone has these channels of the panel; `part` checks that they are there.
                    simd.store(*number, unsafe { self.target.part(at..at + S::LANES) });
                }
            }
        }
    }
}

/// Carries the gradient of transformed weights back to that of the weights: `G' u G`, a whole panel.
pub(super) struct LowerWeights<'a, const IN: usize> {
    /// `[IN * IN][channels][PANEL]`.
    pub planes: &'a [f32],
    pub channels: usize,
    /// `[3][3][channels][PANEL]`.
    pub gradient: &'a mut [f32],
}

impl<const IN: usize> Kernel for LowerWeights<'_, IN>
where
    WeightsTransposed: LinearMap<IN, 3>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for channel in 0..self.channels {
            for lane in (0..PANEL).step_by(S::LANES) {
                let at = |plane: usize| (plane * self.channels + channel) * PANEL + lane;
                let mut square = [[simd.zero(); IN]; IN];
                for (plane, number) in square.as_flattened_mut().iter_mut().enumerate() {
                    *number = simd.load_some(&self.planes[at(plane)..at(plane) + S::LANES]);
                }
                let taps = both_ways::<S, WeightsTransposed, IN, 3>(simd, &square);
                for (tap, number) in taps.as_flattened().iter().enumerate() {
                    simd.store(*number, &mut self.gradient[at(tap)..at(tap) + S::LANES]);
                }
            }
        }
    }
}
