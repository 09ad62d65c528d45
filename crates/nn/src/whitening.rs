//! First filters that follow from the pictures: they whiten.
//!
//! A patch is what a kernel sees of a picture at one place, `n` numbers. With `e` the eigenvectors of the patches' second moments `mean(p pᵀ)` and `λ` their
//! eigenvalues, the products of a patch with `e / √(λ + ε)` have nothing in common and are all of the same size, about 1. Neighbouring pixels being nearly alike,
//! layers behind these learn faster than from pixels. After airbench (Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"), and like there, the
//! filters come with their negatives, which a function such as GELU would cut off, and training leaves them as they are.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::graph::{Graph, NodeId};
use crate::initializer::normal;
use crate::layers::{Conv2d, Layer};
use crate::shape::{Padding, Shape, Size2d, Window};

/// Added to eigenvalues: airbench's. Of pictures of variance 1 it is the variance that counts as nothing.
const EPSILON: f64 = 5e-4;

/// Patches that are enough: a million.
const PATCHES: usize = 1 << 20;

/// What pictures say of the filters of a network that begin as [`Initializer::Whitening`](crate::Initializer::Whitening).
#[derive(Clone, Debug)]
pub struct Whitening {
    layers: Vec<(NodeId, Patches)>,
}

impl Whitening {
    /// What is to be gathered for a graph; none where no layer asks for it.
    pub(crate) fn of(graph: &Graph) -> Option<Self> {
        let asks = |(id, layer): (NodeId, &Layer)| match layer {
            Layer::Conv2d(layer) if layer.whitens() => {
                let picture = graph.input_shape();
                Some((id, Patches::new(layer, picture)))
            }
            _ => None,
        };
        let layers: Vec<_> = graph.iter().filter_map(|(id, node)| asks((id, &node.layer))).collect();
        (!layers.is_empty()).then_some(Self { layers })
    }

    /// How many pictures are enough.
    pub fn pictures(&self) -> usize {
        let patches = self.layers.iter().map(|(_, patches)| patches.of_picture()).min();
        patches.map_or(0, |of_picture| PATCHES.div_ceil(of_picture.max(1)))
    }

    /// Takes in pictures as the network sees them, `[pictures, height, width, channels]`.
    ///
    /// # Panics
    /// When they are no whole number of pictures.
    pub fn see(&mut self, images: &[f32]) {
        for (_, patches) in &mut self.layers {
            patches.see(images);
        }
    }

    /// The kernels that follow from what was seen, each `[height, width, channels, filters]`. Filters beyond twice the numbers of a patch are drawn from `seed`.
    pub(crate) fn kernels(&self, seed: u64) -> impl Iterator<Item = (NodeId, Vec<f32>)> + '_ {
        self.layers.iter().map(move |(id, patches)| (*id, patches.kernel(seed)))
    }
}

/// The second moments of patches of pictures.
#[derive(Clone, Debug)]
struct Patches {
    kernel: Size2d,
    dilation: Size2d,
    filters: usize,
    /// Height, width and channels of a picture.
    picture: [usize; 3],
    /// Rows and columns of places at which the whole kernel is within a picture.
    places: [usize; 2],
    /// The lower triangle of the sum of `p pᵀ`, row by row.
    sums: Vec<f64>,
    count: u64,
    patch: Vec<f64>,
}

impl Patches {
    fn new(layer: &Conv2d, picture: Shape) -> Self {
        let Shape::Map { height, width, channels } = picture else {
            unreachable!("the layer was checked: it reads a map")
        };
        let numbers = layer.kernel.height * layer.kernel.width * channels;
        let everywhere = Window { strides: 1.into(), padding: Padding::Valid, ..layer.window() };
        Self {
            kernel: layer.kernel,
            dilation: layer.dilation,
            filters: layer.filters,
            picture: [height, width, channels],
            // A kernel that is larger than a picture is nowhere within it.
            places: everywhere.over(height, width, channels).map_or([0, 0], |at| [at.height, at.width]),
            sums: vec![0.0; numbers * (numbers + 1) / 2],
            count: 0,
            patch: vec![0.0; numbers],
        }
    }

    fn of_picture(&self) -> usize {
        self.places.iter().product()
    }

    fn see(&mut self, images: &[f32]) {
        let len = self.picture.iter().product();
        assert!(images.len().is_multiple_of(len), "whole pictures");
        let [rows, columns] = self.places;
        for image in images.chunks_exact(len) {
            for row in 0..rows {
                for column in 0..columns {
                    self.see_patch(image, row, column);
                }
            }
        }
    }

