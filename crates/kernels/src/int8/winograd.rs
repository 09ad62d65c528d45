//! Winograd's F(2x2, 3x3) in whole numbers: 2.25 times fewer products, and the same sums.
//!
//! The maps of inputs and outputs have the factors 0, 1 and -1 alone, and that of weights halves, which are doubled: transformed inputs and weights
//! are whole numbers of 16 bits, and what is carried back is four times the sum of the definition, exactly (Lavin and Gray, "Fast algorithms for
//! convolutional neural networks", arXiv 1509.09308), which fits 32 bits.

use std::ops::Range;

use super::operand::{Pairs, rows_of};
use super::outputs::Outputs;
use super::path::{ByteKernel, ByteSimd, Path};
use super::tile::{Ahead, Finish, MAX_ROWS, Sums, multiply, with_rows};
use super::window::{TASKS, frame_row, piece};
use crate::disjoint::Disjoint;
use crate::microkernel::{even_pieces, in_strips};
use crate::packing::PANEL;
use crate::{Conv2dShape, Team};

/// Numbers of a transformed square.
const PLANES: usize = 16;
/// Filters whose products are computed together.
const STRIP: usize = 16;
/// Channels that are transformed together.
const CHANNELS: usize = 16;
/// The same of what is left then.
const FEW: usize = 4;
/// Bytes of transformed squares and of one strip's products that stay in a second-level cache beside the weights that pass by.
const BLOCK: usize = 288 * 1024;
/// Between planes, so that they do not fall onto the same places of a cache: numbers.
const APART: usize = 32;
/// Bytes that are lost where numbers begin at a multiple of their size.
const ALIGNING: usize = 2 * size_of::<i32>();
/// Four times the largest sum of so many channels fits 32 bits: 4 * 9 * 255 * 128 * 1024 < 2^31.
const MOST_CHANNELS: usize = 1024;

/// The squares of 2x2 outputs of a convolution, and how the work is cut: a task is some rows of squares of one image, and some strips of filters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Squares<'a> {
    shape: &'a Conv2dShape,
    outputs: (usize, usize),
    /// Rows and columns of squares.
    grid: (usize, usize),
    /// Of a task.
    rows: usize,
    /// Of a task.
    strips: usize,
}

impl<'a> Squares<'a> {
    /// Whether a convolution can be computed so.
    pub(super) fn can(shape: &Conv2dShape) -> bool {
        shape.kernel == (3, 3)
            && (shape.strides, shape.dilation, shape.groups) == ((1, 1), (1, 1), 1)
            && shape.channels <= MOST_CHANNELS
    }

    /// Whether it can be and has a third fewer products so at the least, and channels enough that transforming does not cost more than is saved.
    pub(super) fn suit(shape: &Conv2dShape) -> bool {
        let (height, width) = (shape.out_height(), shape.out_width());
        let saves = 3 * PLANES * height.div_ceil(2) * width.div_ceil(2) <= 2 * 9 * height * width;
        Self::can(shape) && saves && shape.channels >= CHANNELS && shape.filters >= STRIP
    }

    pub(super) fn new(shape: &'a Conv2dShape) -> Self {
        let outputs = (shape.out_height(), shape.out_width());
        let grid = (outputs.0.div_ceil(2), outputs.1.div_ceil(2));
        let mut cut = Self { shape, outputs, grid, rows: 1, strips: 1 };
        if !cut.is_empty() {
            let of_square = PLANES * (cut.depth() * size_of::<i16>() + STRIP * size_of::<i32>());
            let most = (BLOCK / (of_square * grid.1)).clamp(1, grid.0);
            cut.rows = grid.0.div_ceil(grid.0.div_ceil(most));
            let parts = TASKS.div_ceil(cut.blocks()).min(cut.all_strips());
            cut.strips = cut.all_strips().div_ceil(parts);
        }
        cut
    }

    fn is_empty(&self) -> bool {
        self.shape.batch * self.outputs.0 * self.outputs.1 * self.shape.filters == 0
    }

    /// Numbers of a square in one plane: channels, of which there are an even number.
    fn depth(&self) -> usize {
        self.shape.channels.next_multiple_of(2)
    }

