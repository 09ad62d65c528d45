//! Convolutions one behind the other, depth first: each task carries a band of rows of one image from the first to the last.
//!
//! What lies between two of them is written and read by one thread, in its own cache. At a band's edges, rows that windows of the next
//! convolution see are computed by both neighbours; how many they are is what a chain costs, and the memory traffic and the
//! waiting between convolutions are what it saves ([Alwani et al., 2016](https://doi.org/10.1109/MICRO.2016.7783725)).

use std::ops::Range;

use super::{Conv2dShape, ConvAlgorithm, ConvPass, ConvWeights, Epilogue, conv2d_forward};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::shape::Padding;

/// Elements that a band has between two convolutions: 512 KiB, half of a second-level cache of 1 MiB.
const NEAR: usize = 128 * 1024;
/// Rows of a band at the least, where the images are high enough.
const LEAST_ROWS: usize = 2;

/// What one convolution of a chain works with.
#[derive(Clone, Copy, Debug)]
pub struct ConvLink<'a> {
    /// Its weights.
    pub weights: ConvWeights<'a>,
    /// What becomes of its sums; a residual is that of the whole output.
    pub epilogue: Epilogue<'a>,
}

/// Convolutions of which each reads what the one before writes, and nothing else reads that.
#[derive(Clone, Debug)]
pub struct ConvChain {
    links: Vec<(Conv2dShape, ConvAlgorithm)>,
}

/// A band of one image as one convolution sees it.
struct Band {
    image: usize,
    /// Rows of the input and of the output.
    reads: Range<usize>,
    writes: Range<usize>,
    /// The convolution of these rows alone.
    shape: Conv2dShape,
}

impl ConvChain {
    /// A chain of the convolutions given, in order, if there are two or more and they can be run by bands: with algorithms whose sums
    /// do not depend on where a band begins, and windows that all see a part of the image.
    ///
    /// # Panics
    /// When the output of one is not the input of the next.
    pub fn new(links: &[(Conv2dShape, ConvAlgorithm)]) -> Option<Self> {
        for pair in links.windows(2) {
            let [(a, _), (b, _)] = pair else { unreachable!("windows of two") };
            let output = [a.batch, a.out_height(), a.out_width(), a.filters];
            assert_eq!(output, [b.batch, b.height, b.width, b.channels], "the next convolution's input");
        }
        let by_rows = |(shape, algorithm): &(Conv2dShape, ConvAlgorithm)| {
            let top = shape.padding.top;
            let below = (shape.out_height().saturating_sub(1) * shape.strides.0).saturating_sub(top);
            !matches!(algorithm, ConvAlgorithm::Winograd(_))
                && shape.output_len() > 0
                && top < shape.kernel_rows()
                && below < shape.height
        };
        (links.len() > 1 && links.iter().all(by_rows)).then(|| Self { links: links.to_vec() })
    }

    /// Whether there are enough rows for each of so many threads. A chain is run by one thread, or where there are.
    pub fn occupies(&self, threads: usize) -> bool {
        threads == 1 || self.bands(threads) * self.batch() >= threads
    }

    /// Elements of scratch that [`ConvChain::run`] needs on so many threads.
    pub fn scratch(&self, threads: usize) -> usize {
        threads * self.scratch_of_one(self.bands(threads))
    }

    /// Floating-point operations that two threads could have done beyond those of the convolutions one by one: what is computed twice, and what
    /// one could compute while it waits for the other.
    pub fn wasted(&self) -> u64 {
        let bands = self.bands(2);
        let of_bands: Vec<u64> = (0..bands)
            .map(|band| self.bands_of(0, self.rows(bands, band)).map(|band| band.shape.flops()).sum())
            .collect();
        let tasks = self.batch() * bands;
        let computed = |tasks: Range<usize>| tasks.map(|task| of_bands[task % bands]).sum::<u64>();
        let longer = computed(0..tasks / 2).max(computed(tasks / 2..tasks));
        let needed: u64 = self.links.iter().map(|(shape, _)| shape.flops()).sum();
        (2 * longer).saturating_sub(needed)
    }

    /// Elements that lie between the convolutions: each is written and read once.
    pub fn between(&self) -> usize {
        self.links[..self.links.len() - 1].iter().map(|(shape, _)| shape.output_len()).sum()
    }

    /// Elements of weights that two threads read from further away than if the convolutions were run one by one, when all tasks of one can
    /// follow its weights through the cache together: those of every task but one for each thread, unless all links' stay near.
    pub fn weights_reread(&self) -> usize {
        let of_link = |&(shape, algorithm): &(Conv2dShape, ConvAlgorithm)| match algorithm.transform() {
            Some(transform) => shape.transformed_len(ConvPass::Forward, transform),
            None => shape.weights_len(),
        };
        let weights: usize = self.links.iter().map(of_link).sum();
        let tasks = self.batch() * self.bands(2);
        if weights <= NEAR { 0 } else { weights * tasks.saturating_sub(2) }
    }