    fn see_patch(&mut self, image: &[f32], row: usize, column: usize) {
        let [_, width, channels] = self.picture;
        let Self { kernel, dilation, .. } = *self;
        let mut numbers = self.patch.iter_mut();
        for i in 0..kernel.height {
            for j in 0..kernel.width {
                let pixel = (row + i * dilation.height) * width + column + j * dilation.width;
                let pixel = &image[pixel * channels..][..channels];
                numbers.by_ref().zip(pixel).for_each(|(to, &x)| *to = f64::from(x));
            }
        }
        let mut sums = &mut self.sums[..];
        for (i, x) in self.patch.iter().enumerate() {
            let (of_row, rest) = sums.split_at_mut(i + 1);
            of_row.iter_mut().zip(&self.patch).for_each(|(sum, y)| *sum += x * y);
            sums = rest;
        }
        self.count += 1;
    }

    /// `[numbers of a patch, filters]`: the filters of the largest eigenvalues, then their negatives, then turned ones.
    fn kernel(&self, seed: u64) -> Vec<f32> {
        let (numbers, filters) = (self.patch.len(), self.filters);
        let directions = self.directions();
        let pairs = numbers.min(filters / 2);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut kernel = vec![0.0; numbers * filters];
        for filter in 0..filters {
            let direction = match filter {
                of_first if of_first < pairs => directions[of_first].clone(),
                of_second if of_second < 2 * pairs => {
                    directions[of_second - pairs].iter().map(|x| -x).collect()
                }
                _ => turned(&directions, &mut rng),
            };
            for (number, x) in direction.into_iter().enumerate() {
                kernel[number * filters + filter] = x as f32;
            }
        }
        kernel
    }

    /// `e / √(λ + ε)`, by falling eigenvalues.
    fn directions(&self) -> Vec<Vec<f64>> {
        let numbers = self.patch.len();
        let count = self.count.max(1) as f64;
        let moment = |i: usize, j: usize| {
            let (row, column) = (i.max(j), i.min(j));
            self.sums[row * (row + 1) / 2 + column] / count
        };
        let moments = (0..numbers).map(|i| (0..numbers).map(|j| moment(i, j)).collect()).collect();
        let scaled = |(value, vector): (f64, Vec<f64>)| {
            let scale = 1.0 / (value.max(0.0) + EPSILON).sqrt();
            vector.into_iter().map(|x| x * scale).collect()
        };
        eigen(moments).into_iter().map(scaled).collect()
    }
}

/// A mixture of the directions, none of which comes before the others: whitened patches seen from another side.
fn turned(directions: &[Vec<f64>], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let shares: Vec<f64> = directions.iter().map(|_| normal(rng)).collect();
    let norm = shares.iter().map(|share| share * share).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    let mut mixture = vec![0.0; directions.len()];
    for (share, direction) in shares.iter().zip(directions) {
        mixture.iter_mut().zip(direction).for_each(|(sum, x)| *sum += share / norm * x);
    }
    mixture
}

/// The eigenvalues of a symmetric matrix, falling, and the eigenvectors, of length 1 and with their largest number positive: the method of Jacobi (1846), which turns
/// away one number beside the diagonal after the other.
fn eigen(mut a: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    /// Rounds after which rounding alone is left: fewer than ten are needed for matrices of any size that occurs.
    const ROUNDS: usize = 30;
    let n = a.len();
    // Each row becomes an eigenvector.
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..ROUNDS {
        let mut is_diagonal = true;
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() > f64::EPSILON * (a[p][p] * a[q][q]).abs().sqrt() {
                    turn(&mut a, &mut vectors, p, q);
                    is_diagonal = false;
                }
            }
        }
        if is_diagonal {
            break;
        }
    }
    let mut found: Vec<_> =
        vectors.into_iter().enumerate().map(|(i, vector)| (a[i][i], signed(vector))).collect();
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    found
}

/// Turns rows and columns `p` and `q` so that `a[p][q]` becomes 0.
fn turn(a: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let tangent = theta.signum() / (theta.abs() + theta.mul_add(theta, 1.0).sqrt());
    let cosine = 1.0 / tangent.mul_add(tangent, 1.0).sqrt();
    let sine = tangent * cosine;
    let both = |x: &mut f64, y: &mut f64| (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    for row in &mut *a {
        let (left, right) = row.split_at_mut(q);
        both(&mut left[p], &mut right[0]);
    }
    for matrix in [a, vectors] {
        let (upper, lower) = matrix.split_at_mut(q);
        upper[p].iter_mut().zip(&mut lower[0]).for_each(|(x, y)| both(x, y));
    }
}

/// A vector or its negative, whichever has its largest number, the first of several, positive.
fn signed(vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().fold(0.0_f64, |most, x| if x.abs() > most.abs() { *x } else { most });
    if largest < 0.0 { vector.into_iter().map(|x| -x).collect() } else { vector }
}