    fn all_strips(&self) -> usize {
        self.shape.filters.div_ceil(STRIP)
    }

    fn bands(&self) -> usize {
        self.grid.0.div_ceil(self.rows)
    }

    fn blocks(&self) -> usize {
        self.shape.batch * self.bands()
    }

    /// Rows and columns of pixels that the squares of so many rows see.
    fn frame(&self, rows: usize) -> (usize, usize) {
        (2 * rows + 2, 2 * self.grid.1 + 2)
    }

    /// The lengths of a thread's parts of scratch: bytes of a frame, numbers of transformed squares, sums of a strip's products.
    fn parts(&self) -> [usize; 3] {
        let frame = self.frame(self.rows);
        let squares = self.rows * self.grid.1;
        [
            frame.0 * frame.1 * self.shape.channels,
            PLANES * (squares * self.depth() + APART),
            PLANES * squares * STRIP,
        ]
    }

    /// Bytes of scratch that one thread needs.
    pub(super) fn scratch(&self) -> usize {
        let [frame, squares, sums] = self.parts();
        frame + squares * size_of::<i16>() + sums * size_of::<i32>() + ALIGNING
    }

    /// The image, the rows of squares and the strips of a task. Tasks of the same squares follow each other, so that these are transformed once.
    fn task(&self, task: usize) -> (usize, Range<usize>, Range<usize>) {
        let parts = self.all_strips().div_ceil(self.strips);
        let (block, part) = (task / parts, task % parts);
        let rows = piece(block % self.bands(), self.rows, self.grid.0);
        (block / self.bands(), rows, piece(part, self.strips, self.all_strips()))
    }

    /// A part of an image, as squares of these rows see it, with the zero point around the image.
    fn copy_frame(&self, x: &[u8], zero_point: u8, image: usize, rows: &Range<usize>, to: &mut [u8]) {
        let len = self.shape.height * self.shape.width * self.shape.channels;
        let image = &x[image * len..][..len];
        let (count, columns) = self.frame(rows.len());
        let each = to.chunks_exact_mut(columns * self.shape.channels).take(count);
        for (index, to) in each.enumerate() {
            frame_row(self.shape, image, zero_point, 2 * rows.start + index, to);
        }
    }
}

/// The transformed weights of a convolution in Keras's layout, doubled along both directions:
///
/// ```text
/// [strip][plane][pair of channels][16 filters][2 channels]
/// ```
///
/// Strips are filled up to 16 filters, and channels to an even number, with zeros.
pub(super) fn transform(shape: &Conv2dShape, weights: &[i8]) -> Vec<i16> {
    let Conv2dShape { channels, filters, .. } = *shape;
    let pairs = channels.div_ceil(2);
    let mut transformed = vec![0; filters.div_ceil(STRIP) * PLANES * pairs * STRIP * 2];
    for (channel, filter) in
        (0..channels).flat_map(|channel| (0..filters).map(move |filter| (channel, filter)))
    {
        let weight = |tap: usize| i16::from(weights[(tap * channels + channel) * filters + filter]);
        let rows: [[i16; 4]; 3] =
            std::array::from_fn(|row| doubled(std::array::from_fn(|column| weight(3 * row + column))));
        for column in 0..4 {
            let numbers = doubled(rows.map(|row| row[column]));
            for (row, number) in numbers.into_iter().enumerate() {
                let at = ((filter / STRIP * PLANES + 4 * row + column) * pairs + channel / 2) * STRIP;
                transformed[(at + filter % STRIP) * 2 + channel % 2] = number;
            }
        }
    }
    transformed
}

/// Twice the map of weights.
fn doubled([a, b, c]: [i16; 3]) -> [i16; 4] {
    [2 * a, a + b + c, a - b + c, 2 * c]
}