    /// `y` = the last convolution of ... of the first of `x`, each with its epilogue. `link` gives what each works with.
    ///
    /// # Panics
    /// When a slice has not the length that the shapes tell, or there are not enough rows for the threads.
    pub fn run<'a>(
        &self,
        cpu: &Cpu,
        x: &[f32],
        link: impl Fn(usize) -> ConvLink<'a> + Sync,
        y: &mut [f32],
        scratch: &mut [f32],
    ) {
        let threads = cpu.threads();
        assert!(self.occupies(threads), "too few rows for {threads} threads");
        assert_eq!(x.len(), self.links[0].0.input_len(), "a chain's input");
        assert_eq!(y.len(), self.last().output_len(), "a chain's output");
        let bands = self.bands(threads);
        let own = self.scratch_of_one(bands);
        assert!(scratch.len() >= threads * own, "scratch of {} elements", scratch.len());
        let between = self.between_of_band(bands);
        let (y, scratch) = (Disjoint::new(y), Disjoint::new(scratch));
        cpu.team().run(self.batch() * bands, |member, task| {
            // SAFETY: each member has a part of its own.
            let scratch = unsafe { scratch.part(member * own..(member + 1) * own) };
            let (from, rest) = scratch.split_at_mut(between);
            let (to, inner) = rest.split_at_mut(between);
            let (mut from, mut to) = (from, to);
            for (at, band) in self.bands_of(task / bands, self.rows(bands, task % bands)).enumerate() {
                let Band { image, reads, writes, shape } = band;
                let whole = &self.links[at].0;
                let written = part(image, whole.out_height(), whole.out_width() * whole.filters, writes);
                let ConvLink { weights, epilogue } = link(at);
                let epilogue = epilogue.of_part(written.clone());
                let x = match at {
                    0 => &x[part(image, whole.height, whole.width * whole.channels, reads)],
                    _ => &from[..shape.input_len()],
                };
                let y = if at + 1 == self.links.len() {
                    // SAFETY: each task is run once and has rows of its own.
                    unsafe { y.part(written) }
                } else {
                    &mut to[..shape.output_len()]
                };
                conv2d_forward(cpu, &shape, x, weights, &epilogue, y.into(), inner);
                std::mem::swap(&mut from, &mut to);
            }
        });
    }

    fn batch(&self) -> usize {
        self.links[0].0.batch
    }

    fn last(&self) -> &Conv2dShape {
        &self.links[self.links.len() - 1].0
    }

    /// How many bands each image is cut into: as many as the cache asks for, and the threads.
    fn bands(&self, threads: usize) -> usize {
        let rows = self.last().out_height();
        let most = rows.div_ceil(LEAST_ROWS);
        let widest =
            self.links[..self.links.len() - 1].iter().map(|(shape, _)| shape.output_len() / shape.batch);
        let near = widest.max().unwrap_or(0).div_ceil(NEAR);
        let for_threads = if threads == 1 { 1 } else { threads.div_ceil(self.batch()) };
        near.max(for_threads).next_multiple_of(for_threads).min(most).max(1)
    }

    /// The rows of the last output that make up a band.
    fn rows(&self, bands: usize, band: usize) -> Range<usize> {
        let rows = self.last().out_height();
        rows * band / bands..rows * (band + 1) / bands
    }

    /// What each convolution does for some rows of the last output.
    fn bands_of(&self, image: usize, last: Range<usize>) -> impl Iterator<Item = Band> + '_ {
        (0..self.links.len()).map(move |at| {
            let writes = self.links[at + 1..]
                .iter()
                .rev()
                .fold(last.clone(), |rows, (shape, _)| shape.rows_read(rows));
            let shape = &self.links[at].0;
            Band {
                image,
                reads: shape.rows_read(writes.clone()),
                shape: shape.of_rows(writes.clone()),
                writes,
            }
        })
    }

    /// The most elements that a band has between two convolutions.
    fn between_of_band(&self, bands: usize) -> usize {
        let of_bands = (0..bands).flat_map(|band| self.bands_of(0, self.rows(bands, band)).skip(1));
        of_bands.map(|band| band.shape.input_len()).max().unwrap_or(0)
    }

    /// Elements of scratch of one thread.
    fn scratch_of_one(&self, bands: usize) -> usize {
        let of_band = |band| {
            let with_algorithms = self.bands_of(0, self.rows(bands, band)).zip(&self.links);
            with_algorithms.map(|(band, &(_, algorithm))| band.shape.scratch(ConvPass::Forward, algorithm, 1))
        };
        2 * self.between_of_band(bands) + (0..bands).flat_map(of_band).max().unwrap_or(0)
    }
}

/// The elements of some rows of an image.
fn part(image: usize, height: usize, row: usize, rows: Range<usize>) -> Range<usize> {
    (image * height + rows.start) * row..(image * height + rows.end) * row
}

impl Conv2dShape {
    /// Rows that a kernel covers.
    fn kernel_rows(&self) -> usize {
        (self.kernel.0 - 1) * self.dilation.0 + 1
    }

    /// From the first row that windows of some rows of outputs see to behind the last, the zeros above the image counted as rows.
    fn rows_covered(&self, outputs: &Range<usize>) -> Range<usize> {
        outputs.start * self.strides.0..(outputs.end - 1) * self.strides.0 + self.kernel_rows()
    }

    /// Rows of the input that windows of some rows of outputs (one at the least) see.
    fn rows_read(&self, outputs: Range<usize>) -> Range<usize> {
        let covered = self.rows_covered(&outputs);
        let row = |padded: usize| padded.saturating_sub(self.padding.top).min(self.height);
        row(covered.start)..row(covered.end)
    }

    /// The convolution of one image that has only the rows that some rows of outputs see.
    fn of_rows(&self, outputs: Range<usize>) -> Self {
        let covered = self.rows_covered(&outputs);
        let read = self.rows_read(outputs);
        let padding = Padding {
            top: self.padding.top.saturating_sub(covered.start),
            bottom: covered.end.saturating_sub(self.padding.top + self.height),
            ..self.padding
        };
        Self { batch: 1, height: read.len(), padding, ..*self }
    }
}
