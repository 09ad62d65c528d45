//! Pieces of images that are transformed as one, and the kernels that carry them to products and back.

use std::ops::Range;

use super::transform::{
    Input, LinearMap, Output, OutputTransposed, Weights, WeightsTransposed, both_ways, column_of,
};
use crate::buffer::LINE;
use crate::conv::correlation::{Correlation, Map};
use crate::disjoint::Disjoint;
use crate::fetch::fetch;
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

/// Where a square of an image begins.
#[derive(Clone, Copy)]
struct Corner {
    image: usize,
    row: isize,
    column: isize,
}

impl Corner {
    fn moved(self, (rows, columns): (isize, isize)) -> Self {
        Self { image: self.image, row: self.row + rows, column: self.column + columns }
    }

    /// Every pixel of a square of images that begin at `first`; those outside the image are at `beyond`.
    #[inline(always)]
    fn pixels<const SIDE: usize>(
        self,
        map: Map,
        first: *const f32,
        beyond: *const f32,
    ) -> [[*const f32; SIDE]; SIDE] {
        let strides = map.strides();
        let corner = first
            .wrapping_add(self.image * strides.image)
            .wrapping_offset(self.row * strides.row.cast_signed())
            .wrapping_offset(self.column * strides.pixel.cast_signed());
        let within =
            |first: isize, index: usize, end: usize| first.wrapping_add_unsigned(index).cast_unsigned() < end;
        let mut pixels = [[beyond; SIDE]; SIDE];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            if !within(self.row, i, map.height) {
                continue;
            }
            let row = corner.wrapping_add(i * strides.row);
            for (j, pixel) in pixels.iter_mut().enumerate() {
                let there = row.wrapping_add(j * strides.pixel);
                *pixel = if within(self.column, j, map.width) { there } else { beyond };
            }
        }
        pixels
    }
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

    /// The outputs of some tiles, as runs of neighbours, counted over the whole batch.
    pub(super) fn pixels(self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> + Clone {
        let Self { rows, columns, side, outputs: (height, width), .. } = self;
        (range.start / columns..range.end.div_ceil(columns)).flat_map(move |line| {
            let (image, top) = (line / rows, line % rows * side);
            let of_line = |tile: usize| tile.saturating_sub(line * columns).min(columns);
            let (left, right) = (of_line(range.start) * side, width.min(of_line(range.end) * side));
            (top..height.min(top + side)).map(move |row| {
                let first = (image * height + row) * width;
                first + left..first + right
            })
        })
    }

    /// A tile's first output.
    fn corner(&self, index: usize) -> Corner {
        let (image, rest) = (index / (self.rows * self.columns), index % (self.rows * self.columns));
        let (row, column) = (rest / self.columns * self.side, rest % self.columns * self.side);
        Corner { image, row: row.cast_signed(), column: column.cast_signed() }
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
    fn pixels<const SIDE: usize>(&self, tile: Corner) -> [[*const f32; SIDE]; SIDE] {
        let first = self.images.as_ptr().wrapping_add(self.channels.start);
        tile.moved(self.origin).pixels(self.map, first, self.zeros.as_ptr())
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
        let channels = self.source.channels.len();
        let full = channels - channels % S::LANES;
        let mut next = self.source.pixels::<FROM>(self.tiles.corner(self.range.start));
        for (at, index) in self.range.clone().enumerate() {
            let pixels = next;
            next = self.source.pixels(self.tiles.corner((index + 1).min(self.range.end - 1)));
            // SAFETY: the pixels are within the images or the zeros, which have all channels, and tile `at` and its
            // channels are within every plane, as checked.
            unsafe {
                for channel in (0..full).step_by(S::LANES) {
                    if channel.is_multiple_of(LINE) {
                        next.as_flattened().iter().for_each(|pixel| fetch(pixel.wrapping_add(channel)));
                    }
                    self.square::<S, M, FROM, TO, true>(simd, &pixels, at, channel, S::LANES);
                }
                if full < channels {
                    self.square::<S, M, FROM, TO, false>(simd, &pixels, at, full, channels - full);
                }
            }
        }
    }

    /// Carries `count` channels of one square: `FULL` where they are a whole vector.
    ///
    /// # Safety
    /// The pixels can be read at these channels; there is such a tile and such channels in the planes.
    #[inline(always)]
    unsafe fn square<
        S: Simd,
        M: LinearMap<FROM, TO>,
        const FROM: usize,
        const TO: usize,
        const FULL: bool,
    >(
        &mut self,
        simd: S,
        pixels: &[[*const f32; FROM]; FROM],
        at: usize,
        channel: usize,
        count: usize,
    ) {
        let mut half = [[simd.zero(); TO]; FROM];
        for (half, pixels) in half.iter_mut().zip(pixels) {
            let mut row = [simd.zero(); FROM];
            for (number, pixel) in row.iter_mut().zip(pixels) {
                // SAFETY: promised by the caller.
                *number = unsafe { load::<S, FULL>(simd, pixel.wrapping_add(channel), count) };
            }
            *half = M::apply(simd, row);
        }
        let to = self.target.as_mut_ptr().wrapping_add(at * self.planes.channels + channel);
        for column in 0..TO {
            for (row, number) in M::apply(simd, column_of(simd, &half, column)).into_iter().enumerate() {
                let to = to.wrapping_add((row * TO + column) * self.planes.stride());
                // SAFETY: promised by the caller.
                unsafe { store::<S, FULL>(simd, number, to, count) };
            }
        }
    }
}

/// A vector of `count` numbers: `FULL` where they are a whole one, which is told at compile time, lest each load be a branch.
///
/// # Safety
/// So many numbers can be read.
#[inline(always)]
unsafe fn load<S: Simd, const FULL: bool>(simd: S, from: *const f32, count: usize) -> S::V {
    // SAFETY: promised by the caller.
    unsafe { if FULL { simd.load_ptr(from) } else { simd.load_first(from, count) } }
}

/// As [`load`].
///
/// # Safety
/// So many numbers can be written.
#[inline(always)]
unsafe fn store<S: Simd, const FULL: bool>(simd: S, number: S::V, to: *mut f32, count: usize) {
    // SAFETY: promised by the caller.
    unsafe { if FULL { simd.store_ptr(number, to) } else { simd.store_first(number, to, count) } }
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
        if self.after.is_nothing() && matches!(self.start, Start::Zero) {
            self.lower::<S, false>(simd);
        } else {
            self.lower::<S, true>(simd);
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

    /// Carries all tiles back; something comes after where they are to `FINISH`.
    #[inline(always)]
    fn lower<S: Simd, const FINISH: bool>(&self, simd: S) {
        let filters = self.filters.len();
        let full = filters - filters % S::LANES;
        let outputs = self.target.pointer(0..self.target.len()).wrapping_add(self.filters.start);
        // Where outputs beyond the image go, and what is added to them is read.
        let (mut beyond, zeros) = ([0.0; PANEL], [0.0; PANEL]);
        for (at, index) in self.range.clone().enumerate() {
            let tile = self.tiles.corner(index);
            let landing = Landing {
                products: self.products.as_ptr().wrapping_add(at * self.planes.channels),
                stride: self.planes.stride(),
                pixels: tile
                    .pixels(self.map, outputs, beyond.as_mut_ptr())
                    .map(|row| row.map(<*const f32>::cast_mut)),
                residual: self
                    .after
                    .residual
                    .filter(|_| FINISH)
                    .map(|residual| tile.pixels(self.map, residual.as_ptr(), zeros.as_ptr())),
            };
            // SAFETY: there are such a tile and such filters in the products, as checked.
            unsafe {
                for filter in (0..full).step_by(S::LANES) {
                    self.square::<S, true, FINISH>(simd, &landing, filter, S::LANES);
                }
                if full < filters {
                    self.square::<S, false, FINISH>(simd, &landing, full, filters - full);
                }
            }
        }
    }

    /// Carries `count` filters of one tile: `FULL` where they are a whole vector.
    ///
    /// # Safety
    /// The kernel was checked; the tile is one of its tiles, and there are such filters.
    #[inline(always)]
    unsafe fn square<S: Simd, const FULL: bool, const FINISH: bool>(
        &self,
        simd: S,
        landing: &Landing<OUT>,
        filter: usize,
        count: usize,
    ) {
        let from = landing.products.wrapping_add(filter);
        let mut half = [[simd.zero(); OUT]; IN];
        for (i, half) in half.iter_mut().enumerate() {
            let mut row = [simd.zero(); IN];
            for (j, number) in row.iter_mut().enumerate() {
                let from = from.wrapping_add((i * IN + j) * landing.stride);
                // SAFETY: promised by the caller.
                *number = unsafe { load::<S, FULL>(simd, from, count) };
            }
            *half = Output::apply(simd, row);
        }
        for j in 0..OUT {
            let sums = Output::apply(simd, column_of(simd, &half, j));
            for (i, sum) in sums.into_iter().enumerate() {
                // SAFETY: the pixel is within the outputs, and nobody else has these filters of the tile; or it is beyond them,
                // where there is room for a panel. What is added to it lies as it does.
                unsafe {
                    let sum = if FINISH {
                        let residual = landing.residual.map(|pixels| pixels[i][j]);
                        self.finish::<S, FULL>(simd, sum, residual, filter, count)
                    } else {
                        sum
                    };
                    store::<S, FULL>(simd, sum, landing.pixels[i][j].wrapping_add(filter), count);
                }
            }
        }
    }

    /// What becomes of `count` filters of a pixel's sums, to which those of `residual` are added.
    ///
    /// # Safety
    /// The kernel was checked, and there are such filters, in the residual too.
    #[inline(always)]
    unsafe fn finish<S: Simd, const FULL: bool>(
        &self,
        simd: S,
        sum: S::V,
        residual: Option<*const f32>,
        filter: usize,
        count: usize,
    ) -> S::V {
        let mut sum = sum;
        // SAFETY: what comes after has as many numbers as there are filters or outputs, as checked.
        unsafe {
            if let Start::Bias(bias) = self.start {
                sum = simd.add(sum, load::<S, FULL>(simd, bias.as_ptr().add(filter), count));
            }
            if let Some([scale, shift]) = self.after.before {
                let scale = load::<S, FULL>(simd, scale.as_ptr().add(filter), count);
                let shift = load::<S, FULL>(simd, shift.as_ptr().add(filter), count);
                sum = simd.mul_add(sum, scale, shift);
            }
            if let Some(residual) = residual {
                sum = simd.add(sum, load::<S, FULL>(simd, residual.add(filter), count));
            }
            sum = Bounds::of(self.after.activation).keep(simd, sum);
            if let Some([scale, shift]) = self.after.behind {
                let scale = load::<S, FULL>(simd, scale.as_ptr().add(filter), count);
                let shift = load::<S, FULL>(simd, shift.as_ptr().add(filter), count);
                sum = simd.mul_add(sum, scale, shift);
            }
        }
        sum
    }
}

/// Where one tile's products come from and its outputs go to.
struct Landing<const OUT: usize> {
    /// The tile's first product in the first plane, and the elements between planes.
    products: *const f32,
    stride: usize,
    /// The first filter of each output of the tile, and of what is added to it.
    pixels: [[*mut f32; OUT]; OUT],
    residual: Option<[[*const f32; OUT]; OUT]>,
}

/// Transforms the weights of some channels of a panel: `G g G'`.
pub(super) struct LiftWeights<'a, const IN: usize> {
    /// `[3][3][channels][PANEL]`: a panel.
    pub weights: &'a [f32],
    pub range: Range<usize>,
    pub planes: Planes,
    /// All panels transformed; this kernel writes some channels of one.
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
                let of_plane = channel * PANEL + lane;
                let mut taps = [[simd.zero(); 3]; 3];
                for (tap, number) in taps.as_flattened_mut().iter_mut().enumerate() {
                    let at = tap * self.planes.tiles * PANEL + of_plane;
                    *number = simd.load_some(&self.weights[at..at + S::LANES]);
                }
                let lifted = both_ways::<S, Weights, 3, IN>(simd, &taps);
                for (plane, number) in lifted.as_flattened().iter().enumerate() {
                    let at = self.offset + plane * self.planes.stride() + of_plane;
                    // SAFETY: this kernel alone has these channels of the panel; `part` checks that they are there.
                    simd.store(*number, unsafe { self.target.part(at..at + S::LANES) });
                }
            }
        }
    }
}

/// Carries the gradient of transformed weights back to that of the weights: `G' u G`, a whole panel.
pub(super) struct LowerWeights<'a, const IN: usize> {
    pub planes: Planes,
    pub sums: &'a [f32],
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
        let channels = self.planes.tiles;
        for channel in 0..channels {
            for lane in (0..PANEL).step_by(S::LANES) {
                let of_plane = channel * PANEL + lane;
                let mut square = [[simd.zero(); IN]; IN];
                for (plane, number) in square.as_flattened_mut().iter_mut().enumerate() {
                    let at = plane * self.planes.stride() + of_plane;
                    *number = simd.load_some(&self.sums[at..at + S::LANES]);
                }
                let taps = both_ways::<S, WeightsTransposed, IN, 3>(simd, &square);
                for (tap, number) in taps.as_flattened().iter().enumerate() {
                    let at = tap * channels * PANEL + of_plane;
                    simd.store(*number, &mut self.gradient[at..at + S::LANES]);
                }
            }
        }
    }
}