/// A convolution, from [transformed](transform) weights and what sums begin with.
pub(super) fn convolve(
    path: Path,
    team: &Team,
    squares: &Squares<'_>,
    (x, zero_point): (&[u8], u8),
    (weights, start): (&[i16], &[i32]),
    outputs: &Outputs<'_>,
    scratch: &mut [u8],
) {
    assert!(scratch.len() >= team.threads() * squares.scratch(), "scratch of {} bytes", scratch.len());
    if squares.is_empty() {
        return;
    }
    let mut workers: Vec<_> = scratch
        .chunks_exact_mut(squares.scratch())
        .take(team.threads())
        .map(|it| Worker::new(it, squares))
        .collect();
    let workers = Disjoint::new(&mut workers);
    let (depth, filters) = (squares.depth(), squares.shape.filters);
    let strip_len = PLANES * depth * STRIP;
    let tasks = squares.blocks() * squares.all_strips().div_ceil(squares.strips);
    team.run(tasks, |member, task| {
        let (image, rows, strips) = squares.task(task);
        // SAFETY: a member runs one task at a time.
        let worker = unsafe { &mut workers.part(member..member + 1)[0] };
        let count = rows.len() * squares.grid.1;
        let plane_len = count * depth + APART;
        if worker.lifted.replace((image, rows.start)) != Some((image, rows.start)) {
            squares.copy_frame(x, zero_point, image, &rows, worker.frame);
            let (grid, channels) = ((rows.len(), squares.grid.1), squares.shape.channels);
            path.call(Lift { frame: worker.frame, grid, channels, depth, plane_len, target: worker.squares });
        }
        let of_outputs = 2 * rows.start..squares.outputs.0.min(2 * rows.end);
        for strip in strips {
            let weights = &weights[strip * strip_len..][..strip_len];
            path.call(Multiply {
                squares: worker.squares,
                plane_len,
                count,
                depth,
                weights,
                target: worker.sums,
            });
            let (panel, place) = (strip * STRIP / PANEL, strip * STRIP % PANEL);
            let columns = panel * PANEL..filters.min((panel + 1) * PANEL);
            // No other task has this strip's filters of these rows.
            let finish = outputs.finish(image, &of_outputs, panel, &columns);
            let outputs = (of_outputs.len(), squares.outputs.1);
            let start = &start[strip * STRIP..][..STRIP];
            path.call(Land {
                sums: worker.sums,
                count,
                columns: squares.grid.1,
                outputs,
                place,
                start,
                finish,
            });
        }
    });
}

/// The memory of one thread.
struct Worker<'a> {
    frame: &'a mut [u8],
    squares: &'a mut [i16],
    sums: &'a mut [i32],
    /// The image and the first row of squares that were transformed last.
    lifted: Option<(usize, usize)>,
}

impl<'a> Worker<'a> {
    /// In scratch as long as [`Squares::scratch`] says.
    fn new(scratch: &'a mut [u8], cut: &Squares<'_>) -> Self {
        let [frame, squares, sums] = cut.parts();
        let (frame, rest) = scratch.split_at_mut(frame);
        let (squares_part, rest) = rest.split_at_mut(squares * size_of::<i16>() + ALIGNING / 2);
        debug_assert!(rest.len() >= sums * size_of::<i32>() + ALIGNING / 2, "scratch of a thread");
        // SAFETY: integers of any bits are integers.
        let (squares_part, sums_part) = unsafe { (squares_part.align_to_mut().1, rest.align_to_mut().1) };
        Self { frame, squares: &mut squares_part[..squares], sums: &mut sums_part[..sums], lifted: None }
    }
}

/// Transforms what the squares of a frame see: `[plane][square][channel]`.
struct Lift<'a> {
    frame: &'a [u8],
    /// Rows and columns of squares.
    grid: (usize, usize),
    channels: usize,
    /// Numbers from one square to the next.
    depth: usize,
    /// Numbers from one plane to the next.
    plane_len: usize,
    target: &'a mut [i16],
}

impl ByteKernel for Lift<'_> {
    #[inline(always)]
    fn run<S: ByteSimd>(mut self, _: S) {
        let (rows, columns) = self.grid;
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let mut channel = 0;
            while channel + CHANNELS <= self.channels {
                self.square::<CHANNELS>(row, column, channel);
                channel += CHANNELS;
            }
            while channel + FEW <= self.channels {
                self.square::<FEW>(row, column, channel);
                channel += FEW;
            }
            for channel in channel..self.channels {
                self.square::<1>(row, column, channel);
            }
        }
    }
}

impl Lift<'_> {
    /// `N` channels of one square.
    #[inline(always)]
    fn square<const N: usize>(&mut self, row: usize, column: usize, channel: usize) {
        let frame_columns = 2 * self.grid.1 + 2;
        let at =
            |y: usize, x: usize| ((2 * row + y) * frame_columns + 2 * column + x) * self.channels + channel;
        let mut half = [[[0_i16; N]; 4]; 4];
        for x in 0..4 {
            let mut seen = [[0_i16; N]; 4];
            for (y, seen) in seen.iter_mut().enumerate() {
                let bytes = &self.frame[at(y, x)..][..N];
                for (number, byte) in seen.iter_mut().zip(bytes) {
                    *number = i16::from(*byte);
                }
            }
            let seen = lifted(&seen);
            for (half, numbers) in half.iter_mut().zip(seen) {
                half[x] = numbers;
            }
        }
        let place = (row * self.grid.1 + column) * self.depth + channel;
        for (y, half) in half.into_iter().enumerate() {
            for (x, numbers) in lifted(&half).into_iter().enumerate() {
                self.target[(4 * y + x) * self.plane_len + place..][..N].copy_from_slice(&numbers);
            }
        }
        // The number beside the last channel of an odd number of them, whose weight is zero, may be any.
    }
}

/// The map of inputs. Loops rather than closures, here and below: those are not compiled for the path.
#[inline(always)]
fn lifted<const N: usize>([a, b, c, d]: &[[i16; N]; 4]) -> [[i16; N]; 4] {
    let mut numbers = [*a, *b, *c, *b];
    for i in 0..N {
        numbers[0][i] -= c[i];
        numbers[1][i] += c[i];
        numbers[2][i] -= b[i];
        numbers[3][i] -= d[i];
    }
    numbers
}

/// The products of all squares with one strip of filters, summed over channels: `[plane][square][16 filters]`.
struct Multiply<'a> {
    squares: &'a [i16],
    plane_len: usize,
    /// Squares.
    count: usize,
    depth: usize,
    weights: &'a [i16],
    target: &'a mut [i32],
}

impl ByteKernel for Multiply<'_> {
    #[inline(always)]
    fn run<S: ByteSimd>(mut self, simd: S) {
        let Self { squares, plane_len, count, depth, weights, ref target } = self;
        assert!(squares.len() >= (PLANES - 1) * plane_len + count * depth, "transformed squares");
        assert!(weights.len() == PLANES * depth * STRIP && depth.is_multiple_of(2), "transformed weights");
        assert!(target.len() >= PLANES * count * STRIP, "sums of products");
        let most = const { rows_of::<Pairs, S>() };
        let tiles = count.div_ceil(most);
        for plane in 0..PLANES {
            let mut square = 0;
            // The weights of the next plane, or of the next strip's first one.
            let next = weights.as_ptr().wrapping_add((plane + 1) * depth * STRIP);
            for (tile, rows) in even_pieces(count, most).enumerate() {
                let ahead = Ahead::share(next, (depth / 2, 2 * STRIP), tile, tiles);
                in_strips!(STRIP, S, |N, place| {
                    // SAFETY: the lengths are as asserted, and the squares of a tile are among them.
                    with_rows!(rows, rows_of::<Pairs, S>(), |R| unsafe {
                        self.tile::<S, R, N>(simd, plane, square, place, ahead);
                    });
                });
                square += rows;
            }
        }
    }
}

impl Multiply<'_> {
    /// `R` squares times `N` vectors of filters from `place` on, in one plane.
    ///
    /// # Safety
    /// Slices are as long as asserted in `run`, which has these squares, filters and planes.
    #[inline(always)]
    unsafe fn tile<S: ByteSimd, const R: usize, const N: usize>(
        &mut self,
        simd: S,
        plane: usize,
        square: usize,
        place: usize,
        ahead: Ahead<i16>,
    ) {
        const ZEROS: [i32; STRIP] = [0; STRIP];
        const { assert!(S::LANES <= STRIP) };
        let Self { plane_len, count, depth, .. } = *self;
        let first = self.squares.as_ptr().wrapping_add(plane * plane_len + square * depth);
        let rows: [*const i16; R] = std::array::from_fn(|r| first.wrapping_add(r * depth));
        let weights = self.weights.as_ptr().wrapping_add(plane * depth * STRIP + 2 * place);
        // SAFETY: there are as many zeros as lanes; the caller promises numbers of squares and weights.
        unsafe {
            let mut sums = [[simd.integers(ZEROS.as_ptr()); N]; R];
            multiply::<Pairs, S, R, N, STRIP>(simd, &mut sums, &rows, weights, depth / 2, ahead);
            for (r, sums) in sums.into_iter().enumerate() {
                let to = self.target.as_mut_ptr().add((plane * count + square + r) * STRIP + place);
                for (n, sum) in sums.into_iter().enumerate() {
                    simd.store_integers(sum, to.add(n * S::LANES));
                }
            }
        }
    }
}

/// Carries a strip's sums back to outputs, and finishes these.
struct Land<'a> {
    sums: &'a [i32],
    /// Squares.
    count: usize,
    /// Columns of squares.
    columns: usize,
    /// Rows and columns of outputs.
    outputs: (usize, usize),
    /// The strip's first place in its panel.
    place: usize,
    /// What the strip's sums begin with.
    start: &'a [i32],
    finish: Finish<'a>,
}

impl ByteKernel for Land<'_> {
    #[inline(always)]
    fn run<S: ByteSimd>(self, simd: S) {
        /// Squares whose outputs are finished together.
        const TOGETHER: usize = MAX_ROWS / 2;
        let Self { count, columns, outputs: (height, width), place, ref finish, .. } = self;
        assert!(self.start.len() == STRIP && self.sums.len() >= PLANES * count * STRIP, "sums of a strip");
        finish.check();
        let mut both = [Sums::new(), Sums::new()];
        for row in 0..count / columns {
            for first in (0..columns).step_by(TOGETHER) {
                let together = TOGETHER.min(columns - first);
                for square in 0..together {
                    let outputs = self.landed(row * columns + first + square);
                    for (sums, outputs) in both.iter_mut().zip(outputs) {
                        for (sums, output) in sums.rows_of(STRIP)[2 * square..].iter_mut().zip(outputs) {
                            sums[..STRIP].copy_from_slice(&output);
                        }
                    }
                }
                let pixels = (2 * together).min(width - 2 * first);
                for (sums, row) in both.iter().zip(2 * row..height.min(2 * row + 2)) {
                    // SAFETY: the finish was checked, and is of the outputs of these rows; the strip has columns of the panel.
                    unsafe { finish.finish(simd, sums, pixels, row * width + 2 * first, place) };
                }
            }
        }
    }
}

impl Land<'_> {
    /// The sums of a square's outputs, `[row][column][filter]`.
    #[inline(always)]
    fn landed(&self, square: usize) -> [[[i32; STRIP]; 2]; 2] {
        let [mut above, mut below] = [[[0_i32; STRIP]; 4]; 2];
        for (x, (above, below)) in above.iter_mut().zip(&mut below).enumerate() {
            let mut sums = [[0_i32; STRIP]; 4];
            for (y, sums) in sums.iter_mut().enumerate() {
                sums.copy_from_slice(&self.sums[((4 * y + x) * self.count + square) * STRIP..][..STRIP]);
            }
            [*above, *below] = carried_back(&sums);
        }
        let mut outputs = [carried_back(&above), carried_back(&below)];
        for fourfold in outputs.as_flattened_mut() {
            for (sum, start) in fourfold.iter_mut().zip(self.start) {
                *sum = (*sum >> 2).wrapping_add(*start);
            }
        }
        outputs
    }
}

/// The map of products to outputs.
#[inline(always)]
fn carried_back([a, b, c, d]: &[[i32; STRIP]; 4]) -> [[i32; STRIP]; 2] {
    let mut outputs = [*a, *b];
    for i in 0..STRIP {
        outputs[0][i] += b[i] + c[i];
        outputs[1][i] -= c[i] + d[i];
    }
    outputs
}
